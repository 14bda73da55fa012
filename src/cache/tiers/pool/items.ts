/**
 * Items of a pool as the tier uses them: read, written, removed, and led. Behind it are either our own connections with
 * the meta protocol (`meta-items.ts`) or memjs (`store-items.ts`).
 *
 * Leading is how one node of the fleet is elected to fetch. Who reads an absent item *with a lease* makes it, empty, and has
 * won; everybody else who reads it finds it taken until it is written, removed, or has not been extended for the time of
 * the lease, because its winner died.
 */
import { Code, type Reply } from '../../../memcached/reply.ts'
import { Expect, ServerRequest } from '../../../memcached/server-request.ts'

/** What became of the lease that was asked for. */
export const Lease = { none: 0, won: 1, taken: 2 } as const

/** What an item needs beside its value, and more: key, header, time, cas. memcached 1.6.18 takes 48 bytes and the key. */
const ITEM_OVERHEAD_BYTES = 512
/** Whatever the servers take: bounds what one read holds in memory. */
const MAX_VALUE_BYTES = 1024 * 1024
const LETTER_W = 87
const LETTER_X = 88
const LETTER_Z = 90
/** Behind `VA `. */
const SIZE_START = 3

export interface PoolItems {
  /** Most bytes that a value may have. */
  readonly maxValueBytes: number
  /** False: refused, and nothing will be called. */
  read(key: string, read: ItemRead): boolean
  /** As `read`; an item that is absent is made, and led for `leaseSec` seconds from now on. */
  readOrLead(key: string, leaseSec: number, read: ItemRead): boolean
  /**
   * `value` must stay as it is until it is answered. `ttlSec` as memcached reads it: 0 for ever, up to 30 days from now, else
   * a date. False: refused.
   */
  write(key: string, value: Buffer, ttlSec: number, write: ItemWrite): boolean
  /** Nobody is told what becomes of it. */
  remove(key: string): void
  /** Keeps a lease for another `leaseSec` seconds. */
  extend(key: string, leaseSec: number): void
  /** When the server of that index came back from its last ejection, 0: never. */
  returnedAtMs(server: number): number
}

/** Most bytes of a value where items may have `maxItemBytes`. */
export function valueRoom(maxItemBytes: number): number {
  return Math.min(maxItemBytes, MAX_VALUE_BYTES) - ITEM_OVERHEAD_BYTES
}

/** A read in work: one object for one read, which its owner extends. Exactly one of the three is called, once. */
export abstract class ItemRead extends ServerRequest {
  /** Somebody has marked what is read as stale (`md KEY I`). */
  isMarkedStale = false

  constructor() {
    super(Expect.meta)
  }

  /** The value is bytes[start, end), good during the call; empty: somebody leads. `lease`: a number of Lease. */
  abstract onItem(bytes: Buffer, start: number, end: number, lease: number): void

  /** Without a lease only. */
  abstract onAbsent(): void

  /** The pool did not answer, or not with what was asked. */
  abstract onItemFailed(): void

  override onReply(reply: Reply): void {
    if (reply.code === Code.va) this.onItem(reply.bytes, reply.dataStart, reply.dataEnd, this.#readFlags(reply))
    else if (reply.code === Code.en) this.onAbsent()
    else this.onItemFailed()
  }

  override onFailure(): void {
    this.onItemFailed()
  }

  /** Of `VA 123 W X`: what stands behind the size, which is of digits. Gives a number of Lease. */
  #readFlags({ bytes, start, lineEnd }: Reply): number {
    let lease: number = Lease.none
    for (let at = start + SIZE_START; at < lineEnd; at++) {
      if (bytes[at] === LETTER_W) lease = Lease.won
      else if (bytes[at] === LETTER_Z) lease = Lease.taken
      else if (bytes[at] === LETTER_X) this.isMarkedStale = true
    }
    return lease
  }
}

/** A write in work. */
export abstract class ItemWrite extends ServerRequest {
  constructor() {
    super(Expect.meta)
  }

  /** `isWritten`: it lies there now. */
  abstract onWritten(isWritten: boolean): void

  override onReply(reply: Reply): void {
    this.onWritten(reply.code === Code.hd)
  }

  override onFailure(): void {
    this.onWritten(false)
  }
}
