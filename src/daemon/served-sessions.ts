/**
 * Where other programs of this machine reach the sessions of a block by the distcache protocol (`serve`): a server in the main
 * thread, whose sessions lie where those of the block do. It asks there as the workers do, and for as long.
 *
 * In a reload a place that stays keeps its socket and its clients, and only looks elsewhere for sessions if that has changed.
 */
import { chmodSync } from 'node:fs'
import type { Address } from '../distcache/address.ts'
import type { RemoteSessions, SessionSink } from '../distcache/remote-sessions.ts'
import { DistcacheServer } from '../distcache/server.ts'
import type { Pool } from '../memcached/pool.ts'
import type { PoolSet } from '../memcached/pool-set.ts'
import { addressText } from '../net/listener.ts'
import type { ListenAddress } from '../plan/plan.ts'
import type { SessionIdsPlan, TlsSessionsPlan } from '../plan/tls-sessions-plan.ts'
import { DistcacheSessions, distcacheTarget } from '../tls/sessions/distcache-sessions.ts'
import { openSessionPool } from '../tls/sessions/sessions-set.ts'

/** What becomes of the places when a Plan is live. */
export interface PreparedPlaces {
  commit(): void
  rollback(): void
}

interface Change {
  readonly place: Place
  readonly isNew: boolean
  readonly address: ListenAddress
  readonly source: Source
}

export class ServedSessions {
  /** By address. */
  #places: ReadonlyMap<string, Place> = new Map()

  /** Rejects, and has nothing open that is new, when an address cannot be listened on. */
  async prepare(plans: readonly TlsSessionsPlan[], pools: PoolSet): Promise<PreparedPlaces> {
    const changes: Change[] = []
    const rollback = (): void => {
      for (const { place, isNew, source } of changes) {
        if (isNew) place.close()
        else if (source !== place.source) source.close()
      }
    }
    try {
      for (const plan of plans) {
        const { ids } = plan
        if (ids?.serve !== undefined) changes.push(await this.#change(plan, ids, ids.serve, pools))
      }
    } catch (error) {
      rollback()
      throw error
    }
    return { commit: () => this.#commit(changes), rollback }
  }

  /** Paths of the sockets that are files. */
  get paths(): string[] {
    return [...this.#places.values()].flatMap(({ address }) => (address.kind === 'unix' ? [address.path] : []))
  }

  close(): void {
    for (const place of this.#places.values()) place.close()
  }

  async #change(plan: TlsSessionsPlan, ids: SessionIdsPlan, serve: ListenAddress, pools: PoolSet): Promise<Change> {
    const old = this.#places.get(addressText(serve))
    const { store } = ids
    const pool = store.kind === 'memcached' ? pools.get(store.pool) : undefined
    const identity = JSON.stringify([store, ids.waitMs, plan.seals, plan.name])
    const isSame = old?.source.identity === identity && old.source.pool === pool
    const source = isSame ? old.source : openSource(plan, ids, identity, pool)
    if (old !== undefined) return { place: old, isNew: false, address: serve, source }
    return { place: await Place.open(serve, source), isNew: true, address: serve, source }
  }

  #commit(changes: readonly Change[]): void {
    const places = new Map(changes.map(({ place, address }) => [addressText(address), place]))
    for (const [key, place] of this.#places) if (places.get(key) !== place) place.close()
    for (const { place, address, source } of changes) place.follow(address, source)
    this.#places = places
  }
}

/** Where sessions lie. */
interface Source {
  readonly identity: string
  readonly pool: Pool | undefined
  readonly sessions: RemoteSessions
  close(): void
}

function openSource(plan: TlsSessionsPlan, ids: SessionIdsPlan, identity: string, pool: Pool | undefined): Source {
  // A pool is closed with the Plan that it belongs to.
  if (pool !== undefined) return { identity, pool, sessions: openSessionPool(plan, pool), close() {} }
  const servers = ids.store.kind === 'distcache' ? ids.store.servers : []
  const sessions = new DistcacheSessions(servers, ids.waitMs)
  return { identity, pool, sessions, close: () => sessions.close() }
}

/** One socket, and where it looks for sessions. */
class Place implements RemoteSessions {
  address: ListenAddress
  source: Source
  #server: DistcacheServer | undefined = undefined

  private constructor(address: ListenAddress, source: Source) {
    this.address = address
    this.source = source
  }

  static async open(address: ListenAddress, source: Source): Promise<Place> {
    const place = new Place(address, source)
    const mode = address.kind === 'unix' ? address.mode : undefined
    try {
      place.#server = await DistcacheServer.open(listenTarget(address), { sessions: place, mode })
    } catch (error) {
      source.close()
      throw error
    }
    return place
  }

  /** `address`: the same place, of which a file may have another mode. */
  follow(address: ListenAddress, source: Source): void {
    if (address.kind === 'unix' && this.address.kind === 'unix' && address.mode !== this.address.mode) {
      chmodSync(address.path, address.mode)
    }
    this.address = address
    if (source === this.source) return
    this.source.close()
    this.source = source
  }

  close(): void {
    this.#server?.close()
    this.source.close()
  }

  add(id: Buffer, data: Buffer, timeoutMs: number, sink: SessionSink): void {
    this.source.sessions.add(id, data, timeoutMs, sink)
  }

  get(id: Buffer, sink: SessionSink): void {
    this.source.sessions.get(id, sink)
  }

  remove(id: Buffer, sink: SessionSink): void {
    this.source.sessions.remove(id, sink)
  }

  have(id: Buffer, sink: SessionSink): void {
    this.source.sessions.have(id, sink)
  }
}

/** As the library takes it: every address is no host. */
function listenTarget(address: ListenAddress): Address {
  const target = distcacheTarget(address)
  return target.kind === 'tcp' && target.host === '*' ? { ...target, host: undefined } : target
}
