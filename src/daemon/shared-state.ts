/**
 * The SharedArrayBuffers that workers share, by the name of what they belong to, and which of them a reload keeps.
 *
 * A cache is the same cache while name, size and largest object are the same: contents cannot move into a store drawn
 * differently. Which backends are the same is balance's matter, which pools memcached's. What a new generation no longer names is dropped here;
 * the workers' own references end with their last request on the old generation, and the garbage collector does the rest.
 */
import { releaseWorker as releaseBackendWorker } from '../balance/backend-state.ts'
import { keepBackendStates } from '../balance/keep-states.ts'
import { PurgeLog } from '../cache/purge/purge-log.ts'
import {
  createMemoryTier,
  type MemoryTierShared,
  releaseWorker as releaseTierWorker,
} from '../cache/tiers/memory-tier.ts'
import { createPoolState, keepPoolState, releaseWorker as releasePoolWorker } from '../memcached/pool-state.ts'
import { createProxyState, releaseProxyWorker } from '../memcached-proxy/proxy-state.ts'
import type { CachePlan, Plan } from '../plan/plan.ts'
import type { SharedObject, SharedState } from '../proxy/runtime.ts'
import { createTlsSessionsShared } from '../tls/sessions/tls-sessions.ts'
import { RouteTallies } from './route-tallies.ts'

/** The shared state of a live generation, with the Plan it was made for. */
export interface LiveState {
  readonly plan: Plan
  readonly shared: SharedState
}

/** Makes and keeps the shared state of one daemon; knows the identities it has given. */
export class SharedStateFactory {
  readonly #workers: number
  readonly tallies: RouteTallies
  #lastId = 0

  constructor(workers: number) {
    this.#workers = workers
    this.tallies = new RouteTallies(workers)
  }

  /** Throws an Error that names the cache when the machine cannot give the memory it wants. */
  build(plan: Plan, before: LiveState | undefined): SharedState {
    return {
      caches: this.#keepCaches(plan, before),
      backends: this.#keepBackends(plan, before),
      routes: this.tallies.build(plan, before?.shared.routes),
      pools: this.#keepPools(plan, before),
      memcachedProxies: new Map(
        plan.memcachedProxies.map(({ name }) => [
          name,
          before?.shared.memcachedProxies.get(name) ?? createProxyState(this.#workers),
        ]),
      ),
      // Keys change without a reload too, so a block is the same whatever else it says.
      tlsSessions: new Map(
        plan.tlsSessions.map(({ name }) => [
          name,
          before?.shared.tlsSessions.get(name) ?? this.#identify(createTlsSessionsShared(this.#workers)),
        ]),
      ),
    }
  }

  #keepCaches(plan: Plan, before: LiveState | undefined): SharedState['caches'] {
    const plansBefore = new Map(before?.plan.caches.map((cache) => [cache.name, cache]))
    const caches: Map<string, SharedObject<MemoryTierShared>> = new Map()
    for (const cache of plan.caches) {
      const old = plansBefore.get(cache.name)
      const kept = old !== undefined && isSameStore(old, cache) ? before?.shared.caches.get(cache.name) : undefined
      caches.set(cache.name, kept ?? this.#identify(this.#createTier(cache)))
    }
    return caches
  }

  #keepBackends(plan: Plan, before: LiveState | undefined): SharedState['backends'] {
    const old = (before?.plan.backends ?? []).map((backend) => ({
      plan: backend,
      state: before!.shared.backends.get(backend.name)!.value,
    }))
    const records = keepBackendStates(old, plan.backends, this.#workers)
    return new Map(
      records.map(({ plan: { name }, state }) => {
        const kept = before?.shared.backends.get(name)
        return [name, kept?.value === state ? kept : this.#identify(state)]
      }),
    )
  }

  /** A server that stays brings along whether it is ejected or drained, and its counters. */
  #keepPools(plan: Plan, before: LiveState | undefined): SharedState['pools'] {
    const plansBefore = new Map(before?.plan.memcached.map((pool) => [pool.name, pool]))
    return new Map(
      plan.memcached.map((pool) => {
        const old = plansBefore.get(pool.name)
        const kept = before?.shared.pools.get(pool.name)
        if (old === undefined || kept === undefined)
          return [pool.name, this.#identify(createPoolState(pool, this.#workers))]
        const state = keepPoolState(old, kept.value, pool, this.#workers)
        return [pool.name, state === kept.value ? kept : this.#identify(state)]
      }),
    )
  }

  #createTier(cache: CachePlan): MemoryTierShared {
    try {
      return createMemoryTier({
        bytes: cache.memoryBytes,
        workers: this.#workers,
        maxObjectBytes: cache.maxObjectBytes,
      })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`cannot make room for cache "${cache.name}" (${cache.memoryBytes} bytes of memory): ${reason}`)
    }
  }

  #identify<T>(value: T): SharedObject<T> {
    return { id: ++this.#lastId, value }
  }
}

/** Whether a cache can go on in the memory it has. */
export function isSameStore(a: CachePlan, b: CachePlan): boolean {
  return a.memoryBytes === b.memoryBytes && a.maxObjectBytes === b.maxObjectBytes
}

/** Whether the memory of a cache in `before` is not in `after`. */
export function losesCache(before: SharedState, after: SharedState): boolean {
  return [...before.caches].some(([name, cache]) => after.caches.get(name)?.id !== cache.id)
}

const MAIN_THREAD = -1

/** Frees what a dead worker held: pins and fills in caches, counts of running requests at backends and pools. */
export function releaseWorker(shared: SharedState, worker: number): void {
  for (const { value } of shared.caches.values()) {
    new PurgeLog(value, MAIN_THREAD).releaseWorker(worker)
    releaseTierWorker(value, worker)
  }
  for (const state of shared.backends.values()) releaseBackendWorker(state.value, worker)
  for (const state of shared.pools.values()) releasePoolWorker(state.value, worker)
  for (const state of shared.memcachedProxies.values()) releaseProxyWorker(state, worker)
}
