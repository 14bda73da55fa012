/** Text to syntax tree. The grammar knows what is wrong with a text; here its findings become diagnostics. */
import { parse } from '../../grammar/parser.ts'
import type { Range, SyntaxProblem } from '../../grammar/problems.ts'
import type { Span, Statement } from './ast.ts'
import { buildAst } from './ast-builder.ts'
import type { Diagnostic } from './diagnostics.ts'
import { errorAt } from './errors.ts'
import type { Source } from './source.ts'

export interface ParsedSource {
  /** Every statement that could be read, whatever else is wrong with the text. `include` stands as it was written. */
  readonly statements: readonly Statement[]
  /** In the order of the text; empty: the text is well formed. */
  readonly diagnostics: readonly Diagnostic[]
  /** Comments, from the `#` to the end of the line, in order. */
  readonly comments: readonly Span[]
}

/** Parses any text; never throws. */
export function parseSource(source: Source): ParsedSource {
  const { document, problems, comments } = parse(source.text)
  const skipped = problems.flatMap((problem) => problem.skipped ?? [])
  const { statements, diagnostics } = buildAst(document.children, source, skipped)
  const all = [...problems.map((problem) => toDiagnostic(problem, source)), ...diagnostics]
  return {
    statements,
    diagnostics: all.sort((a, b) => a.span.start - b.span.start),
    comments: comments.map((range) => toSpan(range, source)),
  }
}

function toDiagnostic(problem: SyntaxProblem, source: Source): Diagnostic {
  const notes = problem.notes.map((note) => ({ message: note.message, span: toSpan(note, source) }))
  return errorAt(toSpan(problem, source), problem.code, problem.message, problem.help, notes)
}

function toSpan({ start, end }: Range, source: Source): Span {
  return { source, start, end }
}
