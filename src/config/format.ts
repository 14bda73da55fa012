/**
 * `shellac fmt`: one layout for every configuration. It moves blanks and line breaks, never a character of a word.
 *
 *   - four blanks for each block around a statement, one blank between words
 *   - a block that was written on one line stays on one, where it fits; every other has a line for each statement
 *   - comments stay where they were: on their own line, or behind what they stood behind
 *   - one empty line at most, and none at the edges of a block
 *
 * The hard part is that a comment may stand anywhere, also between the words of a statement; such a comment goes
 * behind the statement's line, or above the statement where more than one has to move.
 */
import type { Span, Statement } from './ast.ts'
import type { Diagnostic } from './diagnostics.ts'
import { parseSource } from './parse.ts'
import type { Source } from './source.ts'

const INDENT = '    '
const WIDTH = 120

export type Formatted =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }

/** A text with a syntax error is left alone: what its author meant is not certain. */
export function formatSource(source: Source): Formatted {
  const { statements, diagnostics, comments } = parseSource(source)
  if (diagnostics.length > 0) return { ok: false, diagnostics }
  return { ok: true, text: new Formatter(source.text, comments).document(statements) }
}

class Formatter {
  readonly #text: string
  readonly #comments: readonly Span[]
  /** Index of the first comment that has not been written. */
  #next = 0
  readonly #lines: string[] = []
  /** End of what was written last, in the old text: the gap behind it tells of empty lines. */
  #written = 0

  constructor(text: string, comments: readonly Span[]) {
    this.#text = text
    this.#comments = comments
  }

  document(statements: readonly Statement[]): string {
    this.#statements(statements, 0, this.#text.length)
    return this.#lines.length === 0 ? '' : `${this.#lines.join('\n')}\n`
  }

  /** Statements and comments in the old text up to `end`, which is where their block closes. */
  #statements(statements: readonly Statement[], depth: number, end: number): void {
    let isFirst = true
    for (const statement of statements) {
      isFirst = this.#ownLineComments(statement.span.start, depth, isFirst)
      this.#emptyLine(statement.span.start, isFirst)
      this.#statement(statement, depth)
      isFirst = false
    }
    this.#ownLineComments(end, depth, isFirst)
  }

  /** Comments before `end`, each on its own line; gives whether the block is still empty. */
  #ownLineComments(end: number, depth: number, isFirst: boolean): boolean {
    let isEmpty = isFirst
    for (let comment = this.#peek(end); comment !== undefined; comment = this.#peek(end)) {
      this.#emptyLine(comment.start, isEmpty)
      this.#line(depth, this.#take(comment))
      isEmpty = false
    }
    return isEmpty
  }

  #statement(statement: Statement, depth: number): void {
    const { block, span } = statement
    const oneLine = this.#oneLine(statement, depth)
    if (oneLine !== undefined) {
      this.#line(depth, oneLine)
      this.#written = span.end
    } else if (block === undefined) {
      this.#words(statement, depth, ';')
      this.#written = span.end
    } else {
      this.#words(statement, depth, ' {')
      this.#written = openBrace(this.#text, statement) + 1
      this.#trailingComment(this.#written)
      this.#statements(block, depth + 1, span.end - 1)
      this.#line(depth, '}')
      this.#written = span.end
    }
    this.#trailingComment(span.end)
  }

  /** A `;` statement, or a block that was on one line, as one line; undefined: it holds a comment or does not fit. */
  #oneLine(statement: Statement, depth: number): string | undefined {
    const { span } = statement
    if (this.#peek(span.end) !== undefined) return undefined
    if (statement.block !== undefined && this.#text.slice(span.start, span.end).includes('\n')) return undefined
    const line = this.#flat(statement)
    return depth * INDENT.length + line.length <= WIDTH ? line : undefined
  }

  #flat({ name, arguments: words, block }: Statement): string {
    const head = [name, ...words].map((word) => this.#raw(word.span)).join(' ')
    if (block === undefined) return `${head};`
    return block.length === 0 ? `${head} {}` : `${head} { ${block.map((inner) => this.#flat(inner)).join(' ')} }`
  }

  /** Name and arguments on as many lines as they need, the further ones indented twice; comments between them above. */
  #words({ name, arguments: words, block, span }: Statement, depth: number, ending: string): void {
    const end = block === undefined ? span.end : openBrace(this.#text, { name, arguments: words })
    for (let comment = this.#peek(end); comment !== undefined; comment = this.#peek(end)) {
      this.#line(depth, this.#take(comment))
    }
    let line = this.#raw(name.span)
    let lineDepth = depth
    for (const [index, word] of words.entries()) {
      const raw = this.#raw(word.span)
      const after = index === words.length - 1 ? ending.length : 0
      if (lineDepth * INDENT.length + line.length + 1 + raw.length + after <= WIDTH) {
        line += ` ${raw}`
        continue
      }
      this.#line(lineDepth, line)
      line = raw
      lineDepth = depth + 2
    }
    this.#line(lineDepth, line + ending)
  }

  /** A comment on the same old line as `end` goes behind the last line. */
  #trailingComment(end: number): void {
    const comment = this.#comments[this.#next]
    if (comment === undefined || comment.start < end || !/^[ \t\r]*$/.test(this.#text.slice(end, comment.start))) return
    this.#lines.push(`${this.#lines.pop()} ${this.#take(comment)}`)
  }

  /** The next comment, if it begins before `end`. */
  #peek(end: number): Span | undefined {
    const comment = this.#comments[this.#next]
    return comment !== undefined && comment.start < end ? comment : undefined
  }

  #take(comment: Span): string {
    this.#next++
    this.#written = comment.end
    return this.#raw(comment).trimEnd()
  }

  /** Keeps an empty line of the old text before `start`, but not at the beginning of a block. */
  #emptyLine(start: number, isFirst: boolean): void {
    if (!isFirst && /\n[ \t\r]*\n/.test(this.#text.slice(this.#written, start))) this.#lines.push('')
  }

  #line(depth: number, text: string): void {
    this.#lines.push(INDENT.repeat(depth) + text)
  }

  #raw({ start, end }: Span): string {
    return this.#text.slice(start, end)
  }
}

/** Offset of the `{` of a statement that has a block: the first behind its words that is in no comment. */
function openBrace(text: string, { name, arguments: words }: Pick<Statement, 'name' | 'arguments'>): number {
  let at = (words.at(-1) ?? name).span.end
  while (text.charAt(at) !== '{') at = text.charAt(at) === '#' ? text.indexOf('\n', at) : at + 1
  return at
}
