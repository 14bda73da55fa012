/**
 * rendezvous, or highest random weight (Thaler and Ravishankar 1998): each server draws a number for the key, from the key's
 * hash and its own label, and the highest has it. What one server draws has nothing to do with the others, so keys move only
 * from a server that goes, or to one that comes, whatever the weights. A key costs one draw per server: for pools of up to
 * some twenty.
 *
 * Weights after Schindelhauer and Schomaker (2005): of numbers u between 0 and 1 the highest -weight / ln(u) wins, which gives
 * each server exactly its weight's part. Where all weights of the pool are equal, u itself decides as well, without a
 * logarithm.
 */
import { spread } from './hash.ts'
import { md5 } from './md5.ts'
import { addWeightShares, type LiveServer, type Owners } from './owners.ts'

/**
 * `isWeighted`: some servers of the pool, live or not, differ in weight. It is for the whole pool to say, lest rounding decide
 * a near tie one way before an ejection and the other way after it.
 */
export function buildRendezvous(live: readonly LiveServer[], isWeighted: boolean): Owners {
  return new RendezvousOwners(live, isWeighted)
}

class RendezvousOwners implements Owners {
  readonly #live: readonly LiveServer[]
  readonly #isWeighted: boolean
  readonly #servers: Uint32Array
  readonly #weights: Float64Array
  /** Half an MD5 of the label each. */
  readonly #seeds: Int32Array
  readonly #moreSeeds: Int32Array

  constructor(live: readonly LiveServer[], isWeighted: boolean) {
    this.#live = live
    this.#isWeighted = isWeighted
    this.#servers = Uint32Array.from(live, ({ server }) => server)
    this.#weights = Float64Array.from(live, ({ weight }) => weight)
    this.#seeds = new Int32Array(live.length)
    this.#moreSeeds = new Int32Array(live.length)
    for (const [i, { label }] of live.entries()) {
      const text = Buffer.from(label)
      const words = md5(text, 0, text.length)
      this.#seeds[i] = words[0]!
      this.#moreSeeds[i] = words[1]!
    }
  }

  get size(): number {
    return this.#servers.length
  }

  ownerOf(hash: number): number {
    return this.#servers[this.#isWeighted ? this.#heaviest(hash) : this.#highest(hash)]!
  }

  /** Equal draws: the first in the order of labels. */
  #highest(hash: number): number {
    let best = 0
    let highest = -1
    for (let i = 0; i < this.#seeds.length; i++) {
      const drawn = this.#draw(hash, i) >>> 0
      if (drawn <= highest) continue
      highest = drawn
      best = i
    }
    return best
  }

  #heaviest(hash: number): number {
    let best = 0
    let highest = -1
    for (let i = 0; i < this.#seeds.length; i++) {
      // Never 0 nor 1, where the logarithm or the division has no value.
      const u = ((this.#draw(hash, i) >>> 0) + 0.5) / 2 ** 32
      const score = -this.#weights[i]! / Math.log(u)
      if (score <= highest) continue
      highest = score
      best = i
    }
    return best
  }

  /** Spread twice with a seed each: one round alone would give two servers draws that differ by their seeds only. */
  #draw(hash: number, i: number): number {
    return spread(spread(hash ^ this.#seeds[i]!) ^ this.#moreSeeds[i]!)
  }

  addShares(shares: number[]): void {
    addWeightShares(this.#live, shares)
  }
}
