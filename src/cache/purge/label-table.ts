/**
 * Which labels (tags and URLs) have been purged: from the keyed hash of a label to the numbers of its last soft and last
 * hard purge. Purging a label is one entry, whatever carries it.
 *
 *     cells 6i       hash low     cell 6i + 2, 3   number of the last soft purge, 0 = none
 *     cells 6i + 1   hash high    cell 6i + 4, 5   number of the last hard purge, 0 = none
 *
 * The entries lie in buckets of WAYS. A new label takes an entry whose purges a sweep has applied to every object; in a
 * full bucket it takes the oldest one, and what that purged becomes, by the floors, everything as old: dearer, never lost.
 *
 * Written under the log's lock, read without. What a reader meets in mid-change:
 * 1. An entry that is being taken over: the floors were raised before, and readers look at them last.
 * 2. An entry not yet written whole: its purge has not returned, and the sequence that makes everybody look again is
 *    stored after it.
 * 3. The hash of one label with the numbers of another, between two stores: something too much is purged.
 * A writer that dies leaves one of these behind, so nothing has to be repaired.
 */
import { LABEL_CELLS } from './layout.ts'
import { Numbers } from './numbers.ts'

const WAYS = 16
/** Indices of the two numbers of entry i in `Numbers` over the table: 3i + 1 and 3i + 2. */
const NUMBERS = LABEL_CELLS / 2

export interface LabelPurge {
  readonly soft: number
  readonly hard: number
}

export class LabelTable {
  readonly #cells: Int32Array
  readonly #numbers: Numbers
  readonly #mask: number

  constructor(buffer: SharedArrayBuffer, atCell: number, entries: number) {
    this.#cells = new Int32Array(buffer, atCell * 4, entries * LABEL_CELLS)
    this.#numbers = new Numbers(buffer, atCell, entries * NUMBERS)
    this.#mask = entries / WAYS - 1
  }

  /** Whether the label was purged hard (2), only softly (1) or not (0) after the purge `since`. */
  verdict(low: number, high: number, since: number): number {
    const cells = this.#cells
    const first = (low & this.#mask) * WAYS
    let verdict = 0
    for (let entry = first; entry < first + WAYS; entry++) {
      const at = entry * LABEL_CELLS
      if (Atomics.load(cells, at) !== low || Atomics.load(cells, at + 1) !== high) continue
      if (this.#numbers.get(NUMBERS * entry + 2) > since) return 2
      if (this.#numbers.get(NUMBERS * entry + 1) > since) verdict = 1
    }
    return verdict
  }

  /**
   * Notes a purge. `onTaken` is called first when another label has to make room for it; its purges up to `swept` are
   * free. Whether a free entry was taken. Lock held.
   */
  note(
    low: number,
    high: number,
    number: number,
    isHard: boolean,
    swept: number,
    onTaken: (old: LabelPurge, wasFree: boolean) => void,
  ): boolean {
    const cells = this.#cells
    const entry = this.#choose(low, high)
    const at = entry * LABEL_CELLS
    const isKnown = cells[at] === low && cells[at + 1] === high
    const soft = this.#numbers.get(NUMBERS * entry + 1)
    const hard = this.#numbers.get(NUMBERS * entry + 2)
    const isFree = Math.max(soft, hard) <= swept
    if (!isKnown) {
      if (soft + hard > 0) onTaken({ soft, hard }, isFree)
      Atomics.store(cells, at, low)
      Atomics.store(cells, at + 1, high)
      this.#numbers.raise(NUMBERS * entry + (isHard ? 1 : 2), 0)
    }
    this.#numbers.raise(NUMBERS * entry + (isHard ? 2 : 1), number)
    return isFree
  }

  /** The label's own entry, else the one of its bucket whose purges are the oldest: free ones are older than all others. */
  #choose(low: number, high: number): number {
    const first = (low & this.#mask) * WAYS
    let oldest = first
    let oldestNumber = Number.POSITIVE_INFINITY
    for (let entry = first; entry < first + WAYS; entry++) {
      const at = entry * LABEL_CELLS
      if (this.#cells[at] === low && this.#cells[at + 1] === high) return entry
      const number = Math.max(this.#numbers.get(NUMBERS * entry + 1), this.#numbers.get(NUMBERS * entry + 2))
      if (number < oldestNumber) {
        oldest = entry
        oldestNumber = number
      }
    }
    return oldest
  }
}
