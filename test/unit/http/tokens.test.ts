import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { byteClass, isFieldValue, isToken, quotedStringEnd, splitList, TOKEN, VALUE } from '../../../src/http/tokens.ts'

describe('byte classes', () => {
  it('have the tchar of RFC 9110 §5.6.2', () => {
    const tchars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for (let byte = 0; byte < 256; byte++) {
      assert.equal((byteClass[byte]! & TOKEN) !== 0, tchars.includes(String.fromCharCode(byte)), `byte ${byte}`)
    }
  })

  it('have the field-content of RFC 9110 §5.5', () => {
    for (let byte = 0; byte < 256; byte++) {
      const isAllowed = byte === 0x09 || (byte >= 0x20 && byte !== 0x7f)
      assert.equal((byteClass[byte]! & VALUE) !== 0, isAllowed, `byte ${byte}`)
    }
  })
})

describe('isToken', () => {
  for (const [text, expected] of [
    ['X-A_b', true],
    ['', false],
    ['a b', false],
    ['a:', false],
    ['\u0131', false],
  ] as const) {
    it(`${JSON.stringify(text)}: ${expected}`, () => assert.equal(isToken(text), expected))
  }
})

describe('isFieldValue', () => {
  for (const [text, expected] of [
    ['', true],
    ['a\tb "c"', true],
    ['\xe9', true],
    [' a', false],
    ['a\t', false],
    ['a\r\nb', false],
    ['a\0', false],
    // The low byte of U+010A is LF: latin1 on the wire would split the message (CVE-2018-12116).
    ['\u010a', false],
  ] as const) {
    it(`${JSON.stringify(text)}: ${expected}`, () => assert.equal(isFieldValue(text), expected))
  }
})

describe('splitList', () => {
  for (const [text, expected] of [
    ['a, b', ['a', 'b']],
    [' ,a\t,, b ,', ['a', 'b']],
    ['', []],
    ['a="b, \\"c", d', ['a="b, \\"c"', 'd']],
    ['"a', undefined],
    ['a, "\\', undefined],
  ] as const) {
    it(JSON.stringify(text), () => assert.deepEqual(splitList(text), expected))
  }
})

describe('quotedStringEnd', () => {
  it('is behind the closing quote', () => assert.equal(quotedStringEnd('x"a\\"b"c', 1), 7))
  it('is -1 without one', () => assert.equal(quotedStringEnd('"a\\"', 0), -1))
})
