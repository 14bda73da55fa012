/**
 * Automata over the letters of a path, built the way of Thompson: every fragment has one entry and one exit state.
 *
 * Letters are ASCII codes that may stand in a request path. What cannot be in a path is not in any edge, so a witness
 * is always a path a client can send.
 */

/** Inclusive ranges of letters, not necessarily sorted. */
export type LetterSet = readonly (readonly [number, number])[]

/** Visible ASCII without `#` and `?`, which end a path. */
export const pathLetters: LetterSet = [
  [0x21, 0x22],
  [0x24, 0x3e],
  [0x40, 0x7e],
]
/** The same without `/`: what `*` crosses. */
export const segmentLetters: LetterSet = [
  [0x21, 0x22],
  [0x24, 0x2e],
  [0x30, 0x3e],
  [0x40, 0x7e],
]

/** States of one automaton, so that `{1,1000}` nested twice costs an answer and not the memory. */
const MAX_STATES = 4000

export interface Edge {
  readonly low: number
  readonly high: number
  readonly to: number
}
export interface Fragment {
  readonly entry: number
  readonly exit: number
}

/** A non-deterministic automaton with empty moves. `isTooLarge` says that it was cut and must not be used. */
export class Nfa {
  readonly edges: Edge[][] = []
  readonly empty: number[][] = []
  entry = 0
  exit = 0
  isTooLarge = false

  state(): number {
    if (this.edges.length >= MAX_STATES) {
      this.isTooLarge = true
      return MAX_STATES - 1
    }
    this.edges.push([])
    this.empty.push([])
    return this.edges.length - 1
  }

  move(from: number, to: number): void {
    this.empty[from]!.push(to)
  }

  /** One letter of the set. */
  letter(set: LetterSet): Fragment {
    const entry = this.state()
    const exit = this.state()
    for (const [low, high] of set) this.edges[entry]!.push({ low, high, to: exit })
    return { entry, exit }
  }

  /** The empty word. */
  nothing(): Fragment {
    const state = this.state()
    return { entry: state, exit: state }
  }

  sequence(fragments: readonly Fragment[]): Fragment {
    const first = fragments[0]
    if (first === undefined) return this.nothing()
    let exit = first.exit
    for (const fragment of fragments.slice(1)) {
      this.move(exit, fragment.entry)
      exit = fragment.exit
    }
    return { entry: first.entry, exit }
  }

  either(fragments: readonly Fragment[]): Fragment {
    const entry = this.state()
    const exit = this.state()
    for (const fragment of fragments) {
      this.move(entry, fragment.entry)
      this.move(fragment.exit, exit)
    }
    return { entry, exit }
  }

  /** Any number of times, also none. */
  repeat(fragment: Fragment): Fragment {
    const entry = this.state()
    const exit = this.state()
    this.move(entry, fragment.entry)
    this.move(entry, exit)
    this.move(fragment.exit, fragment.entry)
    this.move(fragment.exit, exit)
    return { entry, exit }
  }

  optional(fragment: Fragment): Fragment {
    return this.either([fragment, this.nothing()])
  }
}
