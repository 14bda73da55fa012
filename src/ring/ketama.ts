/**
 * ketama as twemproxy and libmemcached have it: every server owns some points on a circle of 2³² hashes, and a key belongs to
 * the first point at or after its hash. Three servers a, b, c, with two points each, and four keys:
 *
 *       0        b    a       c   b      c        a     2³²
 *       |--------+----+-------+---+------+--------+-----|
 *           1 ↑     ↑ 2     ↑ 3              ↑ 3     ↑ 4
 *
 *     1 before the first point: b     3 between two points: the later one, c and then a
 *     2 on a point: its server, a     4 behind the last point: the first one, b
 *
 * When c goes, only keys between its points and the ones before them move.
 *
 * The hard part: how many points a server gets is computed in single precision there, and so it is here, since a last bit
 * decides whether 25 equal servers have 156 points each or 160, and with it who owns one key in forty.
 */
import { md5 } from './md5.ts'
import type { LiveServer, Owners } from './owners.ts'

/** Points of a server whose weight is the mean of all. */
const POINTS_PER_SERVER = 160
const POINTS_PER_DIGEST = 4
/** Ranks below this: value and rank of a point share one number, and 2³² * 2¹⁶ is still exact. */
const RANKS = 2 ** 16

export function buildKetama(live: readonly LiveServer[]): Owners {
  const order: number[] = []
  const total = live.reduce((sum, { weight }) => sum + weight, 0)
  for (const [rank, { label, weight }] of live.entries()) {
    const digests = digestsOf(weight, total, live.length)
    for (let j = 0; j < digests; j++) {
      const text = Buffer.from(`${label}-${j}`)
      for (const point of md5(text, 0, text.length)) order.push((point >>> 0) * RANKS + rank)
    }
  }
  // By value, points of one value by rank: what a stable sort of the points by value does.
  const sorted = Float64Array.from(order).sort()
  return new KetamaOwners(
    Uint32Array.from(sorted, (entry) => Math.floor(entry / RANKS)),
    Uint32Array.from(sorted, (entry) => live[entry % RANKS]!.server),
  )
}

/** Digests of a server; each gives four points. Every step is rounded to single precision. */
function digestsOf(weight: number, total: number, servers: number): number {
  const f = Math.fround
  const part = f(f(weight) / f(total))
  const mean = f(f(part * POINTS_PER_SERVER) / POINTS_PER_DIGEST)
  return Math.floor(f(f(mean * f(servers)) + 1e-10))
}

class KetamaOwners implements Owners {
  /** In ascending order; `servers[i]` owns points[i]. */
  readonly #points: Uint32Array
  readonly #servers: Uint32Array

  constructor(points: Uint32Array, servers: Uint32Array) {
    this.#points = points
    this.#servers = servers
  }

  get size(): number {
    return this.#points.length
  }

  ownerOf(hash: number): number {
    const points = this.#points
    const value = hash >>> 0
    let low = 0
    let high = points.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (points[middle]! < value) low = middle + 1
      else high = middle
    }
    return this.#servers[low === points.length ? 0 : low]!
  }

  addShares(shares: number[]): void {
    let before = this.#points.at(-1)! - 2 ** 32
    for (const [i, point] of this.#points.entries()) {
      const server = this.#servers[i]!
      shares[server] = shares[server]! + (point - before) / 2 ** 32
      before = point
    }
  }
}
