/**
 * The one that fetches an object, and what it has fetched so far.
 *
 * Bytes go straight into the object's extents. Only taking an extent needs the lock; publishing a piece is one atomic
 * store of the length. A body whose length is known is given one extent with its head if it is not large; otherwise the
 * extents double as the body grows, and the last one is trimmed at the end. Space for a large body is taken as it
 * arrives, not when it is announced, so that an origin cannot empty the cache with a Content-Length.
 *
 * The writer pins its slot, so whatever happens to the object meanwhile (removed, store emptied), the memory it writes to
 * is its own until it ends.
 */
import { Block, HEADER_BYTES, payloadBytes, unitsFor } from './allocator.ts'
import { FillReader } from './fill-reader.ts'
import { UNIT_BYTES } from './layout.ts'
import { CLAIM_ROUNDS, KEY_START, keyBytesOf, NO_ROOM, type SharedStore, TRY_AGAIN } from './shared-store.ts'
import { FillState, Flag, Slot } from './slots.ts'

/**
 * Room for a body of unknown length at first: what fits lies beside its head, and the rest is trimmed. Most pages fit the
 * larger one; a tier for which 64 KiB is much takes the smaller.
 */
const FIRST_BODY_BYTES = 64 * 1024
const FIRST_BODY_BYTES_IN_SMALL_TIER = 16 * 1024
const SMALL_TIER_BYTES = 64 * 1024 * 1024
/** Longest extent taken at a time: bounds what has to be evicted for one write. */
const MAX_EXTENT_BYTES = 1024 * 1024

const NO_LABELS: Buffer = Buffer.alloc(0)

/** Whoever fetches: is told of every fill that is made for the fetch, so that it knows when the last of them has ended. */
export interface FillOwner {
  /** An Int32 that all who follow the fill can read from its beginning on. */
  readonly mark: number
  hold(): void
  release(): void
}

export class FillWriter {
  readonly key: string
  readonly #store: SharedStore
  readonly #slot: number
  readonly #tag: number
  readonly #owner: FillOwner | undefined
  #isOpen: boolean
  #hasEnded = false
  #mostBytes = 0
  #declaredBytes = -1
  /** What is written is shown to nobody before `keep`. */
  #isHidden = false
  #written = 0
  /** The extent being filled, and where in its segment the next byte goes and the extent ends. */
  #extent = 0
  #at = 0
  #end = 0

  /** `slot` -1: a fill that was refused for want of room; nobody can follow it and `start` is false. */
  constructor(store: SharedStore, slot: number, key: string, owner: FillOwner | undefined) {
    this.key = key
    this.#store = store
    this.#slot = slot
    this.#owner = owner
    this.#tag = slot < 0 ? 0 : store.slots.tag(slot)
    this.#isOpen = slot >= 0
    owner?.hold()
  }

  /** Bytes of body taken so far. */
  get written(): number {
    return this.#written
  }

  /** Bytes of body that fit under the tier's `maxObjectBytes`; known from `start` on. */
  get mostBytes(): number {
    return this.#mostBytes
  }

  /** A reader of this fill, also when the key has been removed meanwhile; undefined when the fill was refused or is over. */
  reader(): FillReader | undefined {
    if (!this.#isOpen || !this.#store.pin(this.#slot, this.#tag)) return undefined
    return new FillReader(this.#store, this.#slot)
  }

  /**
   * Publishes the head; from now on the fill streams. `bodyBytes` -1: not known. `labels`: see ObjectFront. False: too
   * large or no room; nothing was published, and the caller ends the fill with `decline` or `abort`.
   */
  start(meta: ArrayLike<number>, head: Buffer, bodyBytes: number, labels = NO_LABELS): boolean {
    const { slots, shared } = this.#store
    if (!this.#isOpen || this.#extent !== 0) return false
    this.#mostBytes = shared.maxObjectBytes - labels.length - head.length
    if (this.#mostBytes < Math.max(bodyBytes, 0)) return false
    const keyBytes = keyBytesOf(this.key)
    const bodyStart = KEY_START + Math.abs(keyBytes) + labels.length + head.length
    const guess = shared.bytes < SMALL_TIER_BYTES ? FIRST_BODY_BYTES_IN_SMALL_TIER : FIRST_BODY_BYTES
    const wanted = Math.min(bodyBytes < 0 ? guess : bodyBytes, MAX_EXTENT_BYTES, this.#mostBytes)
    const leastBytes = bodyStart - HEADER_BYTES
    const isStarted = this.#extend(unitsFor(leastBytes + wanted), unitsFor(leastBytes), (front) => {
      this.#store.writeFront(front, this.key, keyBytes, { meta, labels, head })
      slots.set(this.#slot, Slot.labelBytes, labels.length)
      this.#adoptFront(front, bodyStart, head.length, bodyBytes)
    })
    if (!isStarted) return false
    this.#declaredBytes = bodyBytes
    if (this.#isHidden) return true
    slots.store(this.#slot, Slot.fillState, FillState.streaming)
    this.#announce()
    return true
  }

  /**
   * As `start`, of a body of known length that another tier gives: readers go on waiting, since what comes may yet turn
   * out to be damaged. `keep` ends it.
   */
  startHidden(meta: ArrayLike<number>, head: Buffer, bodyBytes: number, labels: Buffer): boolean {
    this.#isHidden = true
    this.#isHidden = this.start(meta, head, bodyBytes, labels)
    return this.#isHidden
  }

  /** Puts the new first block in the place of the one that held only the key. */
  #adoptFront(front: number, bodyStart: number, headBytes: number, bodyBytes: number): void {
    const { slots, allocator } = this.#store
    const slot = this.#slot
    const keyBlock = slots.get(slot, Slot.front)
    slots.set(slot, Slot.front, front)
    slots.set(slot, Slot.headBytes, headBytes)
    slots.set(slot, Slot.bodyStart, bodyStart)
    slots.set(slot, Slot.bodyBytes, bodyBytes)
    slots.set(slot, Slot.announcedBytes, bodyBytes)
    slots.store(slot, Slot.body, front)
    allocator.free(keyBlock)
    this.#setExtent(front, bodyStart)
  }

  /**
   * Takes bytes[start, end), copying them, and publishes them to the readers. False: no room, larger than
   * `maxObjectBytes` or than was declared, or the fill is over; what was written before stays readable until the fill is
   * ended (`decline` for a fill that outgrew the store) and its readers have closed.
   */
  write(bytes: Buffer, start: number, end: number): boolean {
    const { slots, segments } = this.#store
    if (!this.#isOpen || this.#extent === 0 || slots.tag(this.#slot) !== this.#tag) return this.#lost()
    const length = end - start
    const most = this.#declaredBytes < 0 ? this.#mostBytes : this.#declaredBytes
    if (length > most - this.#written) return false
    let from = start
    while (from < end) {
      if (this.#at === this.#end && !this.#grow(end - from)) break
      const piece = Math.min(end - from, this.#end - this.#at)
      bytes.copy(segments.bytesOf(this.#extent), this.#at, from, from + piece)
      this.#at += piece
      from += piece
    }
    this.#written += from - start
    if (!this.#isHidden) {
      slots.store(this.#slot, Slot.available, this.#written)
      this.#announce()
    }
    return from === end
  }

  /** The store was emptied under this fill: its readers in this worker have not been told yet. */
  #lost(): false {
    if (this.#isOpen) this.#store.watches.fire(this.#slot)
    return false
  }

  /** Adds an extent: for what is still to come if that is known, else as much again as there is. */
  #grow(pieceBytes: number): boolean {
    const isKnown = this.#declaredBytes >= 0
    const toCome = (isKnown ? this.#declaredBytes : this.#mostBytes) - this.#written
    const guess = isKnown ? toCome : Math.max(pieceBytes, this.#written, FIRST_BODY_BYTES_IN_SMALL_TIER)
    const wanted = Math.min(guess, Math.max(toCome, pieceBytes), MAX_EXTENT_BYTES)
    return this.#extend(unitsFor(wanted), 1, (unit) => {
      this.#store.segments.store(this.#extent, Block.next, unit)
      this.#setExtent(unit, HEADER_BYTES)
    })
  }

  /**
   * Takes space, evicting in steps with the lock free in between, and has it linked to the object before the lock is
   * free again: space that belongs to nobody would be lost if this worker died. False when there is none.
   */
  #extend(units: number, least: number, link: (unit: number) => void): boolean {
    const { lock, slots, allocator } = this.#store
    for (let round = 0; round < CLAIM_ROUNDS; round++) {
      lock.acquire()
      try {
        if (slots.tag(this.#slot) !== this.#tag) return false
        const unit = this.#store.claim(units, least)
        if (unit === NO_ROOM) return false
        if (unit === TRY_AGAIN) continue
        link(unit)
        slots.set(this.#slot, Slot.units, slots.get(this.#slot, Slot.units) + allocator.unitsOf(unit))
        return true
      } finally {
        lock.release()
      }
    }
    return false
  }

  #setExtent(unit: number, start: number): void {
    const { segments, allocator } = this.#store
    const offset = segments.offsetOf(unit)
    this.#extent = unit
    this.#at = offset + start
    this.#end = offset + HEADER_BYTES + payloadBytes(allocator.unitsOf(unit))
  }

  /**
   * The body is whole: it becomes the object under the key, unless the key was removed meanwhile. A body shorter than was
   * declared is not whole; that is an `abort`.
   */
  complete(): void {
    if (this.#extent === 0 || (this.#declaredBytes >= 0 && this.#written !== this.#declaredBytes)) {
      this.abort()
      return
    }
    this.#keepAs(FillState.complete)
  }

  /**
   * The body begun by `startHidden` is whole: it becomes the object under the key, unless the key was removed meanwhile.
   * Readers see 'left' and look it up, as it may be anything: stale, or no response at all.
   */
  keep(): void {
    if (this.#extent === 0 || this.#written !== this.#declaredBytes) this.leave()
    else this.#keepAs(FillState.left)
  }

  /** `fillState`: what readers see. */
  #keepAs(fillState: number): void {
    const { slots } = this.#store
    this.#finish(() => {
      this.#trim()
      slots.set(this.#slot, Slot.bodyBytes, this.#written)
      slots.set(this.#slot, Slot.announcedBytes, this.#written)
      slots.store(this.#slot, Slot.available, this.#written)
      if ((slots.get(this.#slot, Slot.flags) & Flag.unlisted) !== 0) this.#store.endFill(this.#slot, fillState)
      else this.#store.keepFill(this.#slot, this.key, fillState)
    })
  }

  #trim(): void {
    const { segments, allocator, slots } = this.#store
    const used = Math.ceil((this.#at - segments.offsetOf(this.#extent)) / UNIT_BYTES)
    const had = allocator.unitsOf(this.#extent)
    allocator.trim(this.#extent, used)
    slots.set(this.#slot, Slot.units, slots.get(this.#slot, Slot.units) - had + used)
  }

  /**
   * The origin failed, but what came is worth keeping: it becomes the object under the key, with these numbers. Readers
   * see 'aborted', since it is not what they were promised, and may answer with `status`.
   */
  keepBeginning(meta: ArrayLike<number>, status = 0): void {
    const { slots } = this.#store
    if (this.#extent === 0) {
      this.abort(status)
      return
    }
    this.#finish(() => {
      if ((slots.get(this.#slot, Slot.flags) & Flag.unlisted) !== 0) {
        this.#store.endFill(this.#slot, FillState.aborted, status)
        return
      }
      this.#trim()
      slots.set(this.#slot, Slot.bodyBytes, this.#written)
      this.#store.writeMeta(slots.get(this.#slot, Slot.front), meta)
      this.#store.keepFill(this.#slot, this.key, FillState.aborted)
    })
  }

  /** The origin failed: readers see 'aborted' and may answer with `status`; nothing is kept. */
  abort(status = 0): void {
    this.#finish(() => this.#store.endFill(this.#slot, FillState.aborted, status))
  }

  /**
   * What comes cannot be shared, or not as a whole, for the reason of number `reason`: readers see 'declined' and go on by
   * themselves. The key is remembered as hit-for-miss until `hitForMissUntilMs`; 0: not at all.
   */
  decline(reason: number, hitForMissUntilMs = 0): void {
    const { hash, refusals } = this.#store
    if (hitForMissUntilMs > 0) {
      hash.compute(this.key)
      refusals.set(hash.low, hash.high, hitForMissUntilMs, reason)
    }
    this.#finish(() => this.#store.endFill(this.#slot, FillState.declined, reason))
  }

  /**
   * Nothing will lie here: the origin confirmed the old object (see MemoryTier.refresh), or what it sent goes under another
   * key. Readers see 'left' and look up again.
   */
  leave(): void {
    this.#finish(() => this.#store.endFill(this.#slot, FillState.left))
  }

  /** Ends the fill once, under the lock; later calls of any kind do nothing. */
  #finish(change: () => void): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    if (this.#isOpen) this.#close(change)
    this.#owner?.release()
  }

  #close(change: () => void): void {
    const { lock, slots, watches } = this.#store
    this.#isOpen = false
    lock.acquire()
    try {
      if (slots.tag(this.#slot) === this.#tag) change()
      this.#store.unpinLocked(this.#slot)
    } finally {
      lock.release()
    }
    watches.fire(this.#slot)
  }

  #announce(): void {
    this.#store.slots.announce(this.#slot)
    this.#store.watches.fire(this.#slot)
  }
}
