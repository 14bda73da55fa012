/**
 * How often keys were asked for that are not stored: counts for `min-uses`, over all workers, in a table that cannot fill
 * up.
 *
 * One cell per key, WAYS cells to a bucket. The bucket and the mark within it come from the key's hash:
 *
 *     | mark 24 bits | count 8 bits |     count 0: free
 *
 * A new key takes the place of the one in its bucket that was asked for least, and each of the others loses one of its
 * count: what nobody asks for any more sinks and leaves, and a crawl through a million keys cannot hold the table.
 *
 * No lock: two workers that change one bucket at once may lose a count, and two keys of one bucket and one mark (one pair
 * in 16 million) count together. The first costs one more fetch, the second stores an object a few requests early.
 */

const WAYS = 4
const COUNT_BITS = 8
export const MAX_USES = (1 << COUNT_BITS) - 1

export class Uses {
  readonly #cells: Int32Array
  readonly #bucketMask: number

  /** `buffer`: a power of two of cells, at least WAYS. */
  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer)
    this.#bucketMask = this.#cells.length / WAYS - 1
  }

  /** Counts one request for the key of this hash; how many there have been, this one included, up to MAX_USES. */
  count(hashLow: number, hashHigh: number): number {
    const first = (hashLow & this.#bucketMask) * WAYS
    const mark = hashHigh >>> COUNT_BITS
    let least = first
    let leastCount = MAX_USES
    for (let at = first; at < first + WAYS; at++) {
      const cell = Atomics.load(this.#cells, at)
      const count = cell & MAX_USES
      if (count > 0 && cell >>> COUNT_BITS === mark) return this.#countKnown(at, count)
      if (count < leastCount) {
        least = at
        leastCount = count
      }
    }
    if (leastCount > 0) this.#age(first)
    Atomics.store(this.#cells, least, (mark << COUNT_BITS) | 1)
    return 1
  }

  #countKnown(at: number, count: number): number {
    if (count === MAX_USES) return count
    Atomics.add(this.#cells, at, 1)
    return count + 1
  }

  /** Takes one from each count of the bucket that has one. */
  #age(first: number): void {
    for (let at = first; at < first + WAYS; at++) {
      if ((Atomics.load(this.#cells, at) & MAX_USES) > 0) Atomics.sub(this.#cells, at, 1)
    }
  }
}
