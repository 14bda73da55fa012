/**
 * Buckets of a latency histogram: eight to each doubling, so that a value read back is at most an eighth too high, from a
 * microsecond to half a minute.
 *
 *     microseconds   0 1 2 ... 15 | 16-17 18-19 ... 30-31 | 32-35 ... 60-63 | ...
 *     bucket         0 1 2 ... 15 | 16    17    ... 23    | 24    ... 31    | ...
 */

const LINEAR = 16
const PER_DOUBLING = 8
const LINEAR_BITS = 4
/** Half a minute, more than any timeout worth measuring, lies in the last doubling. */
const LAST_BIT = 24

export const LATENCY_BUCKETS = LINEAR + (LAST_BIT - LINEAR_BITS + 1) * PER_DOUBLING

/** The bucket of a latency; everything above the range lies in the last one. */
export function latencyBucket(ms: number): number {
  const us = Math.max(0, Math.round(ms * 1000))
  if (us < LINEAR) return us
  if (us >= 2 ** (LAST_BIT + 1)) return LATENCY_BUCKETS - 1
  const bit = 31 - Math.clz32(us)
  return LINEAR + (bit - LINEAR_BITS) * PER_DOUBLING + ((us >> (bit - 3)) & (PER_DOUBLING - 1))
}

/** The upper bound of a bucket in milliseconds: every latency in it is smaller. */
export function bucketEndMs(bucket: number): number {
  if (bucket < LINEAR) return (bucket + 1) / 1000
  const bit = LINEAR_BITS + Math.floor((bucket - LINEAR) / PER_DOUBLING)
  const part = (bucket - LINEAR) % PER_DOUBLING
  return ((PER_DOUBLING + part + 1) * 2 ** (bit - 3)) / 1000
}

/** Milliseconds below which the given part (0 to 1) of all latencies lie; 0 when there are none. */
export function quantileMs(buckets: Float64Array, part: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (const [bucket, count] of buckets.entries()) {
    seen += count
    if (count > 0 && seen >= part * total) return bucketEndMs(bucket)
  }
  return 0
}
