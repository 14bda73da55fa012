/**
 * 64 bits of HalfSipHash-1-3 (Aumasson, Bernstein) over the UTF-16 letters of a key, keyed with the tier's seed.
 *
 * Keys are chosen by strangers; a keyed function keeps them from filling one run of the index on purpose. The 32-bit
 * variant is what JavaScript's integers do well: about 2 ns per letter, no allocation.
 */
export class KeyHash {
  readonly #k0: number
  readonly #k1: number
  /** The two halves of the last hash computed. */
  low = 0
  high = 0

  constructor(seedLow: number, seedHigh: number) {
    this.#k0 = seedLow
    this.#k1 = seedHigh
  }

  /** Leaves the hash of `key` in `low` and `high`. */
  compute(key: string): void {
    let v0 = this.#k0
    let v1 = this.#k1 ^ 0xee
    let v2 = this.#k0 ^ 0x6c796765
    let v3 = this.#k1 ^ 0x74656462
    const pairs = key.length >> 1
    // Rounds 0..pairs-1 take two letters each, round `pairs` the odd letter and the length, then come the closing
    // rounds: three for the low half, three for the high one.
    const lowDone = pairs + 3
    const highDone = pairs + 6
    for (let round = 0; round <= highDone; round++) {
      let word = 0
      if (round < pairs) word = key.charCodeAt(2 * round) | (key.charCodeAt(2 * round + 1) << 16)
      else if (round === pairs) {
        word = ((key.length * 2) << 24) | ((key.length & 1) === 0 ? 0 : key.charCodeAt(key.length - 1))
      }
      v3 ^= word
      v0 = (v0 + v1) | 0
      v1 = (v1 << 5) | (v1 >>> 27)
      v1 ^= v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = (v3 << 8) | (v3 >>> 24)
      v3 ^= v2
      v0 = (v0 + v3) | 0
      v3 = (v3 << 7) | (v3 >>> 25)
      v3 ^= v0
      v2 = (v2 + v1) | 0
      v1 = (v1 << 13) | (v1 >>> 19)
      v1 ^= v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= word
      if (round === pairs) v2 ^= 0xee
      else if (round === lowDone) {
        this.low = v1 ^ v3
        v1 ^= 0xdd
      }
    }
    this.high = v1 ^ v3
  }
}
