import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseRequestDirectives } from '../../../../src/cache/policy/cache-control.ts'
import {
  ageSeconds,
  decodeMeta,
  encodeMeta,
  META_CELLS_USED,
  MetaFlag,
  StoredMeta,
} from '../../../../src/cache/policy/meta.ts'
import { canServeStaleOnError, decideReuse, isServed, Reuse, reuseReasons } from '../../../../src/cache/policy/reuse.ts'
import { NOW } from '../facts.ts'

/** Arrived at NOW, fresh for 60 s, stale-while-revalidate for 10 s, stale-if-error for 100 s. */
function stored(changes: Partial<StoredMeta> = {}): StoredMeta {
  const base = {
    status: 200,
    responseMs: NOW,
    lifetimeMs: 60_000,
    staleWhileRevalidateMs: 10_000,
    staleIfErrorMs: 100_000,
  }
  return Object.assign(new StoredMeta(), base, changes)
}

type Name = keyof typeof Reuse
const nameOf = (reuse: number): Name => (Object.keys(Reuse) as Name[]).find((name) => Reuse[name] === reuse)!
const noWindow = { staleWhileRevalidateMs: 0 }
const strict = { staleWhileRevalidateMs: 0, flags: MetaFlag.forbidsStale }

const cases: [afterSec: number, asked: string, expected: Name, changes: Partial<StoredMeta>, why: string][] = [
  [0, '', 'fresh', {}, '§4.2'],
  [59.9, '', 'fresh', {}, '§4.2'],
  [60, '', 'staleWhileRevalidate', {}, '§4.2: fresh while lifetime > age'],
  [69.9, '', 'staleWhileRevalidate', {}, 'RFC 5861 §3'],
  [70, '', 'validateExpired', {}, 'not beyond the window'],
  [60, '', 'validateExpired', noWindow, 'no window'],
  [-5, '', 'fresh', {}, 'a clock set back'],
  [0, '', 'validateNoCache', { flags: MetaFlag.noCache }, '§5.2.2.4'],
  [1, 'no-cache', 'validateRequest', {}, '§5.2.1.4'],
  [1, 'max-age=0', 'validateRequest', {}, '§5.2.1.1'],
  [1, 'max-age=1', 'fresh', {}, 'not older than asked'],
  [1, 'max-age=0', 'fresh', { flags: MetaFlag.immutable }, 'RFC 8246 §2'],
  [1, 'no-cache', 'validateRequest', { flags: MetaFlag.immutable }, 'RFC 8246 §2: a clear signal'],
  [60, 'max-age=0', 'validateRequest', { flags: MetaFlag.immutable }, 'immutable while fresh only'],
  [1, 'min-fresh=59', 'fresh', {}, '§5.2.1.3'],
  [1, 'min-fresh=60', 'validateRequest', {}, '§5.2.1.3'],
  [65, 'max-age=100', 'validateRequest', {}, '§5.2.1.1: no stale answer without max-stale'],
  [65, 'max-age=100, max-stale=5', 'staleWhileRevalidate', {}, '§5.2.1.1'],
  [65, 'max-age=64, max-stale=5', 'validateRequest', {}, 'older than asked'],
  [100, 'max-stale', 'staleAccepted', {}, '§5.2.1.2'],
  [100, 'max-stale=40', 'staleAccepted', {}, '§5.2.1.2'],
  [100, 'max-stale=39', 'validateExpired', {}, '§5.2.1.2'],
  [65, 'max-stale=4', 'validateRequest', {}, 'max-stale bounds the window, too'],
  [65, 'max-stale=100', 'staleWhileRevalidate', {}, 'the window goes first: it refreshes'],
  [100, 'max-stale', 'validateExpired', strict, '§4.2.4'],
  [0, 'max-stale', 'validateNoCache', { flags: MetaFlag.noCache | MetaFlag.forbidsStale }, '§4.2.4'],
  [0, 'only-if-cached', 'fresh', {}, '§5.2.1.7'],
  [65, 'only-if-cached', 'staleWhileRevalidate', {}, '§5.2.1.7'],
  [70, 'only-if-cached', 'gatewayTimeout', {}, '§5.2.1.7'],
  [0, 'only-if-cached, no-cache', 'gatewayTimeout', {}, '§5.2.1.7'],
  [0, 'no-store', 'fresh', {}, '§5.2.1.5: what is stored already may be used'],
]

describe('decideReuse', () => {
  for (const [afterSec, asked, expected, changes, why] of cases) {
    test(`after ${afterSec} s, asked "${asked}", ${JSON.stringify(changes)}: ${expected} (${why})`, () => {
      const directives = asked === '' ? undefined : parseRequestDirectives(asked)
      assert.equal(nameOf(decideReuse(stored(changes), false, directives, NOW + afterSec * 1000)), expected)
    })
  }

  test('a soft purge makes it stale at once', () => {
    assert.equal(decideReuse(stored(), true, undefined, NOW), Reuse.staleWhileRevalidate)
    assert.equal(decideReuse(stored(noWindow), true, undefined, NOW), Reuse.validatePurged)
    assert.equal(decideReuse(stored(noWindow), true, parseRequestDirectives('max-stale'), NOW), Reuse.validatePurged)
  })

  test('the initial age counts', () => {
    assert.equal(decideReuse(stored({ initialAgeMs: 60_000 }), false, undefined, NOW), Reuse.staleWhileRevalidate)
  })

  test('every answer has a reason', () => {
    assert.equal(reuseReasons.length, Object.keys(Reuse).length)
    assert.equal(reuseReasons[Reuse.validatePurged], 'purged')
    assert.equal(reuseReasons[Reuse.gatewayTimeout], 'only-if-cached')
    assert.equal(isServed(Reuse.staleAccepted), true)
    assert.equal(isServed(Reuse.validateExpired), false)
  })
})

describe('canServeStaleOnError (RFC 9111 §4.2.4, RFC 5861 §4)', () => {
  const errorCases: [afterSec: number, asked: string, expected: boolean, changes: Partial<StoredMeta>, why: string][] =
    [
      [100, '', true, {}, 'within the window'],
      [160, '', false, {}, 'beyond it'],
      [100, '', false, { staleIfErrorMs: 0 }, 'no window'],
      [100, 'stale-if-error=50', true, { staleIfErrorMs: 0 }, 'the client opens it'],
      [
        100,
        'stale-if-error=50',
        false,
        { staleIfErrorMs: 0, flags: MetaFlag.forbidsStale },
        'which the response may forbid',
      ],
      [10, 'max-age=0', true, { staleIfErrorMs: 0 }, 'still fresh'],
      [10, 'no-cache', false, {}, 'the client insists'],
      [10, '', false, { flags: MetaFlag.noCache }, 'the response insists'],
    ]
  for (const [afterSec, asked, expected, changes, why] of errorCases) {
    test(`after ${afterSec} s, asked "${asked}", ${JSON.stringify(changes)}: ${expected} (${why})`, () => {
      const directives = asked === '' ? undefined : parseRequestDirectives(asked)
      assert.equal(canServeStaleOnError(stored(changes), false, directives, NOW + afterSec * 1000, false), expected)
    })
  }

  test('what was purged softly needs the window', () => {
    assert.equal(canServeStaleOnError(stored(), true, undefined, NOW, false), true)
    assert.equal(canServeStaleOnError(stored({ staleIfErrorMs: 0 }), true, undefined, NOW, false), false)
  })

  test('an origin that gives no answer is bridged for an hour where nobody has said a word', () => {
    const silent = { staleIfErrorMs: 0, flags: MetaFlag.bridgesOutage }
    const at = (afterSec: number, unanswered: boolean, purged = false, changes: Partial<StoredMeta> = silent) =>
      canServeStaleOnError(stored(changes), purged, undefined, NOW + afterSec * 1000, unanswered)
    assert.equal(at(60 + 3599, true), true)
    assert.equal(at(60 + 3600, true), false)
    assert.equal(at(61, false), false, 'its errors are its word')
    assert.equal(at(61, true, true), false, 'not what was purged')
    assert.equal(at(61, true, false, { staleIfErrorMs: 0 }), false)
  })
})

describe('StoredMeta', () => {
  test('survives the cells', () => {
    const meta = stored({ initialAgeMs: 1, flags: 63, dateMs: NOW - 1, lastModifiedMs: NOW - 2 })
    const cells = new Float64Array(16).fill(7)
    encodeMeta(meta, cells)
    assert.deepEqual(decodeMeta(cells), meta)
    assert.equal(Object.keys(meta).length, META_CELLS_USED)
    assert.equal(cells[META_CELLS_USED], 7)
    const into = new StoredMeta()
    assert.equal(decodeMeta(cells, into), into)
  })

  test("Age includes the origin's and saturates (RFC 9111 §5.1, §1.2.2)", () => {
    assert.equal(ageSeconds(stored({ initialAgeMs: 30_000 }), NOW + 3000), 33)
    assert.equal(ageSeconds(stored({ initialAgeMs: 30_000 }), NOW + 3999), 33)
    assert.equal(ageSeconds(stored({ initialAgeMs: 2 ** 31 * 1000 }), NOW + 3000), 2 ** 31)
  })
})
