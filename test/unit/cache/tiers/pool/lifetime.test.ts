import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetaFlag, StoredMeta } from '../../../../../src/cache/policy/meta.ts'
import { MAX_RELATIVE_SEC, ttlSecOf } from '../../../../../src/cache/tiers/pool/lifetime.ts'

const NOW_MS = Date.UTC(2026, 10, 29)

function ttlOf(changes: Partial<StoredMeta>, nowMs = NOW_MS): number {
  return ttlSecOf(Object.assign(new StoredMeta(), { status: 200, responseMs: NOW_MS, ...changes }), nowMs)
}

test('an entry lives as long as it may be used, the longest stale use included', () => {
  assert.equal(ttlOf({ lifetimeMs: 60_000 }), 60)
  assert.equal(ttlOf({ lifetimeMs: 60_000 }, NOW_MS + 20_500), 40)
  assert.equal(ttlOf({ lifetimeMs: 60_000, initialAgeMs: 10_000, staleWhileRevalidateMs: 30_000 }), 80)
  assert.equal(ttlOf({ lifetimeMs: 60_000, staleWhileRevalidateMs: 30_000, staleIfErrorMs: 90_000 }), 150)
})

test('what can be validated, or bridges outages, is kept an hour longer', () => {
  assert.equal(ttlOf({ lifetimeMs: 0, flags: MetaFlag.hasEtag }), 3600)
  assert.equal(ttlOf({ lifetimeMs: 1000, flags: MetaFlag.hasLastModified }), 3601)
  assert.equal(ttlOf({ lifetimeMs: 1000, flags: MetaFlag.bridgesOutage }), 3601)
})

test('what is over is not kept, and never for ever', () => {
  assert.equal(ttlOf({ lifetimeMs: 0 }), 0)
  assert.equal(ttlOf({ lifetimeMs: 60_000 }, NOW_MS + 60_000), 0)
  assert.equal(ttlOf({ lifetimeMs: 60_000 }, NOW_MS + 59_999), 1)
  assert.equal(ttlOf({ lifetimeMs: Number.NaN }), 0)
})

test('beyond thirty days the time is a date, which memcached can hold', () => {
  assert.equal(ttlOf({ lifetimeMs: MAX_RELATIVE_SEC * 1000 }), MAX_RELATIVE_SEC)
  assert.equal(ttlOf({ lifetimeMs: MAX_RELATIVE_SEC * 1000 + 1 }), NOW_MS / 1000 + MAX_RELATIVE_SEC + 1)
  assert.equal(ttlOf({ lifetimeMs: 1e15 }), 2 ** 31 - 1)
})
