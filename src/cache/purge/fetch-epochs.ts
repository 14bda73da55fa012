/**
 * Which fetches run, as far as a sweep must know: an object that is stored after the sweep has passed by may have been
 * fetched before it, and would escape the purges that the sweep retires. So a sweep first waits for all fetches that began
 * before it (read-copy-update):
 *
 *     fetch   F1 count itself under the epoch's parity   F2 epoch still the same? else take back, again   F3 read the number
 *     sweep   S1 read the number   S2 epoch + 1   S3 wait until nobody is counted under the old parity   S4 visit all objects
 *
 * A fetch that S3 does not see has done F1 or F2 after S2, so its number, read later still, is at least the sweep's, and
 * none of the purges to be retired concerns it. All others have ended before S4.
 *
 * A row of two counts per worker, written by that worker alone; that of a dead worker is zeroed.
 */
import type { FillOwner } from '../tiers/memory-tier.ts'
import { PurgeCell, PurgeNumber, ROW_CELLS } from './layout.ts'
import type { Numbers } from './numbers.ts'

/** One fetch. It counts as running until the last fill that was made for it has ended. */
export class FetchTicket implements FillOwner {
  /** The number of the last purge when the fetch began: the object is older than all later ones. */
  readonly number: number
  readonly #row: Int32Array
  readonly #parity: number
  #holders = 0
  #wasHeld = false

  /** The ticket is counted by the caller. */
  constructor(number: number, row: Int32Array, parity: number) {
    this.number = number
    this.#row = row
    this.#parity = parity
  }

  get mark(): number {
    return this.number | 0
  }

  hold(): void {
    this.#wasHeld = true
    this.#holders++
  }

  release(): void {
    this.#holders--
    if (this.#holders === 0) Atomics.sub(this.#row, this.#parity, 1)
  }

  /** There will be no fetch. Fills that were made for it have ended. */
  drop(): void {
    if (!this.#wasHeld) Atomics.sub(this.#row, this.#parity, 1)
  }
}

export class FetchEpochs {
  readonly #cells: Int32Array
  readonly #numbers: Numbers
  readonly #rows: Int32Array
  readonly #row: Int32Array

  /** `rows`: those of all workers. */
  constructor(cells: Int32Array, numbers: Numbers, rows: Int32Array, worker: number) {
    this.#cells = cells
    this.#numbers = numbers
    this.#rows = rows
    this.#row = rows.subarray(Math.max(0, worker) * ROW_CELLS, (Math.max(0, worker) + 1) * ROW_CELLS)
  }

  /** F1 to F3. */
  begin(): FetchTicket {
    for (;;) {
      const epoch = Atomics.load(this.#cells, PurgeCell.epoch)
      const parity = epoch & 1
      Atomics.add(this.#row, parity, 1)
      if (Atomics.load(this.#cells, PurgeCell.epoch) === epoch) {
        return new FetchTicket(this.#numbers.get(PurgeNumber.last), this.#row, parity)
      }
      Atomics.sub(this.#row, parity, 1)
    }
  }

  /** S2. Gives the parity to wait for. One sweep at a time. */
  turn(): number {
    return Atomics.add(this.#cells, PurgeCell.epoch, 1) & 1
  }

  /** S3: whether fetches that began before the turn still run. */
  hasRunning(parity: number): boolean {
    for (let at = parity; at < this.#rows.length; at += ROW_CELLS) if (Atomics.load(this.#rows, at) > 0) return true
    return false
  }

  releaseWorker(worker: number): void {
    for (let parity = 0; parity < 2; parity++) Atomics.store(this.#rows, worker * ROW_CELLS + parity, 0)
  }
}
