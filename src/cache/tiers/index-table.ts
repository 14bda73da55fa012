/**
 * From hash to slot: open addressing with linear probing, two cells per entry.
 *
 *     cell 2i       low half of the key's hash
 *     cell 2i + 1   slot + 1, 0 = empty
 *
 * Changes are made under the store's lock. Removal moves later entries of the run back over the hole, so that there are
 * no tombstones; a reader without the lock may then miss an entry that is being moved. `version` is odd while that
 * happens and differs afterwards: a reader that found nothing and saw it odd or changed must look again under the lock.
 * What a reader finds is only a hint; the slot itself says whose it is.
 */
import { Control } from './layout.ts'

export class IndexTable {
  readonly #control: Int32Array
  readonly #cells: Int32Array
  readonly #mask: number

  constructor(control: Int32Array, buffer: SharedArrayBuffer) {
    this.#control = control
    this.#cells = new Int32Array(buffer)
    this.#mask = this.#cells.length / 2 - 1
  }

  /** Entries; a probe that takes more steps than this has met concurrent changes. */
  get capacity(): number {
    return this.#mask + 1
  }

  version(): number {
    return Atomics.load(this.#control, Control.indexVersion)
  }

  /** Where probing for a hash begins; go on with `next` until `slotAt` gives -1. */
  start(hash: number): number {
    return hash & this.#mask
  }

  next(at: number): number {
    return (at + 1) & this.#mask
  }

  hashAt(at: number): number {
    return this.#cells[2 * at]!
  }

  slotAt(at: number): number {
    return Atomics.load(this.#cells, 2 * at + 1) - 1
  }

  insert(hash: number, slot: number): void {
    let at = hash & this.#mask
    while (this.#cells[2 * at + 1] !== 0) at = (at + 1) & this.#mask
    this.#cells[2 * at] = hash
    Atomics.store(this.#cells, 2 * at + 1, slot + 1)
  }

  /** Forgets the entry; nothing happens when there is none. */
  remove(hash: number, slot: number): void {
    const cells = this.#cells
    let hole = hash & this.#mask
    while (cells[2 * hole + 1] !== slot + 1) {
      if (cells[2 * hole + 1] === 0) return
      hole = (hole + 1) & this.#mask
    }
    this.beginMove()
    for (let at = (hole + 1) & this.#mask; cells[2 * at + 1] !== 0; at = (at + 1) & this.#mask) {
      const home = cells[2 * at]! & this.#mask
      // The entry may fill the hole unless its home lies cyclically after the hole.
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue
      cells[2 * hole] = cells[2 * at]!
      Atomics.store(cells, 2 * hole + 1, cells[2 * at + 1]!)
      hole = at
    }
    Atomics.store(cells, 2 * hole + 1, 0)
    this.endMove()
  }

  /** Brackets every change after which a reader may miss what was there all the time. Not nested. */
  beginMove(): void {
    Atomics.add(this.#control, Control.indexVersion, 1)
  }

  endMove(): void {
    Atomics.add(this.#control, Control.indexVersion, 1)
  }

  clear(): void {
    if ((this.version() & 1) === 0) this.beginMove()
    this.#cells.fill(0)
    this.endMove()
  }
}
