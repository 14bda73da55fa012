import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { Span } from '../../../src/config/ast.ts'
import type { Diagnostic } from '../../../src/config/diagnostics.ts'
import { errorAt, warningAt } from '../../../src/config/errors.ts'
import { diagnosticsToJson, formatDiagnostics } from '../../../src/config/print.ts'
import { sourceOf } from '../../support/config.ts'

function spanOf(text: string, part: string): Span {
  const start = text.indexOf(part)
  return { source: sourceOf(text), start, end: start + part.length }
}

function print(...diagnostics: Diagnostic[]): string[] {
  return formatDiagnostics(diagnostics, { color: false }).split('\n')
}

test('place, message, code, line, carets, notes, help, count', () => {
  const text = 'cache shop {\n    tier memcahed;\n}\n'
  const span = spanOf(text, 'memcahed')
  const notes = [
    { message: 'declared tiers: "memory"', span: undefined },
    { message: 'first here', span: { source: span.source, start: 0, end: 5 } },
  ]
  assert.deepEqual(
    print(errorAt(span, 'unknown-name', 'unknown tier "memcahed"', 'did you mean "memcached"?', notes)),
    [
      'test.conf:2:10: error: unknown tier "memcahed" [unknown-name]',
      '    2 |     tier memcahed;',
      '      |          ^^^^^^^^',
      '  note: declared tiers: "memory"',
      '  note: first here (test.conf:1:1)',
      '  help: did you mean "memcached"?',
      '',
      '1 error',
      '',
    ],
  )
})

test('errors and warnings are counted', () => {
  const span = spanOf('a;', 'a')
  assert.equal(print(errorAt(span, 'a', 'a'), warningAt(span, 'b', 'b')).at(-2), '1 error, 1 warning')
  assert.equal(print(warningAt(span, 'b', 'b'), warningAt(span, 'b', 'b')).at(-2), '2 warnings')
  assert.equal(formatDiagnostics([], { color: false }), '')
})

test('an empty span is one caret, also behind the last character', () => {
  const source = sourceOf('a 1')
  assert.deepEqual(print(errorAt({ source, start: 3, end: 3 }, 'x', 'x')).slice(0, 3), [
    'test.conf:1:4: error: x [x]',
    '    1 | a 1',
    '      |    ^',
  ])
})

test('carets end with the line', () => {
  const text = 'a "b\nc";'
  assert.deepEqual(print(errorAt(spanOf(text, '"b\nc"'), 'x', 'x')).slice(1, 3), ['    1 | a "b', '      |   ^^'])
})

test('tabs, wide letters and combining marks keep the carets in place', () => {
  assert.deepEqual(print(errorAt(spanOf('\ta\tbad;', 'bad'), 'x', 'x')).slice(1, 3), [
    '    1 |     a    bad;',
    '      |          ^^^',
  ])
  assert.equal(print(errorAt(spanOf('"\u65e5\u672c" bad;', 'bad'), 'x', 'x'))[2], '      |        ^^^')
  assert.equal(print(errorAt(spanOf('"e\u0301" bad;', 'bad'), 'x', 'x'))[2], '      |     ^^^')
})

test('long lines are cut around the carets', () => {
  const text = `${'a '.repeat(200)}bad ${'b '.repeat(200)};`
  const [, line = '', carets = ''] = print(errorAt(spanOf(text, 'bad'), 'x', 'x'))
  assert.ok(line.length <= 110, String(line.length))
  assert.match(line, /^ {4}1 \| \.\.\..* bad .*\.\.\.$/)
  assert.equal(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1), 'bad')
})

test('a span longer than the line is cut too', () => {
  const text = `x ${'y'.repeat(1000)};`
  const [, line = '', carets = ''] = print(errorAt(spanOf(text, 'y'.repeat(1000)), 'x', 'x'))
  assert.ok(line.length <= 110 && carets.length <= line.length)
})

test('nothing that a terminal obeys is printed', () => {
  const lines = print(errorAt(spanOf('a "\u001b[31m\u202e" b;', 'b'), 'x', 'odd \u001b[2J', 'no \u0007'))
  for (const odd of ['\u0007', '\u001b', '\u202e']) assert.ok(!lines.join('').includes(odd))
})

test('the include chain follows the excerpt', () => {
  const source = {
    name: 'b.conf',
    text: 'x;',
    includedFrom: [
      { name: 'a.conf', line: 3 },
      { name: 'main.conf', line: 1 },
    ],
  }
  assert.deepEqual(print(errorAt({ source, start: 0, end: 1 }, 'x', 'x')).slice(3, 5), [
    '  note: included from a.conf:3',
    '  note: included from main.conf:1',
  ])
})

test('colour surrounds words and changes none', () => {
  const diagnostics = [errorAt(spanOf('a b;', 'b'), 'x', 'x', 'y')]
  const colored = formatDiagnostics(diagnostics, { color: true })
  assert.ok(colored.includes('\u001b[31merror:'))
  assert.equal(stripVTControlCharacters(colored), formatDiagnostics(diagnostics, { color: false }))
})

test('JSON has the same facts', () => {
  const span = spanOf('a\nb c;', 'c')
  const notes = [{ message: 'n', span }]
  const place = { file: 'test.conf', line: 2, column: 3, endLine: 2, endColumn: 4 }
  assert.deepEqual(JSON.parse(JSON.stringify(diagnosticsToJson([errorAt(span, 'code', 'm', 'h', notes)]))), [
    {
      ...place,
      code: 'code',
      severity: 'error',
      message: 'm',
      notes: [{ message: 'n', place }],
      help: 'h',
      includedFrom: [],
    },
  ])
})
