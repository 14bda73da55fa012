/**
 * What the purge numbers of the fleet mean on this machine. Purges have two numbers: that of the fleet, which all nodes
 * agree on (fleet-log.ts), and that of the local purge log, which depends on when they came to be known here. An object from
 * a tier that nodes share carries the fleet's; it is judged by the local log, so it must be known where to begin:
 *
 *     cell 0        version: odd while rows are being changed       cell 2, 3   the fleet's last number known here, 0: none
 *     cell 1        number of rows                                  cell 8 + 4i ...   row i, in order: fleet's, ours
 *
 * A row (fleet f, ours n) says: every purge with a greater fleet number than f has, or will get, a greater number than n
 * here. So an object of fleet number f is judged by the local purges after the n of the greatest row not above f. Every row
 * is true for ever, and true for the numbers behind it as well; rows can be left out at the price of judging by too many
 * purges. When the table is full every second one of the older half goes.
 *
 * Written by the main thread alone; its death is that of all readers.
 */
import { FLEET_CELLS, FLEET_ROW_CELLS } from './layout.ts'
import { Numbers } from './numbers.ts'

const VERSION = 0
const COUNT = 1
/** Indices in Numbers: the known one, and those of row i: ROWS + 2i and ROWS + 2i + 1. */
const KNOWN = 1
const ROWS = FLEET_CELLS / 2
/** Changes take microseconds and are seconds apart; whoever meets one so often has met a main thread that is being stopped. */
const MAX_TRIES = 1000

export class FleetRows {
  readonly #cells: Int32Array
  readonly #numbers: Numbers
  readonly #capacity: number

  constructor(buffer: SharedArrayBuffer, atCell: number, capacity: number) {
    const cells = FLEET_CELLS + capacity * FLEET_ROW_CELLS
    this.#cells = new Int32Array(buffer, atCell * 4, cells)
    this.#numbers = new Numbers(buffer, atCell, cells / 2)
    this.#capacity = capacity
  }

  /** The fleet's last number whose purges are all applied here; 0: none yet. */
  get known(): number {
    return this.#numbers.get(KNOWN)
  }

  /** The least fleet number that objects can have and still be judged; 0: none. */
  get reach(): number {
    return this.#cells[COUNT] === 0 ? 0 : this.#numbers.get(ROWS)
  }

  /** The local number after which purges count for an object with the fleet number; -1: it is out of reach. */
  since(fleet: number): number {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const version = Atomics.load(this.#cells, VERSION)
      if ((version & 1) !== 0) continue
      const found = this.#search(fleet)
      if (Atomics.load(this.#cells, VERSION) === version) return found
    }
    return -1
  }

  #search(fleet: number): number {
    let low = 0
    let high = Atomics.load(this.#cells, COUNT)
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#numbers.get(ROWS + 2 * middle) <= fleet) low = middle + 1
      else high = middle
    }
    return low === 0 ? -1 : this.#numbers.get(ROWS + 2 * low - 1)
  }

  /** Forgets all rows but this one. What is older is out of reach from now on. */
  restart(fleet: number, number: number): void {
    this.#change(() => {
      this.#put(0, fleet, number)
      Atomics.store(this.#cells, COUNT, 1)
    })
    this.#numbers.advance(KNOWN, fleet)
  }

  /** Adds a row and makes its fleet number the known one, which must be greater than those before. */
  add(fleet: number, number: number): void {
    this.#change(() => {
      if (this.#cells[COUNT] === this.#capacity) this.#thin()
      const count = this.#cells[COUNT]!
      this.#put(count, fleet, number)
      Atomics.store(this.#cells, COUNT, count + 1)
    })
    this.#numbers.advance(KNOWN, fleet)
  }

  /** Our number of the last row. */
  get lastNumber(): number {
    const count = this.#cells[COUNT]!
    return count === 0 ? 0 : this.#numbers.get(ROWS + 2 * count - 1)
  }

  /** Makes the last row say more: purges up to `number` that it lets count are of no concern to objects of the fleet. */
  sharpen(number: number): void {
    this.#change(() => this.#put(this.#cells[COUNT]! - 1, this.known, number))
  }

  #thin(): void {
    const count = this.#cells[COUNT]!
    let to = 1 // the first stays: it is how far we reach
    for (let from = 2; from < count; from += from < count / 2 ? 2 : 1) {
      this.#put(to++, this.#numbers.get(ROWS + 2 * from), this.#numbers.get(ROWS + 2 * from + 1))
    }
    Atomics.store(this.#cells, COUNT, to)
  }

  #put(row: number, fleet: number, number: number): void {
    this.#numbers.raise(ROWS + 2 * row, fleet)
    this.#numbers.raise(ROWS + 2 * row + 1, number)
  }

  #change(action: () => void): void {
    Atomics.add(this.#cells, VERSION, 1)
    action()
    Atomics.add(this.#cells, VERSION, 1)
  }
}
