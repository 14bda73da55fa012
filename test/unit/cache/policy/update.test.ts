import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FlatFacts } from '../../../../src/cache/policy/flat-facts.ts'
import { decideStore } from '../../../../src/cache/policy/store.ts'
import { isHeadUpdateFor, isUpdateFor, mergeFields } from '../../../../src/cache/policy/update.ts'
import { answered, NOW, NOW_TEXT, request, response, settings } from '../facts.ts'

const date = ['Date', NOW_TEXT]

describe('mergeFields (RFC 9111 §3.2)', () => {
  const cases: [title: string, stored: string[], update: string[], merged: string[]][] = [
    ['what the update omits stays', ['A', '1'], date, ['A', '1', ...date]],
    [
      'what it has replaces, in any letter case',
      ['a', '1', 'B', '2'],
      ['A', '3', ...date],
      ['B', '2', 'A', '3', ...date],
    ],
    ['all lines of a name', ['A', '1', 'A', '2'], ['A', '3', 'A', '4', ...date], ['A', '3', 'A', '4', ...date]],
    [
      'Content-Length never',
      ['Content-Length', '5'],
      ['Content-Length', '0', ...date],
      ['Content-Length', '5', ...date],
    ],
    [
      'nor what else describes the stored bytes',
      ['Content-MD5', 'a', 'Content-Encoding', 'gzip', 'ETag', '"a"'],
      ['Content-MD5', 'b', 'Content-Encoding', 'br', 'Content-Range', 'x', 'ETag', '"b"', ...date],
      ['Content-MD5', 'a', 'Content-Encoding', 'gzip', 'ETag', '"a"', ...date],
    ],
    ['Content-Type does', ['Content-Type', 'a'], ['Content-Type', 'b', ...date], ['Content-Type', 'b', ...date]],
    [
      'hop-by-hop fields never',
      ['A', '1'],
      ['Connection', 'x-hop, close', 'X-Hop', '2', 'Keep-Alive', '1', 'Transfer-Encoding', 'chunked', ...date],
      ['A', '1', ...date],
    ],
    ['the stored Age goes', ['Age', '50'], date, date],
    ['a new Age comes', ['Age', '50'], ['Age', '3', ...date], ['Age', '3', ...date]],
    [
      'an update without Date is of now',
      ['Date', 'Sun, 06 Nov 1994 07:49:37 GMT'],
      ['A', '1'],
      ['A', '1', 'Date', NOW_TEXT],
    ],
  ]
  for (const [title, stored, update, merged] of cases) {
    test(title, () => assert.deepEqual(mergeFields(stored, update, NOW), merged))
  }

  test('the merged response is decided upon again', () => {
    const stored = ['ETag', '"a"', 'Cache-Control', 'max-age=1', 'Age', '70', 'Date', 'Sun, 06 Nov 1994 07:49:37 GMT']
    const again = (...update: string[]) =>
      decideStore(answered(request(), new FlatFacts(200, mergeFields(stored, update, NOW))), settings())
    assert.equal(again('Cache-Control', 'max-age=9').meta.lifetimeMs, 9000)
    assert.equal(again().meta.lifetimeMs, 1000)
    assert.equal(again().meta.initialAgeMs, 0)
    assert.equal(again('Cache-Control', 'no-store').reason, 'response-no-store')
  })
})

describe('isUpdateFor (RFC 9111 §4.3.4)', () => {
  const cases: [stored: string[], update: string[], expected: boolean, why: string][] = [
    [['ETag', '"a"'], ['ETag', '"a"'], true, 'same strong validator'],
    [['ETag', '"a"'], ['ETag', '"b"'], true, 'another, but asked about was the stored one'],
    [[], ['ETag', '"a"'], false, 'a validator the stored one never had'],
    [['ETag', '"a"'], [], true, 'no validator: the one that was asked about'],
    [['Last-Modified', 'x'], ['Last-Modified', 'x'], true, 'same date'],
    [['Last-Modified', 'x'], ['Last-Modified', 'y'], false, 'another date'],
    [['ETag', '"a"', 'Last-Modified', 'x'], ['Last-Modified', 'y'], true, 'the tag was what matched'],
  ]
  for (const [stored, update, expected, why] of cases) {
    test(`${stored.join(' ')} by ${update.join(' ')} (${why})`, () => {
      assert.equal(isUpdateFor(response(200, ...stored), response(304, ...update)), expected)
    })
  }
})

describe('isHeadUpdateFor (RFC 9111 §4.3.5)', () => {
  const stored = new FlatFacts(200, ['ETag', '"a"', 'Last-Modified', NOW_TEXT])
  const shape = { status: 200, bodyBytes: 5, fields: stored }
  const cases: [title: string, fields: string[], contentLength: number, status: number, isUpdate: boolean][] = [
    ['neither validators nor a length: nothing speaks against it', [], -1, 200, true],
    ['the same validators and length', ['ETag', '"a"', 'Last-Modified', NOW_TEXT], 5, 200, true],
    ['one of the validators', ['Last-Modified', NOW_TEXT], -1, 200, true],
    ['another ETag', ['ETag', '"b"', 'Last-Modified', NOW_TEXT], 5, 200, false],
    ['a weak ETag for a strong one', ['ETag', 'W/"a"'], 5, 200, false],
    ['another Last-Modified', ['Last-Modified', 'Sun, 06 Nov 1994 08:49:36 GMT'], 5, 200, false],
    ['another length', ['ETag', '"a"'], 6, 200, false],
    ['an error', ['ETag', '"a"'], 5, 404, false],
  ]
  for (const [title, fields, contentLength, status, isUpdate] of cases) {
    test(title, () => {
      assert.equal(isHeadUpdateFor(shape, new FlatFacts(status, fields), contentLength), isUpdate)
    })
  }

  test('a validator that the stored response has not got', () => {
    assert.equal(isHeadUpdateFor({ ...shape, fields: new FlatFacts(200, []) }, stored, -1), false)
  })

  test('a stored response that was no 200', () => {
    assert.equal(isHeadUpdateFor({ ...shape, status: 404 }, stored, -1), false)
  })
})
