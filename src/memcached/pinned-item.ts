/**
 * An item that a fleet shares, such as the log of a cache's purges or its ticket keys: on the server that owns its key when all
 * servers are live, or on the one that owns it without that. Ejections do not move it: what moved with each of them would be
 * another item each time. Which of the places is used, or both, is its users' affair.
 *
 *     read     mg KEY f c s         whether it is as before: `HD f123 c45 s678`
 *              mg KEY f c s v       if not
 *     write    ms KEY 678 F123 T0 C45  over what was read, or ms KEY 678 F123 T0 ME where there was none
 *
 * A server that was started anew may give CAS values again that it gave before; so whoever writes gives a mark, another one with
 * each change, of which the flags hold the lower half.
 */
import { ItemOutcome, type ItemStore } from './item-store.ts'
import type { Pool } from './pool.ts'
import { serverIdentity } from './pool-server.ts'
import { Code, type Reply } from './reply.ts'
import { Expect, ServerRequest } from './server-request.ts'

/** What a server says of an item: `stamp` is another one after every change. */
export interface ItemState {
  readonly stamp: string
  readonly value: Buffer
  /** For `write`. */
  readonly cas: string
}

/** Nothing here rejects; a server that does not answer in time is `unreachable`. */
export interface PinnedItem {
  /** Equal for two that are the same place. */
  readonly place: string
  /** Label of the server. */
  readonly server: string
  /** `known`: the stamp of what was read before; `same`: it still is that. */
  read(known: string | undefined): Promise<ItemState | 'same' | 'absent' | 'unreachable'>
  /** Over the item with this CAS value, or undefined: only if there is none. `mark`: changes with every change. */
  write(value: Buffer, mark: number, over: string | undefined): Promise<'stored' | 'changed' | 'unreachable'>
}

/** What is larger is read as empty, whatever limits other nodes have. */
const MOST_BYTES = 1024 * 1024
/** Of `ownerOf`. */
const NONE = -1
/** All requests over one connection, in their order. */
const AFFINITY = 0

/** Numbers of the servers in whose memory the item may lie, the first choice first. */
export function pinnedServers(pool: Pool, key: string): number[] {
  const bytes = Buffer.from(key, 'latin1')
  const ownerWithout = (other: number): number =>
    pool.placement.build((server) => server !== other).ownerOf(bytes, 0, bytes.length)
  const first = ownerWithout(NONE)
  return [first, ownerWithout(first)].filter((server) => server !== NONE)
}

/** The places of an item. `ttlSec`: how long it stays when nobody writes it; 0: for ever. At most 30 days. */
export function openPinnedItems(pool: Pool, key: string, ttlSec: number): PinnedItem[] {
  return pinnedServers(pool, key).map((server) => {
    const items = pool.itemsAt(server)
    const place = { place: serverIdentity(pool.plan.servers[server]!), server: pool.labels[server]!, ttlSec }
    return items === undefined ? new MetaItem(pool, server, key, place) : new StoreItem(items, key, place)
  })
}

interface Place {
  readonly place: string
  readonly server: string
  readonly ttlSec: number
}

class MetaItem implements PinnedItem {
  readonly place: string
  readonly server: string
  readonly #pool: Pool
  readonly #number: number
  readonly #key: string
  readonly #ttlSec: number

  constructor(pool: Pool, number: number, key: string, { place, server, ttlSec }: Place) {
    this.place = place
    this.server = server
    this.#ttlSec = ttlSec
    this.#pool = pool
    this.#number = number
    this.#key = key
  }

  async read(known: string | undefined): Promise<ItemState | 'same' | 'absent' | 'unreachable'> {
    if (known !== undefined) {
      const item = await this.#get(`mg ${this.#key} f c s\r\n`)
      if (typeof item === 'string') return item
      if (item.stamp === known) return 'same'
    }
    return this.#get(`mg ${this.#key} f c s v\r\n`)
  }

  write(value: Buffer, mark: number, over: string | undefined): Promise<'stored' | 'changed' | 'unreachable'> {
    const way = over === undefined ? 'ME' : `C${over}`
    return new Promise((resolve) => {
      const out = this.#pool.begin(this.#number, new Write(resolve), AFFINITY)
      if (out === undefined) return resolve('unreachable')
      out.text(`ms ${this.#key} ${value.length} F${mark % 2 ** 32} T${this.#ttlSec} ${way}\r\n`)
      out.attach(value)
      out.text('\r\n')
    })
  }

  #get(line: string): Promise<ItemState | 'absent' | 'unreachable'> {
    return new Promise((resolve) => {
      const out = this.#pool.begin(this.#number, new Read(resolve), AFFINITY)
      if (out === undefined) resolve('unreachable')
      else out.text(line)
    })
  }
}

class Read extends ServerRequest {
  readonly #resolve: (item: ItemState | 'absent' | 'unreachable') => void

  constructor(resolve: (item: ItemState | 'absent' | 'unreachable') => void) {
    super(Expect.meta)
    this.mayRepeat = true
    this.#resolve = resolve
  }

  override onReply(reply: Reply): void {
    this.#resolve(reply.code === Code.en ? 'absent' : (itemOf(reply) ?? 'unreachable'))
  }

  override onFailure(): void {
    this.#resolve('unreachable')
  }
}

/** undefined: it is an error. */
function itemOf({ code, bytes, start, lineEnd, dataStart, dataEnd }: Reply): ItemState | undefined {
  const [stamp, cas] = /f\d+ c(\d+) s\d+/.exec(bytes.toString('latin1', start, lineEnd)) ?? []
  if (stamp === undefined || cas === undefined) return undefined
  const isWhole = code === Code.va && dataEnd - dataStart <= MOST_BYTES
  return { stamp, cas, value: Buffer.from(isWhole ? bytes.subarray(dataStart, dataEnd) : '') }
}

class Write extends ServerRequest {
  readonly #resolve: (outcome: 'stored' | 'changed' | 'unreachable') => void

  constructor(resolve: (outcome: 'stored' | 'changed' | 'unreachable') => void) {
    super(Expect.meta)
    this.#resolve = resolve
  }

  override onReply({ code }: Reply): void {
    if (code === Code.hd) this.#resolve('stored')
    else if (code === Code.ns || code === Code.ex || code === Code.nf) this.#resolve('changed')
    else this.#resolve('unreachable')
  }

  override onFailure(): void {
    this.#resolve('unreachable')
  }
}

/** Over a pool with `auth`, where nothing tells what an item is but its value. */
class StoreItem implements PinnedItem {
  readonly place: string
  readonly server: string
  readonly #items: ItemStore
  readonly #key: string
  readonly #ttlSec: number

  constructor(items: ItemStore, key: string, { place, server, ttlSec }: Place) {
    this.place = place
    this.server = server
    this.#ttlSec = ttlSec
    this.#items = items
    this.#key = key
  }

  read(known: string | undefined): Promise<ItemState | 'same' | 'absent' | 'unreachable'> {
    return new Promise((resolve) => {
      const onItem = (outcome: number, value: Buffer, cas: string): void => {
        // Whoever writes sees to it that the head of an item is another with each change.
        const stamp = `${cas} ${value.toString('hex', 0, 24)}`
        if (outcome === ItemOutcome.done) resolve(stamp === known ? 'same' : { stamp, value, cas })
        else resolve(outcome === ItemOutcome.absent ? 'absent' : 'unreachable')
      }
      if (!this.#items.get(this.#key, { onItem })) resolve('unreachable')
    })
  }

  write(value: Buffer, _mark: number, over: string | undefined): Promise<'stored' | 'changed' | 'unreachable'> {
    const mode = over === undefined ? ({ mode: 'add' } as const) : ({ mode: 'set', cas: over } as const)
    return new Promise((resolve) => {
      const onItem = (outcome: number): void => {
        if (outcome === ItemOutcome.done) resolve('stored')
        else resolve(outcome === ItemOutcome.failed ? 'unreachable' : 'changed')
      }
      if (!this.#items.write(this.#key, value, { ttlSec: this.#ttlSec, ...mode }, { onItem })) resolve('unreachable')
    })
  }
}
