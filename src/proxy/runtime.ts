/**
 * One Plan made ready to run in one worker. A request holds on to the Runtime it began with; what outlives a reload
 * (stores, backend states, connection pools) is carried over by identity.
 */

import { Balancer } from '../balance/balancer.ts'
import { FleetNumbers } from '../cache/purge/fleet-numbers.ts'
import { FleetPurger } from '../cache/purge/fleet-purger.ts'
import { decodeLabels, labelText } from '../cache/purge/labels.ts'
import { PurgeLog } from '../cache/purge/purge-log.ts'
import { compileUrlTexts } from '../cache/purge/url-text.ts'
import { MemoryTier, type MemoryTierShared } from '../cache/tiers/memory-tier.ts'
import type { PoolItems } from '../cache/tiers/pool/items.ts'
import { MetaItems } from '../cache/tiers/pool/meta-items.ts'
import { StoreItems } from '../cache/tiers/pool/store-items.ts'
import { VariantBudget } from '../cache/variant-budget.ts'
import { primaryKeyOf } from '../cache/vary.ts'
import type { RequestHead } from '../http/request-head.ts'
import { routeRow } from '../log/route-counters.ts'
import type { Pool } from '../memcached/pool.ts'
import type { PoolSet } from '../memcached/pool-set.ts'
import { OriginPool, type OriginSurroundings } from '../net/origin-pool.ts'
import { OriginTls, type OriginTlsMaterial } from '../net/origin-tls.ts'
import type { RequestFacts } from '../plan/facts.ts'
import type { BackendPlan, CachePlan, Plan } from '../plan/plan.ts'
import type { Condition } from '../routing/matchers.ts'
import { routeIdentity } from '../routing/route-identity.ts'
import { RouteTable } from '../routing/table.ts'
import type { TlsSessionsShared } from '../tls/sessions/tls-sessions.ts'
import { assert } from '../util/assert.ts'
import { clock } from '../util/clock.ts'
import { HeadFacts, type PeerSource } from './facts.ts'
import { RouteRuntime } from './route-runtime.ts'
import { SharedTier } from './shared-tier.ts'
import type { Worker } from './worker.ts'

/**
 * Something the main thread made in shared memory. `id` is its identity: every message gives a worker new
 * SharedArrayBuffer objects on the same memory, so they cannot be compared themselves.
 */
export interface SharedObject<T> {
  readonly id: number
  readonly value: T
}

/** What the main thread makes and every worker attaches to; keyed by the names of the Plan. */
export interface SharedState {
  readonly caches: ReadonlyMap<string, SharedObject<MemoryTierShared>>
  /** As `createBackendState` makes it. */
  readonly backends: ReadonlyMap<string, SharedObject<SharedArrayBuffer>>
  /** As `createRouteCounters` makes them, by `routeIdentity`. */
  readonly routes: ReadonlyMap<string, SharedArrayBuffer>
  /** As `createPoolState` makes them. */
  readonly pools: ReadonlyMap<string, SharedObject<SharedArrayBuffer>>
  /** As `createProxyState` makes them, by the names of memcached proxies. */
  readonly memcachedProxies: ReadonlyMap<string, SharedArrayBuffer>
  /** As `createTlsSessionsShared` makes them. */
  readonly tlsSessions: ReadonlyMap<string, SharedObject<TlsSessionsShared>>
}

/** A backend of one worker: who is chosen, and the connections there. */
export class BackendRuntime {
  readonly plan: BackendPlan
  readonly stateId: number
  readonly balancer: Balancer
  readonly pools: readonly OriginPool[]
  /** undefined: its servers are spoken to without. */
  readonly tls: OriginTls | undefined
  /** Equal for two Plans that mean the same backend; its place in the file does not matter. */
  readonly identity: string

  /** Throws what OpenSSL says of `material`. */
  constructor(
    plan: BackendPlan,
    state: SharedObject<SharedArrayBuffer>,
    material: OriginTlsMaterial | undefined,
    worker: Worker,
  ) {
    this.plan = plan
    this.stateId = state.id
    this.identity = backendIdentity(plan)
    this.balancer = new Balancer(plan, state.value, () => clock.nowMs, worker.index)
    this.tls = createOriginTls(plan, material)
    const surroundings: OriginSurroundings = {
      wheel: worker.wheel,
      resolver: worker.resolver,
      tls: this.tls,
      onFault: (error) => worker.logFault(error),
      onTlsTrouble: (server, code, detail) =>
        worker.log('warn', 'origin refused over TLS', { backend: plan.name, server: server.name, code, detail }),
    }
    this.pools = plan.servers.map((server) => new OriginPool(server, plan, surroundings))
  }

  close(): void {
    for (const pool of this.pools) pool.close()
  }
}

/** Throws an error that names the backend. */
function createOriginTls(plan: BackendPlan, material: OriginTlsMaterial | undefined): OriginTls | undefined {
  if (plan.tls === undefined) return undefined
  assert(material !== undefined, `backend ${plan.name} has what its TLS needs`)
  try {
    return new OriginTls(plan.tls, material)
  } catch (error) {
    throw new Error(`tls of backend "${plan.name}": ${error instanceof Error ? error.message : String(error)}`)
  }
}

function backendIdentity(plan: BackendPlan): string {
  return JSON.stringify(plan, (key, value: unknown) => (key === 'place' ? undefined : value))
}

/** A cache of one worker. */
export class CacheRuntime {
  readonly plan: CachePlan
  readonly memoryId: number
  readonly tier: MemoryTier
  /** Behind the memory; undefined: none. */
  readonly pool: Pool | undefined
  readonly purges: PurgeLog
  /** What lies in the pool; undefined: there is none. */
  readonly shared: SharedTier | undefined
  /** For purges, which then concern all nodes; undefined: no other node shares the cache. */
  readonly fleet: FleetPurger | undefined
  /** The texts of a request's URL under all keys that the cache is used with. */
  readonly urlTextsOf: (request: RequestFacts) => string[]
  readonly variants = new VariantBudget()
  /** How many requests of this worker wait for the fetch of a key; only keys with any. */
  readonly #queues = new Map<string, number>()

  constructor(
    plan: CachePlan,
    memory: { readonly memoryId: number; readonly tier: MemoryTier; readonly purges: PurgeLog },
    pool: { readonly pool: Pool; readonly shared: SharedTier; readonly fleet: FleetPurger } | undefined,
    urlTextsOf: (request: RequestFacts) => string[],
  ) {
    this.plan = plan
    this.memoryId = memory.memoryId
    this.tier = memory.tier
    this.pool = pool?.pool
    this.shared = pool?.shared
    this.fleet = pool?.fleet
    this.purges = memory.purges
    this.urlTextsOf = urlTextsOf
  }

  /** Removes what lies under the key, here and in the pool, which may not hear of it, or later than the next who asks it. */
  remove(key: string): void {
    this.tier.remove(key)
    if (this.shared === undefined) return
    this.tier.noteRemoval(key, clock.nowMs)
    this.shared.entries.remove(key)
  }

  /** Removes what was fetched for the URL, under whatever key: here, and from what the pool has for this machine. */
  removeUrl(url: string): void {
    this.purges.purgeLabels('changed', [url], true)
    if (this.shared !== undefined) this.tier.noteRemoval(labelText('changed', url), clock.nowMs)
  }

  /** Whether a response that arrived at `responseMs`, and is in the pool, has been removed since; `labels`: its own. */
  wasRemoved(key: string, labels: string, responseMs: number): boolean {
    const { tier } = this
    if (responseMs <= tier.removedAtMs(key)) return true
    const primaryKey = primaryKeyOf(key)
    if (primaryKey !== key && responseMs <= tier.removedAtMs(primaryKey)) return true
    // Whoever changes a URL is in the purge log as well.
    if (this.purges.sequence === 0) return false
    return responseMs <= tier.removedAtMs(labelText('changed', decodeLabels(key, labels).url))
  }

  /** False when `most` requests wait for this key already. */
  joinQueue(key: string, most: number): boolean {
    const length = this.#queues.get(key) ?? 0
    if (length >= most) return false
    this.#queues.set(key, length + 1)
    return true
  }

  leaveQueue(key: string): void {
    const length = this.#queues.get(key) ?? 0
    if (length > 1) this.#queues.set(key, length - 1)
    else this.#queues.delete(key)
  }
}

/** What a Plan is run with. */
export interface Supply {
  readonly shared: SharedState
  /** Those of the Plan; whoever made them ends them. */
  readonly pools: PoolSet
  /** By the names of backends with TLS. */
  readonly origins: ReadonlyMap<string, OriginTlsMaterial>
}

export class Runtime {
  readonly plan: Plan
  readonly generation: number
  readonly table: RouteTable
  readonly backends: ReadonlyMap<string, BackendRuntime>
  readonly caches: ReadonlyMap<string, CacheRuntime>
  readonly #logged: Condition | undefined

  constructor(plan: Plan, generation: number, supply: Supply, before: Runtime | undefined, worker: Worker) {
    const { shared, pools } = supply
    this.plan = plan
    this.generation = generation
    this.table = new RouteTable(plan)
    this.backends = new Map(
      plan.backends.map((backend) => [backend.name, keepBackend(backend, supply, before, worker)]),
    )
    this.caches = new Map(
      plan.caches.map((cache) => [cache.name, keepCache(cache, plan, { shared, pools, before, worker })]),
    )
    const when = plan.logs.access?.when
    this.#logged = when === undefined ? undefined : this.table.matchers.condition(when)
    for (const entry of this.table.entries) {
      const counts = shared.routes.get(routeIdentity(entry.site, entry.route))
      assert(counts !== undefined, `${entry.route.id} has counters`)
      entry.user = new RouteRuntime(entry, this, routeRow(counts, worker.index))
    }
  }

  /** Whether the access log wants this answer (`when @matcher`). */
  isLogged(source: PeerSource, head: RequestHead | undefined, status: number): boolean {
    const condition = this.#logged
    if (condition === undefined) return true
    if (head === undefined) return false
    return condition(new HeadFacts(head, source), { status, header: () => undefined, headers: () => [] })
  }

  /** The files of backends hold something else, or may. Throws what OpenSSL says of one; that backend keeps what it has. */
  renewOrigins(origins: Supply['origins']): void {
    for (const [name, { tls }] of this.backends) {
      const material = origins.get(name)
      if (material !== undefined) tls?.update(material)
    }
  }

  /** The first miss of a cache must not spend the time it has for its pool on connecting. */
  connectPools(): void {
    for (const cache of this.caches.values()) cache.pool?.preconnect()
  }

  /** Whether a cache of this Plan does not live on in `after`. */
  losesCacheTo(after: Runtime): boolean {
    return [...this.caches].some(([name, cache]) => after.caches.get(name)?.tier !== cache.tier)
  }

  /** Closes the connections of backends that `after` does not use. */
  retire(after: Runtime): void {
    for (const [name, backend] of this.backends) if (after.backends.get(name) !== backend) backend.close()
  }
}

function keepBackend(
  plan: BackendPlan,
  { shared, origins }: Supply,
  before: Runtime | undefined,
  worker: Worker,
): BackendRuntime {
  const state = shared.backends.get(plan.name)
  assert(state !== undefined, `backend ${plan.name} has shared state`)
  const old = before?.backends.get(plan.name)
  if (old !== undefined && old.stateId === state.id && old.identity === backendIdentity(plan)) return old
  return new BackendRuntime(plan, state, origins.get(plan.name), worker)
}

interface CacheSurroundings {
  readonly shared: SharedState
  readonly pools: PoolSet
  readonly before: Runtime | undefined
  readonly worker: Worker
}

function keepCache(plan: CachePlan, whole: Plan, { shared, pools, before, worker }: CacheSurroundings): CacheRuntime {
  const state = shared.caches.get(plan.name)
  assert(state !== undefined, `cache ${plan.name} has shared memory`)
  const old = before?.caches.get(plan.name)
  const { id: memoryId, value } = state
  const isKept = old?.memoryId === memoryId
  const tier = isKept ? old.tier : new MemoryTier(value, worker.index)
  const purges = isKept ? old.purges : new PurgeLog(value, worker.index)
  const pool = plan.pool === undefined ? undefined : pools.get(plan.pool)
  const isSamePool = isKept && old.pool === pool
  const makeShared = (pool: Pool): SharedTier =>
    new SharedTier(plan.name, itemsOf(pool), { fleet: new FleetNumbers(value, purges), purges }, worker.counters)
  const behind = pool && {
    pool,
    shared: (isSamePool && old.shared) || makeShared(pool),
    fleet: new FleetPurger(value, purges, worker.index),
  }
  return new CacheRuntime(plan, { memoryId, tier, purges }, behind, compileUrlTexts(whole, plan.name))
}

function itemsOf(pool: Pool): PoolItems {
  return pool.items === undefined ? new MetaItems(pool) : new StoreItems(pool, pool.items)
}
