/**
 * The cache in shared memory, as one worker sees it. One MemoryTier per worker and cache, all attached to the same
 * buffers; see layout.ts for these and shared-store.ts for how threads keep out of each other's way.
 *
 * The hit path is `find`, `pin`, `unpin`: a look-up in a private Map and four atomic operations on cells that no other
 * worker writes. Everything else may take the store's lock for some microseconds.
 */
import { isRemembered, retryDelayMs } from '../policy/back-off.ts'
import { unitsFor } from './allocator.ts'
import { FillReader } from './fill-reader.ts'
import { type FillOwner, FillWriter } from './fill-writer.ts'
import { findKeys, inspectObject, type ObjectFacts } from './inspect.ts'
import { Control, layOut, type MemoryTierOptions, type MemoryTierShared, REMOVALS, UNIT_BYTES } from './layout.ts'
import { refreshObject } from './refresh.ts'
import { CLAIM_ROUNDS, KEY_START, keyBytesOf, NO_ROOM, SharedStore, TRY_AGAIN, writeKey } from './shared-store.ts'
import { Flag, Slot, State } from './slots.ts'
import { StoredObject } from './stored-object.ts'

/** The tier's public face; these live where they are explained. */
export type { FillOwner } from './fill-writer.ts'
export { META_CELLS, type MemoryTierOptions, type MemoryTierShared } from './layout.ts'
export { releaseWorker } from './recovery.ts'

/** Objects a worker keeps ready in each of two generations; about 1 KiB of heap each. */
const READY_OBJECTS = 8192
/** Further ones change nothing: the delay has reached its bound. */
const MAX_FAILURES = 32
/** Beside their number: the last one got no answer from the origin. */
const UNANSWERED_BIT = 64
const NO_LABELS: Buffer = Buffer.alloc(0)
/** How long a sweep waits for the lock, which is held for microseconds unless its owner has died. */
const LOCK_PATIENCE_MS = 100
/** The access cell counts to this. */
const MAX_ACCESS = 3

export interface MemoryTierStats {
  /** The bound. */
  readonly bytes: number
  /** Its part taken by tables, in use or not. */
  readonly tableBytes: number
  /** Space of objects, running fills and zombies. */
  readonly usedBytes: number
  readonly freeBytes: number
  readonly objects: number
  readonly fills: number
  /** Objects gone but still being sent. */
  readonly zombies: number
  /** Wraps at 2^31, as all counters here. */
  readonly evictions: number
  /** How often a worker's death emptied the store. */
  readonly resets: number
  /** 0 to 1: the part of the free space outside its (about) longest piece. */
  readonly fragmentation: number
}

/** What `sweep` does with an object. */
export const Fate = { keep: 0, expire: 1, remove: 2 } as const

/** An object as `sweep` shows it: no Buffer, since its bytes are good during the call only. */
export interface SweptObject {
  readonly key: string
  readonly labels: string
  readonly meta: Float64Array
}

export type KeyState = 'absent' | 'complete' | 'filling' | 'hit-for-miss'

/** The buffers of an empty tier, for `new MemoryTier` in any thread. Throws RangeError for a size out of bounds. */
export function createMemoryTier(options: MemoryTierOptions): MemoryTierShared {
  const shared = layOut(options)
  new SharedStore(shared, -1).allocator.format([])
  return shared
}

export class MemoryTier {
  readonly #store: SharedStore
  readonly #cells: Int32Array
  /** Two generations: when the young one is full it becomes the old one, and what is used again moves over. */
  #young = new Map<string, StoredObject>()
  #old = new Map<string, StoredObject>()

  /** `worker`: 0 to workers - 1, each in one thread at a time; -1 for all but finding, filling and pinning. */
  constructor(shared: MemoryTierShared, worker: number) {
    this.#store = new SharedStore(shared, worker)
    this.#cells = this.#store.slots.cells
  }

  /** The complete object under the key, or undefined. Counts as a look for eviction. */
  find(key: string): StoredObject | undefined {
    const ready = this.#young.get(key)
    if (ready !== undefined && Atomics.load(this.#cells, ready.tagCell) === ready.tag) {
      const access = this.#cells[ready.tagCell + Slot.access]!
      if (access < MAX_ACCESS) this.#cells[ready.tagCell + Slot.access] = access + 1
      return ready
    }
    return this.#findShared(key)
  }

  #findShared(key: string): StoredObject | undefined {
    const { slots } = this.#store
    let object = this.#old.get(key)
    if (object === undefined || slots.tag(object.slot) !== object.tag) object = this.#open(key)
    if (object === undefined) {
      this.#young.delete(key)
      this.#old.delete(key)
      return undefined
    }
    if (this.#young.size >= READY_OBJECTS) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, object)
    slots.set(object.slot, Slot.access, Math.min(MAX_ACCESS, slots.get(object.slot, Slot.access) + 1))
    return object
  }

  /** Finds the key in the index, without the lock unless entries were being moved. */
  #open(key: string): StoredObject | undefined {
    const store = this.#store
    const { index, hash, slots } = store
    hash.compute(key)
    const version = index.version()
    let at = index.start(hash.low)
    let slot = index.slotAt(at)
    for (let probes = 0; slot >= 0 && probes < index.capacity; probes++) {
      if (index.hashAt(at) === hash.low) {
        const object = this.#openSlot(slot, slots.tag(slot), key)
        if (object !== undefined) return object
      }
      at = index.next(at)
      slot = index.slotAt(at)
    }
    return (version & 1) === 0 && index.version() === version ? undefined : this.#openLocked(key)
  }

  #openLocked(key: string): StoredObject | undefined {
    const { lock } = this.#store
    lock.acquire()
    try {
      const slot = this.#store.lookUp(key, State.complete)
      return slot < 0 ? undefined : new StoredObject(this.#store, slot, this.#store.slots.tag(slot), key)
    } finally {
      lock.release()
    }
  }

  #openSlot(slot: number, tag: number, key: string): StoredObject | undefined {
    const store = this.#store
    if ((tag & 3) !== State.complete || !store.pin(slot, tag)) return undefined
    const object = store.hasKey(slot, key) ? new StoredObject(store, slot, tag, key) : undefined
    store.unpin(slot)
    return object
  }

  /** What there is under a key: an object, else a running fill, else a hit-for-miss mark that lasts past `nowMs`. */
  state(key: string, nowMs: number): KeyState {
    const { lock, hash } = this.#store
    lock.acquire()
    try {
      hash.compute(key)
      if (this.#store.lookUp(key, State.complete) >= 0) return 'complete'
      if (this.#store.lookUp(key, State.filling) >= 0) return 'filling'
      return this.hitForMissReason(key, nowMs) === 0 ? 'absent' : 'hit-for-miss'
    } finally {
      lock.release()
    }
  }

  // Fills

  /**
   * Makes the caller the one that fetches the key; undefined when somebody does already, or has done so since this worker
   * last looked: look up again. An object that `find` has shown here stays until the fill completes. Without room the
   * writer given cannot be followed and its `start` is false.
   */
  lead(key: string, owner?: FillOwner): FillWriter | undefined {
    const { lock, hash } = this.#store
    const keyBytes = keyBytesOf(key)
    for (let round = 0; round < CLAIM_ROUNDS; round++) {
      lock.acquire()
      try {
        hash.compute(key)
        if (this.#store.lookUp(key, State.filling) >= 0 || this.#hasUnseen(key)) return undefined
        const slot = this.#beginFill(key, keyBytes, owner?.mark ?? 0)
        if (slot !== TRY_AGAIN) return new FillWriter(this.#store, slot === NO_ROOM ? -1 : slot - 1, key, owner)
      } finally {
        lock.release()
      }
    }
    return new FillWriter(this.#store, -1, key, owner)
  }

  /**
   * Whether an object lies under the key just hashed that `find` has not shown in this worker: between a `find` without
   * result and `lead`, another worker's fill may have begun and ended.
   */
  #hasUnseen(key: string): boolean {
    const slot = this.#store.lookUp(key, State.complete)
    if (slot < 0) return false
    const seen = this.#young.get(key)
    return seen === undefined || seen.slot !== slot || seen.tag !== this.#store.slots.tag(slot)
  }

  /** A listed and pinned slot in state filling, + 1, that holds the key just hashed; or NO_ROOM or TRY_AGAIN. */
  #beginFill(key: string, keyBytes: number, mark: number): number {
    const { slots, segments, hash, index, control } = this.#store
    const units = unitsFor(KEY_START + Math.abs(keyBytes))
    const front = this.#store.claim(units, units)
    if (front === NO_ROOM || front === TRY_AGAIN) return front
    const slot = this.#store.takeSlot()
    if (slot < 0) {
      this.#store.freeChain(front)
      return NO_ROOM
    }
    writeKey(segments.bytesOf(front), segments.offsetOf(front) + KEY_START, key, keyBytes)
    slots.set(slot, Slot.front, front)
    slots.set(slot, Slot.keyBytes, keyBytes)
    slots.set(slot, Slot.hashLow, hash.low)
    slots.set(slot, Slot.hashHigh, hash.high)
    slots.set(slot, Slot.filler, this.#store.worker + 1)
    slots.set(slot, Slot.mark, mark)
    control[Control.fills]!++
    this.#store.pin(slot, slots.tag(slot))
    index.insert(hash.low, slot)
    return slot + 1
  }

  /** Joins the fetch of the key that is running in any worker; undefined when there is none (any more): look up again. */
  follow(key: string): FillReader | undefined {
    const { lock, hash, slots } = this.#store
    lock.acquire()
    try {
      hash.compute(key)
      const slot = this.#store.lookUp(key, State.filling)
      if (slot < 0) return undefined
      this.#store.pin(slot, slots.tag(slot))
      return new FillReader(this.#store, slot)
    } finally {
      lock.release()
    }
  }

  /** The number of the reason why requests for the key do not wait for each other; 0: they do. */
  hitForMissReason(key: string, nowMs: number): number {
    const { hash, refusals } = this.#store
    hash.compute(key)
    return refusals.find(hash.low, hash.high) && refusals.timeMs > nowMs ? refusals.number : 0
  }

  /** Counts a request for a key under which nothing is stored; how many there have been, up to 255. */
  countUse(key: string): number {
    const { hash, uses } = this.#store
    hash.compute(key)
    return uses.count(hash.low, hash.high)
  }

  // Failures; see policy/back-off.ts.

  /** When fetching the key should be tried again; 0: no failure is remembered. */
  retryAtMs(key: string, nowMs: number): number {
    const { hash, failures } = this.#store
    hash.compute(key)
    return failures.find(hash.low, hash.high) && isRemembered(failures.timeMs, nowMs) ? failures.timeMs : 0
  }

  /** Whether the failure that `retryAtMs` tells of was one without an answer. */
  wasUnanswered(key: string): boolean {
    const { hash, failures } = this.#store
    hash.compute(key)
    return failures.find(hash.low, hash.high) && (failures.number & UNANSWERED_BIT) !== 0
  }

  /**
   * A fetch of the key failed: `unanswered`, or with an error that the origin told. One made before its time does not count,
   * or a client that has its requests fail, again and again, would put off everybody's next attempt for ever.
   */
  noteFailure(key: string, nowMs: number, unanswered: boolean): void {
    const { hash, failures } = this.#store
    const retryAtMs = this.retryAtMs(key, nowMs)
    if (nowMs < retryAtMs) return
    const before = retryAtMs === 0 ? 0 : failures.number & ~UNANSWERED_BIT
    const count = Math.min(before + 1, MAX_FAILURES)
    const mark = unanswered ? count | UNANSWERED_BIT : count
    failures.set(hash.low, hash.high, nowMs + retryDelayMs(count), mark)
  }

  /** The origin has answered. */
  forgetFailures(key: string): void {
    const { hash, failures } = this.#store
    hash.compute(key)
    failures.forget(hash.low, hash.high)
  }

  // Removal

  /**
   * Removes the object under the key; a running fill ends for its readers but is not kept, nor joined by others. Whether
   * there was either. Also forgets a hit-for-miss mark.
   */
  remove(key: string): boolean {
    const { lock, hash, refusals } = this.#store
    lock.acquire()
    try {
      hash.compute(key)
      refusals.forget(hash.low, hash.high)
      const filling = this.#store.lookUp(key, State.filling)
      if (filling >= 0) this.#store.unlist(filling)
      const complete = this.#store.lookUp(key, State.complete)
      if (complete >= 0) this.#store.retire(complete)
      this.#store.control[Control.removals + (hash.low & (REMOVALS - 1))]!++
      return filling >= 0 || complete >= 0
    } finally {
      lock.release()
    }
  }

  /** Remembers for a while that what lies under the key in other tiers counts for nothing if it is not newer. */
  noteRemoval(key: string, nowMs: number): void {
    const { hash, removed } = this.#store
    hash.compute(key)
    removed.set(hash.low, hash.high, nowMs, 0)
  }

  /** When `noteRemoval` was last called for the key, in any worker; 0: never, or it is forgotten. */
  removedAtMs(key: string): number {
    const { hash, removed } = this.#store
    hash.compute(key)
    return removed.find(hash.low, hash.high) ? removed.timeMs : 0
  }

  /** Another number after each `remove` of the key, in any worker, and of some other keys. Evictions do not count. */
  removalsOf(key: string): number {
    const { hash, control } = this.#store
    hash.compute(key)
    return Atomics.load(control, Control.removals + (hash.low & (REMOVALS - 1)))
  }

  /** Removes this object, unless another lies under its key by now. */
  discard(object: StoredObject): void {
    const { lock, slots } = this.#store
    lock.acquire()
    try {
      if (slots.tag(object.slot) === object.tag) this.#store.retire(object.slot)
    } finally {
      lock.release()
    }
  }

  /** Makes this object stale for all workers. */
  expire(object: StoredObject): void {
    const { lock, slots } = this.#store
    lock.acquire()
    try {
      if (slots.tag(object.slot) === object.tag) this.#expireSlot(object.slot)
    } finally {
      lock.release()
    }
  }

  #expireSlot(slot: number): void {
    const { slots } = this.#store
    slots.store(slot, Slot.flags, slots.get(slot, Slot.flags) | Flag.softPurged)
  }

  /**
   * Asks `judge` about each complete object in slots `from` to `from + count`: a number of Fate. Gives the slot to go on
   * with, -1 behind the last; `from` itself when the lock could not be had, since its owner may have died and this thread
   * may be the one that has to hear of it. Objects are judged under the lock, so `count` is small.
   */
  sweep(from: number, count: number, judge: (object: SweptObject) => number): number {
    const { lock, slots, control } = this.#store
    const end = Math.min(Atomics.load(control, Control.slotsTouched), from + count)
    if (!lock.acquireWithin(LOCK_PATIENCE_MS)) return from
    try {
      for (let slot = from; slot < end; slot++) if (slots.state(slot) === State.complete) this.#sweepSlot(slot, judge)
    } finally {
      lock.release()
    }
    return end < from + count ? -1 : end
  }

  #sweepSlot(slot: number, judge: (object: SweptObject) => number): void {
    const store = this.#store
    const fate = judge({
      key: store.readKey(slot),
      labels: store.readLabels(slot),
      meta: store.readMeta(store.slots.get(slot, Slot.front)),
    })
    if (fate === Fate.remove) store.retire(slot)
    else if (fate === Fate.expire) this.#expireSlot(slot)
  }

  // Use of an object

  /** Keeps the object's bytes as they are until `unpin`. False: it is gone; look up again. Counted, so calls nest. */
  pin(object: StoredObject): boolean {
    return this.#store.pin(object.slot, object.tag)
  }

  unpin(object: StoredObject): void {
    this.#store.unpin(object.slot)
  }

  /**
   * Replaces the object by one with a new head and meta and the same body (RFC 9111 §3.2); other workers see the old one
   * or the new one. A body beside its head is copied, so that it stays beside it; others are shared. False: the object is
   * gone, or there is no room for the new head.
   */
  refresh(object: StoredObject, meta: ArrayLike<number>, head: Buffer, labels = NO_LABELS): boolean {
    return refreshObject(this.#store, object, { meta, labels, head })
  }

  /** The labels it was stored with; undefined: it is gone. */
  labelsOf(object: StoredObject): string | undefined {
    if (!this.pin(object)) return undefined
    const labels = this.#store.readLabels(object.slot)
    this.unpin(object)
    return labels
  }

  /** The complete object under the key, as a copy; leaves no trace. */
  inspect(key: string): ObjectFacts | undefined {
    return inspectObject(this.#store, key)
  }

  /** At most `most` keys of complete objects that begin with `start`, which begins with a line feed, and end with `end`. */
  findKeys(start: string, end: string, most: number): Promise<string[]> {
    return findKeys(this.#store, start, end, most)
  }

  /** Read without the lock: each number is true, all together only about. */
  stats(): MemoryTierStats {
    const { control, shared, allocator } = this.#store
    const freeUnits = control[Control.freeUnits]!
    return {
      bytes: shared.bytes,
      tableBytes: shared.tableBytes,
      usedBytes: control[Control.usedUnits]! * UNIT_BYTES,
      freeBytes: freeUnits * UNIT_BYTES,
      objects: control[Control.objects]!,
      fills: control[Control.fills]!,
      zombies: control[Control.zombies]!,
      evictions: control[Control.evictions]!,
      resets: control[Control.resets]!,
      fragmentation: freeUnits === 0 ? 0 : Math.max(0, 1 - allocator.longestFreeUnits() / freeUnits),
    }
  }
}
