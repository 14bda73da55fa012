/**
 * Makes braces balance before the parser sees them, so that one lost brace costs one message and one block.
 *
 * A `}` too many is explained by stray-braces.ts or left out. Where one is missing, the file is read again with an eye on its indentation, which means
 * nothing in a file that balances but shows best where its author meant a block to end:
 *
 *      site a {
 *        limits {
 *          headers 100;
 *   1      (missing)
 *        route x { }        first on its line, no deeper than the line that opened `limits`: `limits` ended before it
 *   2  }                    closes the block whose line is as deep as this one, and all blocks inside that
 *   3                       at the end of the text everything still open is closed
 *
 * Rule 1 holds only for a block whose first line is indented, or a file without indentation would fall apart.
 */
import type { IToken } from 'chevrotain'
import type { ProblemList } from './problems.ts'
import { columnOf, isFirstOnLine } from './scan.ts'
import { explainStrayBraces } from './stray-braces.ts'
import { CloseBrace, endOf, OpenBrace, Semicolon, virtualToken } from './tokens.ts'

/** Blocks inside blocks; the language needs five. The parser recurses, so this bounds its stack. */
const MAX_DEPTH = 32

/** The same tokens with balanced braces, at most MAX_DEPTH deep; what had to be changed is reported. */
export function balanceBraces(text: string, tokens: readonly IToken[], problems: ProblemList): IToken[] {
  const shallow = dropDeepBlocks(tokens, problems)
  const { stray } = countUnbalanced(shallow)
  const explained = stray === 0 ? shallow : explainStrayBraces(text, shallow, stray, problems)
  const { missing } = countUnbalanced(explained)
  return new BraceMatcher(text, explained, missing, problems).run()
}

/** How many `}` are missing, and how many close nothing, when every `}` closes the innermost open block. */
function countUnbalanced(tokens: readonly IToken[]): { readonly missing: number; readonly stray: number } {
  let missing = 0
  let stray = 0
  for (const token of tokens) {
    if (token.tokenType === OpenBrace) missing++
    else if (token.tokenType === CloseBrace && missing > 0) missing--
    else if (token.tokenType === CloseBrace) stray++
  }
  return { missing, stray }
}

/** Replaces each block that is nested too deep by a `;`. */
function dropDeepBlocks(tokens: readonly IToken[], problems: ProblemList): IToken[] {
  const kept: IToken[] = []
  let depth = 0
  let dropped: IToken | undefined
  for (const token of tokens) {
    if (token.tokenType === OpenBrace && ++depth > MAX_DEPTH && dropped === undefined) dropped = token
    if (dropped === undefined) kept.push(token)
    if (token.tokenType === CloseBrace && depth > 0 && --depth === MAX_DEPTH && dropped !== undefined) {
      reportDeep(dropped, endOf(token), problems)
      kept.push(virtualToken(Semicolon, dropped.startOffset))
      dropped = undefined
    }
  }
  if (dropped !== undefined) {
    reportDeep(dropped, endOf(tokens.at(-1)!), problems)
    kept.push(virtualToken(Semicolon, dropped.startOffset))
  }
  return kept
}

function reportDeep(open: IToken, end: number, problems: ProblemList): void {
  const start = open.startOffset
  problems.report('too-deep', start, start + 1, `blocks are nested deeper than ${MAX_DEPTH}`, undefined, {
    skipped: { start, end },
  })
}

interface OpenBlock {
  readonly brace: IToken
  readonly indent: number
  /** Whether the first line inside is indented deeper than the line of the brace; undefined while nothing is inside. */
  indented: boolean | undefined
}

class BraceMatcher {
  readonly #text: string
  readonly #tokens: readonly IToken[]
  readonly #problems: ProblemList
  /** How many `}` may still be put in by indentation; 0 in a file that balances. */
  #missing: number
  readonly #open: OpenBlock[] = []
  readonly #balanced: IToken[] = []
  /** Column of the first token on the current line. */
  #indent = 0

  constructor(text: string, tokens: readonly IToken[], missing: number, problems: ProblemList) {
    this.#text = text
    this.#tokens = tokens
    this.#missing = missing
    this.#problems = problems
  }

  run(): IToken[] {
    for (const token of this.#tokens) {
      if (isFirstOnLine(this.#text, token.startOffset)) {
        this.#indent = columnOf(this.#text, token.startOffset)
        if (this.#missing > 0) this.#closeByIndent(token)
      }
      if (token.tokenType === CloseBrace) this.#close(token)
      else this.#balanced.push(token)
      if (token.tokenType === OpenBrace) this.#push(token)
    }
    while (this.#open.length > 0) this.#closeMissing()
    return this.#balanced
  }

  #push(brace: IToken): void {
    this.#open.push({ brace, indent: this.#indent, indented: undefined })
  }

  #close(token: IToken): void {
    if (this.#open.pop() !== undefined) {
      this.#balanced.push(token)
      return
    }
    const start = token.startOffset
    this.#problems.report(
      'stray-brace',
      start,
      start + 1,
      'this "}" closes nothing',
      'remove it, or look for a lost "{"',
      {
        skipped: { start, end: start + 1 },
      },
    )
  }

  /** Rules 1 and 2 above, for a token that is the first on its line. */
  #closeByIndent(token: IToken): void {
    const indent = this.#indent
    const isClose = token.tokenType === CloseBrace
    if (isClose && !this.#open.some((block) => block.indent === indent)) return
    for (let block = this.#open.at(-1); block !== undefined && this.#missing > 0; block = this.#open.at(-1)) {
      block.indented ??= indent > block.indent
      const ended = isClose ? block.indent > indent : block.indented && block.indent >= indent
      if (!ended) return
      this.#closeMissing(token)
    }
  }

  /** Closes the innermost block behind the last token; `next` is the token that shows it has ended. */
  #closeMissing(next?: IToken): void {
    const brace = this.#open.pop()!.brace
    this.#missing--
    const end = endOf(this.#balanced.at(-1)!)
    this.#balanced.push(virtualToken(CloseBrace, end))
    const start = brace.startOffset
    const notes =
      next === undefined
        ? []
        : [{ message: 'by the indentation it ends before this line', start: next.startOffset, end: endOf(next) }]
    this.#problems.report(
      'unclosed-block',
      start,
      start + 1,
      'this "{" is never closed',
      'add a "}" where the block ends',
      {
        notes,
        skipped: { start, end: start + 1 },
      },
    )
  }
}
