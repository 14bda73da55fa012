import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { correctedInitialAgeMs, originDateMs } from '../../../../src/cache/policy/age.ts'
import { explicitFreshness, freshnessOf } from '../../../../src/cache/policy/freshness.ts'
import { governingDirectives } from '../../../../src/cache/policy/targeted.ts'
import { selectTtl } from '../../../../src/cache/policy/ttl.ts'
import type { ResponseFacts } from '../../../../src/plan/facts.ts'
import { NOW, NOW_TEXT, response, ttl } from '../facts.ts'

const times = { requestMs: NOW, responseMs: NOW }

function lifetimeOf(facts: ResponseFacts): number {
  const dateMs = originDateMs(facts, times)
  const dated = { response: facts, governing: governingDirectives(facts, ['cache-control']), dateMs, responseMs: NOW }
  return freshnessOf(dated, undefined, explicitFreshness(dated)).lifetimeMs
}

describe('Age (RFC 9111 §4.2.3, §5.1)', () => {
  const cases: [fields: string[], ageMs: number, why: string][] = [
    [[], 0, 'nothing said'],
    [['Age', '30'], 30_000, 'counted'],
    [['Age', '007'], 7000, 'leading zeros'],
    [['Age', '30, 9000'], 30_000, 'the first member'],
    [['Age', '30', 'Age', '9000'], 30_000, 'of the first line'],
    [['Age', '-1'], 0, 'no sign'],
    [['Age', '1.5'], 0, 'no fraction'],
    [['Age', 'x, 30'], 0, 'an invalid first member is ignored, not skipped'],
    [['Age', '"30"'], 0, 'no quotes'],
    [['Age', '99999999999'], 2 ** 31 * 1000, 'saturates'],
    [['Date', 'Sun, 06 Nov 1994 08:49:27 GMT'], 10_000, 'apparent age'],
    [['Date', 'Sun, 06 Nov 1994 08:49:27 GMT', 'Age', '30'], 30_000, 'the larger of both'],
    [['Date', 'Sun, 06 Nov 1994 09:49:27 GMT'], 0, 'a Date in the future'],
    [['Date', 'today'], 0, 'an invalid Date is the time of arrival'],
  ]
  for (const [fields, ageMs, why] of cases) {
    test(`${fields.join(' ')} (${why})`, () => {
      const facts = response(200, ...fields)
      assert.equal(correctedInitialAgeMs(facts, originDateMs(facts, times), times), ageMs)
    })
  }

  test('the time the answer took is added to the Age value', () => {
    const facts = response(200, 'Age', '30')
    const slow = { requestMs: NOW - 2500, responseMs: NOW }
    assert.equal(correctedInitialAgeMs(facts, originDateMs(facts, slow), slow), 32_500)
  })

  test('a response of this second has no age, though Date has no fraction', () => {
    const facts = response(200, 'Date', NOW_TEXT)
    const within = { requestMs: NOW + 999, responseMs: NOW + 999 }
    assert.equal(correctedInitialAgeMs(facts, originDateMs(facts, within), within), 0)
  })
})

describe('lifetime (RFC 9111 §4.2.1, §5.3)', () => {
  const cases: [fields: string[], lifetimeMs: number, why: string][] = [
    [['Expires', 'Sun, 06 Nov 1994 08:50:37 GMT'], 60_000, 'from arrival without Date'],
    [
      ['Date', 'Sun, 06 Nov 1994 08:48:37 GMT', 'Expires', 'Sun, 06 Nov 1994 08:50:37 GMT'],
      120_000,
      'Expires - Date, not - now',
    ],
    [['Date', 'x', 'Expires', 'Sun, 06 Nov 1994 08:50:37 GMT'], 60_000, 'from arrival with an invalid Date'],
    [['Expires', 'Sunday, 06-Nov-94 08:50:37 GMT'], 60_000, 'RFC 850'],
    [['Expires', 'Sun Nov  6 08:50:37 1994'], 60_000, 'asctime'],
    [['Expires', 'SUN, 06 nov 1994 08:50:37 gmt'], 60_000, 'letter case'],
    [['Expires', '0'], 0, 'invalid is expired'],
    [['Expires', ''], 0, 'empty is expired'],
    [['Expires', 'Sun, 06 Nov 1994 08:50:37 UTC'], 0, 'another zone'],
    [['Expires', 'Sun, 06 Nov 1994 08:50:37 GMT', 'Expires', 'Sun, 06 Nov 1994 08:50:37 GMT'], 0, 'two lines'],
    [['Expires', 'Sun, 06 Nov 1994 08:00:00 GMT'], 0, 'in the past'],
    [['Cache-Control', 'max-age=0', 'Expires', 'Sun, 06 Nov 1994 08:50:37 GMT'], 0, 'max-age beats Expires'],
    [['Cache-Control', 'max-age=5', 'Expires', '0'], 5000, 'the other way round'],
    [['Cache-Control', 's-maxage=x, max-age=5'], 0, 'an invalid s-maxage is stale'],
    [['Cache-Control', 'max-age=5', 'Cache-Control', 'max-age=9'], 5000, 'lines combine, the first counts'],
  ]
  for (const [fields, lifetimeMs, why] of cases) {
    test(`${fields.join(' ')} (${why})`, () => assert.equal(lifetimeOf(response(200, ...fields)), lifetimeMs))
  }
})

describe('heuristics (RFC 9111 §4.2.2)', () => {
  const cases: [status: number, fields: string[], lifetimeMs: number, why: string][] = [
    [200, ['Last-Modified', 'Sun, 06 Nov 1994 08:32:57 GMT'], 100_000, 'a tenth'],
    [404, ['Last-Modified', 'Sun, 06 Nov 1994 08:32:57 GMT'], 100_000, 'for a status cacheable by default'],
    [503, ['Last-Modified', 'Sun, 06 Nov 1994 08:32:57 GMT'], 0, 'for no other'],
    [503, ['Last-Modified', 'Sun, 06 Nov 1994 08:32:57 GMT', 'Cache-Control', 'public'], 100_000, 'unless public'],
    [200, ['Last-Modified', 'Mon, 06 Nov 1989 08:32:57 GMT'], 86_400_000, 'a day at most'],
    [200, ['Last-Modified', 'Mon, 07 Nov 1994 08:32:57 GMT'], 0, 'not from the future'],
    [200, ['Last-Modified', 'long ago'], 0, 'not from what is no date'],
  ]
  for (const [status, fields, lifetimeMs, why] of cases) {
    test(`${status} ${fields.join(' ')} (${why})`, () =>
      assert.equal(lifetimeOf(response(status, ...fields)), lifetimeMs))
  }
})

describe('ttl statements', () => {
  test('none fits', () => assert.equal(selectTtl([ttl(1, { path: '/a' })], '/b', response(200)), undefined))

  const rules = [
    ttl(1, {
      statuses: [
        [404, 404],
        [500, 599],
      ],
    }),
    ttl(2, { path: '/img/**', contentType: 'image/*' }),
    ttl(3, { path: '/img/**' }),
    ttl(4, { contentType: 'text/html', mode: 'override' }),
    ttl(5, { statuses: [[200, 301]] }),
    ttl(6),
  ]
  const cases: [status: number, path: string, type: string | undefined, ttlMs: number | undefined, why: string][] = [
    [200, '/', undefined, 5, 'the first that fits'],
    [404, '/', undefined, 1, 'a status'],
    [503, '/', undefined, 1, 'a range of statuses'],
    [200, '/img/a', undefined, 3, 'a path'],
    [200, '/img/a', 'IMAGE/png; x=y', 2, 'path and type'],
    [200, '/', 'text/html;charset=utf-8', 4, 'type without parameters'],
    [200, '/', 'text/htmlx', 5, 'whole type'],
    [301, '/', undefined, 5, 'the end of a range'],
    [302, '/', undefined, 6, 'no status named: every one'],
  ]
  for (const [status, path, type, ttlMs, why] of cases) {
    const fields = type === undefined ? [] : ['Content-Type', type]
    test(`${status} ${path} ${type} (${why})`, () =>
      assert.equal(selectTtl(rules, path, response(status, ...fields))?.ttlMs, ttlMs))
  }

  const byLength = [ttl(1, { lengths: [101, Number.MAX_SAFE_INTEGER] }), ttl(2, { lengths: [11, 99] })]
  for (const [length, ttlMs] of [
    ['101', 1],
    ['100', undefined],
    ['99', 2],
    ['11', 2],
    ['10', undefined],
    ['99999999999999999999', 1],
    ['-5', undefined],
    ['nonsense', undefined],
    [undefined, undefined],
  ] as const) {
    const fields = length === undefined ? [] : ['Content-Length', length]
    test(`Content-Length ${length}: ${ttlMs === undefined ? 'no length fits' : `the length of ttl ${ttlMs}`}`, () =>
      assert.equal(selectTtl(byLength, '/', response(200, ...fields))?.ttlMs, ttlMs))
  }
})
