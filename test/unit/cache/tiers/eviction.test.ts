/** What is kept when there is not room for all, against LRU with as many objects; `bench/hit-ratio.ts` has the full table. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryTier, MemoryTier } from '../../../../src/cache/tiers/memory-tier.ts'

const KEYS = 5000
const REQUESTS = 40_000
const BODY = Buffer.alloc(2000)
const HEAD = Buffer.alloc(200)

/** Numbers from 0 up to 1, the same every time (a linear congruential generator). */
function seeded(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Keys asked for, the popular ones more often: about 1 / rank. With `scan`, every third never comes again. */
function trace(scan: boolean): string[] {
  const random = seeded()
  return Array.from({ length: REQUESTS }, (_, n) =>
    scan && n % 3 === 0 ? `/once/${n}` : `/${Math.floor(KEYS ** random())}`,
  )
}

/** Hits of the tier, and of an LRU that holds as many objects as the tier did in the end. */
function hitsOf(keys: readonly string[]): { tier: number; lru: number } {
  const tier = new MemoryTier(createMemoryTier({ bytes: 1024 * 1024, workers: 1, maxObjectBytes: 65_536 }), 0)
  let hits = 0
  for (const key of keys) {
    if (tier.find(key) !== undefined) hits++
    else {
      const writer = tier.lead(key)!
      assert.ok(writer.start([], HEAD, BODY.length) && writer.write(BODY, 0, BODY.length))
      writer.complete()
    }
  }
  return { tier: hits, lru: lruHits(keys, tier.stats().objects) }
}

function lruHits(keys: readonly string[], most: number): number {
  const kept = new Set<string>()
  let hits = 0
  for (const key of keys) {
    if (kept.delete(key)) hits++
    kept.add(key)
    if (kept.size > most) kept.delete(kept.values().next().value!)
  }
  return hits
}

for (const [name, scan, least] of [
  ['popular and unpopular objects', false, 1.05],
  ['the same with a crawler among the clients', true, 1.15],
] as const) {
  test(`${name}: at least ${least} times the hits of LRU`, (t) => {
    const { tier, lru } = hitsOf(trace(scan))
    t.diagnostic(`${tier} hits, LRU ${lru}`)
    assert.ok(tier >= lru * least, `${tier} hits, LRU ${lru}`)
  })
}
