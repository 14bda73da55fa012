/** modula: a list with each server as often as its weight says, indexed by the hash. Nearly all keys move with any change. */
import { addWeightShares, type LiveServer, type Owners } from './owners.ts'

export function buildModula(live: readonly LiveServer[]): Owners {
  return new ModulaOwners(live)
}

class ModulaOwners implements Owners {
  readonly #live: readonly LiveServer[]
  /** ends[i]: sum of the weights up to and with live[i]. Stands for the list, which a weight of millions would make large. */
  readonly #ends: Float64Array
  readonly size: number

  constructor(live: readonly LiveServer[]) {
    this.#live = live
    this.#ends = new Float64Array(live.length)
    let end = 0
    for (const [i, { weight }] of live.entries()) {
      end += weight
      this.#ends[i] = end
    }
    this.size = end
  }

  ownerOf(hash: number): number {
    const at = (hash >>> 0) % this.size
    let low = 0
    let high = this.#ends.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ends[middle]! <= at) low = middle + 1
      else high = middle
    }
    return this.#live[low]!.server
  }

  addShares(shares: number[]): void {
    addWeightShares(this.#live, shares)
  }
}
