/** random: any live server, drawn anew for each key and request. For pools of servers with equal contents. */
import type { LiveServer, Owners } from './owners.ts'

export function buildRandom(live: readonly LiveServer[]): Owners {
  return new RandomOwners(live)
}

class RandomOwners implements Owners {
  readonly #servers: Uint32Array

  constructor(live: readonly LiveServer[]) {
    this.#servers = Uint32Array.from(live, ({ server }) => server)
  }

  get size(): number {
    return this.#servers.length
  }

  ownerOf(): number {
    return this.#servers[Math.floor(Math.random() * this.#servers.length)]!
  }

  addShares(shares: number[]): void {
    for (const server of this.#servers) shares[server] = shares[server]! + 1 / this.#servers.length
  }
}
