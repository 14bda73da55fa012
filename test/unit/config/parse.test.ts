import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseSource } from '../../../src/config/parse.ts'
import { codesOf, type Outline, outlineOf, sourceOf } from '../../support/config.ts'

function check(text: string, outline: Outline, codes: readonly string[] = []): void {
  const { statements, diagnostics } = parseSource(sourceOf(text))
  assert.deepEqual(outlineOf(statements), outline)
  assert.deepEqual(codesOf(diagnostics), codes)
}

test('the whole language in one file parses without a remark', () => {
  const text = readFileSync(new URL('../../support/sketch.conf', import.meta.url), 'utf8')
  const { statements, diagnostics, comments } = parseSource(sourceOf(text))
  assert.deepEqual(diagnostics, [])
  assert.equal(statements.length, 25)
  assert.equal(comments.length, 12)
})

test('an empty file and a file of comments have no statements', () => {
  check('', [])
  check('# a\n  # b', [])
})

test('words hold whatever is no blank, quote or punctuation', () => {
  const words = [
    '*.example.com',
    '/api/**',
    '/*',
    '//',
    '10.0.0.0/8',
    'unix:/run/x.sock',
    '[::1]:80',
    '@ops',
    '$1',
    '$request.id',
    'http://127.0.0.1:4317/#a',
    '404',
    '64MiB',
    "don't",
    `\${env:X:-a}:80`,
    `\${cred:x}`,
  ]
  check(`x ${words.join(' ')};`, [['x', ...words]])
})

test('strings have four escapes and keep everything else', () => {
  check(String.raw`x "a\"b\\c\nd\te # ; { }";`, [['x', 'a"b\\c\nd\te # ; { }']])
  check(String.raw`x "a\db";`, [['x', 'a\\db']], ['1:5 unknown-escape'])
})

test('in a regex a backslash belongs to the expression', () => {
  const { statements } = parseSource(sourceOf(String.raw`x ~"^/a\.\"b\"$";`))
  assert.equal(statements[0]?.arguments[0]?.kind, 'regex')
  assert.equal(statements[0]?.arguments[0]?.text, String.raw`^/a\."b"$`)
})

test('line breaks and blanks mean nothing; a byte order mark and CRLF are fine', () => {
  check('\ufeffa\r\n{b c\r\n ;\r\n}d{}', [
    ['a', [['b', 'c']]],
    ['d', []],
  ])
})

test('spans are exact', () => {
  const { statements } = parseSource(sourceOf(' a "b" { c; } '))
  const [statement] = statements
  assert.deepEqual([statement?.span.start, statement?.span.end], [1, 13])
  assert.deepEqual([statement?.arguments[0]?.span.start, statement?.arguments[0]?.span.end], [3, 6])
})

test('a missing ";" is seen by the next line, and the next statement is kept', () => {
  check(
    'a 1\nb 2;',
    [
      ['a', '1'],
      ['b', '2'],
    ],
    ['1:4 missing-semicolon'],
  )
  check(
    's {\n  a 1\n  b { c; }\n}',
    [
      [
        's',
        [
          ['a', '1'],
          ['b', [['c']]],
        ],
      ],
    ],
    ['2:6 missing-semicolon'],
  )
  check(
    's { a 1; b 2\n    c 3; }',
    [
      [
        's',
        [
          ['a', '1'],
          ['b', '2'],
          ['c', '3'],
        ],
      ],
    ],
    ['1:13 missing-semicolon'],
  )
})

test('a missing ";" before "}" and at the end of the file', () => {
  check(
    'a { b 1 }\nc 2',
    [
      ['a', [['b', '1']]],
      ['c', '2'],
    ],
    ['1:8 missing-semicolon', '2:4 missing-semicolon'],
  )
})

test('an indented line continues the statement, and so does a line that begins with no name', () => {
  check('a 1\n  b\n10.0.0.0/8;', [['a', '1', 'b', '10.0.0.0/8']])
})

test('a missing "}" costs one message at the block that the indentation shows', () => {
  check(
    'a {\n  b {\n    c 1;\n  d { e; }\n}\nf 1;',
    [
      [
        'a',
        [
          ['b', [['c', '1']]],
          ['d', [['e']]],
        ],
      ],
      ['f', '1'],
    ],
    ['2:5 unclosed-block'],
  )
  check(
    'a {\n  b 1;\n\nc {\n  d 2;\n}',
    [
      ['a', [['b', '1']]],
      ['c', [['d', '2']]],
    ],
    ['1:3 unclosed-block'],
  )
})

test('a missing "}" in a file without indentation closes at the end', () => {
  check(
    'a {\nb 1;\nc 2;',
    [
      [
        'a',
        [
          ['b', '1'],
          ['c', '2'],
        ],
      ],
    ],
    ['1:3 unclosed-block'],
  )
})

test('blocks around a missing "}" are damaged, others are not', () => {
  const { statements } = parseSource(sourceOf('a {\n  b {\n    c 1;\n  d 2;\n}\nf 1;'))
  assert.deepEqual(
    statements.map((statement) => statement.damaged),
    [true, false],
  )
  assert.deepEqual(
    statements[0]?.block?.map((statement) => statement.damaged),
    [true, false],
  )
})

test('a "}" too many is left out', () => {
  check('a { b; } }\nc;', [['a', [['b']]], ['c']], ['1:10 stray-brace'])
})

test('a "{" that was lost is seen by the indentation', () => {
  check(
    'a\n  b 1;\n  c {\n    d;\n  }\n}\ne x y\n{ f; }',
    [
      [
        'a',
        [
          ['b', '1'],
          ['c', [['d']]],
        ],
      ],
      ['e', 'x', 'y', [['f']]],
    ],
    ['1:2 missing-brace'],
  )
})

test('a "}" in the middle of a block is the one too many', () => {
  check('a {\n  b; }\n  c;\n}\nd;', [['a', [['b'], ['c']]], ['d']], ['2:6 stray-brace'])
  check('a {\n  b {\n    c;\n  }\n  }\n  d;\n}', [['a', [['b', [['c']]], ['d']]]], ['5:3 stray-brace'])
})

test('";" where no statement ends', () => {
  check('a { b; };\n;c;', [['a', [['b']]], ['c']], ['1:9 stray-semicolon', '2:1 stray-semicolon'])
})

test('statements without a name are skipped with their blocks', () => {
  check('"a" b; { c; } ~"d" { e { f; } } g;', [['g']], ['1:1 missing-name', '1:8 missing-name', '1:15 missing-name'])
  check('a { "b" }', [['a', []]], ['1:5 missing-name'])
})

test('a string that is not closed ends before the punctuation of its line', () => {
  check(
    'a { b "c; }\nd "e";',
    [
      ['a', [['b', 'c']]],
      ['d', 'e'],
    ],
    ['1:7 unclosed-string'],
  )
  check('a "', [['a', '']], ['1:3 unclosed-string', '1:4 missing-semicolon'])
})

test('a string over several lines is one mistake', () => {
  check('a "b\nc";\nd;', [['a', 'b\nc'], ['d']], ['1:3 newline-in-string'])
})

test('foreign quotes are read as strings', () => {
  check("a 'b c';", [['a', 'b c']], ['1:3 single-quotes'])
  check('a \u201cb c\u201d;', [['a', 'b c']], ['1:3 smart-quotes'])
})

test('foreign comments are skipped', () => {
  check('// a;\nb; /* c {\n*/ d /e//f;', [['b'], ['d', '/e//f']], ['1:1 foreign-comment', '2:4 foreign-comment'])
})

test('assignments of other languages are read as statements', () => {
  check(
    'a = 1; b=2; c: 3; d =;',
    [['a', '1'], ['b', '2'], ['c', '3'], ['d']],
    ['1:3 assignment', '1:9 assignment', '1:14 assignment', '1:21 assignment'],
  )
})

test('two words without a blank between them', () => {
  check('a "b"c d"e";', [['a', 'b', 'c', 'd', 'e']], ['1:6 missing-space', '1:9 missing-space'])
})

test('characters not to be seen are reported once', () => {
  check('a\u00a0b;\u00a0c;', [['a', 'b'], ['c']], ['1:2 odd-character'])
  check('a "\u0000"; # \u202e', [['a', '\u0000']], ['1:4 odd-character'])
})

test('a substitution without its brace', () => {
  check(`a \${env:X;`, [['a', `\${env:X`]], ['1:3 unclosed-substitution'])
})

test('deep nesting is bounded', () => {
  const { statements, diagnostics } = parseSource(sourceOf('a {'.repeat(100_000)))
  assert.equal(statements.length, 1)
  assert.equal(diagnostics[0]?.severity, 'error')
  const closed = parseSource(sourceOf(`${'a {'.repeat(40)}${'}'.repeat(40)} b;`))
  assert.deepEqual(codesOf(closed.diagnostics), ['1:99 too-deep'])
  assert.deepEqual(
    closed.statements.map((statement) => statement.damaged),
    [true, false],
  )
})

test('a mistake in one block hides none in another', () => {
  check(
    'a { b "c }\nd { e 1 }\nf = 2;',
    [
      ['a', [['b', 'c']]],
      ['d', [['e', '1']]],
      ['f', '2'],
    ],
    ['1:7 unclosed-string', '1:9 missing-semicolon', '2:8 missing-semicolon', '3:3 assignment'],
  )
})
