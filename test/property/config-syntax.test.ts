import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Statement } from '../../src/config/ast.ts'
import { formatSource } from '../../src/config/format.ts'
import { parseSource } from '../../src/config/parse.ts'
import { diagnosticsToJson, formatDiagnostics } from '../../src/config/print.ts'
import { outlineOf, sourceOf } from '../support/config.ts'
import { cpuMsOf } from '../support/cpu.ts'

const runs = { numRuns: 1500 }

/** Pieces of configurations, well-formed and not. */
const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'listen', '*:80', '@ops', '10s', '/a/**', '404', '$1', '=', 'x:', 'y=1'),
  },
  { weight: 5, arbitrary: fc.constantFrom(';', '{', '}', ';\n', '{\n', '}\n') },
  { weight: 5, arbitrary: fc.constantFrom(' ', '\n', '\n  ', '\t', '\r\n', '\n\n\n') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('"b c"', '~"^/x$"', '"\\n\\""', '"a', "'q'", "'", '~', '\u201cq\u201d', '"', '\\'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('# c\n', '# "c;}\n', '#', '// x\n', '/* y */', '/*', `\${env:X}`, `\${`, '\u00a0'),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 8, unit: 'binary' }) },
)
const soup = fc.array(piece, { maxLength: 60, size: 'max' }).map((pieces) => pieces.join(''))

test('any text gives a tree and diagnostics that can be printed', () => {
  fc.assert(
    fc.property(soup, (text) => {
      const { statements, diagnostics, comments } = parseSource(sourceOf(text))
      checkSpans(statements, 0, text.length)
      for (const { span, code } of diagnostics) {
        assert.ok(0 <= span.start && span.start <= span.end && span.end <= text.length)
        assert.notEqual(code, 'syntax', 'the repair let something through')
      }
      for (const { start } of comments) assert.equal(text[start], '#')
      formatDiagnostics(diagnostics, { color: false })
      JSON.stringify(diagnosticsToJson(diagnostics))
    }),
    runs,
  )
})

/** Statements lie inside their block in order, their words inside them in order. */
function checkSpans(statements: readonly Statement[], from: number, to: number): void {
  let at = from
  for (const { name, arguments: words, block, span } of statements) {
    assert.ok(at <= span.start && span.end <= to)
    assert.equal(name.span.start, span.start)
    at = name.span.end
    for (const word of words) {
      assert.ok(at <= word.span.start && word.span.start <= word.span.end)
      at = word.span.end
    }
    if (block !== undefined) checkSpans(block, at, span.end)
    assert.ok(at <= span.end)
    at = span.end
  }
}

interface Made {
  readonly words: readonly string[]
  readonly block: readonly Made[] | undefined
}

const word = fc.constantFrom(
  'a',
  '*:80',
  '@ops',
  '10s',
  '/a#b',
  '"b  c"',
  '"# ; {"',
  '~"^/x{2}$"',
  `\${env:X}`,
  'x'.repeat(70),
)
const name = fc.constantFrom('a', 'listen', 'use-cache', 'x2')
const { made } = fc.letrec<{ made: Made }>((tie) => ({
  made: fc.record({
    words: fc.tuple(name, fc.array(word, { maxLength: 4 })).map(([first, rest]) => [first, ...rest]),
    block: fc.option(fc.array(tie('made'), { maxLength: 3 }), { nil: undefined, depthSize: 'small' }),
  }),
}))

/** Blanks between words, and blanks and comments between statements. */
const gap = fc.constantFrom(' ', '  ', '\t', '\n   ')
const between = fc.constantFrom('', ' ', '\n', '\n\n\n', ' # c\n', '\n  # own line\n', '\n\n# x\n\n# y\n')

/** A name at the start of a line would be taken for the next statement, and a `;` for missing. */
function gapBefore(next: string, gaps: Iterator<string>): string {
  const found = gaps.next().value
  return /^[a-z]/.test(next) ? found.replace('\n', ' ') : found
}

/** Well-formed texts with every layout. */
const wellFormed = fc
  .tuple(fc.array(made, { maxLength: 4 }), fc.infiniteStream(gap), fc.infiniteStream(between))
  .map(([statements, gaps, betweens]) => statements.map((one) => write(one, gaps, betweens)).join(''))

function write({ words, block }: Made, gaps: Iterator<string>, betweens: Iterator<string>): string {
  const head = words.reduce((line, next) => line + gapBefore(next, gaps) + next)
  const inside = block?.map((one) => write(one, gaps, betweens)).join('')
  const end = inside === undefined ? ';' : `{${betweens.next().value}${inside}}`
  return betweens.next().value + head + gaps.next().value + end + betweens.next().value
}

test('fmt changes no meaning, keeps every comment, and is idempotent', () => {
  fc.assert(
    fc.property(wellFormed, (text) => {
      const before = parseSource(sourceOf(text))
      assert.deepEqual(before.diagnostics, [])
      const formatted = formatSource(sourceOf(text))
      assert.ok(formatted.ok)
      const after = parseSource(sourceOf(formatted.text))
      assert.deepEqual(after.diagnostics, [])
      assert.deepEqual(outlineOf(after.statements), outlineOf(before.statements))
      assert.equal(after.comments.length, before.comments.length)
      assert.deepEqual(formatSource(sourceOf(formatted.text)), formatted)
    }),
    runs,
  )
})

test('fmt of soup that happens to be well-formed changes no meaning either', () => {
  fc.assert(
    fc.property(soup, (text) => {
      const formatted = formatSource(sourceOf(text))
      if (!formatted.ok) return
      const before = parseSource(sourceOf(text))
      const after = parseSource(sourceOf(formatted.text))
      assert.deepEqual(outlineOf(after.statements), outlineOf(before.statements))
      assert.equal(after.comments.length, before.comments.length)
      assert.deepEqual(formatSource(sourceOf(formatted.text)), formatted)
    }),
    runs,
  )
})

test('one lost character costs few messages', () => {
  const text = 'a {\n    b 1;\n    c {\n        d "x";\n    }\n}\ne 2;\nf {\n    g;\n}\n'
  for (let at = 0; at < text.length; at++) {
    const { diagnostics } = parseSource(sourceOf(text.slice(0, at) + text.slice(at + 1)))
    assert.ok(diagnostics.length <= 2, `${at}: ${diagnostics.map(({ code }) => code)}`)
  }
})

test('long hostile texts take time in proportion', () => {
  const hostile = [
    '"',
    '"a;\n',
    '{',
    '}',
    '/* ',
    '/*\n',
    `\${`,
    `$\{a} `,
    'a\n',
    '~"',
    "'\n",
    '\u201c',
    'a = ',
    '# \n',
    '\u00a0 ',
    'a{}',
    '{;',
  ]
  for (const unit of hostile) {
    const text = unit.repeat(Math.ceil(100_000 / unit.length))
    const cpuMs = cpuMsOf(() => {
      parseSource(sourceOf(text))
    })
    assert.ok(cpuMs < 3000, JSON.stringify(unit))
  }
})
