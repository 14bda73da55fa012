/**
 * Where a cache's fleet log lies: one item of its pool, on the server that owns it when all servers are live. It stays there
 * whether that server is ejected or not: a log that moved with each ejection would be another log each time, and each time
 * everything would have to be purged. While the server is away, purges wait.
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
import { Code, type Reply } from '../../memcached/reply.ts'
import { Expect, ServerRequest } from '../../memcached/server-request.ts'
import type { FleetItem, FleetStore } from './fleet-member.ts'

/** Read whole by every node after every purge, and far below what servers take. Some thousand purges of one URL each. */
const MAX_LOG_BYTES = 128 * 1024
/** What is larger is no log, whatever limits other nodes have. */
const MOST_LOG_BYTES = 1024 * 1024
/** Key and header of the item, and more. */
const ITEM_OVERHEAD_BYTES = 512
/** Room for a purge of everything, whatever `max-item` says. */
const LEAST_LOG_BYTES = 1024
/** All requests over one connection, in their order. */
const AFFINITY = 0

/** The key of a cache's log. Caches of one name, on whatever node, have one log. */
export function fleetLogKey(cacheName: string): string {
  return `sh:${hash('sha1', cacheName, 'base64url').slice(0, 22)}/purges`
}

/** Number of the server in whose memory the log lies. */
export function fleetLogServer(pool: Pool, key: string): number {
  const bytes = Buffer.from(key, 'latin1')
  return pool.placement.build(() => true).ownerOf(bytes, 0, bytes.length)
}

export function openFleetStore(pool: Pool, cacheName: string): FleetStore {
  const key = fleetLogKey(cacheName)
  const server = fleetLogServer(pool, key)
  const maxBytes = Math.max(LEAST_LOG_BYTES, Math.min(MAX_LOG_BYTES, pool.plan.maxItemBytes - ITEM_OVERHEAD_BYTES))
  const items = pool.itemsAt(server)
  return items === undefined ? new MetaStore(pool, server, key, maxBytes) : new ItemsStore(items, key, maxBytes)
}

class MetaStore implements FleetStore {
  readonly maxBytes: number
  readonly #pool: Pool
  readonly #server: number
  readonly #key: string

  constructor(pool: Pool, server: number, key: string, maxBytes: number) {
    this.maxBytes = maxBytes
    this.#pool = pool
    this.#server = server
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
      const out = this.#pool.begin(this.#server, new Write(resolve), AFFINITY)
      if (out === undefined) return resolve('unreachable')
      out.text(`ms ${this.#key} ${value.length} F${last % 2 ** 32} ${way}\r\n`)
      out.attach(value)
      out.text('\r\n')
    })
  }

  #get(line: string): Promise<FleetItem | 'absent' | 'unreachable'> {
    return new Promise((resolve) => {
      const out = this.#pool.begin(this.#server, new Read(resolve), AFFINITY)
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
  readonly maxBytes: number
  readonly #items: ItemStore
  readonly #key: string
  constructor(items: ItemStore, key: string, maxBytes: number) {
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
