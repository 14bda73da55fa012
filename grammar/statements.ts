/**
 * Repairs the stream of tokens so that the parser can read every statement in it, and reports each repair once.
 *
 * The parser's own recovery cannot do this: to it the word after a lost `;` is one more argument. What tells is the line
 * break, so a word is taken for the next statement's name when
 *   1. it is the first on its line,
 *   2. it looks like a name, and
 *   3. it stands no further right than the name of the statement before it (a continued statement is indented).
 */
import type { IToken } from 'chevrotain'
import { splitAssignment } from './assignment.ts'
import type { ProblemList } from './problems.ts'
import { columnOf, isFirstOnLine } from './scan.ts'
import { CloseBrace, endOf, OpenBrace, Semicolon, virtualToken, Word } from './tokens.ts'

const NAME = /^[A-Za-z][\w-]*$/

/** Takes tokens with balanced braces, gives tokens that are a sequence of whole statements. */
export function completeStatements(text: string, tokens: readonly IToken[], problems: ProblemList): IToken[] {
  return new StatementRepair(text, tokens, problems).run()
}

class StatementRepair {
  readonly #text: string
  readonly #tokens: readonly IToken[]
  readonly #problems: ProblemList
  readonly #complete: IToken[] = []
  /** The name of the statement being read; undefined between statements. */
  #name: IToken | undefined = undefined

  constructor(text: string, tokens: readonly IToken[], problems: ProblemList) {
    this.#text = text
    this.#tokens = tokens
    this.#problems = problems
  }

  run(): IToken[] {
    for (let at = 0; at < this.#tokens.length; ) {
      at = this.#name === undefined ? this.#between(at) : this.#inside(at)
    }
    if (this.#name !== undefined) this.#endStatement()
    return this.#complete
  }

  /** Between statements: takes one or more tokens from `at`, gives the index of the next. */
  #between(at: number): number {
    const token = this.#tokens[at]!
    if (token.tokenType === Word) return this.#begin(at)
    if (token.tokenType === CloseBrace) this.#complete.push(token)
    else if (token.tokenType === Semicolon) this.#reportStraySemicolon(token)
    else return this.#skipNameless(at)
    return at + 1
  }

  #begin(at: number): number {
    const { tokens, taken } = splitAssignment(this.#tokens, at, this.#problems)
    this.#name = tokens[0]!
    this.#complete.push(...tokens)
    return at + taken
  }

  /** After a name. */
  #inside(at: number): number {
    const token = this.#tokens[at]!
    if (token.tokenType === CloseBrace || this.#isNextName(token)) {
      this.#endStatement()
      return at
    }
    this.#complete.push(token)
    if (token.tokenType === Semicolon || token.tokenType === OpenBrace) this.#name = undefined
    return at + 1
  }

  #isNextName(token: IToken): boolean {
    if (token.tokenType !== Word || !isFirstOnLine(this.#text, token.startOffset) || !NAME.test(token.image))
      return false
    return columnOf(this.#text, token.startOffset) <= columnOf(this.#text, this.#name!.startOffset)
  }

  /** Puts in the `;` that is missing behind the last token. */
  #endStatement(): void {
    const end = endOf(this.#complete.at(-1)!)
    this.#complete.push(virtualToken(Semicolon, end))
    this.#problems.report('missing-semicolon', end, end, `"${this.#name!.image}" has no ";" at its end`, 'add ";" here')
    this.#name = undefined
  }

  #reportStraySemicolon(token: IToken): void {
    const start = token.startOffset
    const after = this.#complete.at(-1)?.tokenType === CloseBrace ? ' after "}"' : ''
    this.#problems.report('stray-semicolon', start, start + 1, `this ";"${after} ends no statement`, 'remove it')
  }

  /** A statement that begins with a string, a regex or `{`: skipped with its block. */
  #skipNameless(at: number): number {
    const first = this.#tokens[at]!
    const end = endOfStatement(this.#tokens, at)
    const last = this.#tokens[end - 1]!
    const message =
      first.tokenType === OpenBrace ? 'a block without a name' : 'a statement begins with its name, not with a string'
    this.#problems.report('missing-name', first.startOffset, endOf(first), message, 'put a name before it', {
      skipped: { start: first.startOffset, end: endOf(last) },
    })
    return end
  }
}

/** The index after the statement that begins at `at`: past its `;` or its block, or at the `}` around it. */
function endOfStatement(tokens: readonly IToken[], at: number): number {
  let depth = 0
  for (let index = at; index < tokens.length; index++) {
    const type = tokens[index]!.tokenType
    if (type === OpenBrace) depth++
    else if (type === CloseBrace && depth-- === 0) return index
    if (depth === 0 && (type === Semicolon || type === CloseBrace)) return index + 1
  }
  return tokens.length
}
