/**
 * The operations of one connection that have no response yet, oldest first: a ring of parallel arrays, so that asking
 * allocates nothing. Those that nobody waits for any more are the oldest, since all may wait equally long.
 *
 *     first            first + givenUp        first + length            (modulo the size of the ring)
 *       | nobody waits   | waiting              | free
 */
import type { SessionRequest } from './client.ts'

const FIRST_SIZE = 16

export class AskedQueue {
  #requests: (SessionRequest | undefined)[] = new Array(FIRST_SIZE).fill(undefined)
  #uids = new Uint32Array(FIRST_SIZE)
  #operations = new Uint8Array(FIRST_SIZE)
  #sinceMs = new Float64Array(FIRST_SIZE)
  /** The size is a power of two. */
  #mask = FIRST_SIZE - 1
  #first = 0
  #length = 0
  #givenUp = 0
  /** Of the newest, how many have not been sent yet. */
  #unsent = 0

  get length(): number {
    return this.#length
  }

  /** It waits since `nowMs`, or, with `isUnsent`, since `markSent`. */
  push(request: SessionRequest, operation: number, uid: number, nowMs: number, isUnsent: boolean): void {
    if (this.#length > this.#mask) this.#grow()
    const at = (this.#first + this.#length++) & this.#mask
    this.#requests[at] = request
    this.#uids[at] = uid
    this.#operations[at] = operation
    this.#sinceMs[at] = nowMs
    if (isUnsent) this.#unsent++
  }

  /** Those that were not are sent now: how many. */
  markSent(nowMs: number): number {
    const sent = this.#unsent
    this.#unsent = 0
    for (let i = this.#length - sent; i < this.#length; i++) this.#sinceMs[(this.#first + i) & this.#mask] = nowMs
    return sent
  }

  /** Whether a response with this number and operation answers the oldest. */
  isFirst(uid: number, operation: number): boolean {
    const first = this.#first
    return this.#length > 0 && this.#uids[first] === uid && this.#operations[first] === operation
  }

  /** Takes the oldest away, and returns it unless nobody waits for it. The queue must not be empty. */
  shift(): SessionRequest | undefined {
    const request = this.#requests[this.#first]
    this.#requests[this.#first] = undefined
    this.#first = (this.#first + 1) & this.#mask
    this.#length--
    if (this.#givenUp > 0) this.#givenUp--
    if (this.#unsent > this.#length) this.#unsent = this.#length
    return request
  }

  /** The next that waits if it has waited since `sinceMs` or longer: nobody waits for it from now on. */
  giveUp(sinceMs: number): SessionRequest | undefined {
    if (this.#givenUp === this.#length) return undefined
    const at = (this.#first + this.#givenUp) & this.#mask
    if (this.#sinceMs[at]! > sinceMs) return undefined
    const request = this.#requests[at]
    this.#requests[at] = undefined
    this.#givenUp++
    return request
  }

  /** Since when the next waits that somebody waits for; Infinity without one. */
  waitsSinceMs(): number {
    if (this.#givenUp === this.#length) return Number.POSITIVE_INFINITY
    return this.#sinceMs[(this.#first + this.#givenUp) & this.#mask]!
  }

  /**
   * Whether `uid`, the next of a counter, is that of an operation in here. The numbers rise from the oldest to the newest,
   * modulo 2^32, so the search is only made once the counter has come round.
   */
  has(uid: number): boolean {
    if (this.#length === 0) return false
    const oldest = this.#uids[this.#first]!
    const newest = this.#uids[(this.#first + this.#length - 1) & this.#mask]!
    if ((uid - oldest) >>> 0 > (newest - oldest) >>> 0) return false
    for (let i = 0; i < this.#length; i++) if (this.#uids[(this.#first + i) & this.#mask] === uid) return true
    return false
  }

  #grow(): void {
    const size = 2 * (this.#mask + 1)
    const at = (i: number) => (this.#first + i) & this.#mask
    const order = Array.from({ length: this.#length }, (_, i) => at(i))
    const requests: (SessionRequest | undefined)[] = new Array(size).fill(undefined)
    const uids = new Uint32Array(size)
    const operations = new Uint8Array(size)
    const sinceMs = new Float64Array(size)
    order.forEach((from, to) => {
      requests[to] = this.#requests[from]
      uids[to] = this.#uids[from]!
      operations[to] = this.#operations[from]!
      sinceMs[to] = this.#sinceMs[from]!
    })
    this.#requests = requests
    this.#uids = uids
    this.#operations = operations
    this.#sinceMs = sinceMs
    this.#mask = size - 1
    this.#first = 0
  }
}
