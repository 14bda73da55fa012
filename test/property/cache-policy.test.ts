/** The caching rules against whatever text peers may send, and against the shape that freshness must have over time. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseRequestDirectives, parseResponseDirectives } from '../../src/cache/policy/cache-control.ts'
import { isEtagListed } from '../../src/cache/policy/conditional.ts'
import { parseDictionary } from '../../src/cache/policy/dictionary.ts'
import { DirectiveCursor } from '../../src/cache/policy/directive-cursor.ts'
import { FlatFacts } from '../../src/cache/policy/flat-facts.ts'
import { invalidatedRequests } from '../../src/cache/policy/invalidate.ts'
import { decodeMeta, encodeMeta, MetaFlag, StoredMeta } from '../../src/cache/policy/meta.ts'
import { canServeStaleOnError, decideReuse, isServed, Reuse } from '../../src/cache/policy/reuse.ts'
import { decideStore } from '../../src/cache/policy/store.ts'
import { mergeFields } from '../../src/cache/policy/update.ts'
import { cpuMsOf } from '../support/cpu.ts'
import { answered, NOW, request, settings, ttl } from '../unit/cache/facts.ts'

/** Text made of what the parsers look at, so that deep states are reached. */
const fieldText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...['max-age', 's-maxage', 'no-store', 'no-cache', 'private', 'public', 'must-revalidate', 'immutable'],
        ...[
          'stale-while-revalidate',
          'max-stale',
          '=',
          ',',
          '"',
          '\\',
          ' ',
          '\t',
          ';',
          '-',
          '.',
          '(',
          ')',
          ':',
          '?1',
          '*',
        ],
        ...[
          'W/',
          '"a"',
          '60',
          '0',
          '99999999999999999999',
          'Sun, 06 Nov 1994 08:49:37 GMT',
          'http://example.org/',
          '/x',
        ],
      ),
      fc.integer({ min: 0x20, max: 0xff }).map((byte) => String.fromCharCode(byte)),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''))

const fieldNames = [
  ...['Cache-Control', 'CDN-Cache-Control', 'Age', 'Date', 'Expires', 'Last-Modified', 'ETag', 'Vary', 'Set-Cookie'],
  ...['Content-Length', 'Content-Type', 'Location', 'Content-Location', 'Connection'],
]
const fields = fc
  .array(fc.tuple(fc.constantFrom(...fieldNames), fieldText), { maxLength: 6 })
  .map((pairs) => pairs.flat())

test('no field text makes a rule throw, loop or give a number that is none', () => {
  fc.assert(
    fc.property(fields, fc.integer({ min: 100, max: 599 }), fc.constantFrom('GET', 'POST'), (flat, status, method) => {
      const asked = request('http://example.org/x', flat, method)
      const rules = settings({ ttls: [ttl(1000, { contentType: 'a/*' })], graceMs: 5 })
      const times = { requestMs: NOW - 5, responseMs: NOW }
      const decision = decideStore(answered(asked, new FlatFacts(status, flat), { times, random: 0.5 }), rules)
      const cells = new Float64Array(16)
      encodeMeta(decision.meta, cells)
      assert.ok(cells.every(Number.isFinite))
      assert.deepEqual(decodeMeta(cells), decision.meta)
      assert.ok(decision.meta.initialAgeMs >= 0 && decision.meta.lifetimeMs >= 0)
      invalidatedRequests(asked, new FlatFacts(status, flat))
      mergeFields(flat, flat, NOW)
    }),
    { numRuns: 3000 },
  )
})

test('no text makes a parser throw, and reading takes no more steps than the text has letters', () => {
  fc.assert(
    fc.property(fieldText, (text) => {
      parseRequestDirectives(text)
      parseDictionary(text)
      isEtagListed(text, '"a"')
      const cursor = new DirectiveCursor(text)
      let steps = 0
      while (cursor.next()) assert.ok(++steps <= text.length)
    }),
    { numRuns: 5000 },
  )
})

test('a prohibition is found wherever a list holds it as a member of its own', () => {
  const member = fieldText.filter((text) => !text.includes('"') && !text.includes(','))
  fc.assert(
    fc.property(fc.array(member, { maxLength: 4 }), fc.array(member, { maxLength: 4 }), (before, after) => {
      assert.equal(parseResponseDirectives([...before, 'No-Store', ...after].join(', ')).noStore, true)
    }),
  )
})

test('long hostile text is read in linear time', () => {
  const half = 200_000
  for (const text of [
    '"\\'.repeat(half),
    '"'.repeat(half),
    'a="'.repeat(half),
    ',"'.repeat(half),
    'a="x" '.repeat(half),
  ]) {
    const cpuMs = cpuMsOf(() => {
      parseResponseDirectives(text)
      parseDictionary(text)
      isEtagListed(text, '"a"')
    })
    assert.ok(cpuMs < 1500, text.slice(0, 10))
  }
})

const windowMs = fc.integer({ min: 0, max: 1000 })
const anyMeta = fc
  .record({ initialAgeMs: windowMs, lifetimeMs: windowMs, staleWhileRevalidateMs: windowMs, staleIfErrorMs: windowMs })
  .map((changes) => Object.assign(new StoredMeta(), { status: 200, responseMs: NOW }, changes))
const asked = fc.option(
  fc
    .record({ name: fc.constantFrom('max-age', 'min-fresh', 'max-stale'), sec: fc.integer({ min: 0, max: 2 }) })
    .map(({ name, sec }) => parseRequestDirectives(`${name}=${sec}`)),
  { nil: undefined },
)

test('what is not served now is not served later: time and a purge only take away', () => {
  fc.assert(
    fc.property(
      anyMeta,
      asked,
      fc.boolean(),
      fc.boolean(),
      windowMs,
      windowMs,
      (meta, directives, purged, unanswered, first, more) => {
        const now = isServed(decideReuse(meta, purged, directives, NOW + first))
        const later = isServed(decideReuse(meta, purged, directives, NOW + first + more))
        assert.ok(now || !later)
        const unpurged = isServed(decideReuse(meta, false, directives, NOW + first))
        assert.ok(unpurged || !now)
        const onError = canServeStaleOnError(meta, purged, directives, NOW + first, unanswered)
        assert.ok(onError || !canServeStaleOnError(meta, purged, directives, NOW + first + more, unanswered))
      },
    ),
    { numRuns: 3000 },
  )
})

test('what forbids stale answers gets none, whatever a client accepts', () => {
  fc.assert(
    fc.property(anyMeta, asked, windowMs, (meta, directives, after) => {
      const strict = Object.assign(new StoredMeta(), meta, {
        flags: MetaFlag.forbidsStale,
        staleWhileRevalidateMs: 0,
        staleIfErrorMs: 0,
      })
      const reuse = decideReuse(strict, false, directives, NOW + after)
      assert.ok(reuse === Reuse.fresh || !isServed(reuse))
    }),
  )
})
