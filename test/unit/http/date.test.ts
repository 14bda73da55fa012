import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { httpDate, parseHttpDate } from '../../../src/http/date.ts'

const example = Date.UTC(1994, 10, 6, 8, 49, 37)
const now = Date.UTC(2026, 10, 20)

describe('httpDate', () => {
  it('is an IMF-fixdate', () => assert.equal(httpDate(example), 'Sun, 06 Nov 1994 08:49:37 GMT'))

  it('follows the second, also backwards', () => {
    assert.equal(httpDate(example + 999), 'Sun, 06 Nov 1994 08:49:37 GMT')
    assert.equal(httpDate(example + 1000), 'Sun, 06 Nov 1994 08:49:38 GMT')
    assert.equal(httpDate(example), 'Sun, 06 Nov 1994 08:49:37 GMT')
  })
})

describe('parseHttpDate', () => {
  for (const [text, expected] of [
    ['Sun, 06 Nov 1994 08:49:37 GMT', example],
    ['Sunday, 06-Nov-94 08:49:37 GMT', example],
    ['Sun Nov  6 08:49:37 1994', example],
    ['Sun Nov 06 08:49:37 1994', example],
    ['sUN, 06 nOV 1994 08:49:37 gmt', example],
    ['Sun, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(parseHttpDate(text, now), expected))
  }

  it('puts a two-digit year at most 50 years into the future', () => {
    assert.equal(parseHttpDate('Friday, 20-Nov-76 00:00:00 GMT', now), Date.UTC(2076, 10, 20))
    assert.equal(parseHttpDate('Sunday, 20-Nov-77 00:00:00 GMT', now), Date.UTC(1977, 10, 20))
    assert.equal(parseHttpDate('Thursday, 20-Nov-25 00:00:00 GMT', now), Date.UTC(2025, 10, 20))
  })

  for (const text of [
    '',
    '0',
    '-1',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 AEST',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun 06 Nov 1994 08:49:37 GMT',
    'Sun,  06 Nov 1994 08:49:37 GMT',
    'Sun, 06  Nov 1994 08:49:37 GMT',
    'Sun, 06-Nov-1994 08:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 06 Nov 1994 08.49.37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Thu, 31 Nov 1994 08:49:37 GMT',
    'Wed, 29 Feb 2023 08:49:37 GMT',
    'Xyz, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, +6 Nov 1994 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sunday, 06-Nov-1994 08:49:37 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    '1994-11-06T08:49:37Z',
  ]) {
    it(`does not read ${JSON.stringify(text)}`, () => assert.equal(parseHttpDate(text, now), undefined))
  }

  it('reads what httpDate writes', () => {
    const lastSecond = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000
    fc.assert(
      fc.property(fc.integer({ min: -60_000_000_000, max: lastSecond }), (second) => {
        assert.equal(parseHttpDate(httpDate(second * 1000)), second * 1000)
      }),
    )
  })

  it('gives a number or undefined for any text', () => {
    const almost = fc
      .tuple(fc.constantFrom('Sun, 06 Nov 1994 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'), fc.nat(30), fc.string())
      .map(([date, at, text]) => date.slice(0, at) + text + date.slice(at + text.length))
    fc.assert(
      fc.property(fc.oneof(fc.string(), almost), (text) => {
        const ms = parseHttpDate(text, now)
        assert.ok(ms === undefined || Number.isSafeInteger(ms))
      }),
    )
  })
})
