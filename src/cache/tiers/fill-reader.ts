/**
 * One that reads a fill while it grows, in the same worker or another. Pins the fill's slot from its making to `close`,
 * so all bytes it has been shown stay what they are, whatever becomes of the object.
 */
import { Block, HEADER_BYTES, payloadBytes } from './allocator.ts'
import type { SharedStore } from './shared-store.ts'
import { FillState, Slot, State } from './slots.ts'

/** Indexed by the values of `FillState` in slots.ts. */
const states = ['pending', 'streaming', 'complete', 'aborted', 'declined', 'left'] as const
export type FillReaderState = (typeof states)[number]

const nothing: Buffer = Buffer.alloc(0)

export class FillReader {
  readonly #store: SharedStore
  readonly #slot: number
  readonly #isLocal: boolean
  #isOpen = true
  /** What the caller was last shown. */
  #seenState: number = FillState.pending
  #seenAvailable = 0
  #callback: (() => void) | undefined = undefined
  #meta: Float64Array | undefined = undefined
  #head: Buffer | undefined = undefined
  /** The extent last read from, the part of the body it holds and where that part lies in its segment. */
  #extent = 0
  #extentFrom = 0
  #extentEnd = 0
  #extentAt = 0

  /** The slot is pinned already; the pin passes to the reader. */
  constructor(store: SharedStore, slot: number) {
    this.#store = store
    this.#slot = slot
    this.#isLocal = store.slots.get(slot, Slot.filler) === store.worker + 1
  }

  get state(): FillReaderState {
    this.#seenState = this.#store.slots.load(this.#slot, Slot.fillState)
    return states[this.#seenState]!
  }

  /** In state 'declined' the number of the reason, in state 'aborted' the status to answer with; 0: not known. */
  get cause(): number {
    return this.#store.slots.get(this.#slot, Slot.cause)
  }

  /** Bytes of body that can be read by now. */
  get available(): number {
    this.#seenAvailable = this.#store.slots.load(this.#slot, Slot.available)
    return this.#seenAvailable
  }

  /** Declared or final length of the body, also where less came and was kept; -1 while it is not known. */
  get bodyBytes(): number {
    return this.#store.slots.load(this.#slot, Slot.announcedBytes)
  }

  /** META_CELLS numbers; from state 'streaming' on. */
  get meta(): Float64Array {
    this.#meta ??= this.#store.readMeta(this.#store.slots.get(this.#slot, Slot.front))
    return this.#meta
  }

  /** From state 'streaming' on; good until `close`. */
  get head(): Buffer {
    if (this.#head === undefined) {
      const { slots, segments } = this.#store
      const start = this.#store.headStart(this.#slot)
      const bytes = segments.bytesOf(slots.get(this.#slot, Slot.front))
      this.#head = bytes.subarray(start, start + slots.get(this.#slot, Slot.headBytes))
    }
    return this.#head
  }

  /** What the fetch said of itself when it began; see FillOwner. */
  get mark(): number {
    return this.#store.slots.get(this.#slot, Slot.mark)
  }

  /** As given to `FillWriter.start`; from state 'streaming' on. */
  get labels(): string {
    return this.#store.readLabels(this.#slot)
  }

  /** Keeps others from joining this fill, and what it brings from being kept; its present readers go on. */
  disown(): void {
    const { lock } = this.#store
    lock.acquire()
    try {
      if (this.#store.slots.state(this.#slot) === State.filling) this.#store.unlist(this.#slot)
    } finally {
      lock.release()
    }
  }

  /**
   * The body from `offset`: the next piece that lies in one place, at most `max` bytes. Good until `close`. Undefined when
   * nothing has arrived there yet, or never will.
   */
  read(offset: number, max: number): Buffer | undefined {
    const { available } = this
    if (!this.#isOpen || offset >= available) return undefined
    this.#seek(offset)
    const from = this.#extentAt + offset - this.#extentFrom
    const length = Math.min(max, Math.min(available, this.#extentEnd) - offset)
    return length > 0 ? this.#store.segments.bytesOf(this.#extent).subarray(from, from + length) : nothing
  }

  /** Moves to the extent that holds `offset`, which is less than `available`. */
  #seek(offset: number): void {
    const { slots, segments } = this.#store
    if (this.#extent === 0 || offset < this.#extentFrom) {
      this.#enter(slots.get(this.#slot, Slot.body), slots.get(this.#slot, Slot.bodyStart), 0)
    }
    while (offset >= this.#extentEnd)
      this.#enter(segments.load(this.#extent, Block.next), HEADER_BYTES, this.#extentEnd)
  }

  #enter(unit: number, start: number, bodyFrom: number): void {
    const { segments, allocator } = this.#store
    this.#extent = unit
    this.#extentFrom = bodyFrom
    this.#extentAt = segments.offsetOf(unit) + start
    this.#extentEnd = bodyFrom + payloadBytes(allocator.unitsOf(unit)) + HEADER_BYTES - start
  }

  /**
   * Calls `callback` once, from a later microtask of this worker, when `state` or `available` have changed since they were
   * last read here, at once if they have already. A second call replaces the callback of the first.
   */
  onChange(callback: () => void): void {
    if (!this.#isOpen) return
    const { watches, slots } = this.#store
    if (this.#callback !== undefined) watches.remove(this.#slot, this.#callback)
    this.#callback = callback
    // The counter is read before the values: what changes after it wakes the watch, what changed before shows in them.
    const changes = slots.load(this.#slot, Slot.changes)
    const state = slots.load(this.#slot, Slot.fillState)
    const available = slots.load(this.#slot, Slot.available)
    const isDue = state !== this.#seenState || available !== this.#seenAvailable
    // Counts as shown: a caller that looks at one of the two only is called once per change, not without end.
    this.#seenState = state
    this.#seenAvailable = available
    watches.add(this.#slot, isDue ? undefined : changes, this.#isLocal, callback)
  }

  /** Releases the pin; no callback follows. Calling it again does nothing. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.#callback !== undefined) this.#store.watches.remove(this.#slot, this.#callback)
    this.#callback = undefined
    this.#store.unpin(this.#slot)
  }
}
