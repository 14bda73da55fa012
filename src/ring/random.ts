/** random: any live server, drawn anew for each key and request. For pools of servers with equal contents. */
import type { LiveServer, Owners } from './owners.ts'

export function buildRandom(live: readonly LiveServer[]): Owners {
  return new RandomOwners(live)
}

class RandomOwners implements Owners {
  readonly #servers: Uint32Array
  /** Of xorshift32 (Marsaglia 2003), which needs no number on the heap as Math.random does; never 0. In an array for that too. */
  readonly #state = Int32Array.of(1 + Math.floor(Math.random() * (2 ** 31 - 1)))

  constructor(live: readonly LiveServer[]) {
    this.#servers = Uint32Array.from(live, ({ server }) => server)
  }

  get size(): number {
    return this.#servers.length
  }

  ownerOf(): number {
    let drawn = this.#state[0]!
    drawn ^= drawn << 13
    drawn ^= drawn >>> 17
    drawn ^= drawn << 5
    this.#state[0] = drawn
    return this.#servers[(drawn >>> 0) % this.#servers.length]!
  }

  addShares(shares: number[]): void {
    for (const server of this.#servers) shares[server] = shares[server]! + 1 / this.#servers.length
  }
}
