/**
 * One worker's view of one complete object: private copies of the numbers, Buffers over the shared bytes.
 *
 * The Buffers are good while the object is pinned by this worker, or within the turn of the event loop that found it and
 * pinned it; unpinned bytes may become another object's at any moment.
 */
import { Block, HEADER_BYTES, payloadBytes } from './allocator.ts'
import { SLOT_CELLS, UNIT_BYTES } from './layout.ts'
import type { SharedStore } from './shared-store.ts'
import { Flag, Slot } from './slots.ts'

export class StoredObject {
  readonly key: string
  /** META_CELLS numbers as given to `start` or `refresh`. */
  readonly meta: Float64Array
  readonly head: Buffer
  /** The body in order; empty for an empty body. */
  readonly body: readonly Buffer[]
  /** Head and body as one view when they lie side by side, else undefined. */
  readonly headAndBody: Buffer | undefined
  readonly bodyBytes: number
  /** For the engine: whatever it wants to keep with this object in this worker. */
  user: unknown = undefined
  /** For the engine: it has found that a soft purge covers the object. */
  isPurged = false
  /** Where it lies; for the store. */
  readonly slot: number
  readonly tag: number
  readonly tagCell: number
  readonly #cells: Int32Array
  /** Answers of this worker that `Slot.hits` does not know of yet, those that it knows of, and how many may wait. */
  #untold = 0
  #told = 0
  #mayWait = 0

  /** The slot must be pinned while this runs. */
  constructor(store: SharedStore, slot: number, tag: number, key: string) {
    const { slots, segments, allocator } = store
    const front = slots.get(slot, Slot.front)
    const headBytes = slots.get(slot, Slot.headBytes)
    const body = slots.get(slot, Slot.body)
    const headStart = store.headStart(slot)
    this.key = key
    this.slot = slot
    this.tag = tag
    this.tagCell = slot * SLOT_CELLS
    this.#cells = slots.cells
    this.bodyBytes = slots.get(slot, Slot.available)
    this.meta = store.readMeta(front)
    this.head = segments.bytesOf(front).subarray(headStart, headStart + headBytes)
    const bodyStart = slots.get(slot, Slot.bodyStart)
    this.body = bodyViews(store, body, bodyStart, this.bodyBytes)
    const isContiguous = body === front && bodyStart + this.bodyBytes <= allocator.unitsOf(front) * UNIT_BYTES
    this.headAndBody = isContiguous
      ? segments.bytesOf(front).subarray(headStart, headStart + headBytes + this.bodyBytes)
      : undefined
  }

  /**
   * Counts an answer given from the object, which is pinned. Told to all only when an eighth of what was told has come
   * together, so that a hot object costs no cache line that all workers write.
   */
  countHit(): void {
    this.#untold++
    if (this.#untold > this.#mayWait) this.#tellHits()
  }

  #tellHits(): void {
    Atomics.add(this.#cells, this.tagCell + Slot.hits, this.#untold)
    this.#told += this.#untold
    this.#untold = 0
    this.#mayWait = Math.floor(this.#told / 8)
  }

  /** Stale by a soft purge: as this worker has found, or as `MemoryTier.sweep` has noted for all of them. */
  get softPurged(): boolean {
    return this.isPurged || (this.#cells[this.tagCell + Slot.flags]! & Flag.softPurged) !== 0
  }
}

/** Views of `bodyBytes` bytes that begin `start` bytes into the block `first` and go on in the blocks linked to it. */
function bodyViews(store: SharedStore, first: number, start: number, bodyBytes: number): Buffer[] {
  const { segments, allocator } = store
  const views: Buffer[] = []
  let from = start
  for (let unit = first, left = bodyBytes; left > 0; unit = segments.get(unit, Block.next)) {
    const length = Math.min(left, payloadBytes(allocator.unitsOf(unit)) + HEADER_BYTES - from)
    const at = segments.offsetOf(unit) + from
    if (length > 0) views.push(segments.bytesOf(unit).subarray(at, at + length))
    left -= length
    from = HEADER_BYTES
  }
  return views
}
