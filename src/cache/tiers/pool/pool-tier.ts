/**
 * One cache's entries in a pool, as one worker sees them: what is read there, and what goes there. Of a pool that fails,
 * lies or has no room nobody hears more than that there is nothing.
 *
 * Writes are made behind everybody's back, so there must not be too many: past the bounds below they are dropped, and
 * counted. A small entry is copied at once; a body in segments stays where it is, pinned by its owner, and is copied a
 * segment at a time.
 */

import { decodeEntry, Entry, type EntryFront, encodeEntry, entryBytes, segmentedEntryBytes } from './entry.ts'
import { ItemRead, ItemWrite, Lease, type PoolItems } from './items.ts'
import { entryKey, identityOf, leaseKey } from './keys.ts'
import { SegmentedRead, type SegmentSink } from './segmented-read.ts'
import { type SegmentedBody, SegmentedWrite } from './segmented-write.ts'

/** Entries on their way to the pool, in number and bytes, of one worker and cache. */
const MAX_WRITES = 1024
const MAX_WRITE_BYTES = 16 * 1024 * 1024
/** Bodies on their way segment by segment. Each holds one segment, and the object pinned. */
const MAX_SEGMENTED_WRITES = 8
/** Segments of a body that are asked for at a time; four of a megabyte keep a network busy. */
const AHEAD = 4
/** Bodies that are read so; further ones take a segment at a time, so that what comes early does not add up. */
const MAX_READS_AHEAD = 8

/** What the tier counts; see log/counters.ts. */
export interface PoolCounts {
  /** An entry was read. */
  onHit(): void
  /** There was none, or none that can be read. */
  onMiss(): void
  /** The pool did not answer, or wrongly. */
  onError(): void
  onWrite(): void
  /** A write was given up: too many were on their way, it was too large, or the pool did not take it. */
  onDrop(): void
}

/** Why there is no entry. */
export type NoEntry =
  | 'absent'
  /** Somebody in the fleet fetches it. */
  | 'taken'
  /** As absent, and this read has won the lease. */
  | 'won'
  /** Damaged, foreign, of another version, or of a server that may have missed changes. */
  | 'unusable'
  /** The pool did not answer. */
  | 'failed'

const shared = new Entry()

/** A read of one entry: its owner extends it. Exactly one of the two is called, once. */
export abstract class EntryRead extends ItemRead {
  /** Of the entry that is read. */
  readonly identity: string
  readonly #tier: PoolTier

  /** `key`: the cache's own. */
  constructor(tier: PoolTier, key: string) {
    super()
    this.#tier = tier
    this.identity = tier.identityOf(key)
  }

  /** `entry` and its bytes are good during the call. `lease`: a number of Lease. */
  abstract onEntry(entry: Entry, lease: number): void

  abstract onNoEntry(why: NoEntry): void

  override onItem(bytes: Buffer, start: number, end: number, lease: number): void {
    const { counts } = this.#tier
    if (start === end) {
      counts.onMiss()
      this.onNoEntry(lease === Lease.won ? 'won' : 'taken')
    } else if (!this.#tier.decode(bytes, start, end, this)) {
      counts.onMiss()
      this.onNoEntry('unusable')
    } else {
      counts.onHit()
      shared.isMarkedStale = this.isMarkedStale
      this.onEntry(shared, lease)
    }
  }

  override onAbsent(): void {
    this.#tier.counts.onMiss()
    this.onNoEntry('absent')
  }

  override onItemFailed(): void {
    this.#tier.counts.onError()
    this.onNoEntry('failed')
  }
}

export class PoolTier {
  readonly counts: PoolCounts
  readonly #cacheName: string
  readonly #items: PoolItems
  #writes = 0
  #writeBytes = 0
  /** Bodies in segments that are being read. */
  #reads = 0
  /** By key in the pool. */
  readonly #segmented = new Map<string, SegmentedWrite>()

  constructor(cacheName: string, items: PoolItems, counts: PoolCounts) {
    this.#cacheName = cacheName
    this.#items = items
    this.counts = counts
  }

  // Reading

  /** False: the pool takes no requests just now, and nothing will be called. */
  read(read: EntryRead): boolean {
    return this.#begun(this.#items.read(entryKey(read.identity), read))
  }

  /** As `read`; where nothing lies, the first of the fleet who asks wins a lease of `leaseSec` seconds. */
  readOrLead(read: EntryRead, leaseSec: number): boolean {
    return this.#begun(this.#items.readOrLead(entryKey(read.identity), leaseSec, read))
  }

  #begun(isBegun: boolean): boolean {
    if (!isBegun) this.counts.onError()
    return isBegun
  }

  /** For EntryRead: into the entry that all reads share. */
  decode(bytes: Buffer, start: number, end: number, { identity, server }: EntryRead): boolean {
    if (!decodeEntry(bytes, start, end, identity, shared)) return false
    return shared.writtenMs >= this.#items.returnedAtMs(server)
  }

  /** Reads the segments of `entry`, the first at once. What `entry` says of them is copied. */
  readBody(entry: Entry, sink: SegmentSink): void {
    const ahead = this.#reads < MAX_READS_AHEAD ? AHEAD : 1
    this.#reads++
    new SegmentedRead(this.#items, entry, ahead, {
      onSegment: (bytes, start, end) => {
        const isWanted = sink.onSegment(bytes, start, end)
        if (!isWanted) this.#reads--
        return isWanted
      },
      onBody: (outcome) => {
        this.#reads--
        if (outcome === 'failed') this.counts.onError()
        sink.onBody(outcome)
      },
    }).start()
  }

  // Writing

  /** Largest entry that goes in one item. */
  get maxEntryBytes(): number {
    return this.#items.maxValueBytes
  }

  identityOf(key: string): string {
    return identityOf(this.#cacheName, key)
  }

  /**
   * Writes an entry with its body, of `bodyBytes` together, all of which is copied. `onDone` is told whether it lies there
   * now. It fits one item.
   */
  write(
    key: string,
    front: EntryFront,
    body: readonly Uint8Array[],
    bodyBytes: number,
    { ttlSec, onDone }: WriteOrder,
  ): void {
    const bytes = entryBytes(front, bodyBytes)
    if (this.#writes >= MAX_WRITES || this.#writeBytes + bytes > MAX_WRITE_BYTES) {
      this.counts.onDrop()
      onDone(false)
      return
    }
    this.#writes++
    this.#writeBytes += bytes
    const write = new EntryWrite((isWritten) => {
      this.#writes--
      this.#writeBytes -= bytes
      if (isWritten) this.counts.onWrite()
      else this.counts.onDrop()
      onDone(isWritten)
    })
    const poolKey = this.#keyOf(key)
    this.#segmented.get(poolKey)?.cancel()
    if (!this.#items.write(poolKey, encodeEntry(front, body, bodyBytes), ttlSec, write)) write.onWritten(false)
  }

  /** Writes a body in segments and then its entry. `body` is released when it is no longer read. */
  writeSegmented(key: string, front: EntryFront, body: SegmentedBody, { ttlSec, onDone }: WriteOrder): void {
    const poolKey = this.#keyOf(key)
    this.#segmented.get(poolKey)?.cancel()
    const isTooLarge = segmentedEntryBytes(front, Math.ceil(body.bytes / this.maxEntryBytes)) > this.maxEntryBytes
    if (isTooLarge || this.#segmented.size >= MAX_SEGMENTED_WRITES) {
      body.release()
      this.counts.onDrop()
      onDone(false)
      return
    }
    const write: SegmentedWrite = new SegmentedWrite(this.#items, { poolKey, front, body, ttlSec }, (isWritten) => {
      // Another may have taken its place, as what was to be written has changed.
      if (this.#segmented.get(poolKey) === write) this.#segmented.delete(poolKey)
      if (isWritten) this.counts.onWrite()
      else this.counts.onDrop()
      onDone(isWritten)
    })
    this.#segmented.set(poolKey, write)
    write.start()
  }

  /** Removes the entry under a key, and keeps one that is being written from being completed. */
  remove(key: string): void {
    const poolKey = this.#keyOf(key)
    this.#segmented.get(poolKey)?.cancel()
    this.#items.remove(poolKey)
  }

  // Leases

  /** Elects who validates what is stored: as `readOrLead`, of an item beside the entry. */
  readLease(key: string, leaseSec: number, read: ItemRead): boolean {
    return this.#begun(this.#items.readOrLead(leaseKey(this.#keyOf(key)), leaseSec, read))
  }

  /** Keeps the lease under `key`; `isBeside`: that of `readLease`. */
  extendLease(key: string, leaseSec: number, isBeside: boolean): void {
    const poolKey = this.#keyOf(key)
    this.#items.extend(isBeside ? leaseKey(poolKey) : poolKey, leaseSec)
  }

  /** Gives up the lease that `readLease` won. One under the entry's own key ends with `write` or `remove`. */
  removeLease(key: string): void {
    this.#items.remove(leaseKey(this.#keyOf(key)))
  }

  #keyOf(key: string): string {
    return entryKey(identityOf(this.#cacheName, key))
  }
}

export interface WriteOrder {
  /** From `ttlSecOf`, and not 0. */
  readonly ttlSec: number
  readonly onDone: (isWritten: boolean) => void
}

class EntryWrite extends ItemWrite {
  readonly #onDone: (isWritten: boolean) => void

  constructor(onDone: (isWritten: boolean) => void) {
    super()
    this.#onDone = onDone
  }

  override onWritten(isWritten: boolean): void {
    this.#onDone(isWritten)
  }
}
