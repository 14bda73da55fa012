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
/** 256 KiB of starts. */
const MAX_START_BITS = 16

/** Builds rings of one pool, and remembers the points of its servers: after an ejection all but their number is as before. */
export class KetamaBuilder {
  readonly #pointsOf = new Map<string, number[]>()

  readonly build = (live: readonly LiveServer[]): Owners => {
    const order: number[] = []
    const total = live.reduce((sum, { weight }) => sum + weight, 0)
    for (const [rank, { label, weight }] of live.entries()) {
      const count = digestsOf(weight, total, live.length) * POINTS_PER_DIGEST
      const points = this.#points(label, count)
      for (let i = 0; i < count; i++) order.push(points[i]! * RANKS + rank)
    }
    // By value, points of one value by rank: what a stable sort of the points by value does.
    const sorted = Float64Array.from(order).sort()
    return new KetamaOwners(
      Uint32Array.from(sorted, (entry) => Math.floor(entry / RANKS)),
      Uint32Array.from(sorted, (entry) => live[entry % RANKS]!.server),
    )
  }

  /** The first `count` points of a server, and maybe more. */
  #points(label: string, count: number): readonly number[] {
    const points = this.#pointsOf.get(label) ?? []
    this.#pointsOf.set(label, points)
    while (points.length < count) {
      const text = Buffer.from(`${label}-${points.length / POINTS_PER_DIGEST}`)
      for (const point of md5(text, 0, text.length)) points.push(point >>> 0)
    }
    return points
  }
}

/** Digests of a server; each gives four points. Every step is rounded to single precision. */
function digestsOf(weight: number, total: number, servers: number): number {
  const f = Math.fround
  const part = f(f(weight) / f(total))
  const mean = f(f(part * POINTS_PER_SERVER) / POINTS_PER_DIGEST)
  return Math.floor(f(f(mean * f(servers)) + 1e-10))
}

class KetamaOwners implements Owners {
  /** In ascending order; `servers[i]` owns points[i]. Behind the last one stands 2³², owned as the first. */
  readonly #points: Float64Array
  readonly #servers: Uint32Array
  /** By the first bits of a hash: the first point that may be at or after it. Replaces a binary search, ten steps for 800 points. */
  readonly #starts: Uint32Array
  readonly #shift: number

  constructor(points: Uint32Array, servers: Uint32Array) {
    this.#points = new Float64Array(points.length + 1)
    this.#points.set(points)
    this.#points[points.length] = 2 ** 32
    this.#servers = new Uint32Array(servers.length + 1)
    this.#servers.set(servers)
    this.#servers[servers.length] = servers[0]!
    // About as many starts as points, so that a look-up meets one or two of these.
    const bits = Math.min(Math.max(Math.ceil(Math.log2(points.length)), 1), MAX_START_BITS)
    this.#shift = 32 - bits
    this.#starts = new Uint32Array(2 ** bits)
    let point = 0
    for (let start = 0; start < this.#starts.length; start++) {
      while (points[point]! < start * 2 ** this.#shift) point++
      this.#starts[start] = point
    }
  }

  get size(): number {
    return this.#points.length - 1
  }

  ownerOf(hash: number): number {
    const points = this.#points
    const value = hash >>> 0
    let at = this.#starts[value >>> this.#shift]!
    while (points[at]! < value) at++
    return this.#servers[at]!
  }

  addShares(shares: number[]): void {
    let before = this.#points[this.size - 1]! - 2 ** 32
    for (let i = 0; i < this.size; i++) {
      const server = this.#servers[i]!
      const point = this.#points[i]!
      shares[server] = shares[server]! + (point - before) / 2 ** 32
      before = point
    }
  }
}
