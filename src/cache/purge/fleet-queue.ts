/**
 * Purges of this node that are not in the fleet's log yet. Bounded: past that they become one purge of everything, hard if
 * any of them was. Dearer for the other nodes, but none is lost.
 */
import type { FleetOrder } from './fleet-log.ts'
import { orderBytes } from './fleet-log.ts'
import type { PurgeOrder } from './order.ts'

/** While the pool is away for long. */
const MAX_ORDERS = 1024
const MAX_BYTES = 256 * 1024

export interface Queued {
  readonly order: FleetOrder
  /** The threads whose purges these are, one for each. */
  readonly threads: readonly number[]
  /** Called when all of it is in the log. */
  readonly published: () => void
}

export class FleetQueue {
  readonly #node: string
  #maxOrderBytes: number
  #queue: Queued[] = []
  #bytes = 0
  #lastId = 0

  /** `maxOrderBytes`: larger orders are cut, or become a purge of everything. */
  constructor(node: string, maxOrderBytes: number) {
    this.#node = node
    this.#maxOrderBytes = maxOrderBytes
  }

  get length(): number {
    return this.#queue.length
  }

  get node(): string {
    return this.#node
  }

  add(order: PurgeOrder, thread: number, nowMs: number, published: () => void): void {
    const parts = this.#cut(order)
    let left = parts.length
    const onPart = (): void => {
      if (--left === 0) published()
    }
    parts.forEach((part, at) => {
      this.#push({ order: this.#number(part, nowMs), threads: at === 0 ? [thread] : [], published: onPart })
    })
    if (this.#queue.length > MAX_ORDERS || this.#bytes > MAX_BYTES) this.#collapse(nowMs)
  }

  /** The oldest orders that have at most so many bytes together; at least one. */
  head(maxBytes: number): FleetOrder[] {
    let bytes = 0
    const orders: FleetOrder[] = []
    for (const { order } of this.#queue) {
      bytes += orderBytes(order)!
      if (bytes > maxBytes && orders.length > 0) break
      orders.push(order)
    }
    return orders
  }

  /** Takes out what was found in the log; undefined: it is not waiting. */
  take(id: number): Queued | undefined {
    const at = this.#queue.findIndex(({ order }) => order.id === id)
    if (at === -1) return undefined
    const [taken] = this.#queue.splice(at, 1)
    this.#bytes -= orderBytes(taken!.order)!
    return taken
  }

  /** From now on orders have at most so many bytes. */
  fit(maxOrderBytes: number, nowMs: number): void {
    this.#maxOrderBytes = maxOrderBytes
    if (this.#queue.some(({ order }) => orderBytes(order)! > maxOrderBytes)) this.#collapse(nowMs)
  }

  /** How many purges of the thread wait. */
  countOf(thread: number): number {
    return this.#queue.reduce((sum, { threads }) => sum + threads.filter((one) => one === thread).length, 0)
  }

  /** Moves what waits for another log here. */
  takeAll(other: FleetQueue, nowMs: number): void {
    const moved = other.#queue
    other.#queue = []
    other.#bytes = 0
    for (const { order, threads, published } of moved) {
      this.#push({ order: this.#number(order.order, order.atMs), threads, published })
    }
    if (this.#queue.length > MAX_ORDERS || this.#bytes > MAX_BYTES) this.#collapse(nowMs)
  }

  #number(order: PurgeOrder, atMs: number): FleetOrder {
    this.#lastId = (this.#lastId + 1) >>> 0
    return { node: this.#node, id: this.#lastId, atMs, order }
  }

  #push(queued: Queued): void {
    this.#queue.push(queued)
    this.#bytes += orderBytes(queued.order)!
  }

  /** Orders that fit, which together are the given one. */
  #cut(order: PurgeOrder): PurgeOrder[] {
    const bytesOf = (targets: readonly string[]): number =>
      orderBytes({ node: this.#node, id: 0, atMs: 0, order: { ...order, targets } }) ?? Number.POSITIVE_INFINITY
    const empty = bytesOf([])
    if (order.targets.some((target) => bytesOf([target]) > this.#maxOrderBytes)) {
      return [{ scope: 'all', isHard: order.isHard, targets: [] }]
    }
    const parts: string[][] = [[]]
    let bytes = empty
    for (const target of order.targets) {
      const more = bytesOf([target]) - empty
      if (bytes + more > this.#maxOrderBytes) {
        parts.push([])
        bytes = empty
      }
      parts.at(-1)!.push(target)
      bytes += more
    }
    return parts.map((targets) => ({ ...order, targets }))
  }

  #collapse(nowMs: number): void {
    const queue = this.#queue
    this.#queue = []
    this.#bytes = 0
    const isHard = queue.some(({ order }) => order.order.isHard)
    const published = (): void => {
      for (const one of queue) one.published()
    }
    const order = this.#number({ scope: 'all', isHard, targets: [] }, nowMs)
    this.#push({ order, threads: queue.flatMap(({ threads }) => threads), published })
  }
}
