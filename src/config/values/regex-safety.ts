/**
 * Refuses regular expressions that some text could make slow. The engine backtracks, so what matters is in how many
 * ways one text can be split among the parts of an expression:
 *
 *   1. (a+)+     a repeated group that holds a repetition: as many ways as there are sums, exponential
 *   2. (a|ab)*   a repeated group whose alternatives begin alike: two ways per round, exponential
 *   3. .*x.*y.*  a repetition followed by what it could have swallowed: one factor of the length for each
 *
 * 1 and 2 are refused, and of 3 more than two (an expression that may begin anywhere has one already): then no path
 * of 8 KiB costs more than some milliseconds. Look-around and back references are refused because no automaton knows them,
 * so that overlapping routes could not be found.
 */

export interface RegexProblem {
  readonly code: 'regex-unsupported' | 'regex-slow'
  readonly message: string
  readonly help: string
}

/** A set of characters: bit n for the ASCII character n, bit 128 for all others. */
type Letters = bigint

const EVERY: Letters = (1n << 129n) - 1n
const OTHER: Letters = 1n << 128n

/** What is known of a part of the expression. */
interface Part {
  /** Characters it can begin with. */
  readonly first: Letters
  /** It can match nothing. */
  readonly canBeEmpty: boolean
  /** It matches texts of different length: it holds a quantifier that is not `{n}`. */
  readonly varies: boolean
  /** It holds alternatives that can begin with the same character, or be empty. */
  readonly isAmbiguous: boolean
}

const EMPTY: Part = { first: 0n, canBeEmpty: true, varies: false, isAmbiguous: false }
const MAX_LOOSE = 2
const MAX_DEPTH = 30

/** Takes the source of a valid expression; undefined: it is safe. */
export function checkRegex(source: string): RegexProblem | undefined {
  const checker = new RegexChecker(source)
  checker.alternatives(0)
  return checker.problem
}

class RegexChecker {
  readonly #source: string
  #at = 0
  /** Repetitions of kind 3. */
  #loose = 0
  problem: RegexProblem | undefined = undefined

  constructor(source: string) {
    this.#source = source
    if (!source.startsWith('^')) this.#loose = 1
  }

  alternatives(depth: number): Part {
    let whole = this.#sequence(depth)
    while (this.#take('|')) {
      const next = this.#sequence(depth)
      whole = {
        first: whole.first | next.first,
        canBeEmpty: whole.canBeEmpty || next.canBeEmpty,
        varies: whole.varies || next.varies,
        isAmbiguous:
          whole.isAmbiguous ||
          next.isAmbiguous ||
          whole.canBeEmpty ||
          next.canBeEmpty ||
          (whole.first & next.first) !== 0n,
      }
    }
    return whole
  }

  /** Parts one after the other, up to `|`, `)` or the end. */
  #sequence(depth: number): Part {
    let whole = EMPTY
    /** What the repetitions so far could have swallowed: 0 when what stood since then keeps them apart. */
    let swallowed = 0n
    while (
      this.problem === undefined &&
      this.#at < this.#source.length &&
      !/[|)]/.test(this.#source.charAt(this.#at))
    ) {
      if (this.#take('^') || this.#take('$')) continue
      const atom = this.#atom(depth)
      const repetition = this.#quantifier()
      if ((atom.first & swallowed) !== 0n) this.#countLoose()
      if (!atom.canBeEmpty && repetition.min > 0) swallowed = 0n
      if (repetition.max === Number.POSITIVE_INFINITY) swallowed |= atom.first
      whole = join(whole, this.#repeat(atom, repetition))
    }
    if (swallowed !== 0n && depth > 0) this.#countLoose()
    return whole
  }

  #countLoose(): void {
    if (++this.#loose <= MAX_LOOSE) return
    this.#fail(
      'regex-slow',
      'too many repetitions in this regular expression can swallow the same text, which makes it slow',
      'anchor it with "^", or replace ".*" by what may really stand there, such as "[^/]*"',
    )
  }

  #repeat(atom: Part, { min, max }: Repetition): Part {
    if (max <= 1) return { ...atom, canBeEmpty: atom.canBeEmpty || min === 0, varies: atom.varies || min !== max }
    const isFixed = min === max
    if (atom.varies && max > 1) {
      this.#fail(
        'regex-slow',
        'a repetition inside a repetition can take exponential time',
        'take one of the two away: "(a+)+" matches what "a+" does',
      )
    } else if ((atom.isAmbiguous || atom.canBeEmpty) && !(isFixed && max < 4)) {
      this.#fail(
        'regex-slow',
        'the alternatives of a repeated group begin alike, which can take exponential time',
        'let each alternative begin with a different character',
      )
    }
    return { ...atom, canBeEmpty: atom.canBeEmpty || min === 0, varies: atom.varies || !isFixed }
  }

  #atom(depth: number): Part {
    if (this.#take('(')) return this.#group(depth)
    if (this.#take('[')) return letters(this.#class())
    if (this.#take('.')) return letters(EVERY)
    if (this.#take('\\')) return this.#escape()
    const code = this.#source.charCodeAt(this.#at++)
    return letters(letter(code))
  }

  #group(depth: number): Part {
    const isNamed = /\(\?<[A-Za-z]/y
    isNamed.lastIndex = this.#at - 1
    if (this.#source.startsWith('?:', this.#at)) this.#at += 2
    else if (isNamed.test(this.#source)) this.#at = this.#source.indexOf('>', this.#at) + 1
    else if (this.#source.startsWith('?', this.#at)) this.#refuse('look-around')
    if (depth === MAX_DEPTH) this.#refuse('so many groups inside each other')
    if (this.problem !== undefined) return EMPTY
    const inside = this.alternatives(depth + 1)
    this.#take(')')
    return inside
  }

  #escape(): Part {
    const escaped = this.#source.charAt(this.#at++)
    if (/[1-9k]/.test(escaped)) this.#refuse('a back reference')
    else if (/[bB]/.test(escaped)) this.#refuse('a word boundary')
    return letters(escapedLetters(escaped))
  }

  /** A class, behind its `[`. Ranges are read as what lies between their ends. */
  #class(): Letters {
    const isNegated = this.#take('^')
    let set = 0n
    let previous = -1
    while (this.#at < this.#source.length && !this.#take(']')) {
      const isRange =
        previous >= 0 && this.#source.charAt(this.#at) === '-' && this.#source.charAt(this.#at + 1) !== ']'
      if (isRange) this.#at++
      const isEscape = this.#take('\\')
      const character = this.#source.charAt(this.#at)
      const code = this.#source.charCodeAt(this.#at++)
      if (isRange) set |= range(previous, isEscape && /\w/.test(character) ? 0xffff : code)
      else set |= isEscape ? escapedLetters(character) : letter(code)
      previous = isRange || (isEscape && /\w/.test(character)) ? -1 : code
    }
    return isNegated ? (EVERY & ~set) | OTHER : set
  }

  #quantifier(): Repetition {
    let repetition: Repetition = { min: 1, max: 1 }
    const braces = /\{(\d+)(,?)(\d*)\}/y
    braces.lastIndex = this.#at
    const counted = braces.exec(this.#source)
    if (this.#take('*')) repetition = { min: 0, max: Number.POSITIVE_INFINITY }
    else if (this.#take('+')) repetition = { min: 1, max: Number.POSITIVE_INFINITY }
    else if (this.#take('?')) repetition = { min: 0, max: 1 }
    else if (counted !== null) {
      this.#at += counted[0].length
      const min = Number(counted[1])
      const max = counted[3] === '' ? Number.POSITIVE_INFINITY : Number(counted[3])
      repetition = { min, max: counted[2] === '' ? min : max }
    } else return repetition
    this.#take('?')
    return repetition
  }

  #take(character: string): boolean {
    if (this.#source.charAt(this.#at) !== character) return false
    this.#at++
    return true
  }

  #refuse(what: string): void {
    this.#fail(
      'regex-unsupported',
      `${what} cannot stand in a regular expression here`,
      'use groups, classes, "|" and repetitions only',
    )
  }

  #fail(code: RegexProblem['code'], message: string, help: string): void {
    this.problem ??= { code, message, help }
  }
}

interface Repetition {
  readonly min: number
  readonly max: number
}

function letters(first: Letters): Part {
  return { first, canBeEmpty: false, varies: false, isAmbiguous: false }
}

function join(before: Part, after: Part): Part {
  return {
    first: before.canBeEmpty ? before.first | after.first : before.first,
    canBeEmpty: before.canBeEmpty && after.canBeEmpty,
    varies: before.varies || after.varies,
    isAmbiguous: before.isAmbiguous || after.isAmbiguous,
  }
}

function letter(code: number): Letters {
  return code < 128 ? 1n << BigInt(code) : OTHER
}

function range(from: number, to: number): Letters {
  let set = to >= 128 ? OTHER : 0n
  for (let code = from; code <= Math.min(to, 127); code++) set |= letter(code)
  return set
}

/** The characters behind a backslash; those of an unusual escape are taken to be all. */
function escapedLetters(escaped: string): Letters {
  if (escaped === 'd') return range(48, 57)
  if (escaped === 'w') return range(48, 57) | range(65, 90) | range(97, 122) | letter(95)
  if (/[A-Za-z0]/.test(escaped)) return EVERY
  return letter(escaped.charCodeAt(0))
}
