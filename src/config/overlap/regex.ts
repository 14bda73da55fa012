/**
 * The regular subset of JavaScript's expressions as automata: letters, classes, groups, `|`, quantifiers, and `^` and
 * `$` at the ends of an alternative. A pattern without `^` may begin anywhere in the path, one without `$` end anywhere.
 *
 * Whatever lies outside the subset (a look-around, a back reference, `\b`, an anchor in the middle) gives undefined;
 * such a pattern is then taken to overlap with everything.
 */
import { type Fragment, type LetterSet, type Nfa, pathLetters } from './nfa.ts'

/** Copies that `{n,m}` may ask for; beyond it the pattern counts as outside the subset. */
const MAX_REPEAT = 200

const digits: LetterSet = [[0x30, 0x39]]
const wordLetters: LetterSet = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]

/** undefined: outside the subset. */
export function regexFragment(nfa: Nfa, source: string): Fragment | undefined {
  const reader = new RegexReader(nfa, source)
  const fragment = reader.alternatives(true)
  return fragment !== undefined && reader.isAtEnd() ? fragment : undefined
}

/** Recursive descent over the source; every method returns undefined when it leaves the subset. */
class RegexReader {
  private readonly nfa: Nfa
  private readonly source: string
  private at = 0

  constructor(nfa: Nfa, source: string) {
    this.nfa = nfa
    this.source = source
  }

  isAtEnd(): boolean {
    return this.at === this.source.length
  }

  alternatives(isTop: boolean): Fragment | undefined {
    const fragments: Fragment[] = []
    do {
      const fragment = this.alternative(isTop)
      if (fragment === undefined) return undefined
      fragments.push(fragment)
    } while (this.take('|'))
    return fragments.length === 1 ? fragments[0] : this.nfa.either(fragments)
  }

  private alternative(isTop: boolean): Fragment | undefined {
    const parts: Fragment[] = []
    if (isTop && !this.take('^')) parts.push(this.anything())
    let isOpenEnded = isTop
    while (!this.isAtEnd() && this.source[this.at] !== '|' && this.source[this.at] !== ')') {
      if (isTop && this.take('$')) {
        if (!this.isAtEnd() && this.source[this.at] !== '|') return undefined
        isOpenEnded = false
        break
      }
      const part = this.quantified()
      if (part === undefined) return undefined
      parts.push(part)
    }
    if (isOpenEnded) parts.push(this.anything())
    return this.nfa.sequence(parts)
  }

  private anything(): Fragment {
    return this.nfa.repeat(this.nfa.letter(pathLetters))
  }

  private quantified(): Fragment | undefined {
    const start = this.at
    const first = this.atom()
    if (first === undefined) return undefined
    const bounds = this.quantifier()
    if (bounds === undefined) return first
    if (bounds.least > MAX_REPEAT || (bounds.most !== Infinity && bounds.most > MAX_REPEAT)) return undefined
    const end = this.at
    const parts: Fragment[] = []
    const copies = bounds.most === Infinity ? bounds.least + 1 : bounds.most
    for (let count = 0; count < copies; count++) {
      // An automaton has no way to copy a fragment, so the atom is read again.
      this.at = start
      const copy = this.atom()
      if (copy === undefined || this.nfa.isTooLarge) return undefined
      if (count < bounds.least) parts.push(copy)
      else parts.push(bounds.most === Infinity ? this.nfa.repeat(copy) : this.nfa.optional(copy))
    }
    this.at = end
    return this.nfa.sequence(parts)
  }

  /** `* + ? {n} {n,} {n,m}`, each also lazy, which changes what is captured and not what matches. */
  private quantifier(): { least: number; most: number } | undefined {
    let bounds: { least: number; most: number } | undefined
    if (this.take('*')) bounds = { least: 0, most: Infinity }
    else if (this.take('+')) bounds = { least: 1, most: Infinity }
    else if (this.take('?')) bounds = { least: 0, most: 1 }
    else {
      const counted = /^\{(\d{1,6})(,(\d{0,6}))?\}/.exec(this.source.slice(this.at, this.at + 16))
      if (counted === null) return undefined
      this.at += counted[0].length
      const least = Number(counted[1])
      const most = counted[2] === undefined ? least : counted[3] === '' ? Infinity : Number(counted[3])
      bounds = { least, most }
    }
    this.take('?')
    return bounds
  }

  private atom(): Fragment | undefined {
    const letter = this.source[this.at]
    if (letter === '(') return this.group()
    if (letter === '[') return this.letterClass()
    if (letter === '.') {
      this.at++
      return this.nfa.letter(pathLetters)
    }
    if (letter === '\\') {
      const set = this.escape()
      return set === undefined ? undefined : this.nfa.letter(set)
    }
    if (letter === undefined || '^$*+?{}])'.includes(letter)) return undefined
    this.at++
    return this.nfa.letter(single(letter))
  }

  private group(): Fragment | undefined {
    this.at++
    if (this.take('?')) {
      const opening = /^(?::|<[A-Za-z_$][\w$]*>)/.exec(this.source.slice(this.at))
      if (opening === null) return undefined
      this.at += opening[0].length
    }
    const inside = this.alternatives(false)
    return inside !== undefined && this.take(')') ? inside : undefined
  }

  private letterClass(): Fragment | undefined {
    this.at++
    const isNegated = this.take('^')
    const set: (readonly [number, number])[] = []
    while (!this.take(']')) {
      const from = this.classLetter()
      if (from === undefined) return undefined
      if (this.source[this.at] !== '-' || this.source[this.at + 1] === ']') {
        set.push(...from)
        continue
      }
      this.at++
      const to = this.classLetter()
      if (to === undefined || !isSingle(from) || !isSingle(to)) return undefined
      set.push([from[0]![0], to[0]![0]])
    }
    return this.nfa.letter(isNegated ? complement(set) : set)
  }

  private classLetter(): LetterSet | undefined {
    const letter = this.source[this.at]
    if (letter === undefined) return undefined
    if (letter === '\\') return this.escape()
    this.at++
    return single(letter)
  }

  private escape(): LetterSet | undefined {
    const letter = this.source[this.at + 1]
    if (letter === undefined) return undefined
    this.at += 2
    switch (letter) {
      case 'd':
        return digits
      case 'D':
        return complement(digits)
      case 'w':
        return wordLetters
      case 'W':
        return complement(wordLetters)
      case 's':
        return []
      case 'S':
        return pathLetters
      default:
        // A letter or digit after `\` means something else (`\b`, `\1`, `\p`); punctuation means itself.
        return /[A-Za-z0-9]/.test(letter) ? undefined : single(letter)
    }
  }

  private take(letter: string): boolean {
    if (this.source[this.at] !== letter) return false
    this.at++
    return true
  }
}

function single(letter: string): LetterSet {
  const code = letter.charCodeAt(0)
  return [[code, code]]
}

function isSingle(set: LetterSet): boolean {
  return set.length === 1 && set[0]![0] === set[0]![1]
}

/** The path letters outside the set. */
function complement(set: LetterSet): LetterSet {
  const rest: [number, number][] = []
  for (const [low, high] of pathLetters) {
    for (let code = low; code <= high; code++) {
      if (set.some(([from, to]) => code >= from && code <= to)) continue
      const last = rest.at(-1)
      if (last !== undefined && last[1] === code - 1) last[1] = code
      else rest.push([code, code])
    }
  }
  return rest
}
