import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unescapeRegex, unescapeString } from '../../../grammar/strings.ts'

test('the four escapes', () => {
  assert.deepEqual(unescapeString('"a\\"b\\\\\\n\\t"'), { text: 'a"b\\\n\t', badEscapes: [] })
})

test('an unknown escape stays as it is written and is pointed at', () => {
  assert.deepEqual(unescapeString('"a\\d\\\\\\q"'), { text: 'a\\d\\\\q', badEscapes: [2, 6] })
})

test('a string without its closing quote', () => {
  assert.equal(unescapeString('"').text, '')
  assert.equal(unescapeString('"a').text, 'a')
  assert.equal(unescapeString('"a\\"').text, 'a"')
  assert.equal(unescapeString('"\\').text, '\\')
})

test('the escaped quote at the end closes nothing, the quote behind an escaped backslash does', () => {
  assert.equal(unescapeString('"a\\\\"').text, 'a\\')
  assert.equal(unescapeString('"a\\""').text, 'a"')
})

test('other quotes are cut off too', () => {
  assert.equal(unescapeString("'a b'").text, 'a b')
  assert.equal(unescapeString('\u201ca b\u201d').text, 'a b')
})

test('an expression keeps its backslashes, but for those before quotes', () => {
  assert.equal(unescapeRegex('~"\\.\\"\\\\$"'), '\\."\\\\$')
  assert.equal(unescapeRegex('~"'), '')
})
