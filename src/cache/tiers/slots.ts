/**
 * One record of SLOT_CELLS Int32 cells per object, and the word that says what the slot holds: its tag.
 *
 *     tag = generation << 2 | state
 *
 *     free --> filling --> complete --> zombie --> free        the generation grows by one at free --> filling
 *                 \_______________________/                    (a fill that is not kept)
 *
 * - A tag is replaced by one atomic store, so "still the object I know" is one atomic load and a comparison.
 * - A zombie cannot be reached any more; it keeps its memory until nobody pins it.
 * - Cells other than `access`, `available` and `hits` change under the store's lock only, and never while the slot is complete,
 *   except queue links and flags.
 *
 * A generation returns after 2^30 uses of one slot; an object remembered that long would be taken for another. A worker
 * forgets objects long before.
 */
import { SLOT_CELLS } from './layout.ts'

export const State = { free: 0, filling: 1, complete: 2, zombie: 3 } as const
const STATE_MASK = 3
const GENERATION_STEP = 4

export const Slot = {
  tag: 0,
  hashLow: 1,
  hashHigh: 2,
  /** First unit of the block that holds meta, key and head (before a fill starts: only the key). */
  front: 3,
  /** Bytes of the key; negative when its letters take two bytes each. */
  keyBytes: 4,
  headBytes: 5,
  /** First extent of the body: `front` itself unless shared with the object that this one refreshed; 0 before start. */
  body: 6,
  /** Where the body begins in that extent, in bytes from the start of the block. */
  bodyStart: 7,
  /** Of a complete object, the length of the body; of a fill, the declared one. -1 while unknown. */
  bodyBytes: 8,
  /** Bytes of body published so far. */
  available: 9,
  /** Grows with every change a reader of the fill may wait for; keeps growing from one generation to the next. */
  changes: 10,
  /** One of FillState. */
  fillState: 11,
  /** Worker that fills, + 1. */
  filler: 12,
  /** Flag bits. */
  flags: 13,
  /** Looks since it was last considered for eviction, 0 to 3. */
  access: 14,
  /** Neighbours in the eviction queue, slot + 1; `newer` also links free slots. */
  newer: 15,
  older: 16,
  /** One of Queue. */
  queue: 17,
  /** Space of the object in units, for the queues' shares. */
  units: 18,
  /** Of a fill that was declined, the number of the reason; of one that was aborted, the status to answer with; or 0. */
  cause: 19,
  /** The caller's word about a fill, from before it has a head. */
  mark: 20,
  /** Bytes of the labels between key and head; 0 before a fill starts. */
  labelBytes: 21,
  /**
   * What readers of a fill are told of its length, -1 while unknown. Unlike `bodyBytes` it stays what was declared when a
   * beginning is kept, or a reader in mid-step would take the beginning for the whole.
   */
  announcedBytes: 22,
  /** Answers given from the object, as far as the workers have told; unsigned. */
  hits: 23,
} as const

export const Flag = {
  softPurged: 1,
  /** A fill that was removed while it ran: it ends for its readers but is not kept. */
  unlisted: 2,
} as const

export const FillState = { pending: 0, streaming: 1, complete: 2, aborted: 3, declined: 4, left: 5 } as const

export class Slots {
  readonly cells: Int32Array

  constructor(buffer: SharedArrayBuffer) {
    this.cells = new Int32Array(buffer)
  }

  get(slot: number, field: number): number {
    return this.cells[slot * SLOT_CELLS + field]!
  }

  set(slot: number, field: number, value: number): void {
    this.cells[slot * SLOT_CELLS + field] = value
  }

  load(slot: number, field: number): number {
    return Atomics.load(this.cells, slot * SLOT_CELLS + field)
  }

  store(slot: number, field: number, value: number): void {
    Atomics.store(this.cells, slot * SLOT_CELLS + field, value)
  }

  tag(slot: number): number {
    return Atomics.load(this.cells, slot * SLOT_CELLS)
  }

  state(slot: number): number {
    return Atomics.load(this.cells, slot * SLOT_CELLS) & STATE_MASK
  }

  /** Same generation, new state. */
  setState(slot: number, state: number): void {
    const cell = slot * SLOT_CELLS
    Atomics.store(this.cells, cell, (this.cells[cell]! & ~STATE_MASK) | state)
  }

  /** Makes a free slot a fill of the next generation with all fields at their beginning. */
  begin(slot: number): void {
    const cell = slot * SLOT_CELLS
    const tag = this.cells[cell]!
    const changes = this.cells[cell + Slot.changes]!
    this.cells.fill(0, cell + 1, cell + SLOT_CELLS)
    this.cells[cell + Slot.changes] = changes
    this.cells[cell + Slot.bodyBytes] = -1
    this.cells[cell + Slot.announcedBytes] = -1
    Atomics.store(this.cells, cell, ((tag & ~STATE_MASK) + GENERATION_STEP) | State.filling)
  }

  /** Tells those who wait for the fill in this slot, in any thread, to look again. */
  announce(slot: number): void {
    const cell = slot * SLOT_CELLS + Slot.changes
    Atomics.add(this.cells, cell, 1)
    Atomics.notify(this.cells, cell)
  }
}
