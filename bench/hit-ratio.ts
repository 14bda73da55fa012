/**
 * Hit ratio of the memory tier's eviction (S3-FIFO) beside LRU with the same space.
 *
 *     npx node bench/hit-ratio.ts
 *
 * Traces are drawn from a seeded generator, so the table is the same every time:
 *
 *     zipf a       requests for 50,000 keys, popularity ~ 1 / rank^a
 *     ... + scan   every third request is for a key that never comes again (crawlers, unique query strings)
 *     ... + churn  popularity moves: every 2,000 requests the ranks shift by 20 keys
 *
 * `web` sizes are log-normal around 6 KB with a long tail; otherwise every body has 2,000 bytes.
 */
import { createMemoryTier, MemoryTier } from '../src/cache/tiers/memory-tier.ts'

const KEYS = 50_000
const REQUESTS = 120_000
const HEAD_BYTES = 250
const MOST_BYTES = 256 * 1024
const body = Buffer.alloc(MOST_BYTES)
const head = Buffer.alloc(HEAD_BYTES)

interface Trace {
  readonly name: string
  readonly exponent: number
  readonly hasScan: boolean
  readonly hasChurn: boolean
  readonly hasWebSizes: boolean
}

/** mulberry32: numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Sum of 1 / rank^exponent up to each rank. */
function zipfSums(exponent: number): Float64Array {
  const sums = new Float64Array(KEYS)
  let sum = 0
  for (let rank = 0; rank < KEYS; rank++) {
    sum += 1 / (rank + 1) ** exponent
    sums[rank] = sum
  }
  return sums
}

function rankAt(sums: Float64Array, share: number): number {
  const wanted = share * sums[KEYS - 1]!
  let [low, high] = [0, KEYS - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sums[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}

/** Requested key numbers, and the body size of each. Numbers from KEYS on are asked for once. */
function draw(trace: Trace): { requests: Int32Array; sizes: Int32Array } {
  const random = generator(42)
  const sums = zipfSums(trace.exponent)
  const requests = new Int32Array(REQUESTS)
  const sizes = new Int32Array(KEYS + REQUESTS)
  for (let key = 0; key < sizes.length; key++) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    sizes[key] = trace.hasWebSizes ? Math.min(MOST_BYTES, 6000 * Math.exp(1.6 * normal)) : 2000
  }
  for (let n = 0; n < REQUESTS; n++) {
    const shift = trace.hasChurn ? Math.floor(n / 2000) * 20 : 0
    requests[n] = trace.hasScan && n % 3 === 2 ? KEYS + n : (rankAt(sums, random()) + shift) % KEYS
  }
  return { requests, sizes }
}

function sizeInStore(key: string, bodyBytes: number): number {
  return Math.ceil((16 + 128 + key.length + HEAD_BYTES + bodyBytes) / 64) * 64
}

function lruHits(requests: Int32Array, sizes: Int32Array, capacity: number): number {
  const cached = new Map<string, number>()
  let [used, hits] = [0, 0]
  for (const number of requests) {
    const key = `/key/${number}`
    const known = cached.get(key)
    if (known !== undefined) {
      hits++
      cached.delete(key)
      cached.set(key, known)
      continue
    }
    const size = sizeInStore(key, sizes[number]!)
    for (const [oldest, freed] of cached) {
      if (used + size <= capacity) break
      cached.delete(oldest)
      used -= freed
    }
    cached.set(key, size)
    used += size
  }
  return hits
}

function tierHits(requests: Int32Array, sizes: Int32Array, tier: MemoryTier): number {
  let hits = 0
  for (const number of requests) {
    const key = `/key/${number}`
    if (tier.find(key) !== undefined) {
      hits++
      continue
    }
    const writer = tier.lead(key)!
    const bodyBytes = sizes[number]!
    if (writer.start([], head, bodyBytes) && writer.write(body, 0, bodyBytes)) writer.complete()
    else writer.decline(0)
  }
  return hits
}

const traces: Trace[] = []
for (const hasWebSizes of [false, true]) {
  for (const exponent of [0.7, 1]) {
    for (const extra of ['', 'scan', 'churn']) {
      const name = `zipf ${exponent}${extra && ` + ${extra}`}${hasWebSizes ? ', web sizes' : ''}`
      traces.push({ name, exponent, hasScan: extra === 'scan', hasChurn: extra === 'churn', hasWebSizes })
    }
  }
}

console.log('hit ratio, %                          cache MiB      LRU  S3-FIFO')
for (const trace of traces) {
  const { requests, sizes } = draw(trace)
  for (const mib of trace.hasWebSizes ? [64] : [4, 16]) {
    const tier = new MemoryTier(
      createMemoryTier({ bytes: mib * 1048576, workers: 1, maxObjectBytes: 2 * MOST_BYTES }),
      0,
    )
    const lru = lruHits(requests, sizes, tier.stats().freeBytes)
    const ours = tierHits(requests, sizes, tier)
    const [left, right] = [lru, ours].map((hits) => ((100 * hits) / REQUESTS).toFixed(1).padStart(8))
    console.log(`${trace.name.padEnd(36)} ${`${mib}`.padStart(10)} ${left} ${right}`)
  }
}
