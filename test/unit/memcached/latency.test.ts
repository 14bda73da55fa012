import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bucketEndMs, LATENCY_BUCKETS, latencyBucket, quantileMs } from '../../../src/memcached/latency.ts'

test('a latency lies below the end of its bucket, and not below the one before, within an eighth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 25 - 1 }), (us) => {
      const bucket = latencyBucket(us / 1000)
      assert.ok(bucket >= 0 && bucket < LATENCY_BUCKETS)
      const end = Math.round(bucketEndMs(bucket) * 1000)
      assert.ok(us < end, `${us} us in the bucket up to ${end}`)
      if (bucket > 0) assert.ok(us >= Math.round(bucketEndMs(bucket - 1) * 1000))
      assert.ok(end - us <= Math.max(1, Math.ceil(us / 8)), `${us} us is read back as ${end}`)
    }),
    { numRuns: 2000 },
  )
})

test('what is above the range or below nought lies at its ends', () => {
  assert.equal(latencyBucket(-5), 0)
  assert.equal(latencyBucket(0), 0)
  assert.equal(latencyBucket(2 ** 25 / 1000), LATENCY_BUCKETS - 1)
  assert.equal(latencyBucket(1e12), LATENCY_BUCKETS - 1)
  assert.equal(latencyBucket((2 ** 25 - 1) / 1000), LATENCY_BUCKETS - 1)
})

test('quantiles are those of the latencies', () => {
  const buckets = new Float64Array(LATENCY_BUCKETS)
  assert.equal(quantileMs(buckets, 0.5), 0)
  for (let ms = 1; ms <= 100; ms++) buckets[latencyBucket(ms)]! += 1
  for (const part of [0.5, 0.9, 0.99]) {
    const ms = quantileMs(buckets, part)
    assert.ok(ms >= 100 * part && ms <= 100 * part * 1.13 + 1, `${part}: ${ms}`)
  }
  assert.ok(quantileMs(buckets, 0) >= 1)
})
