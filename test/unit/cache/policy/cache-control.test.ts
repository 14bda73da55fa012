import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  hasPragmaNoCache,
  parseRequestDirectives,
  parseResponseDirectives,
  type RequestDirectives,
  type ResponseDirectives,
} from '../../../../src/cache/policy/cache-control.ts'

/** What differs from a field without directives. */
function difference(found: object, none: object): object {
  const base = Object.entries(none)
  return Object.fromEntries(
    Object.entries(found).filter(([name, value], i) => base[i]![0] === name && base[i]![1] !== value),
  )
}

const responseCases: [text: string, expected: Partial<ResponseDirectives>, why: string][] = [
  ['', {}, 'nothing'],
  ['max-age=3600', { maxAgeSec: 3600 }, '§5.2.2.1'],
  ['Max-AGE=3600', { maxAgeSec: 3600 }, '§5.2: names are case-insensitive'],
  ['max-age=003600', { maxAgeSec: 3600 }, '§1.2.2: leading zeros'],
  ['max-age="3600"', { maxAgeSec: 3600 }, '§5.2: both forms are understood'],
  ['max-age="36\\00"', { maxAgeSec: 3600 }, 'RFC 9110 §5.6.4: escapes'],
  ['max-age=2147483648', { maxAgeSec: 2 ** 31 }, '§1.2.2'],
  ['max-age=99999999999', { maxAgeSec: 2 ** 31 }, '§1.2.2: saturates'],
  [`max-age=${'9'.repeat(400)}`, { maxAgeSec: 2 ** 31 }, '§1.2.2: saturates'],
  ['max-age=-1', { maxAgeSec: 0 }, '§4.2.1: invalid is stale'],
  ["max-age='3600'", { maxAgeSec: 0 }, 'single quotes quote nothing'],
  ['max-age=3600.0', { maxAgeSec: 0 }, 'not an integer'],
  ['max-age=1e3', { maxAgeSec: 0 }, 'not an integer'],
  ['max-age=3600a', { maxAgeSec: 0 }, 'not an integer'],
  ['max-age', { maxAgeSec: 0 }, 'no argument'],
  ['max-age=', { maxAgeSec: 0 }, 'empty argument'],
  ['max-age =3600', { maxAgeSec: 0 }, 'no blank belongs before ='],
  ['max-age= 3600', { maxAgeSec: 0 }, 'nor behind it'],
  ['max-age=3600 7', { maxAgeSec: 0 }, 'two arguments'],
  ['max-age="3600', { maxAgeSec: 0 }, 'the quote is never closed'],
  ['max-age=1, max-age=9', { maxAgeSec: 1 }, '§4.2.1: the first counts'],
  ['max-age=x, max-age=9', { maxAgeSec: 0 }, '§4.2.1: the first counts, invalid as it is'],
  ['a=b,,\t, max-age=7 ,', { maxAgeSec: 7 }, 'RFC 9110 §5.6.1: empty members'],
  ['ext="max-age=3600"', {}, 'a quoted string is opaque'],
  ['ext="no-store, max-age=3600", max-age=5', { maxAgeSec: 5 }, 'commas in it too'],
  ['ext="a\\", no-store", max-age=5', { maxAgeSec: 5 }, 'an escaped quote closes nothing'],
  ['"no-store", max-age=5', { maxAgeSec: 5 }, 'a string is no directive'],
  ['ext="x, no-store', { noStore: true }, 'an open quote swallows nothing'],
  ['xmax-age=3600, max-agex=3600', {}, 'whole names only'],
  ['s-maxage=5, max-age=9', { sharedMaxAgeSec: 5, maxAgeSec: 9 }, '§5.2.2.10'],
  ['no-store=1', { noStore: true }, 'a prohibition with an argument'],
  ['no-store junk', { noStore: true }, 'a prohibition with junk'],
  ['no-cache', { noCache: true }, '§5.2.2.4'],
  ['no-cache=""', { noCache: true }, 'an empty list limits nothing'],
  ['no-cache="a b"', { noCache: true }, 'a list that cannot be trusted limits nothing'],
  ['private', { isPrivate: true }, '§5.2.2.7'],
  ['public, must-revalidate', { isPublic: true, mustRevalidate: true }, '§5.2.2.9, §5.2.2.2'],
  [
    'proxy-revalidate, must-understand, immutable',
    { proxyRevalidate: true, mustUnderstand: true, immutable: true },
    '',
  ],
  ['stale-while-revalidate=1, stale-if-error=2', { staleWhileRevalidateSec: 1, staleIfErrorSec: 2 }, 'RFC 5861'],
  ['stale-while-revalidate=x, stale-if-error', {}, 'an invalid permission permits nothing'],
]

describe('response Cache-Control (RFC 9111 §5.2.2)', () => {
  for (const [text, expected, why] of responseCases) {
    test(`${text.slice(0, 60)} (${why})`, () => {
      assert.deepEqual(difference(parseResponseDirectives(text), parseResponseDirectives('')), expected)
    })
  }

  test('the qualified forms name fields (§5.2.2.4, §5.2.2.7)', () => {
    const directives = parseResponseDirectives('no-cache="Set-Cookie, X-A", private=x-b, no-cache="x-c"')
    assert.deepEqual(directives.noCacheFields, ['set-cookie', 'x-a', 'x-c'])
    assert.deepEqual(directives.privateFields, ['x-b'])
    assert.equal(directives.noCache || directives.isPrivate, false)
  })
})

const requestCases: [text: string, expected: Partial<RequestDirectives>, why: string][] = [
  ['no-cache, no-store, only-if-cached', { noCache: true, noStore: true, onlyIfCached: true }, '§5.2.1.4, .5, .7'],
  ['max-age=0', { maxAgeSec: 0 }, '§5.2.1.1'],
  ['max-age=x, min-fresh=-1', {}, 'an invalid wish is none'],
  ['min-fresh=5', { minFreshSec: 5 }, '§5.2.1.3'],
  ['max-stale', { maxStaleSec: Number.POSITIVE_INFINITY }, '§5.2.1.2: any staleness'],
  ['max-stale=10', { maxStaleSec: 10 }, '§5.2.1.2'],
  ['max-stale=x', {}, 'invalid permits nothing'],
  ['max-stale x', {}, 'malformed permits nothing'],
  ['stale-if-error=60', { staleIfErrorSec: 60 }, 'RFC 5861 §4'],
]

describe('request Cache-Control (RFC 9111 §5.2.1)', () => {
  for (const [text, expected, why] of requestCases) {
    test(`${text} (${why})`, () => {
      assert.deepEqual(difference(parseRequestDirectives(text), parseRequestDirectives('')), expected)
    })
  }
})

test('Pragma (RFC 9111 §5.4)', () => {
  assert.equal(hasPragmaNoCache('No-Cache'), true)
  assert.equal(hasPragmaNoCache('a, no-cache'), true)
  assert.equal(hasPragmaNoCache('x="no-cache"'), false)
  assert.equal(hasPragmaNoCache(''), false)
})
