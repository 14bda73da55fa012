/**
 * How the paths of two routes lie to each other, by a breadth-first walk over the product of their automata.
 *
 * The walk begins behind the first `/` (every path has one; without it `**.css` would look wider than `/**`). A state of
 * the product is a pair of sets of automaton states. Where only the left set accepts, a path is matched by the left
 * side alone; where both accept, by both, and the way there is a shortest witness.
 *
 *     left \ right   left only seen   right only seen   relation
 *     /api/**  /**   no               yes               narrower
 *     /api/** **.css yes              yes               overlap, witness /api/.css
 *
 * Letters that no edge tells apart are walked once, as the prettiest of them.
 */
import type { PathPattern } from '../../plan/plan.ts'
import { globFragment } from './glob.ts'
import { Nfa, pathLetters } from './nfa.ts'
import { regexFragment } from './regex.ts'

/** Said of the left side: `narrower` is a strict subset of the right, `overlap` means neither contains the other. */
export type Relation = 'disjoint' | 'equal' | 'narrower' | 'wider' | 'overlap'

export interface PathRelation {
  readonly relation: Relation
  /** A shortest path that both sides match; undefined when there is none or none could be derived. */
  readonly witness: string | undefined
}

/** Pairs visited before the answer is "overlap" for want of a better one; hand-written patterns need some hundreds. */
const MAX_PAIRS = 20_000

const PRETTY = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/.-_'

/** The automaton of a route's patterns taken together; undefined when one of them is outside the regular subset. */
function patternAutomaton(patterns: readonly PathPattern[]): Nfa | undefined {
  const nfa = new Nfa()
  const fragments = []
  for (const pattern of patterns) {
    const fragment = pattern.kind === 'glob' ? globFragment(nfa, pattern.pattern) : regexFragment(nfa, pattern.source)
    if (fragment === undefined || nfa.isTooLarge) return undefined
    fragments.push(fragment)
  }
  const whole = nfa.either(fragments)
  nfa.entry = whole.entry
  nfa.exit = whole.exit
  return nfa.isTooLarge ? undefined : nfa
}

export function relatePaths(left: readonly PathPattern[], right: readonly PathPattern[]): PathRelation {
  if (left.every((one) => right.every((other) => differAtEnds(one, other)))) {
    return { relation: 'disjoint', witness: undefined }
  }
  const leftNfa = patternAutomaton(left)
  const rightNfa = patternAutomaton(right)
  if (leftNfa === undefined || rightNfa === undefined) return relateUnknown(left, right)
  return new Product(leftNfa, rightNfa).relate()
}

/** The quick answer for most pairs of a large site: what stands before the first star differs, or behind the last. */
function differAtEnds(left: PathPattern, right: PathPattern): boolean {
  if (left.kind === 'regex' || right.kind === 'regex') return false
  const leftStart = literalStart(left.pattern)
  const rightStart = literalStart(right.pattern)
  if (!leftStart.startsWith(rightStart) && !rightStart.startsWith(leftStart)) return true
  const leftEnd = left.pattern.slice(left.pattern.lastIndexOf('*') + 1)
  const rightEnd = right.pattern.slice(right.pattern.lastIndexOf('*') + 1)
  return !leftEnd.endsWith(rightEnd) && !rightEnd.endsWith(leftEnd)
}

/** What a glob's paths all begin with: the text before its first star. */
export function literalStart(glob: string): string {
  const star = glob.indexOf('*')
  return star === -1 ? glob : glob.slice(0, star)
}

/** One side cannot be analysed: all that is known is that `/**` contains it, and that equal text is equal. */
function relateUnknown(left: readonly PathPattern[], right: readonly PathPattern[]): PathRelation {
  if (JSON.stringify(left) === JSON.stringify(right)) return { relation: 'equal', witness: undefined }
  const matchesAll = (pattern: PathPattern): boolean =>
    pattern.kind === 'glob' && (pattern.pattern === '/**' || pattern.pattern === '**')
  if (right.some(matchesAll)) return { relation: 'narrower', witness: undefined }
  if (left.some(matchesAll)) return { relation: 'wider', witness: undefined }
  return { relation: 'overlap', witness: undefined }
}

interface Pair {
  readonly left: readonly number[]
  readonly right: readonly number[]
  /** The pair it was reached from and the letter that led here; undefined and `/` for the first. */
  readonly from: Pair | undefined
  readonly letter: number
}

class Product {
  private readonly left: Nfa
  private readonly right: Nfa

  constructor(left: Nfa, right: Nfa) {
    this.left = left
    this.right = right
  }

  relate(): PathRelation {
    const letters = representatives(this.left, this.right)
    const queue: Pair[] = [this.first()]
    const seen = new Set<string>([pairKey(queue[0]!)])
    let both: Pair | undefined
    let isLeftOnly = false
    let isRightOnly = false
    for (let head = 0; head < queue.length; head++) {
      const pair = queue[head]!
      const inLeft = pair.left.includes(this.left.exit)
      const inRight = pair.right.includes(this.right.exit)
      if (inLeft && inRight) both ??= pair
      else if (inLeft) isLeftOnly = true
      else if (inRight) isRightOnly = true
      if (both !== undefined && isLeftOnly && isRightOnly) break
      if (queue.length > MAX_PAIRS) return { relation: 'overlap', witness: both && pathTo(both) }
      for (const letter of letters) this.visit(pair, letter, seen, queue)
    }
    if (both === undefined) return { relation: 'disjoint', witness: undefined }
    const witness = pathTo(both)
    if (isLeftOnly) return { relation: isRightOnly ? 'overlap' : 'wider', witness }
    return { relation: isRightOnly ? 'narrower' : 'equal', witness }
  }

  private first(): Pair {
    const slash = 0x2f
    return {
      left: step(this.left, close(this.left, [this.left.entry]), slash),
      right: step(this.right, close(this.right, [this.right.entry]), slash),
      from: undefined,
      letter: slash,
    }
  }

  private visit(from: Pair, letter: number, seen: Set<string>, queue: Pair[]): void {
    const left = step(this.left, from.left, letter)
    const right = step(this.right, from.right, letter)
    if (left.length === 0 && right.length === 0) return
    const pair: Pair = { left, right, from, letter }
    const key = pairKey(pair)
    if (seen.has(key)) return
    seen.add(key)
    queue.push(pair)
  }
}

function pairKey(pair: Pair): string {
  return `${pair.left.join()}|${pair.right.join()}`
}

function pathTo(last: Pair): string {
  let path = ''
  for (let pair: Pair | undefined = last; pair !== undefined; pair = pair.from) {
    path = String.fromCharCode(pair.letter) + path
  }
  return path
}

/** All states reachable by empty moves, sorted. */
function close(nfa: Nfa, states: readonly number[]): number[] {
  const reached = new Set(states)
  for (const state of reached) for (const to of nfa.empty[state]!) reached.add(to)
  return [...reached].sort((a, b) => a - b)
}

function step(nfa: Nfa, states: readonly number[], letter: number): number[] {
  const next: number[] = []
  for (const state of states) {
    for (const edge of nfa.edges[state]!) if (letter >= edge.low && letter <= edge.high) next.push(edge.to)
  }
  return next.length === 0 ? next : close(nfa, next)
}

/** One letter of each class that the edges of both automata tell apart, prettiest first. */
function representatives(left: Nfa, right: Nfa): number[] {
  const cuts = new Uint8Array(0x81)
  for (const nfa of [left, right]) {
    for (const edges of nfa.edges) {
      for (const { low, high } of edges) {
        if (low < 0x80) cuts[low] = 1
        if (high < 0x80) cuts[high + 1] = 1
      }
    }
  }
  const best = new Map<number, number>()
  let letterClass = 0
  for (let code = 0; code < 0x80; code++) {
    letterClass += cuts[code]!
    if (!pathLetters.some(([low, high]) => code >= low && code <= high)) continue
    const known = best.get(letterClass)
    if (known === undefined || ugliness(code) < ugliness(known)) best.set(letterClass, code)
  }
  return [...best.values()].sort((a, b) => ugliness(a) - ugliness(b))
}

function ugliness(code: number): number {
  const rank = PRETTY.indexOf(String.fromCharCode(code))
  return rank === -1 ? PRETTY.length + code : rank
}
