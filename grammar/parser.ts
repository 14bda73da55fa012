/**
 * The grammar, which is one rule: `statement = name argument* ( ";" | "{" statement* "}" )`.
 *
 * The parser holds no meaning and recovers from nothing: braces.ts and statements.ts have repaired the tokens before, so
 * every text has a tree, and every statement that can be read is in it.
 */
import { CstParser, type ICstVisitor } from 'chevrotain'
import { balanceBraces } from './braces.ts'
import type { DocumentCstNode } from './cst.d.ts'
import { checkTokens } from './lexical.ts'
import { ProblemList, type Range, type SyntaxProblem } from './problems.ts'
import { completeStatements } from './statements.ts'
import { CloseBrace, endOf, OpenBrace, Quoted, Regex, Semicolon, tokenize, tokenTypes, Word } from './tokens.ts'

class ShellacParser extends CstParser {
  constructor() {
    super(tokenTypes, { maxLookahead: 1, nodeLocationTracking: 'none' })
    this.performSelfAnalysis()
  }

  readonly document = this.RULE('document', () => {
    this.MANY(() => this.SUBRULE(this.statement))
  })

  readonly statement = this.RULE('statement', () => {
    this.CONSUME(Word, { LABEL: 'name' })
    this.MANY(() => this.SUBRULE(this.argument))
    this.OR([{ ALT: () => this.CONSUME(Semicolon) }, { ALT: () => this.SUBRULE(this.block) }])
  })

  readonly argument = this.RULE('argument', () => {
    this.OR([
      { ALT: () => this.CONSUME(Word) },
      { ALT: () => this.CONSUME(Quoted) },
      { ALT: () => this.CONSUME(Regex) },
    ])
  })

  readonly block = this.RULE('block', () => {
    this.CONSUME(OpenBrace)
    this.MANY(() => this.SUBRULE(this.statement))
    this.CONSUME(CloseBrace)
  })
}

/** One for all texts: chevrotain analyses the grammar once, when the module is loaded. */
export const parser = new ShellacParser()

export const BaseVisitor: new () => ICstVisitor<never, unknown> & { validateVisitor(): void } =
  parser.getBaseCstVisitorConstructor()

export interface Parsed {
  readonly document: DocumentCstNode
  /** In the order of the text. */
  readonly problems: readonly SyntaxProblem[]
  /** `#` comments, from the sign to the end of the line. */
  readonly comments: readonly Range[]
}

/** Parses any text; what was wrong with it is in `problems`. */
export function parse(text: string): Parsed {
  const found = tokenize(text)
  const list = new ProblemList()
  checkTokens(text, found, list)
  parser.input = completeStatements(text, balanceBraces(text, found.tokens, list), list)
  const document = parser.document() as DocumentCstNode
  for (const error of parser.errors) list.report('syntax', error.token.startOffset, endOf(error.token), error.message)
  const problems = list.problems.sort((a, b) => a.start - b.start)
  return {
    document,
    problems,
    comments: found.comments.map((token) => ({ start: token.startOffset, end: endOf(token) })),
  }
}
