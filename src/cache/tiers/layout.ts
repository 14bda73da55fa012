/**
 * What the shared memory of one memory tier looks like, and how much of each part a tier of a given size gets.
 *
 *   control    lock, counters, queue ends, free-space lists           one SharedArrayBuffer, a few KB
 *   slots      one record of SLOT_CELLS per object (slots.ts)
 *   index      two cells per entry: hash, slot + 1 (index-table.ts)
 *   ghosts     two cells per entry: hash, clock (eviction-queues.ts)
 *   refusals   hit-for-miss marks (key-marks.ts)
 *   failures   keys whose fetches failed (key-marks.ts)
 *   removed    when keys were removed, which another tier may not have heard of (key-marks.ts)
 *   uses       how often keys were asked for that are not stored (uses.ts)
 *   purges     what was purged (../purge/layout.ts)
 *   pins       one row of cells per worker, one cell per slot (shared-store.ts)
 *   segments   the bytes: key, meta, head and body of every object, in units of UNIT_BYTES (allocator.ts)
 *
 * All of it counts against the size the operator gave, so the tables are sized from that number and never grow. A fresh
 * SharedArrayBuffer costs address space only; pages become resident when first written.
 */
import { purgeLayout } from '../purge/layout.ts'

/** Opaque numbers per object, given and read by the caller (times, flags, status). */
export const META_CELLS = 16
export const META_BYTES = META_CELLS * 8

/** The grain of space: one cache line. */
export const UNIT_BYTES = 64
/** 1 GiB of units: the largest single SharedArrayBuffer this tier asks for. */
export const SEGMENT_UNITS = 1 << 24
const SEGMENT_BYTES = SEGMENT_UNITS * UNIT_BYTES

/** Int32 cells of one slot record; the fields are named in slots.ts. */
export const SLOT_CELLS = 24
/**
 * One slot for this many bytes of cache: about what a small JSON answer takes with its key, meta and head.
 * XXX: a cache full of smaller objects runs out of slots before it runs out of bytes; a denser table would cost
 * every other cache the space.
 */
const BYTES_PER_SLOT = 2048
/** Keeps the slot table within one SharedArrayBuffer of less than 1 GiB. */
const MAX_SLOTS = 1 << 23
const MIN_BYTES = 256 * 1024
/** 2^31 units of 64 bytes is what an Int32 can name; half of it leaves the sign alone. */
const MAX_BYTES = 2 ** 36
/** `bodyBytes` is one Int32 cell, published atomically. */
const MAX_OBJECT_BYTES = 2 ** 31 - 65_536
const MARK_CELLS = 4

/** Cells of the control buffer. Those that are written by everyone all the time have a cache line of their own. */
export const Control = {
  lock: 0,
  lockWaiters: 1,
  /** Odd while entries of the index move; see index-table.ts. */
  indexVersion: 16,
  freeSlot: 32,
  /** Slots below this number have been used at least once. */
  slotsTouched: 33,
  objects: 34,
  fills: 35,
  zombies: 36,
  evictions: 37,
  /** How often the store was emptied because a worker died while changing it. */
  resets: 38,
  usedUnits: 39,
  freeUnits: 40,
  ghostClock: 41,
  smallHead: 42,
  smallTail: 43,
  smallUnits: 44,
  mainHead: 45,
  mainTail: 46,
  mainUnits: 47,
  /** How often keys were removed, by four bits of their hash: REMOVALS cells. */
  removals: 48,
  freeClasses: 64,
  freeSubclasses: 65,
  freeLists: 96,
} as const

/** A power of two. */
export const REMOVALS = 16

/** log2 of the steps into which each power of two of sizes is divided. */
export const SUBCLASS_BITS = 4
export const SUBCLASSES = 1 << SUBCLASS_BITS
/** Sizes below SUBCLASSES units are class 0; then one class per power of two up to a whole segment of 2^24. */
const CLASSES = 24 - SUBCLASS_BITS + 2
const CONTROL_CELLS = Control.freeLists + CLASSES * SUBCLASSES

/** What the main thread makes and every worker attaches to; may be sent with postMessage or as workerData. */
export interface MemoryTierShared {
  readonly control: SharedArrayBuffer
  readonly slots: SharedArrayBuffer
  readonly index: SharedArrayBuffer
  readonly ghosts: SharedArrayBuffer
  readonly refusals: SharedArrayBuffer
  readonly failures: SharedArrayBuffer
  readonly removed: SharedArrayBuffer
  readonly uses: SharedArrayBuffer
  /** The purge log of the cache, which lives and ends with what it speaks of; the tier itself does not look into it. */
  readonly purges: SharedArrayBuffer
  /** One per worker. */
  readonly pins: readonly SharedArrayBuffer[]
  readonly segments: readonly SharedArrayBuffer[]
  readonly slotCount: number
  /** The size asked for; tables and segments together never exceed it. */
  readonly bytes: number
  /** The tables' share of `bytes`. */
  readonly tableBytes: number
  readonly maxObjectBytes: number
  /** 64 random bits that key the hash, so that strangers cannot make keys collide. */
  readonly seedLow: number
  readonly seedHigh: number
}

export interface MemoryTierOptions {
  /** Bound on everything: bodies, heads, keys and tables. At least 256 KiB. */
  readonly bytes: number
  readonly workers: number
  /** Head and body of one object together. */
  readonly maxObjectBytes: number
}

function powerOfTwoFrom(least: number): number {
  let size = 1
  while (size < least) size *= 2
  return size
}

/** The buffers of a tier, zeroed; `createMemoryTier` makes them usable. Throws RangeError for a size out of bounds. */
export function layOut({ bytes, workers, maxObjectBytes }: MemoryTierOptions): MemoryTierShared {
  if (!(bytes >= MIN_BYTES && bytes <= MAX_BYTES)) {
    throw new RangeError(`memory tier of ${bytes} bytes, wanted ${MIN_BYTES} to ${MAX_BYTES}`)
  }
  if (!(workers >= 1)) throw new RangeError(`memory tier for ${workers} workers`)
  // With many workers the pin rows outgrow the rest; fewer slots then keep the tables at about a tenth.
  const bytesPerSlot = Math.max(BYTES_PER_SLOT, 10 * (SLOT_CELLS * 4 + 32 + workers * 4))
  const slotCount = Math.min(MAX_SLOTS, Math.floor(bytes / bytesPerSlot))
  const entries = powerOfTwoFrom(slotCount * 1.5)
  const ghostEntries = powerOfTwoFrom(slotCount / 2)
  const markEntries = Math.min(65_536, powerOfTwoFrom(slotCount / 8))
  const useEntries = Math.max(4, powerOfTwoFrom(slotCount / 2))
  const sizes = {
    control: CONTROL_CELLS * 4,
    slots: slotCount * SLOT_CELLS * 4,
    index: entries * 8,
    ghosts: ghostEntries * 8,
    refusals: markEntries * MARK_CELLS * 4,
    failures: markEntries * MARK_CELLS * 4,
    removed: markEntries * MARK_CELLS * 4,
    uses: useEntries * 4,
    purges: purgeLayout(bytes, workers).bytes,
  }
  const tableBytes = Object.values(sizes).reduce((sum, size) => sum + size) + workers * slotCount * 4
  const segments: SharedArrayBuffer[] = []
  let left = Math.floor((bytes - tableBytes) / UNIT_BYTES) * UNIT_BYTES
  for (; left >= SEGMENT_BYTES; left -= SEGMENT_BYTES) segments.push(new SharedArrayBuffer(SEGMENT_BYTES))
  if (left >= 1024 * UNIT_BYTES) segments.push(new SharedArrayBuffer(left))
  return {
    control: new SharedArrayBuffer(sizes.control),
    slots: new SharedArrayBuffer(sizes.slots),
    index: new SharedArrayBuffer(sizes.index),
    ghosts: new SharedArrayBuffer(sizes.ghosts),
    refusals: new SharedArrayBuffer(sizes.refusals),
    failures: new SharedArrayBuffer(sizes.failures),
    removed: new SharedArrayBuffer(sizes.removed),
    uses: new SharedArrayBuffer(sizes.uses),
    purges: new SharedArrayBuffer(sizes.purges),
    pins: Array.from({ length: workers }, () => new SharedArrayBuffer(slotCount * 4)),
    segments,
    slotCount,
    bytes,
    tableBytes,
    maxObjectBytes: Math.min(maxObjectBytes, MAX_OBJECT_BYTES),
    ...randomSeed(),
  }
}

function randomSeed(): { seedLow: number; seedHigh: number } {
  const seed = crypto.getRandomValues(new Int32Array(2))
  return { seedLow: seed[0]!, seedHigh: seed[1]! }
}
