import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSource } from '../../../src/config/format.ts'
import { codesOf, sourceOf } from '../../support/config.ts'

function check(text: string, expected: string): void {
  const first = formatSource(sourceOf(text))
  assert.ok(first.ok)
  assert.equal(first.text, expected)
  assert.deepEqual(formatSource(sourceOf(expected)), { ok: true, text: expected })
}

test('one blank between words, one line for a statement, four blanks for a block', () => {
  check('a   1\t"x  y"  ;b{\nc ; d{\n}\n}', 'a 1 "x  y";\nb {\n    c;\n    d {\n    }\n}\n')
})

test('a block that was on one line stays on one if it fits', () => {
  check('a{b 1;c{d;}}', 'a { b 1; c { d; } }\n')
  check('a {}', 'a {}\n')
  const long = `b ${'x'.repeat(60)};`
  check(`a { ${long} ${long} }`, `a {\n    ${long}\n    ${long}\n}\n`)
})

test('comments stay on their line, behind their statement, behind their brace', () => {
  check(
    '# top  \n\n\na; # a\n  # own\nb { # b\nc; # c\n   # last\n} # end\n# bottom',
    '# top\n\na; # a\n# own\nb { # b\n    c; # c\n    # last\n} # end\n# bottom\n',
  )
})

test('comments in empty blocks and inside statements are kept', () => {
  check('a { # x\n}', 'a { # x\n}\n')
  check('a {\n# x\n}', 'a {\n    # x\n}\n')
  check('a # x\n1 # y\n;', '# x\n# y\na 1;\n')
  check('a 1 # x\n{ b; }', '# x\na 1 {\n    b;\n}\n')
})

test('a comment makes a block take lines of its own', () => {
  check('a { b; # x\n}', 'a {\n    b; # x\n}\n')
})

test('empty lines: one at most, none at the edges of a block', () => {
  check('\n\na;\n\n\n\nb {\n\n  c;\n\n  d;\n\n}\n\n', 'a;\n\nb {\n    c;\n\n    d;\n}\n')
})

test('a long statement continues on indented lines', () => {
  const word = 'x'.repeat(50)
  check(`a ${word} ${word} ${word};`, `a ${word} ${word}\n        ${word};\n`)
})

test('CRLF becomes LF, a byte order mark goes', () => {
  check('\ufeffa;\r\n\r\n# x\r\nb;\r\n', 'a;\n\n# x\nb;\n')
})

test('nothing stays nothing', () => {
  check('', '')
  check(' \n\n', '')
  check('# x', '# x\n')
})

test('a text with a syntax error is left alone', () => {
  const result = formatSource(sourceOf('a {'))
  assert.ok(!result.ok)
  assert.deepEqual(codesOf(result.diagnostics), ['1:3 unclosed-block'])
})
