import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MetaFlag } from '../../../../src/cache/policy/meta.ts'
import { decideStore, type StoreDecision } from '../../../../src/cache/policy/store.ts'
import type { Reason } from '../../../../src/log/reasons.ts'
import type { CacheSettings } from '../../../../src/plan/plan.ts'
import { answered, NOW, NOW_TEXT, request, response, settings, ttl } from '../facts.ts'

const times = { requestMs: NOW, responseMs: NOW }
const old = ['Last-Modified', 'Sun, 06 Nov 1994 08:32:57 GMT'] // 1000 s before NOW

interface Case {
  readonly title: string
  readonly method?: string
  readonly url?: string
  readonly sent?: string[]
  readonly status?: number
  readonly fields: string[]
  readonly changes?: Partial<CacheSettings>
  /** `none`: stored. */
  readonly reason: Reason
}

function decide({
  method = 'GET',
  url = 'http://example.org/a',
  sent = [],
  status = 200,
  fields,
  changes,
}: Omit<Case, 'title' | 'reason'>): StoreDecision {
  return decideStore(answered(request(url, sent, method), response(status, ...fields), { times }), settings(changes))
}

function suite(name: string, cases: Case[]): void {
  describe(name, () => {
    for (const one of cases) {
      test(one.title, () => {
        const decision = decide(one)
        assert.equal(decision.reason, one.reason)
        assert.equal(decision.store, one.reason === 'none')
      })
    }
  })
}

const fresh = ['Cache-Control', 'max-age=60']

suite('§3: the method is understood', [
  { title: 'GET', fields: fresh, reason: 'none' },
  { title: 'HEAD has no content to store', method: 'HEAD', fields: fresh, reason: 'method' },
  { title: 'PUT', method: 'PUT', fields: fresh, reason: 'method' },
  { title: 'POST', method: 'POST', fields: fresh, reason: 'method' },
  {
    title: 'POST with Content-Location elsewhere',
    method: 'POST',
    fields: [...fresh, 'Content-Location', '/b'],
    reason: 'method',
  },
  {
    title: 'POST with Content-Location = URI (RFC 9110 §9.3.3)',
    method: 'POST',
    fields: [...fresh, 'Content-Location', '/a'],
    reason: 'none',
  },
  {
    title: 'the same, absolute',
    method: 'POST',
    fields: [...fresh, 'Content-Location', 'http://example.org/a'],
    reason: 'none',
  },
  {
    title: 'the same without explicit freshness',
    method: 'POST',
    fields: [...old, 'Content-Location', '/a'],
    reason: 'method',
  },
])

suite('§3: the status', [
  ...[200, 203, 204, 299, 301, 302, 404, 418, 499, 500, 503, 504, 599].map((status) => ({
    title: `${status} with explicit freshness`,
    status,
    fields: fresh,
    reason: 'none' as const,
  })),
  { title: '103 is not final', status: 103, fields: fresh, reason: 'status' },
  { title: '304 is an update', status: 304, fields: fresh, reason: 'status' },
  { title: '206', status: 206, fields: fresh, reason: 'partial' },
  { title: '429 (RFC 6585 §4)', status: 429, fields: fresh, reason: 'status' },
  {
    title: '429 that the operator names',
    status: 429,
    fields: [],
    changes: { ttls: [ttl(1000, { statuses: [[429, 429]], mode: 'override' })] },
    reason: 'none',
  },
  ...[201, 202, 302, 403, 502, 503, 504, 599].map((status) => ({
    title: `${status} without explicit freshness`,
    status,
    fields: [...old, 'ETag', '"a"'],
    reason: 'status' as const,
  })),
  ...[200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501].map((status) => ({
    title: `${status} by heuristics (RFC 9110 §15.1)`,
    status,
    fields: old,
    reason: 'none' as const,
  })),
  { title: '599 by heuristics when public', status: 599, fields: [...old, 'Cache-Control', 'public'], reason: 'none' },
])

test('what a no-store matcher holds for is not stored, and requests for it need not wait', () => {
  const decision = decideStore(answered(request(), response(200, ...fresh), { noStoreHolds: true }), settings())
  assert.deepEqual([decision.store, decision.reason, decision.hitForMiss], [false, 'no-store-configured', true])
})

suite('§3: no-store, must-understand', [
  { title: 'no-store', fields: ['Cache-Control', 'no-store, max-age=60'], reason: 'response-no-store' },
  {
    title: 'override no-store',
    fields: ['Cache-Control', 'no-store, max-age=60'],
    changes: { overrides: ['no-store'] },
    reason: 'none',
  },
  {
    title: 'must-understand lifts no-store for a known status',
    fields: ['Cache-Control', 'no-store, must-understand, max-age=60'],
    reason: 'none',
  },
  {
    title: 'and refuses an unknown one',
    status: 599,
    fields: ['Cache-Control', 'must-understand, max-age=60'],
    reason: 'unknown-directive',
  },
  {
    title: 'request no-store (§5.2.1.5)',
    sent: ['Cache-Control', 'no-store'],
    fields: fresh,
    reason: 'request-no-store',
  },
  {
    title: 'request no-store under client-directives ignore',
    sent: ['Cache-Control', 'no-store'],
    fields: fresh,
    changes: { clientDirectives: 'ignore' },
    reason: 'none',
  },
])

suite('§3: a shared cache', [
  { title: 'private', fields: ['Cache-Control', 'private, max-age=60'], reason: 'response-private' },
  {
    title: 'override private',
    fields: ['Cache-Control', 'private, max-age=60'],
    changes: { overrides: ['private'] },
    reason: 'none',
  },
  {
    title: 'ttl override lifts freshness only',
    fields: ['Cache-Control', 'private'],
    changes: { ttls: [ttl(1000, { mode: 'override' })] },
    reason: 'response-private',
  },
  { title: 'qualified private', fields: ['Cache-Control', 'private="x-a", max-age=60'], reason: 'none' },
  { title: 'Authorization (§3.5)', sent: ['Authorization', 'Basic eA=='], fields: fresh, reason: 'authorization' },
  ...['public', 'must-revalidate', 's-maxage=60'].map((word) => ({
    title: `Authorization with ${word}`,
    sent: ['Authorization', 'Basic eA=='],
    fields: ['Cache-Control', `max-age=60, ${word}`],
    reason: 'none' as const,
  })),
  {
    title: 'override authorization',
    sent: ['Authorization', 'Basic eA=='],
    fields: fresh,
    changes: { overrides: ['authorization'] },
    reason: 'none',
  },
  { title: 'a request with Cookie', sent: ['Cookie', 'a=b'], fields: fresh, reason: 'none' },
  { title: 'Set-Cookie', fields: [...fresh, 'Set-Cookie', 'a=b'], reason: 'set-cookie' },
  {
    title: 'Set-Cookie named by no-cache is still a cookie',
    fields: ['Cache-Control', 'max-age=60, no-cache="set-cookie"', 'Set-Cookie', 'a=b'],
    reason: 'set-cookie',
  },
  {
    title: 'override set-cookie',
    fields: [...fresh, 'Set-Cookie', 'a=b'],
    changes: { overrides: ['set-cookie'] },
    reason: 'none',
  },
])

suite('§3: freshness', [
  {
    title: 'Expires in the future',
    fields: ['Date', NOW_TEXT, 'Expires', 'Sun, 06 Nov 1994 09:49:37 GMT'],
    reason: 'none',
  },
  { title: 'Expires in the past, no validator', fields: ['Expires', '0'], reason: 'no-freshness' },
  { title: 'Expires in the past, ETag', fields: ['Expires', '0', 'ETag', '"a"'], reason: 'none' },
  { title: 'nothing at all', fields: [], reason: 'no-freshness' },
  { title: 'ETag only: stored to be validated', fields: ['ETag', 'W/"a"'], reason: 'none' },
  { title: 'stale on arrival', fields: ['Cache-Control', 'max-age=60', 'Age', '60'], reason: 'no-freshness' },
  {
    title: 'stale on arrival within its window',
    fields: ['Cache-Control', 'max-age=60, stale-while-revalidate=60', 'Age', '60'],
    reason: 'none',
  },
  {
    title: 'no-cache without validator (§5.2.2.4)',
    fields: ['Cache-Control', 'no-cache, max-age=60'],
    reason: 'response-no-cache',
  },
  { title: 'no-cache with validator', fields: ['Cache-Control', 'no-cache', 'ETag', '"a"'], reason: 'none' },
  {
    title: 'override no-cache',
    fields: ['Cache-Control', 'no-cache, max-age=60'],
    changes: { overrides: ['no-cache'] },
    reason: 'none',
  },
  { title: 'ttl where the origin is silent', fields: [], changes: { ttls: [ttl(1000)] }, reason: 'none' },
  { title: 'ttl 0s', fields: old, changes: { ttls: [ttl(0)] }, reason: 'ttl-zero' },
  { title: 'ttl 0s where the origin speaks', fields: fresh, changes: { ttls: [ttl(0)] }, reason: 'none' },
  { title: 'ttl 0s override', fields: fresh, changes: { ttls: [ttl(0, { mode: 'override' })] }, reason: 'ttl-zero' },
  {
    title: 'a ttl for another status',
    status: 500,
    fields: [],
    changes: { ttls: [ttl(1000, { statuses: [[200, 299]], mode: 'override' })] },
    reason: 'status',
  },
  {
    title: 'a ttl for 5xx is',
    status: 500,
    fields: [],
    changes: { ttls: [ttl(1000, { statuses: [[500, 599]] })] },
    reason: 'none',
  },
])

suite('what cannot be used', [
  { title: 'Vary: * (§4.1)', fields: [...fresh, 'Vary', 'a, *'], reason: 'vary-star' },
  { title: 'Content-Length over max-object', fields: [...fresh, 'Content-Length', '1000001'], reason: 'too-large' },
  { title: 'Content-Length of max-object', fields: [...fresh, 'Content-Length', '1000000'], reason: 'none' },
])

suite('RFC 9213', [
  {
    title: 'a targeted lifetime against no-store',
    fields: ['Cache-Control', 'no-store', 'CDN-Cache-Control', 'max-age=60'],
    reason: 'none',
  },
  {
    title: 'a targeted no-store against a lifetime',
    fields: [...fresh, 'CDN-Cache-Control', 'no-store'],
    reason: 'response-no-store',
  },
  { title: 'a targeted private', fields: [...fresh, 'CDN-Cache-Control', 'private'], reason: 'response-private' },
  {
    title: 'Expires does not count beside it',
    fields: ['Expires', 'Sun, 06 Nov 1994 09:49:37 GMT', 'CDN-Cache-Control', 'max-age="60"'],
    reason: 'no-freshness',
  },
  { title: 'Age counts against it', fields: ['CDN-Cache-Control', 'max-age=60', 'Age', '60'], reason: 'no-freshness' },
])

describe('the rest of the decision', () => {
  test('the lifetime: s-maxage over max-age over Expires (§4.2.1)', () => {
    const expires = ['Date', NOW_TEXT, 'Expires', 'Sun, 06 Nov 1994 08:49:39 GMT']
    assert.equal(decide({ fields: ['Cache-Control', 'max-age=9, s-maxage=7', ...expires] }).meta.lifetimeMs, 7000)
    assert.equal(decide({ fields: ['Cache-Control', 'max-age=9', ...expires] }).meta.lifetimeMs, 9000)
    assert.equal(decide({ fields: expires }).meta.lifetimeMs, 2000)
  })

  test("an operator's ttl counts from arrival, whatever the origin's clock and Age say", () => {
    const { meta } = decide({
      fields: ['Date', 'Sun, 06 Nov 1994 07:49:37 GMT', 'Age', '50'],
      changes: { ttls: [ttl(5000)] },
    })
    assert.equal(meta.initialAgeMs, 3_600_000)
    assert.equal(meta.lifetimeMs, 3_605_000)
  })

  test('jitter shortens by up to its share', () => {
    const lifetime = (random: number): number =>
      decideStore(answered(request(), response(200, ...fresh), { times, random }), settings({ jitter: 0.1 })).meta
        .lifetimeMs
    assert.equal(lifetime(0), 60_000)
    assert.equal(lifetime(0.5), 57_000)
  })

  const windows: [cacheControl: string, swrMs: number, sieMs: number, forbids: boolean, why: string][] = [
    ['max-age=1', 600_000, 700_000, false, "the operator's"],
    ['max-age=1, stale-while-revalidate=2, stale-if-error=3', 2000, 3000, false, "the response's go first"],
    ['max-age=1, stale-while-revalidate=0, stale-if-error=0', 0, 0, false, 'zero is said, too'],
    ['max-age=0', 0, 700_000, false, 'no grace for what was never fresh'],
    ['max-age=0, stale-while-revalidate=9', 9000, 700_000, false, 'unless the response asks for it'],
    ['max-age=1, must-revalidate, stale-while-revalidate=2', 0, 0, true, '§5.2.2.2'],
    ['max-age=1, proxy-revalidate', 0, 0, true, '§5.2.2.8'],
    ['no-cache, max-age=1', 0, 0, true, '§4.2.4'],
    ['s-maxage=1', 0, 0, true, '§5.2.2.10'],
    ['s-maxage=1, stale-while-revalidate=2', 2000, 0, true, 'both said by one response'],
  ]
  for (const [cacheControl, swrMs, sieMs, forbids, why] of windows) {
    test(`stale windows of ${cacheControl} (${why})`, () => {
      const changes = { graceMs: 600_000, staleIfErrorMs: 700_000 }
      const { meta } = decide({ fields: ['Cache-Control', cacheControl, 'ETag', '"a"'], changes })
      assert.equal(meta.staleWhileRevalidateMs, swrMs)
      assert.equal(meta.staleIfErrorMs, sieMs)
      assert.equal((meta.flags & MetaFlag.forbidsStale) !== 0, forbids)
    })
  }

  test('an outage is bridged unasked only where neither side has said anything, nor forbidden it', () => {
    const bridges = (cacheControl: string, changes: Partial<CacheSettings> = {}): boolean =>
      (decide({ fields: ['Cache-Control', cacheControl], changes }).meta.flags & MetaFlag.bridgesOutage) !== 0
    assert.equal(bridges('max-age=1'), true)
    assert.equal(bridges('max-age=1', { staleIfErrorMs: 0 }), false)
    for (const word of ['stale-if-error=0', 's-maxage=1', 'must-revalidate', 'proxy-revalidate', 'no-cache'])
      assert.equal(bridges(`max-age=1, ${word}`), false, word)
  })

  test('fields that may not be stored are named', () => {
    const fields = ['Cache-Control', 'max-age=60, no-cache="X-A", private="X-B"']
    assert.deepEqual(decide({ fields }).withheldFields, ['x-a', 'x-b'])
    assert.deepEqual(decide({ fields, changes: { overrides: ['private', 'no-cache'] } }).withheldFields, [])
  })

  test('hit-for-miss is for what the resource is, not for what one request was', () => {
    assert.equal(decide({ fields: [...fresh, 'Set-Cookie', 'a=b'] }).hitForMiss, true)
    assert.equal(decide({ fields: [] }).hitForMiss, true)
    assert.equal(decide({ fields: fresh }).hitForMiss, false)
    assert.equal(decide({ status: 503, fields: [] }).hitForMiss, false)
    assert.equal(decide({ fields: fresh, sent: ['Authorization', 'x'] }).hitForMiss, false)
    assert.equal(decide({ fields: fresh, sent: ['Cache-Control', 'no-store'] }).hitForMiss, false)
    for (const status of [400, 429, 431]) assert.equal(decide({ status, fields: [] }).hitForMiss, false)
    assert.equal(decide({ status: 403, fields: [] }).hitForMiss, true)
    assert.equal(decide({ status: 403, fields: [], sent: ['Authorization', 'x'] }).hitForMiss, false)
  })

  test('flags and dates', () => {
    const { meta } = decide({
      changes: { staleIfErrorMs: 0 },
      fields: [...old, 'ETag', '"a"', 'Cache-Control', 'immutable', 'Date', NOW_TEXT],
    })
    assert.equal(meta.flags, MetaFlag.hasEtag | MetaFlag.hasLastModified | MetaFlag.heuristic | MetaFlag.immutable)
    assert.equal(meta.lastModifiedMs, NOW - 1_000_000)
    assert.equal(meta.dateMs, NOW)
    assert.equal(meta.lifetimeMs, 100_000)
  })

  test('a Last-Modified that is no date is no validator', () => {
    assert.equal(decide({ fields: ['Last-Modified', 'yesterday'] }).reason, 'no-freshness')
  })
})
