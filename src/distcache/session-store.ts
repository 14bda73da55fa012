/**
 * The sessions of one server: id to data, each with a time at which it ends. What costs log(n) is the order of expiry; finding
 * costs the same with 60,000 sessions as with one.
 *
 *     table    [hash & mask, + 1, + 2 ...] -> slot + 1, 0: free         open addressing; removing closes the gap
 *     slot     id (64 bytes of one slab), its length, its hash, first block and length of the data (session-arena.ts)
 *     expiry   slots, soonest first (expiry-heap.ts)
 *
 * Always true: a slot is in the table if and only if it is in the heap; no session is found that has expired, since every
 * call begins with dropping those; what is dropped is overwritten.
 *
 * Time is passed in, in milliseconds of a clock that never goes back. A session that is added at `nowMs` for t milliseconds is
 * there until floor(nowMs) + t, and not at that moment; so one of 0 ms is never found.
 */
import { randomBytes } from 'node:crypto'
import { assert } from '../util/assert.ts'
import { ExpiryHeap } from './expiry-heap.ts'
import { ID_BYTES, MAX_SESSIONS, MIN_SESSIONS } from './limits.ts'
import { type ByteSink, SessionArena } from './session-arena.ts'

/** Instead of a slot: no such session. */
export const ABSENT = -1

export class SessionStore {
  /** Most sessions it holds. */
  readonly capacity: number
  readonly #table: Int32Array
  readonly #mask: number
  readonly #ids: Buffer
  readonly #idBytes: Uint8Array
  readonly #hashes: Int32Array
  readonly #blocks: Int32Array
  readonly #dataBytes: Int32Array
  readonly #expiry: ExpiryHeap
  readonly #arena = new SessionArena()
  /** Slots that are free: freeSlots[0, capacity - count). */
  readonly #freeSlots: Int32Array
  /** Nobody who chooses ids can make them meet in the table without knowing it. */
  readonly #seed = randomBytes(4).readInt32LE()
  #count = 0

  /** `capacity` from MIN_SESSIONS to MAX_SESSIONS. */
  constructor(capacity: number) {
    assert(capacity >= MIN_SESSIONS && capacity <= MAX_SESSIONS, 'a store holds 64 to 60000 sessions')
    this.capacity = capacity
    const tableLength = 2 ** Math.ceil(Math.log2(2 * capacity))
    this.#table = new Int32Array(tableLength)
    this.#mask = tableLength - 1
    this.#ids = Buffer.alloc(capacity * ID_BYTES)
    this.#idBytes = new Uint8Array(capacity)
    this.#hashes = new Int32Array(capacity)
    this.#blocks = new Int32Array(capacity)
    this.#dataBytes = new Int32Array(capacity)
    this.#expiry = new ExpiryHeap(capacity)
    this.#freeSlots = Int32Array.from({ length: capacity }, (_, i) => capacity - 1 - i)
  }

  /** Sessions that are stored; those that have expired count until the next call that is given a time. */
  get count(): number {
    return this.#count
  }

  /** Bytes that data has ever needed at a time, in blocks; not given back. */
  get memoryBytes(): number {
    return this.#arena.bytes
  }

  /**
   * Stores the data bytes[dataStart, dataEnd) under the id bytes[idStart, dataStart) of 1 to 64 bytes; false when there is
   * one of that id, which stays as it is. When it is full the session that expires soonest makes room (one, where the original
   * drops a thirtieth of all at once).
   */
  add(nowMs: number, timeoutMs: number, bytes: Buffer, idStart: number, dataStart: number, dataEnd: number): boolean {
    this.expire(nowMs)
    const hash = this.#hash(bytes, idStart, dataStart)
    if (this.#find(hash, bytes, idStart, dataStart) !== ABSENT) return false
    if (this.#count === this.capacity) this.#drop(this.#expiry.first)
    const slot = this.#freeSlots[this.capacity - 1 - this.#count++]!
    bytes.copy(this.#ids, slot * ID_BYTES, idStart, dataStart)
    this.#idBytes[slot] = dataStart - idStart
    this.#hashes[slot] = hash
    this.#dataBytes[slot] = dataEnd - dataStart
    this.#blocks[slot] = this.#arena.store(bytes, dataStart, dataEnd)
    this.#enter(slot, hash)
    this.#expiry.add(slot, Math.floor(nowMs) + timeoutMs)
    return true
  }

  /** The slot of the session with the id bytes[start, end), of any length; ABSENT. Good until the next call of another method. */
  find(nowMs: number, bytes: Buffer, start: number, end: number): number {
    this.expire(nowMs)
    const length = end - start
    if (length === 0 || length > ID_BYTES) return ABSENT
    return this.#find(this.#hash(bytes, start, end), bytes, start, end)
  }

  /** False when there was none. */
  remove(nowMs: number, bytes: Buffer, start: number, end: number): boolean {
    const slot = this.find(nowMs, bytes, start, end)
    if (slot === ABSENT) return false
    this.#drop(slot)
    return true
  }

  /** Length of the data of a slot that `find` has found. */
  dataBytes(slot: number): number {
    return this.#dataBytes[slot]!
  }

  /** Gives the data of that slot to `sink`, in pieces. */
  read(slot: number, sink: ByteSink): void {
    this.#arena.read(this.#blocks[slot]!, this.#dataBytes[slot]!, sink)
  }

  /** Drops what has expired. */
  expire(nowMs: number): void {
    for (;;) {
      const slot = this.#expiry.first
      if (slot === ABSENT || this.#expiry.expiresAtMs(slot) > nowMs) return
      this.#drop(slot)
    }
  }

  /** Drops everything. */
  clear(): void {
    this.expire(Number.POSITIVE_INFINITY)
  }

  #drop(slot: number): void {
    this.#expiry.remove(slot)
    this.#leave(slot)
    this.#arena.release(this.#blocks[slot]!, this.#dataBytes[slot]!)
    const at = slot * ID_BYTES
    this.#ids.fill(0, at, at + this.#idBytes[slot]!)
    this.#freeSlots[this.capacity - this.#count--] = slot
  }

  #find(hash: number, bytes: Buffer, start: number, end: number): number {
    const table = this.#table
    const mask = this.#mask
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = table[at]! - 1
      if (slot === ABSENT) return ABSENT
      if (this.#hashes[slot] === hash && this.#isId(slot, bytes, start, end)) return slot
    }
  }

  #isId(slot: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.#idBytes[slot] !== end - start) return false
    const ids = this.#ids
    let at = slot * ID_BYTES
    for (let i = start; i < end; i++) if (bytes[i] !== ids[at++]) return false
    return true
  }

  #enter(slot: number, hash: number): void {
    let at = hash & this.#mask
    while (this.#table[at] !== 0) at = (at + 1) & this.#mask
    this.#table[at] = slot + 1
  }

  /** Takes the slot out and moves back what stands behind it only because it was there (so there are no marks to skip). */
  #leave(slot: number): void {
    const table = this.#table
    const mask = this.#mask
    let gap = this.#hashes[slot]! & mask
    while (table[gap] !== slot + 1) gap = (gap + 1) & mask
    for (let at = (gap + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
      const home = this.#hashes[table[at]! - 1]! & mask
      // It may move to the gap unless its home lies behind the gap, cyclically: gap < home <= at.
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      table[gap] = table[at]!
      gap = at
    }
    table[gap] = 0
  }

  /** MurmurHash3 of 32 bits, with the seed; the bytes of an id are random mostly, but need not be. */
  #hash(bytes: Buffer, start: number, end: number): number {
    let hash = this.#seed
    let at = start
    for (; at + 4 <= end; at += 4) {
      hash ^= mixed(bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
      hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
    }
    let rest = 0
    for (let shift = 0; at < end; at++, shift += 8) rest |= bytes[at]! << shift
    hash ^= mixed(rest) ^ (end - start)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) | 0
  }
}

function mixed(word: number): number {
  const product = Math.imul(word, 0xcc9e2d51)
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593)
}
