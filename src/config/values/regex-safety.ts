/**
 * Refuses regular expressions that some text could make slow. The engine backtracks, so what matters is in how many
 * ways one text can be split among the parts of an expression:
 *
 *   1. (a+)+         a repeated group that holds a repetition: as many ways as there are sums, exponential
 *   2. (a|ab)*       a repeated group whose alternatives begin alike: two ways per round, exponential
 *   3. .*x.*y        a repetition followed by what it could have swallowed: one factor of the length for each
 *   4. a?a?(b|bc)c   the same with few rounds, or none: a factor of two or more for each
 *
 * 1 and 2 are refused. 3 may cost the square of the length, and an expression that may begin anywhere has spent one factor;
 * 4 may double it a few times. Look-around and back references are refused because no automaton knows them, so that overlapping
 * routes could not be found.
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
  /** The repetitions at its end, which could have swallowed what follows. */
  readonly tail: readonly Repeated[]
}

/** A repetition of a varying number of rounds. */
interface Repeated {
  readonly first: Letters
  readonly rounds: number
  /** What follows can begin with what it repeats: its end is not certain. */
  isLoose: boolean
}

const EMPTY: Part = { first: 0n, canBeEmpty: true, varies: false, isAmbiguous: false, tail: [] }

/** How many times choices of kind 4 may double the cost, by the power of the length it has; higher powers are refused. */
const MAX_DOUBLINGS = [8, 8, 3] as const

/** Rounds from which a bound is as good as none. */
const LONG = 16
const MAX_DEPTH = 30

/** Takes the source of a valid expression; undefined: it is safe. */
export function checkRegex(source: string): RegexProblem | undefined {
  return new RegexChecker(source).check()
}

class RegexChecker {
  readonly #source: string
  #at = 0
  /** In the order of the source. */
  readonly #repeated: Repeated[] = []
  /** Alternatives of kind 4. */
  #alike = 0
  #isAnchored = true
  #problem: RegexProblem | undefined = undefined

  constructor(source: string) {
    this.#source = source
  }

  check(): RegexProblem | undefined {
    this.#alternatives(0)
    const power = this.#power()
    if (this.#doublings() > (MAX_DOUBLINGS[power] ?? -1)) {
      this.#fail(
        'regex-slow',
        'too many parts of this regular expression can match the same text, which makes it slow',
        'anchor it with "^", or replace ".*" by what may really stand there, such as "[^/]*"',
      )
    }
    return this.#problem
  }

  /** Each loose repetition tries every end, and behind each what follows; a certain one is read once. */
  #power(): number {
    const long = this.#repeated.filter(({ rounds }) => rounds > LONG)
    const lastLoose = long.findLastIndex(({ isLoose }) => isLoose)
    const loose = long.filter(({ isLoose }) => isLoose).length
    return loose + (lastLoose < long.length - 1 ? 1 : 0) + (this.#isAnchored ? 0 : 1)
  }

  #doublings(): number {
    const short = this.#repeated.filter(({ rounds, isLoose }) => rounds <= LONG && isLoose)
    return short.reduce((sum, { rounds }) => sum + Math.ceil(Math.log2(rounds + 1)), this.#alike)
  }

  #alternatives(depth: number): Part {
    let whole = this.#sequence(depth)
    while (this.#take('|')) {
      const next = this.#sequence(depth)
      const isAlike = whole.canBeEmpty || next.canBeEmpty || (whole.first & next.first) !== 0n
      // Behind the whole expression nothing follows that could fail and come back for the other alternative.
      if (isAlike && depth > 0) this.#alike++
      whole = {
        first: whole.first | next.first,
        canBeEmpty: whole.canBeEmpty || next.canBeEmpty,
        varies: whole.varies || next.varies,
        isAmbiguous: whole.isAmbiguous || next.isAmbiguous || isAlike,
        tail: [...whole.tail, ...next.tail],
      }
    }
    return whole
  }

  /** Parts one after the other, up to `|`, `)` or the end. */
  #sequence(depth: number): Part {
    let whole = EMPTY
    if (depth === 0 && this.#source.charAt(this.#at) !== '^') this.#isAnchored = false
    while (
      this.#problem === undefined &&
      this.#at < this.#source.length &&
      !/[|)]/.test(this.#source.charAt(this.#at))
    ) {
      if (this.#take('^') || this.#take('$')) continue
      const atom = this.#atom(depth)
      const part = this.#repeat(atom, this.#quantifier())
      for (const repeated of whole.tail) repeated.isLoose ||= (repeated.first & part.first) !== 0n
      whole = join(whole, part)
    }
    return whole
  }

  #repeat(atom: Part, { min, max }: Repetition): Part {
    if (max > 1 && atom.varies) {
      this.#fail(
        'regex-slow',
        'a repetition inside a repetition can take exponential time',
        'take one of the two away: "(a+)+" matches what "a+" does',
      )
    } else if (max > 1 && (atom.isAmbiguous || atom.canBeEmpty)) {
      this.#fail(
        'regex-slow',
        'the alternatives of a repeated group begin alike, which can take exponential time',
        'let each alternative begin with a different character',
      )
    }
    if (min === max) return { ...atom, canBeEmpty: atom.canBeEmpty || min === 0 }
    const repeated = { first: atom.first, rounds: max, isLoose: false }
    this.#repeated.push(repeated)
    return { ...atom, canBeEmpty: atom.canBeEmpty || min === 0, varies: true, tail: [...atom.tail, repeated] }
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
    if (this.#problem !== undefined) return EMPTY
    const inside = this.#alternatives(depth + 1)
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
    this.#problem ??= { code, message, help }
  }
}

interface Repetition {
  readonly min: number
  readonly max: number
}

function letters(first: Letters): Part {
  return { ...EMPTY, first, canBeEmpty: false }
}

function join(before: Part, after: Part): Part {
  return {
    first: before.canBeEmpty ? before.first | after.first : before.first,
    canBeEmpty: before.canBeEmpty && after.canBeEmpty,
    varies: before.varies || after.varies,
    isAmbiguous: before.isAmbiguous || after.isAmbiguous,
    // What must stand between two parts keeps them apart.
    tail: after.canBeEmpty ? [...before.tail, ...after.tail] : after.tail,
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
