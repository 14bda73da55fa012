/** Makes the syntax tree of the concrete one: the tokens' texts resolved, every part with its place. */
import type {
  ArgumentCstChildren,
  BlockCstChildren,
  DocumentCstChildren,
  StatementCstChildren,
} from '../../grammar/cst.d.ts'
import { BaseVisitor } from '../../grammar/parser.ts'
import type { Range } from '../../grammar/problems.ts'
import { unescapeRegex, unescapeString } from '../../grammar/strings.ts'
import type { Argument, Span, Statement } from './ast.ts'
import type { Diagnostic } from './diagnostics.ts'
import { errorAt } from './errors.ts'
import type { Source } from './source.ts'

interface Token {
  readonly image: string
  readonly startOffset: number
}

/** Visits one document. Its methods are named after the rules of the grammar and called by chevrotain. */
class AstBuilder extends BaseVisitor {
  #source: Source = { name: '', text: '', includedFrom: [] }
  #skipped: readonly Range[] = []
  #diagnostics: Diagnostic[] = []

  constructor() {
    super()
    this.validateVisitor()
  }

  build(document: DocumentCstChildren, source: Source, skipped: readonly Range[]): Built {
    this.#source = source
    this.#skipped = skipped
    this.#diagnostics = []
    return { statements: this.document(document), diagnostics: this.#diagnostics }
  }

  document({ statement = [] }: DocumentCstChildren): Statement[] {
    return statement.map((node) => this.statement(node.children))
  }

  statement(children: StatementCstChildren): Statement {
    const name = children.name[0]!
    const block = children.block?.[0]?.children
    const last = block?.CloseBrace[0] ?? children.Semicolon?.[0] ?? name
    const span = this.#span(name.startOffset, last.startOffset + last.image.length)
    return {
      name: { text: name.image, span: this.#spanOf(name) },
      arguments: (children.argument ?? []).map((node) => this.argument(node.children)),
      block: block === undefined ? undefined : this.block(block),
      span,
      damaged: this.#skipped.some((range) => range.start >= span.start && range.end <= span.end),
    }
  }

  argument({ Word, Quoted, Regex }: ArgumentCstChildren): Argument {
    if (Quoted?.[0] !== undefined) return this.#argument('quoted', Quoted[0], this.#stringText(Quoted[0]))
    if (Regex?.[0] !== undefined) return this.#argument('regex', Regex[0], unescapeRegex(Regex[0].image))
    return this.#argument('bare', Word![0]!, Word![0]!.image)
  }

  block({ statement = [] }: BlockCstChildren): Statement[] {
    return statement.map((node) => this.statement(node.children))
  }

  #argument(kind: Argument['kind'], token: Token, text: string): Argument {
    return { kind, text, secret: false, substituted: false, span: this.#spanOf(token) }
  }

  #stringText(token: Token): string {
    const { text, badEscapes } = unescapeString(token.image)
    for (const at of badEscapes) {
      const written = token.image.slice(at, at + 2)
      const span = this.#span(token.startOffset + at, token.startOffset + at + 2)
      const help = `write "\\${written}" for a backslash; the escapes are \\" \\\\ \\n \\t`
      this.#diagnostics.push(errorAt(span, 'unknown-escape', `unknown escape "${written}"`, help))
    }
    return text
  }

  #spanOf(token: Token): Span {
    return this.#span(token.startOffset, token.startOffset + token.image.length)
  }

  #span(start: number, end: number): Span {
    return { source: this.#source, start, end }
  }
}

export interface Built {
  readonly statements: readonly Statement[]
  readonly diagnostics: readonly Diagnostic[]
}

const builder = new AstBuilder()

/** `skipped` are the parts of the text that are in no statement: the statements around them become `damaged`. */
export function buildAst(document: DocumentCstChildren, source: Source, skipped: readonly Range[]): Built {
  return builder.build(document, source, skipped)
}
