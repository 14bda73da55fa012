/**
 * What a worker thread serves: HTTP and memcached clients, over one set of memcached pools. They go from one Plan to the next
 * together: a failed prepare of one leaves nothing open of the other, and of the pools.
 */
import type { PoolContext } from '../memcached/pool.ts'
import { PoolSet } from '../memcached/pool-set.ts'
import type { BoundAddress } from '../net/listener.ts'
import { addressText } from '../net/listener.ts'
import type { Plan } from '../plan/plan.ts'
import type { Provisions } from '../proxy/engine.ts'
import type { SharedState } from '../proxy/runtime.ts'
import type { TlsMaterials } from '../tls/material.ts'
import { SessionsSet } from '../tls/sessions/sessions-set.ts'
import type { Target } from './messages.ts'
import type { WorkerEngine } from './worker-life.ts'

type Steps = Pick<WorkerEngine, 'commit' | 'rollback' | 'drain' | 'destroy' | 'connections'>

/** proxy/engine.ts is one. Of both kinds, `prepare` closes the sockets that it does not use. */
export interface HttpEngine extends Steps {
  prepare(plan: Plan, generation: number, provisions: Provisions): Promise<void>
  renewCertificates(materials: TlsMaterials): void
}

/** memcached-proxy/engine.ts is one. */
export interface MemcachedEngine extends Steps {
  /** `states`: as `createProxyState` makes them, by the names of the Plan. */
  prepare(
    plan: Plan,
    states: SharedState['memcachedProxies'],
    pools: PoolSet,
    sockets: readonly BoundAddress[],
  ): Promise<void>
}

export class WorkerEngines implements WorkerEngine {
  readonly #http: HttpEngine
  readonly #memcached: MemcachedEngine
  readonly #context: PoolContext
  #pools: PoolSet | undefined = undefined
  #prepared: PoolSet | undefined = undefined
  #sessions: SessionsSet | undefined = undefined
  #preparedSessions: SessionsSet | undefined = undefined

  constructor(http: HttpEngine, memcached: MemcachedEngine, context: PoolContext) {
    this.#http = http
    this.#memcached = memcached
    this.#context = context
  }

  async prepare({ plan, generation, shared, materials }: Target, sockets: readonly BoundAddress[]): Promise<void> {
    this.rollback()
    const { http, memcached } = splitSockets(plan, sockets)
    const pools = new PoolSet(plan.memcached, shared.pools, this.#context, this.#pools)
    this.#prepared = pools
    const sessions = this.#sessionsOf(plan, shared, pools)
    this.#preparedSessions = sessions
    try {
      await this.#http.prepare(plan, generation, {
        shared,
        pools,
        tls: { materials, sessionsOf: (listener) => sessions.get(listener.tls?.sessions) },
        sockets: http,
      })
    } catch (error) {
      for (const { socket } of memcached) socket.close()
      this.rollback()
      throw error
    }
    try {
      await this.#memcached.prepare(plan, shared.memcachedProxies, pools, memcached)
    } catch (error) {
      this.rollback()
      throw error
    }
  }

  /** The pools first: whoever follows the new Plan finds the connections there. */
  commit(): void {
    const pools = this.#prepared
    if (pools === undefined) return
    this.#prepared = undefined
    this.#pools = pools
    pools.commit()
    this.#sessions = this.#preparedSessions
    this.#preparedSessions = undefined
    this.#sessions?.commit()
    this.#http.commit()
    this.#memcached.commit()
  }

  rollback(): void {
    this.#http.rollback()
    this.#memcached.rollback()
    this.#preparedSessions?.rollback()
    this.#preparedSessions = undefined
    this.#prepared?.rollback()
    this.#prepared = undefined
  }

  renewCertificates(materials: TlsMaterials): void {
    this.#http.renewCertificates(materials)
  }

  /** What the last requests have left to be stored reaches the pools. */
  async drain(): Promise<void> {
    await Promise.all([this.#http.drain(), this.#memcached.drain()])
    await this.#pools?.idle()
  }

  destroy(): void {
    this.#http.destroy()
    this.#memcached.destroy()
    this.#sessions?.destroy()
    this.#pools?.destroy()
  }

  #sessionsOf({ tlsSessions }: Plan, shared: SharedState, pools: PoolSet): SessionsSet {
    const { worker } = this.#context
    return new SessionsSet(tlsSessions, shared.tlsSessions, { pools, worker }, this.#sessions)
  }

  connections(): number {
    return this.#http.connections() + this.#memcached.connections()
  }
}

/** Whose each socket is. What the Plan does not name goes to the HTTP engine, which closes it. */
function splitSockets(
  plan: Plan,
  sockets: readonly BoundAddress[],
): { http: readonly BoundAddress[]; memcached: readonly BoundAddress[] } {
  const ofProxies = new Set(
    plan.memcachedProxies.flatMap((proxy) => [...proxy.addresses, ...proxy.statsAddresses]).map(addressText),
  )
  return {
    http: sockets.filter(({ address }) => !ofProxies.has(address)),
    memcached: sockets.filter(({ address }) => ofProxies.has(address)),
  }
}
