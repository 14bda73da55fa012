/**
 * Slots in the order in which they expire; of two that expire together the one that came first. A heap in typed arrays, so that
 * 60,000 sessions are no objects: first, adding and removing cost at most log4(n) steps, and adding what expires last, which is
 * the usual case, costs one.
 *
 *     heap       [soonest, ...]       slots; the children of i are 4i+1 .. 4i+4, none of which is sooner than i
 *     position   [slot] -> where it stands in the heap
 *
 * Four children each: half as many levels as two, and what is compared lies together.
 */
export class ExpiryHeap {
  readonly #heap: Int32Array
  readonly #position: Int32Array
  /** By slot. */
  readonly #expiresAtMs: Float64Array
  /** By slot: how many were added before. */
  readonly #order: Float64Array
  #length = 0
  #added = 0

  /** For slots from 0 to `capacity` - 1. */
  constructor(capacity: number) {
    this.#heap = new Int32Array(capacity)
    this.#position = new Int32Array(capacity)
    this.#expiresAtMs = new Float64Array(capacity)
    this.#order = new Float64Array(capacity)
  }

  /** The slot that expires soonest; -1 when there is none. */
  get first(): number {
    return this.#length === 0 ? -1 : this.#heap[0]!
  }

  /** Of a slot that was added. */
  expiresAtMs(slot: number): number {
    return this.#expiresAtMs[slot]!
  }

  /** `slot` must not be in it. */
  add(slot: number, expiresAtMs: number): void {
    this.#expiresAtMs[slot] = expiresAtMs
    this.#order[slot] = this.#added++
    this.#rise(slot, this.#length++)
  }

  /** `slot` must be in it. */
  remove(slot: number): void {
    const at = this.#position[slot]!
    const last = this.#heap[--this.#length]!
    if (last === slot) return
    if (at > 0 && this.#isSooner(last, this.#heap[(at - 1) >> 2]!)) this.#rise(last, at)
    else this.#sink(last, at)
  }

  /** Puts `slot` at `from` or nearer to the front. */
  #rise(slot: number, from: number): void {
    const heap = this.#heap
    let at = from
    while (at > 0) {
      const parentAt = (at - 1) >> 2
      const parent = heap[parentAt]!
      if (!this.#isSooner(slot, parent)) break
      heap[at] = parent
      this.#position[parent] = at
      at = parentAt
    }
    heap[at] = slot
    this.#position[slot] = at
  }

  /** Puts `slot` at `from` or farther from the front. */
  #sink(slot: number, from: number): void {
    const heap = this.#heap
    let at = from
    for (;;) {
      const begin = 4 * at + 1
      if (begin >= this.#length) break
      const end = Math.min(begin + 4, this.#length)
      let soonestAt = begin
      for (let i = begin + 1; i < end; i++) if (this.#isSooner(heap[i]!, heap[soonestAt]!)) soonestAt = i
      const soonest = heap[soonestAt]!
      if (!this.#isSooner(soonest, slot)) break
      heap[at] = soonest
      this.#position[soonest] = at
      at = soonestAt
    }
    heap[at] = slot
    this.#position[slot] = at
  }

  #isSooner(a: number, b: number): boolean {
    const difference = this.#expiresAtMs[a]! - this.#expiresAtMs[b]!
    return difference < 0 || (difference === 0 && this.#order[a]! < this.#order[b]!)
  }
}
