/**
 * Keys of which something is remembered for a while: a small number and a time. Three tables of this kind stand beside each
 * store: why the answers to a key cannot be shared (hit-for-miss), how often fetching it has failed, and when what lay under
 * it was removed.
 *
 * A table by hash of four cells: hash low, hash high, and one Float64 that holds both time and number, so that they are
 * never torn apart. A newer mark overwrites another key's in its place: to forget a mark costs one fetch or one wait, so
 * neither buckets nor a lock are worth having. A reader that meets a writer may see a mark half written; the writer clears
 * the first cell before and sets it last, and what slips through is a mark forgotten.
 */
const CELLS = 4
/** Numbers are less than this. A time of today takes 41 of the 53 bits that a Float64 keeps exact. */
const NUMBERS = 256
/** What the other 45 bits hold: the year 3084. */
const MAX_TIME_MS = 2 ** 45 - 1

export class KeyMarks {
  /** What `find` found last. */
  timeMs = 0
  number = 0
  readonly #cells: Int32Array
  readonly #floats: Float64Array
  readonly #mask: number

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer)
    this.#floats = new Float64Array(buffer)
    this.#mask = this.#cells.length / CELLS - 1
  }

  /** `number`: 0 to 255. */
  set(hashLow: number, hashHigh: number, timeMs: number, number: number): void {
    const entry = hashLow & this.#mask
    const at = entry * CELLS
    Atomics.store(this.#cells, at, ~hashLow)
    this.#floats[entry * 2 + 1] = Math.min(Math.floor(timeMs), MAX_TIME_MS) * NUMBERS + number
    this.#cells[at + 1] = hashHigh
    Atomics.store(this.#cells, at, hashLow)
  }

  /** Leaves the mark of this hash in `timeMs` and `number`; false: there is none, and these are 0. */
  find(hashLow: number, hashHigh: number): boolean {
    const entry = hashLow & this.#mask
    const at = entry * CELLS
    const isThere = Atomics.load(this.#cells, at) === hashLow && this.#cells[at + 1] === hashHigh
    const mark = isThere ? this.#floats[entry * 2 + 1]! : 0
    this.timeMs = Math.floor(mark / NUMBERS)
    this.number = mark % NUMBERS
    return mark !== 0
  }

  forget(hashLow: number, hashHigh: number): void {
    if (this.find(hashLow, hashHigh)) this.#floats[(hashLow & this.#mask) * 2 + 1] = 0
  }
}
