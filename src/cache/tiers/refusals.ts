/**
 * Hit-for-miss: keys whose answers cannot be shared, remembered so that requests for them do not queue behind each other.
 *
 * A table by hash of four cells: hash low, hash high, time until (a Float64). A newer mark overwrites an older one in its
 * place: to forget a mark costs one collapsed fetch, so neither buckets nor a lock are worth having. A reader that meets
 * a writer may see a mark half written; the writer clears the first cell before and sets it last, and what slips through
 * is a mark forgotten or a fetch not collapsed.
 */
const CELLS = 4

export class Refusals {
  readonly #cells: Int32Array
  readonly #floats: Float64Array
  readonly #mask: number

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer)
    this.#floats = new Float64Array(buffer)
    this.#mask = this.#cells.length / CELLS - 1
  }

  mark(hashLow: number, hashHigh: number, untilMs: number): void {
    const entry = hashLow & this.#mask
    const at = entry * CELLS
    Atomics.store(this.#cells, at, ~hashLow)
    this.#floats[entry * 2 + 1] = untilMs
    this.#cells[at + 1] = hashHigh
    Atomics.store(this.#cells, at, hashLow)
  }

  /** Whether a mark for this hash stands that ends after `nowMs`. */
  has(hashLow: number, hashHigh: number, nowMs: number): boolean {
    const entry = hashLow & this.#mask
    const at = entry * CELLS
    return (
      Atomics.load(this.#cells, at) === hashLow &&
      this.#cells[at + 1] === hashHigh &&
      this.#floats[entry * 2 + 1]! > nowMs
    )
  }

  forget(hashLow: number, hashHigh: number): void {
    const entry = hashLow & this.#mask
    const at = entry * CELLS
    if (Atomics.load(this.#cells, at) !== hashLow || this.#cells[at + 1] !== hashHigh) return
    this.#floats[entry * 2 + 1] = 0
  }

  clear(): void {
    this.#cells.fill(0)
  }
}
