/**
 * Items of a pool with `auth`, which is spoken to through memjs. The binary protocol elects nobody, but `add` does: of many
 * who add an empty item one succeeds, and has won. That takes a second round trip where nothing lay.
 */
import { ItemOutcome, type ItemSink, type ItemStore } from '../../../memcached/item-store.ts'
import type { Pool } from '../../../memcached/pool.ts'
import { type ItemRead, type ItemWrite, Lease, type PoolItems, valueRoom } from './items.ts'
import { Suspects } from './suspects.ts'

const NOTHING = Buffer.alloc(0)
/** Nothing lies there; whatever the answer is, it proves the server well. */
const PROOF_KEY = 'sh:?'
const nobody: ItemSink = { onItem: () => {} }

export class StoreItems implements PoolItems {
  readonly maxValueBytes: number
  readonly #pool: Pool
  readonly #store: ItemStore
  readonly #suspects: Suspects

  constructor(pool: Pool, store: ItemStore) {
    this.#pool = pool
    this.#store = store
    this.#suspects = new Suspects(pool, (server, onAnswer) => {
      const sink: ItemSink = { onItem: onAnswer }
      return pool.itemsAt(server)?.get(PROOF_KEY, sink) ?? false
    })
    pool.watchReturns()
    this.maxValueBytes = valueRoom(pool.plan.maxItemBytes)
  }

  read(key: string, read: ItemRead): boolean {
    return this.#ask(key, read, () => read.onAbsent())
  }

  readOrLead(key: string, leaseSec: number, read: ItemRead): boolean {
    return this.#ask(key, read, () => this.#lead(key, leaseSec, read))
  }

  #ask(key: string, read: ItemRead, onAbsent: () => void): boolean {
    read.server = this.#ownerOf(key)
    return !this.#suspects.avoids(read.server) && this.#store.get(key, new ReadSink(read, onAbsent))
  }

  #lead(key: string, leaseSec: number, read: ItemRead): void {
    const sink: ItemSink = {
      onItem: (outcome) => {
        if (outcome === ItemOutcome.done) read.onItem(NOTHING, 0, 0, Lease.won)
        else if (outcome === ItemOutcome.conflict) read.onItem(NOTHING, 0, 0, Lease.taken)
        else read.onItemFailed()
      },
    }
    if (!this.#store.write(key, NOTHING, { ttlSec: leaseSec, mode: 'add' }, sink)) read.onItemFailed()
  }

  write(key: string, value: Buffer, ttlSec: number, write: ItemWrite): boolean {
    const sink: ItemSink = { onItem: (outcome) => write.onWritten(outcome === ItemOutcome.done) }
    return this.#store.write(key, value, { ttlSec, mode: 'set' }, sink)
  }

  remove(key: string): void {
    this.#store.remove(key, nobody)
  }

  extend(key: string, leaseSec: number): void {
    this.#store.touch(key, leaseSec, nobody)
  }

  returnedAtMs(server: number): number {
    return this.#pool.returnedAtMs(server)
  }

  #ownerOf(key: string): number {
    const bytes = Buffer.from(key, 'latin1')
    return this.#pool.ownerOf(bytes, 0, bytes.length)
  }
}

class ReadSink implements ItemSink {
  readonly #read: ItemRead
  readonly #onAbsent: () => void

  constructor(read: ItemRead, onAbsent: () => void) {
    this.#read = read
    this.#onAbsent = onAbsent
  }

  onItem(outcome: number, value: Buffer): void {
    if (outcome === ItemOutcome.done) {
      // An empty item is the one of somebody who leads.
      this.#read.onItem(value, 0, value.length, value.length === 0 ? Lease.taken : Lease.none)
    } else if (outcome === ItemOutcome.absent) this.#onAbsent()
    else this.#read.onItemFailed()
  }
}
