/**
 * Where a cache's fleet log lies: one item of its pool, in one of two places (memcached/pinned-item.ts). A log that moved with
 * each ejection would be another log each time, and each time everything would have to be purged; when it moves is the members'
 * affair (fleet-member.ts). The lower half of the last number tells one log from another (fleet-log.ts), and its head holds a
 * checksum of all of it.
 */
import { hash } from 'node:crypto'
import { openPinnedItems, type PinnedItem, pinnedServers } from '../../memcached/pinned-item.ts'
import type { Pool } from '../../memcached/pool.ts'
import type { FleetItem, FleetStore } from './fleet-view.ts'

/** Read whole by every node after every purge, and far below what servers take. Some thousand purges of one URL each. */
const MAX_LOG_BYTES = 128 * 1024
/** Key and header of the item, and more. */
const ITEM_OVERHEAD_BYTES = 512
/** Room for a purge of everything, whatever `max-item` says. */
const LEAST_LOG_BYTES = 1024
/** A log stays until it is written anew. */
const FOR_EVER = 0

/** The key of a cache's log. Caches of one name, on whatever node, have one log. */
export function fleetLogKey(cacheName: string): string {
  return `sh:${hash('sha1', cacheName, 'base64url').slice(0, 22)}/purges`
}

/** Numbers of the servers in whose memory the log may lie, the first choice first. */
export function fleetLogServers(pool: Pool, key: string): number[] {
  return pinnedServers(pool, key)
}

/** The places of a cache's log. */
export function openFleetStores(pool: Pool, cacheName: string): FleetStore[] {
  const maxBytes = Math.max(LEAST_LOG_BYTES, Math.min(MAX_LOG_BYTES, pool.plan.maxItemBytes - ITEM_OVERHEAD_BYTES))
  return openPinnedItems(pool, fleetLogKey(cacheName), FOR_EVER).map((item) => new LogStore(item, maxBytes))
}

class LogStore implements FleetStore {
  readonly #item: PinnedItem
  readonly maxBytes: number

  constructor(item: PinnedItem, maxBytes: number) {
    this.#item = item
    this.maxBytes = maxBytes
  }

  get place(): string {
    return this.#item.place
  }

  get server(): string {
    return this.#item.server
  }

  read(known: string | undefined): Promise<FleetItem | 'same' | 'absent' | 'unreachable'> {
    return this.#item.read(known)
  }

  write(value: Buffer, last: number, over: string | undefined): Promise<'stored' | 'changed' | 'unreachable'> {
    return this.#item.write(value, last, over)
  }
}
