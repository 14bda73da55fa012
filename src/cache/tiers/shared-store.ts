/**
 * The parts of a memory tier attached to one thread, and the changes that involve several of them: finding a key, taking
 * and freeing slots and space, pinning.
 *
 * Pins: why bytes never change under a reader although readers take no lock
 * -------------------------------------------------------------------------
 * Every worker counts its pins of a slot in a cell of its own. Two threads, each first writes, then reads what the other
 * writes; sequentially consistent atomics make at least one of them see the other (Dekker):
 *
 *     pin:     P1 own cell + 1      P2 tag as expected? yes: pinned; no: P3 own cell - 1, as in unpin
 *     retire:  R1 tag := zombie     R2 any cell of any worker not zero? yes: leave it; no: R3 free
 *     unpin:   U1 own cell - 1      U2 own cell zero and tag zombie? yes: under the lock do R2, R3
 *
 *  1. P2 before R1: then P1 before R2; R2 sees the pin, the zombie keeps its bytes.
 *  2. R1 before P2: the pin fails and P3 takes it back. R2 may have seen P1 and left the zombie: P3's U2 frees it.
 *  3. Last unpin, U1 before R2: R2 sees zero and frees; U2 may see the zombie too, takes the lock, finds it free already.
 *  4. Last unpin, R2 before U1: R2 leaves it; R1 was before R2, so U2 sees the zombie and frees it.
 *  5. Two workers unpin at once: each does U1 before R2 under the lock; whoever holds the lock second sees both zero.
 *  6. The slot was freed and used again before P1: P2 sees another generation; P3 takes back a count that nobody relied
 *     on. A retire in between at worst leaves a zombie, which P3's U2 frees (case 2).
 *  7. A worker dies with pins: `releaseWorker` zeroes its row and does R2, R3 for every zombie.
 *
 * Locked changes that a dying worker may leave half done are not repaired one by one; the store is then emptied down to
 * what living workers pin (recovery.ts). For that, two things hold at every moment: the size of a block in use is written
 * before the block is linked to an object, and links of an object's extents are only ever appended.
 *
 * Layout of an object's first block, from the start of the block:
 *
 *     | header 16 | meta 128 | key | labels | head | body, or its beginning |     further extents: | header 16 | body |
 */
import { Allocator, Block, HEADER_BYTES } from './allocator.ts'
import { EvictionQueues } from './eviction-queues.ts'
import { FillWatches } from './fill-watches.ts'
import { IndexTable } from './index-table.ts'
import { KeyHash } from './key-hash.ts'
import { KeyMarks } from './key-marks.ts'
import { Control, META_BYTES, META_CELLS, type MemoryTierShared } from './layout.ts'
import { Segments } from './segments.ts'
import { SharedLock } from './shared-lock.ts'
import { Flag, Slot, Slots, State } from './slots.ts'
import { Uses } from './uses.ts'

/** Bytes from the start of a first block to its key. */
export const KEY_START = HEADER_BYTES + META_BYTES

/** Objects evicted before the lock is given up for a moment. */
const EVICTIONS_PER_HOLD = 32
/** Further evictions tried for the sake of one piece instead of several. */
const EVICTIONS_FOR_CONTIGUITY = 8
/** Extents shorter than this (unless the whole need is) are not worth their view: 1 KiB. */
const LEAST_EXTENT_UNITS = 16
/** How often `claim` may answer TRY_AGAIN before the caller gives up: 2^13 evictions. */
export const CLAIM_ROUNDS = 256

/** Answers of `claim` that are no unit. */
export const NO_ROOM = 0
export const TRY_AGAIN = -1

/** What stands before the body of an object, beside its key. `labels`: the caller's, read back as latin1. */
export interface ObjectFront {
  readonly meta: ArrayLike<number>
  readonly labels: Buffer
  readonly head: Buffer
}

export class SharedStore {
  readonly shared: MemoryTierShared
  readonly worker: number
  readonly control: Int32Array
  readonly lock: SharedLock
  readonly slots: Slots
  readonly segments: Segments
  readonly allocator: Allocator
  readonly index: IndexTable
  readonly queues: EvictionQueues
  /** Time: until when requests for the key pass; number: of the reason. */
  readonly refusals: KeyMarks
  /** Time: of the next attempt; number: failures in a row. */
  readonly failures: KeyMarks
  /** Time: of the removal; number: 0. */
  readonly removed: KeyMarks
  readonly uses: Uses
  readonly hash: KeyHash
  readonly watches: FillWatches
  /** Pin cells of all workers, and those of this one (empty for the main thread, which pins nothing). */
  readonly pinRows: readonly Int32Array[]
  readonly ownPins: Int32Array
  readonly #isPinned = (slot: number): boolean => this.isPinned(slot)

  constructor(shared: MemoryTierShared, worker: number) {
    this.shared = shared
    this.worker = worker
    this.control = new Int32Array(shared.control)
    this.lock = new SharedLock(this.control, worker)
    this.slots = new Slots(shared.slots)
    this.segments = new Segments(shared.segments)
    this.allocator = new Allocator(this.control, this.segments)
    this.index = new IndexTable(this.control, shared.index)
    this.queues = new EvictionQueues(this.control, this.slots, shared.ghosts)
    this.refusals = new KeyMarks(shared.refusals)
    this.failures = new KeyMarks(shared.failures)
    this.removed = new KeyMarks(shared.removed)
    this.uses = new Uses(shared.uses)
    this.hash = new KeyHash(shared.seedLow, shared.seedHigh)
    this.watches = new FillWatches(this.slots)
    this.pinRows = shared.pins.map((row) => new Int32Array(row))
    this.ownPins = this.pinRows[worker] ?? new Int32Array(0)
  }

  // Pins; no lock.

  /** P1, P2: false when the slot no longer holds what `tag` names. */
  pin(slot: number, tag: number): boolean {
    const pins = this.ownPins
    Atomics.store(pins, slot, pins[slot]! + 1)
    if (this.slots.tag(slot) === tag) return true
    this.unpin(slot)
    return false
  }

  /** U1, U2. Takes the lock when it was the last pin of a zombie. */
  unpin(slot: number): void {
    if (!this.#dropPin(slot)) return
    this.lock.acquire()
    try {
      this.freeIfUnpinned(slot)
    } finally {
      this.lock.release()
    }
  }

  /** The same for a caller that holds the lock. */
  unpinLocked(slot: number): void {
    if (this.#dropPin(slot)) this.freeIfUnpinned(slot)
  }

  #dropPin(slot: number): boolean {
    const pins = this.ownPins
    const left = pins[slot]! - 1
    Atomics.store(pins, slot, left)
    return left === 0 && this.slots.state(slot) === State.zombie
  }

  isPinned(slot: number): boolean {
    for (const row of this.pinRows) if (Atomics.load(row, slot) !== 0) return true
    return false
  }

  // Keys.

  /** Whether the slot's key is `key`, whose hash stands in `hash`. Slot pinned or lock held. */
  hasKey(slot: number, key: string): boolean {
    const { slots, segments, hash } = this
    if (slots.get(slot, Slot.hashLow) !== hash.low || slots.get(slot, Slot.hashHigh) !== hash.high) return false
    const keyBytes = slots.get(slot, Slot.keyBytes)
    if (Math.abs(keyBytes) !== (keyBytes < 0 ? 2 * key.length : key.length)) return false
    const front = slots.get(slot, Slot.front)
    const start = segments.offsetOf(front) + KEY_START
    const bytes = segments.bytesOf(front)
    return keyBytes < 0
      ? bytes.toString('utf16le', start, start - keyBytes) === key
      : bytes.toString('latin1', start, start + keyBytes) === key
  }

  /** The slot in `state` under the key just hashed, or -1. Lock held. */
  lookUp(key: string, state: number): number {
    const { index, hash, slots } = this
    let at = index.start(hash.low)
    for (let slot = index.slotAt(at); slot >= 0; slot = index.slotAt(at)) {
      if (index.hashAt(at) === hash.low && slots.state(slot) === state && this.hasKey(slot, key)) return slot
      at = index.next(at)
    }
    return -1
  }

  // Slots and space; lock held.

  /** A slot in state filling with all fields blank, listed nowhere; -1 when all are in use and none can be evicted. */
  takeSlot(): number {
    const { control, slots } = this
    for (let evictions = 0; evictions <= EVICTIONS_PER_HOLD; evictions++) {
      const free = control[Control.freeSlot]! - 1
      if (free >= 0) {
        control[Control.freeSlot] = slots.get(free, Slot.newer)
        slots.begin(free)
        return free
      }
      const fresh = control[Control.slotsTouched]!
      if (fresh < this.shared.slotCount) {
        control[Control.slotsTouched] = fresh + 1
        slots.begin(fresh)
        return fresh
      }
      if (!this.#evictOne()) return -1
    }
    return -1
  }

  /** Gives back a slot that owns no space and is listed nowhere. */
  dropSlot(slot: number): void {
    this.slots.setState(slot, State.free)
    this.slots.set(slot, Slot.newer, this.control[Control.freeSlot]!)
    this.control[Control.freeSlot] = slot + 1
  }

  /**
   * Space, evicting what has to go: a block of `units`, or a shorter one of at least `least` when memory is too scattered.
   * TRY_AGAIN: some was evicted but not enough; let others have the lock before the next try. NO_ROOM: all is in use.
   */
  claim(units: number, least: number): number {
    const { allocator } = this
    let unit = allocator.take(units)
    for (let evictions = 0; unit === 0 && this.control[Control.freeUnits]! < units; evictions++) {
      if (evictions === EVICTIONS_PER_HOLD) return TRY_AGAIN
      if (!this.#evictOne()) break
      unit = allocator.take(units)
    }
    for (let evictions = 0; unit === 0 && evictions < EVICTIONS_FOR_CONTIGUITY && this.#evictOne(); evictions++) {
      unit = allocator.take(units)
    }
    if (unit === 0) unit = allocator.takeLongest(Math.max(least, Math.min(units, LEAST_EXTENT_UNITS)), units)
    if (unit !== 0) return unit
    return this.#evictOne() ? TRY_AGAIN : NO_ROOM
  }

  #evictOne(): boolean {
    const slot = this.queues.nextVictim(this.#isPinned)
    if (slot < 0) return false
    this.control[Control.evictions]!++
    this.#bury(slot)
    return true
  }

  /** Makes a complete object unreachable (R1) and frees it unless it is pinned. */
  retire(slot: number): void {
    this.queues.remove(slot)
    this.#bury(slot)
  }

  #bury(slot: number): void {
    // Out of the index first: a reader that meets the zombie in passing then finds the index's version changed.
    this.index.remove(this.slots.get(slot, Slot.hashLow), slot)
    this.control[Control.objects]!--
    this.#makeZombie(slot)
  }

  #makeZombie(slot: number): void {
    this.slots.setState(slot, State.zombie)
    this.control[Control.zombies]!++
    this.freeIfUnpinned(slot)
  }

  /** R2, R3. */
  freeIfUnpinned(slot: number): void {
    if (this.slots.state(slot) !== State.zombie || this.isPinned(slot)) return
    this.control[Control.zombies]!--
    const front = this.slots.get(slot, Slot.front)
    const body = this.slots.get(slot, Slot.body)
    this.dropSlot(slot)
    if (body === 0) this.freeChain(front)
    else {
      if (body !== front) this.allocator.free(front)
      this.#releaseBody(body)
    }
  }

  #releaseBody(body: number): void {
    const references = this.segments.get(body, Block.references) - 1
    this.segments.set(body, Block.references, references)
    if (references === 0) this.freeChain(body)
  }

  freeChain(first: number): void {
    for (let unit = first; unit !== 0; ) {
      const next = this.segments.get(unit, Block.next)
      this.allocator.free(unit)
      unit = next
    }
  }

  // Fills; lock held.

  /** Ends a fill that is not kept. Its readers see `fillState`; its bytes stay while they are pinned. */
  endFill(slot: number, fillState: number, cause = 0): void {
    this.unlist(slot)
    this.slots.set(slot, Slot.cause, cause)
    this.control[Control.fills]!--
    this.slots.store(slot, Slot.fillState, fillState)
    this.slots.announce(slot)
    this.#makeZombie(slot)
  }

  /** Takes a running fill out of the index: nobody joins it any more, and it will not be kept. */
  unlist(slot: number): void {
    const flags = this.slots.get(slot, Slot.flags)
    if ((flags & Flag.unlisted) !== 0) return
    this.slots.set(slot, Slot.flags, flags | Flag.unlisted)
    this.index.remove(this.slots.get(slot, Slot.hashLow), slot)
  }

  /** Turns the ended fill into the object under its key, in place of the one there was. Its readers see `fillState`. */
  keepFill(slot: number, key: string, fillState: number): void {
    const { control, slots } = this
    this.hash.compute(key)
    this.refusals.forget(this.hash.low, this.hash.high)
    this.failures.forget(this.hash.low, this.hash.high)
    control[Control.fills]!--
    const old = this.lookUp(key, State.complete)
    slots.store(slot, Slot.fillState, fillState)
    slots.setState(slot, State.complete)
    control[Control.objects]!++
    if (old < 0) this.queues.add(slot)
    else {
      this.queues.addInPlaceOf(slot, old)
      this.retire(old)
    }
    slots.announce(slot)
  }

  // Parts of an object; slot pinned or its first block not yet published.

  /** Writes meta, key, labels and head into a first block. */
  writeFront(front: number, key: string, keyBytes: number, { meta, labels, head }: ObjectFront): void {
    const start = this.segments.offsetOf(front) + KEY_START
    const bytes = this.segments.bytesOf(front)
    this.writeMeta(front, meta)
    writeKey(bytes, start, key, keyBytes)
    const labelStart = start + Math.abs(keyBytes)
    labels.copy(bytes, labelStart)
    head.copy(bytes, labelStart + labels.length)
  }

  /** The key of the slot as text. */
  readKey(slot: number): string {
    const keyBytes = this.slots.get(slot, Slot.keyBytes)
    const front = this.slots.get(slot, Slot.front)
    const start = this.segments.offsetOf(front) + KEY_START
    const encoding = keyBytes < 0 ? 'utf16le' : 'latin1'
    return this.segments.bytesOf(front).toString(encoding, start, start + Math.abs(keyBytes))
  }

  /** The labels of the slot as latin1 text. */
  readLabels(slot: number): string {
    const front = this.slots.get(slot, Slot.front)
    const start = this.segments.offsetOf(front) + KEY_START + Math.abs(this.slots.get(slot, Slot.keyBytes))
    return this.segments.bytesOf(front).toString('latin1', start, start + this.slots.get(slot, Slot.labelBytes))
  }

  /** Where the head of the slot begins in its segment, in bytes. */
  headStart(slot: number): number {
    const { slots, segments } = this
    const offset = segments.offsetOf(slots.get(slot, Slot.front)) + KEY_START
    return offset + Math.abs(slots.get(slot, Slot.keyBytes)) + slots.get(slot, Slot.labelBytes)
  }

  /** Writes the meta cells of a first block. */
  writeMeta(front: number, meta: ArrayLike<number>): void {
    const start = (this.segments.offsetOf(front) + HEADER_BYTES) / 8
    const floats = this.segments.floatsOf(front)
    for (let cell = 0; cell < META_CELLS; cell++) floats[start + cell] = meta[cell] ?? 0
  }

  /** A private copy of the object's meta cells. */
  readMeta(front: number): Float64Array {
    const start = (this.segments.offsetOf(front) + HEADER_BYTES) / 8
    return this.segments.floatsOf(front).slice(start, start + META_CELLS)
  }
}

/** Bytes of the key in memory, negative when its letters take two bytes each. */
export function keyBytesOf(key: string): number {
  for (let at = 0; at < key.length; at++) if (key.charCodeAt(at) > 0xff) return -2 * key.length
  return key.length
}

export function writeKey(bytes: Buffer, start: number, key: string, keyBytes: number): void {
  bytes.write(key, start, keyBytes < 0 ? 'utf16le' : 'latin1')
}
