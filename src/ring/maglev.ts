/**
 * maglev, after Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer" (NSDI 2016) §3.4: a table of a
 * prime number of entries, each owned by a server; a key's hash, spread and taken modulo the size, picks the entry. Servers
 * fill the table in turns; each goes through the entries in an order of its own and takes the first one that is free:
 *
 *     a prefers 3 0 4 1 2,  b prefers 0 2 4 1 3:      a takes 3, b takes 0, a takes 4 (0 is taken), b takes 2, a takes 1
 *     entry   0 1 2 3 4
 *     owner   b a b a a
 *
 * Shares are even to within one entry, and a key costs one access, however many servers there are. In exchange a few keys
 * of the others move when a server goes. Weights: a server takes its turn only when its weight, added up round by round, has
 * reached that of the heaviest one; one with half the weight takes every second turn.
 */
import { spread } from './hash.ts'
import { md5 } from './md5.ts'
import type { LiveServer, Owners } from './owners.ts'

/** A prime, and the smaller of the two sizes of the paper; with 100 servers shares still differ by no more than one in 655. */
const ENTRIES = 65_537
const FREE = -1

export function buildMaglev(live: readonly LiveServer[]): Owners {
  return new MaglevOwners(fill(live))
}

function fill(live: readonly LiveServer[]): Int32Array {
  const table = new Int32Array(ENTRIES).fill(FREE)
  const heaviest = live.reduce((most, { weight }) => Math.max(most, weight), 0)
  const turns = live.map(({ server, label, weight }) => new Turns(server, label, weight))
  let free = ENTRIES
  while (free > 0) {
    for (const one of turns) {
      one.gained += one.weight
      if (one.gained < heaviest) continue
      one.gained -= heaviest
      one.take(table)
      if (--free === 0) break
    }
  }
  return table
}

/** How far one server has come in its own order of the entries: offset, offset + step, offset + 2 * step ... modulo ENTRIES. */
class Turns {
  readonly server: number
  readonly weight: number
  readonly #step: number
  #next: number
  gained = 0

  constructor(server: number, label: string, weight: number) {
    const text = Buffer.from(label)
    const words = md5(text, 0, text.length)
    this.server = server
    this.weight = weight
    this.#next = (words[0]! >>> 0) % ENTRIES
    this.#step = ((words[1]! >>> 0) % (ENTRIES - 1)) + 1
  }

  /** Takes the next entry that is free; there is one. */
  take(table: Int32Array): void {
    while (table[this.#next] !== FREE) this.#move()
    table[this.#next] = this.server
    this.#move()
  }

  #move(): void {
    this.#next += this.#step
    if (this.#next >= ENTRIES) this.#next -= ENTRIES
  }
}

class MaglevOwners implements Owners {
  readonly #table: Int32Array
  readonly size = ENTRIES

  constructor(table: Int32Array) {
    this.#table = table
  }

  ownerOf(hash: number): number {
    return this.#table[(spread(hash) >>> 0) % ENTRIES]!
  }

  addShares(shares: number[]): void {
    const counts = new Map<number, number>()
    for (const server of this.#table) counts.set(server, (counts.get(server) ?? 0) + 1)
    for (const [server, count] of counts) shares[server] = shares[server]! + count / ENTRIES
  }
}
