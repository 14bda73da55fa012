/**
 * Globs: `*` stands for any run of letters within a segment, `**` for any run, everything else for itself.
 * Both may stand for nothing: `/a/**` matches `/a/` but not `/a`; `**.css` matches `/.css`.
 *
 * The hard part is that nothing a client sends may make matching slow. Patterns with one wildcard, nearly all of them,
 * are two comparisons (`shape` below). The others fill a table instead of backtracking, in time and space
 * O(pattern * text), where a RegExp such as `^/(.*)/(.*)/(.*)x$` takes time cubic in the length of the path:
 *
 *     pattern /a*b/**   pieces "/a" * "b/" **     text /axb/c
 *
 *     reach[i][p] = 1 when pieces i.. match the text from position p to its end
 *
 *                     p:  /  a  x  b  /  c  end
 *     reach[4]  (end)     0  0  0  0  0  0  1
 *     reach[3]  **        1  1  1  1  1  1  1
 *     reach[2]  "b/"      0  0  0  1  0  0  0
 *     reach[1]  *         0  1  1  1  0  0  0      p=0 is 0: the wildcard would have to cross "/"
 *     reach[0]  "/a"      1  0  0  0  0  0  0      reach[0][0] is the answer
 *
 * Row i is filled from right to left out of row i+1. Captures walk the table from the left, each wildcard taking the
 * shortest run that still reaches the end.
 */

const SLASH = 0x2f

/** The forms with a fast test of their own; `table` is the general one. */
const shapes = ['literal', 'any', 'prefix', 'suffix', 'around', 'table'] as const
export type GlobShape = (typeof shapes)[number]

/** Stand-ins for wildcards in the list of pieces; no literal piece is empty, so neither can be mistaken for one. */
type Wildcard = { readonly crosses: boolean }
type Piece = string | Wildcard

const segmentWildcard: Wildcard = { crosses: false }
const crossingWildcard: Wildcard = { crosses: true }

/** The table of the general case, shared by all globs of the thread (matching never nests) and grown when needed. */
let reach = new Uint8Array(4096)

export class Glob {
  readonly pattern: string
  readonly shape: GlobShape
  /** Literal text before the first wildcard; the whole pattern when there is none. */
  readonly prefix: string
  /** Literal text behind the last wildcard; empty when there is none. */
  readonly suffix: string
  /** Number of wildcards, which is the number of captures. */
  readonly wildcards: number
  readonly #pieces: readonly Piece[]
  /** Where the only wildcard of the fast forms may not cross "/". */
  readonly #withinSegment: boolean
  readonly #leastLength: number

  constructor(pattern: string, pieces: readonly Piece[]) {
    const first = pieces[0]
    const last = pieces.at(-1)
    const wildcards = pieces.filter((piece) => typeof piece !== 'string')
    this.pattern = pattern
    this.#pieces = pieces
    this.wildcards = wildcards.length
    this.prefix = typeof first === 'string' ? first : ''
    this.suffix = typeof last === 'string' && pieces.length > 1 ? last : ''
    this.#withinSegment = wildcards.length === 1 && wildcards[0] === segmentWildcard
    this.#leastLength = this.prefix.length + this.suffix.length
    this.shape = shapeOf(this.prefix, this.suffix, wildcards.length, this.#withinSegment)
  }

  /** Whether the whole of `text` matches. Allocates nothing. */
  matches(text: string): boolean {
    switch (this.shape) {
      case 'literal':
        return text === this.prefix
      case 'any':
        return true
      case 'prefix':
        return text.startsWith(this.prefix)
      case 'suffix':
        return text.endsWith(this.suffix)
      case 'around':
        return this.#hasEnds(text) && !(this.#withinSegment && this.#crossesSegment(text))
      default:
        return this.#hasEnds(text) && this.#fillTable(text)
    }
  }

  /** What each wildcard stands for in `text`, from the left, each as short as possible; undefined: no match. */
  captures(text: string): string[] | undefined {
    if (!this.matches(text)) return undefined
    if (this.wildcards === 0) return []
    if (this.wildcards === 1) return [text.slice(this.prefix.length, text.length - this.suffix.length)]
    return this.#walkTable(text)
  }

  #hasEnds(text: string): boolean {
    return text.length >= this.#leastLength && text.startsWith(this.prefix) && text.endsWith(this.suffix)
  }

  #crossesSegment(text: string): boolean {
    const slash = text.indexOf('/', this.prefix.length)
    return slash !== -1 && slash < text.length - this.suffix.length
  }

  /** Fills `reach` (drawn at the top of the file) and returns whether all of the pattern matches all of `text`. */
  #fillTable(text: string): boolean {
    const pieces = this.#pieces
    const width = text.length + 1
    if (reach.length < (pieces.length + 1) * width) reach = new Uint8Array((pieces.length + 1) * width * 2)
    const lastRow = pieces.length * width
    reach.fill(0, lastRow, lastRow + width)
    reach[lastRow + text.length] = 1
    for (let i = pieces.length - 1; i >= 0; i--) {
      const piece = pieces[i]!
      if (typeof piece === 'string') fillLiteral(piece, text, i * width)
      else fillWildcard(piece.crosses, text, i * width)
    }
    return reach[0] === 1
  }

  #walkTable(text: string): string[] {
    const width = text.length + 1
    const found: string[] = []
    let at = 0
    for (const [i, piece] of this.#pieces.entries()) {
      if (typeof piece === 'string') {
        at += piece.length
        continue
      }
      const start = at
      while (reach[(i + 1) * width + at] !== 1) at++
      found.push(text.slice(start, at))
    }
    return found
  }
}

function fillLiteral(literal: string, text: string, row: number): void {
  const next = row + text.length + 1
  for (let p = text.length; p >= 0; p--) {
    const end = p + literal.length
    reach[row + p] = end <= text.length && reach[next + end] === 1 && text.startsWith(literal, p) ? 1 : 0
  }
}

function fillWildcard(crosses: boolean, text: string, row: number): void {
  const next = row + text.length + 1
  reach[row + text.length] = reach[next + text.length]!
  for (let p = text.length - 1; p >= 0; p--) {
    const goesOn = reach[row + p + 1] === 1 && (crosses || text.charCodeAt(p) !== SLASH)
    reach[row + p] = goesOn || reach[next + p] === 1 ? 1 : 0
  }
}

function shapeOf(prefix: string, suffix: string, wildcards: number, withinSegment: boolean): GlobShape {
  if (wildcards === 0) return 'literal'
  if (wildcards > 1) return 'table'
  if (withinSegment) return 'around'
  if (suffix === '') return prefix === '' ? 'any' : 'prefix'
  return prefix === '' ? 'suffix' : 'around'
}

/** A glob over paths. Three or more stars are the same as two. */
export function compilePathGlob(pattern: string): Glob {
  return new Glob(pattern, splitPieces(pattern, segmentWildcard))
}

/** A glob over text without segments (field values, cookies, query values): `*` is the same as `**`. */
export function compileTextGlob(pattern: string): Glob {
  return new Glob(pattern, splitPieces(pattern, crossingWildcard))
}

function splitPieces(pattern: string, single: Wildcard): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < pattern.length; ) {
    const star = pattern.indexOf('*', at)
    const end = star === -1 ? pattern.length : star
    if (end > at) pieces.push(pattern.slice(at, end))
    at = end
    while (pattern[at] === '*') at++
    if (at > end) pieces.push(at - end === 1 ? single : crossingWildcard)
  }
  return pieces
}
