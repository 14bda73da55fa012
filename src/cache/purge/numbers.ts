/**
 * Purge numbers in shared memory: integers up to 2^53 in two Int32 cells each, low half first, so that Atomics order every
 * access; a Float64 cell is out of their reach, and a lone Int32 would wrap within weeks on a site that is purged often.
 *
 * A reader without the lock may meet a writer between the halves. The order of the stores decides what it then sees:
 * - `raise` stores the high half first: too large a number for a moment, once in 2^32 purges. For the number of a purge
 *   that means "newer", and something too much is made stale.
 * - `advance` stores the low half first: too small for a moment. So the last number, which becomes that of a fetch, is
 *   never taken for newer than it is.
 */
const HALF = 2 ** 32

export class Numbers {
  readonly #cells: Int32Array

  constructor(buffer: SharedArrayBuffer, atCell: number, count: number) {
    this.#cells = new Int32Array(buffer, atCell * 4, count * 2)
  }

  get(index: number): number {
    const high = Atomics.load(this.#cells, 2 * index + 1)
    return high * HALF + (Atomics.load(this.#cells, 2 * index) >>> 0)
  }

  raise(index: number, value: number): void {
    Atomics.store(this.#cells, 2 * index + 1, Math.floor(value / HALF))
    Atomics.store(this.#cells, 2 * index, value | 0)
  }

  advance(index: number, value: number): void {
    Atomics.store(this.#cells, 2 * index, value | 0)
    Atomics.store(this.#cells, 2 * index + 1, Math.floor(value / HALF))
  }
}

/** The number not above `last` whose low half is `low`. */
export function numberOf(low: number, last: number): number {
  return last - (((last | 0) - low) >>> 0)
}
