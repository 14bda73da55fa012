/**
 * Diagnostics for people, and for programs.
 *
 *     shellac.conf:14:10: error: unknown tier "memcahed" [unknown-name]
 *        14 |     tier memcahed
 *           |          ^^^^^^^^
 *       note: declared tiers: "memory" (line 3), "memcached" (line 6)
 *       help: did you mean "memcached"?
 *
 * The line is shown as it stands in the file, so a secret is seen only if it was written there in clear.
 */
import { styleText } from 'node:util'
import type { Span } from './ast.ts'
import type { Diagnostic } from './diagnostics.ts'
import { positionAt } from './source.ts'

/** Columns of source that are shown; a longer line is cut around the carets. */
const LINE_WIDTH = 100

/** Text shown before the carets when a line is cut. */
const LEAD = 40

const TAB = '    '
const CUT = '...'

type Paint = (style: 'bold' | 'red' | 'yellow' | 'cyan' | 'green', text: string) => string

/** Every diagnostic, an empty line between two, and the count as the last line; empty for none. Ends with a line break. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], options: { readonly color: boolean }): string {
  if (diagnostics.length === 0) return ''
  const paint: Paint = options.color
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_, text) => text
  return [...diagnostics.map((diagnostic) => formatOne(diagnostic, paint)), `${countLine(diagnostics)}\n`].join('\n')
}

function formatOne(diagnostic: Diagnostic, paint: Paint): string {
  const { span, severity } = diagnostic
  const color = severity === 'error' ? 'red' : 'yellow'
  const head = `${paint('bold', placeOf(span))}: ${paint(color, `${severity}:`)} ${printable(diagnostic.message)} [${diagnostic.code}]`
  const lines = [head, ...excerpt(span, (carets) => paint(color, carets))]
  for (const { name, line } of span.source.includedFrom)
    lines.push(`  ${paint('cyan', 'note:')} included from ${name}:${line}`)
  for (const note of diagnostic.notes) {
    const place = note.span === undefined ? '' : ` (${placeOf(note.span)})`
    lines.push(`  ${paint('cyan', 'note:')} ${printable(note.message)}${place}`)
  }
  if (diagnostic.help !== undefined) lines.push(`  ${paint('green', 'help:')} ${printable(diagnostic.help)}`)
  return `${lines.join('\n')}\n`
}

/** `file:line:column`; an empty source has no lines to point at. */
function placeOf({ source, start }: Span): string {
  if (source.text === '') return source.name
  const { line, column } = positionAt(source, start)
  return `${source.name}:${line}:${column}`
}

/** The line of the span's start with carets under it, as two lines; none for an empty source. */
function excerpt({ source, start, end }: Span, paint: (carets: string) => string): string[] {
  if (source.text === '') return []
  const { line, column } = positionAt(source, start)
  const lineStart = start - (column - 1)
  const nextBreak = source.text.indexOf('\n', lineStart)
  const text = source.text.slice(lineStart, nextBreak === -1 ? source.text.length : nextBreak).trimEnd()
  const shown = cut(text, column - 1, Math.min(end - lineStart, text.length))
  const gutter = String(line).padStart(5)
  const carets = '^'.repeat(Math.max(1, shown.width))
  return [`${gutter} | ${shown.text}`, `${' '.repeat(gutter.length)} | ${' '.repeat(shown.before)}${paint(carets)}`]
}

/** A part of a line that fits; `before` and `width` are the columns before the carets and under them. */
interface Shown {
  readonly text: string
  readonly before: number
  readonly width: number
}

function cut(line: string, from: number, to: number): Shown {
  const head = expand(line.slice(0, from))
  const middle = expand(line.slice(from, Math.max(from, to)))
  const tail = expand(line.slice(Math.max(from, to)))
  if (head.length + middle.length + tail.length <= LINE_WIDTH) return assemble(head, middle, tail)
  const shortHead = head.length > LEAD ? CUT + head.slice(head.length - LEAD + CUT.length) : head
  const room = LINE_WIDTH - shortHead.length
  const shortMiddle = middle.length > room ? middle.slice(0, room - CUT.length) + CUT : middle
  const rest = room - shortMiddle.length
  const shortTail = tail.length <= rest ? tail : rest > CUT.length ? tail.slice(0, rest - CUT.length) + CUT : ''
  return assemble(shortHead, shortMiddle, shortTail)
}

function assemble(head: string, middle: string, tail: string): Shown {
  return { text: (head + middle + tail).trimEnd(), before: columns(head), width: columns(middle) }
}

/** Tabs become blanks, so that carets stand where they should. */
function expand(text: string): string {
  return printable(text.replaceAll('\t', TAB))
}

/** Without what a terminal would obey: control characters and marks that turn the direction of text. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu, '\ufffd')
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u

/** Columns on a terminal: marks that combine take none, letters of East Asia two. */
function columns(text: string): number {
  let count = 0
  for (const character of text) count += wide.test(character) ? 2 : /\p{Mn}/u.test(character) ? 0 : 1
  return count
}

/** `2 errors, 1 warning`. */
function countLine(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  const counts = [plural(errors, 'error'), plural(diagnostics.length - errors, 'warning')]
  return counts.filter((text) => !text.startsWith('0 ')).join(', ') || 'no errors'
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** One diagnostic for programs; lines and columns from 1, the end behind the last character. */
export interface DiagnosticJson {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly endLine: number
  readonly endColumn: number
  readonly code: string
  readonly severity: Diagnostic['severity']
  readonly message: string
  readonly notes: readonly { readonly message: string; readonly place: PlaceJson | undefined }[]
  readonly help: string | undefined
  readonly includedFrom: Span['source']['includedFrom']
}

type PlaceJson = Pick<DiagnosticJson, 'file' | 'line' | 'column' | 'endLine' | 'endColumn'>

/** An array for JSON.stringify. */
export function diagnosticsToJson(diagnostics: readonly Diagnostic[]): readonly DiagnosticJson[] {
  return diagnostics.map(({ span, code, severity, message, notes, help }) => ({
    ...placeJson(span),
    code,
    severity,
    message,
    notes: notes.map((note) => ({ message: note.message, place: note.span && placeJson(note.span) })),
    help,
    includedFrom: span.source.includedFrom,
  }))
}

function placeJson({ source, start, end }: Span): PlaceJson {
  const from = positionAt(source, start)
  const to = positionAt(source, end)
  return { file: source.name, line: from.line, column: from.column, endLine: to.line, endColumn: to.column }
}
