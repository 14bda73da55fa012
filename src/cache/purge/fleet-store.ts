/**
 * Where a cache's fleet log lies: one item of its pool, on the server that owns it when all servers are live, or on the one
 * that owns it without that. Ejections do not move it: a log that moved with each of them would be another log each time, and
 * each time everything would have to be purged. When it moves is the members' affair (fleet-member.ts).
 *
 *     read     mg KEY f c s         whether it is as before: `HD f123 c45 s678`
 *              mg KEY f c s v       if not
 *     write    ms KEY 678 F123 C45  over what was read, or ms KEY 678 F123 ME where there was none
 *
 * A server that was started anew may give CAS values again that it gave before; so the flags hold the lower half of the
 * last number, which tells one log from another (fleet-log.ts).
 */
import { hash } from 'node:crypto'
import { ItemOutcome, type ItemStore } from '../../memcached/item-store.ts'
import type { Pool } from '../../memcached/pool.ts'
import { serverIdentity } from '../../memcached/pool-server.ts'
import { Code, type Reply } from '../../memcached/reply.ts'
import { Expect, ServerRequest } from '../../memcached/server-request.ts'
import type { FleetItem, FleetStore } from './fleet-view.ts'

/** Read whole by every node after every purge, and far below what servers take. Some thousand purges of one URL each. */
const MAX_LOG_BYTES = 128 * 1024
/** What is larger is no log, whatever limits other nodes have. */
const MOST_LOG_BYTES = 1024 * 1024
/** Key and header of the item, and more. */
const ITEM_OVERHEAD_BYTES = 512
/** Room for a purge of everything, whatever `max-item` says. */
const LEAST_LOG_BYTES = 1024
/** Of `ownerOf`. */
const NONE = -1
/** All requests over one connection, in their order. */
const AFFINITY = 0

/** The key of a cache's log. Caches of one name, on whatever node, have one log. */
export function fleetLogKey(cacheName: string): string {
  return `sh:${hash('sha1', cacheName, 'base64url').slice(0, 22)}/purges`
}

/** Numbers of the servers in whose memory the log may lie, the first choice first. */
export function fleetLogServers(pool: Pool, key: string): number[] {
  const bytes = Buffer.from(key, 'latin1')
  const ownerWithout = (other: number): number =>
    pool.placement.build((server) => server !== other).ownerOf(bytes, 0, bytes.length)
  const first = ownerWithout(NONE)
  return [first, ownerWithout(first)].filter((server) => server !== NONE)
}

/** The places of a cache's log. */
export function openFleetStores(pool: Pool, cacheName: string): FleetStore[] {
  const key = fleetLogKey(cacheName)
  const maxBytes = Math.max(LEAST_LOG_BYTES, Math.min(MAX_LOG_BYTES, pool.plan.maxItemBytes - ITEM_OVERHEAD_BYTES))
  return fleetLogServers(pool, key).map((server) => {
    const items = pool.itemsAt(server)
    const place = { place: serverIdentity(pool.plan.servers[server]!), server: pool.labels[server]!, maxBytes }
    return items === undefined ? new MetaStore(pool, server, key, place) : new ItemsStore(items, key, place)
  })
}

type Place = Pick<FleetStore, 'place' | 'server' | 'maxBytes'>

class MetaStore implements FleetStore {
  readonly place: string
  readonly server: string
  readonly maxBytes: number
  readonly #pool: Pool
  readonly #number: number
  readonly #key: string

  constructor(pool: Pool, number: number, key: string, { place, server, maxBytes }: Place) {
    this.place = place
    this.server = server
    this.maxBytes = maxBytes
    this.#pool = pool
    this.#number = number
    this.#key = key
  }

  async read(known: string | undefined): Promise<FleetItem | 'same' | 'absent' | 'unreachable'> {
    if (known !== undefined) {
      const item = await this.#get(`mg ${this.#key} f c s\r\n`)
      if (typeof item === 'string') return item
      if (item.stamp === known) return 'same'
    }
    return this.#get(`mg ${this.#key} f c s v\r\n`)
  }

  write(value: Buffer, last: number, over: string | undefined): Promise<'stored' | 'changed' | 'unreachable'> {
    const way = over === undefined ? 'ME' : `C${over}`
    return new Promise((resolve) => {
      const out = this.#pool.begin(this.#number, new Write(resolve), AFFINITY)
      if (out === undefined) return resolve('unreachable')
      out.text(`ms ${this.#key} ${value.length} F${last % 2 ** 32} ${way}\r\n`)
      out.attach(value)
      out.text('\r\n')
    })
  }

  #get(line: string): Promise<FleetItem | 'absent' | 'unreachable'> {
    return new Promise((resolve) => {
      const out = this.#pool.begin(this.#number, new Read(resolve), AFFINITY)
      if (out === undefined) resolve('unreachable')
      else out.text(line)
    })
  }
}

class Read extends ServerRequest {
  readonly #resolve: (item: FleetItem | 'absent' | 'unreachable') => void

  constructor(resolve: (item: FleetItem | 'absent' | 'unreachable') => void) {
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
function itemOf({ code, bytes, start, lineEnd, dataStart, dataEnd }: Reply): FleetItem | undefined {
  const [stamp, cas] = /f\d+ c(\d+) s\d+/.exec(bytes.toString('latin1', start, lineEnd)) ?? []
  if (stamp === undefined || cas === undefined) return undefined
  const isLog = code === Code.va && dataEnd - dataStart <= MOST_LOG_BYTES
  return { stamp, cas, value: Buffer.from(isLog ? bytes.subarray(dataStart, dataEnd) : '') }
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
class ItemsStore implements FleetStore {
  readonly place: string
  readonly server: string
  readonly maxBytes: number
  readonly #items: ItemStore
  readonly #key: string
  constructor(items: ItemStore, key: string, { place, server, maxBytes }: Place) {
    this.place = place
    this.server = server
    this.maxBytes = maxBytes
    this.#items = items
    this.#key = key
  }

  read(known: string | undefined): Promise<FleetItem | 'same' | 'absent' | 'unreachable'> {
    return new Promise((resolve) => {
      const onItem = (outcome: number, value: Buffer, cas: string): void => {
        // The head of a log has a checksum of all of it.
        const stamp = `${cas} ${value.toString('hex', 0, 24)}`
        if (outcome === ItemOutcome.done) resolve(stamp === known ? 'same' : { stamp, value, cas })
        else resolve(outcome === ItemOutcome.absent ? 'absent' : 'unreachable')
      }
      if (!this.#items.get(this.#key, { onItem })) resolve('unreachable')
    })
  }

  write(value: Buffer, _last: number, over: string | undefined): Promise<'stored' | 'changed' | 'unreachable'> {
    const mode = over === undefined ? ({ mode: 'add' } as const) : ({ mode: 'set', cas: over } as const)
    return new Promise((resolve) => {
      const onItem = (outcome: number): void => {
        if (outcome === ItemOutcome.done) resolve('stored')
        else resolve(outcome === ItemOutcome.failed ? 'unreachable' : 'changed')
      }
      if (!this.#items.write(this.#key, value, { ttlSec: 0, ...mode }, { onItem })) resolve('unreachable')
    })
  }
}
