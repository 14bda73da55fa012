/** What `shellac status` and `shellac stats` show, as plain data. Read from shared memory; workers are asked two numbers. */
import { BackendState } from '../balance/backend-state.ts'
import { readServers, type ServerFacts } from '../balance/server-facts.ts'
import { PurgeLog, type PurgeLogStats } from '../cache/purge/purge-log.ts'
import { MemoryTier } from '../cache/tiers/memory-tier.ts'
import { type CounterSums, sumCounters } from '../log/counters.ts'
import { hitRatio, type RouteCounts } from '../log/route-counters.ts'
import type { PoolFacts } from '../memcached/pool-facts.ts'
import { type ProxyFacts, readProxy } from '../memcached-proxy/proxy-facts.ts'
import { addressText } from '../net/listener.ts'
import type { Plan } from '../plan/plan.ts'
import type { SharedState } from '../proxy/runtime.ts'
import type { CertificateStatus, Certificates } from './certificates.ts'
import type { FleetPurges, FleetStatus } from './fleet-purges.ts'
import { type ListenPoint, listenPoints } from './listen-points.ts'
import type { Target, WorkerFacts } from './messages.ts'
import { describePools } from './pool-commands.ts'
import type { ReloadResult } from './reloader.ts'
import type { RouteTallies, RouteTally } from './route-tallies.ts'
import type { TlsSessionsKeepers, TlsSessionsStatus } from './tls-sessions.ts'

export interface ListenerStatus {
  readonly kind: ListenPoint['kind']
  readonly name: string
  readonly addresses: readonly string[]
}

export interface CacheStatus {
  readonly name: string
  readonly tier: ReturnType<MemoryTier['stats']>
  readonly purges: PurgeLogStats
  /** How it stands with the purges of other nodes that share the cache; null: there are none. */
  readonly fleet: FleetStatus | null
}

export interface BackendStatus {
  readonly name: string
  readonly servers: readonly ServerFacts[]
}

export interface WorkerStatus {
  readonly worker: number
  /** `down`: it has ended and its replacement does not serve yet, or it does not answer. */
  readonly state: 'serving' | 'down'
  readonly generation: number
  readonly connections: number
  readonly heapUsedBytes: number
}

export interface DaemonStatus {
  readonly version: string
  readonly pid: number
  readonly state: 'starting' | 'serving' | 'draining'
  readonly uptimeSec: number
  readonly generation: number
  readonly configuration: string
  readonly lastReload: ReloadResult | null
  readonly rssBytes: number
  readonly connections: number
  readonly workerRestarts: number
  readonly workers: readonly WorkerStatus[]
  readonly listeners: readonly ListenerStatus[]
  readonly caches: readonly CacheStatus[]
  readonly backends: readonly BackendStatus[]
  readonly pools: readonly PoolFacts[]
  readonly memcachedProxies: readonly ProxyFacts[]
  readonly certificates: readonly CertificateStatus[]
  readonly tlsSessions: readonly TlsSessionsStatus[]
}

/** A cache with what it was asked for: the sum over the routes that use it. */
export interface CacheStats extends CacheStatus {
  readonly counts: RouteCounts
  /** See `hitRatio`; null before the first request. */
  readonly hitRatio: number | null
}

export interface DaemonStats extends CounterSums {
  readonly uptimeSec: number
  readonly caches: readonly CacheStats[]
  readonly pools: readonly PoolFacts[]
  readonly memcachedProxies: readonly ProxyFacts[]
  readonly certificates: readonly CertificateStatus[]
  readonly tlsSessions: readonly TlsSessionsStatus[]
  /** Only when asked for. */
  readonly routes?: readonly RouteTally[]
}

export function describeListeners(plan: Plan): ListenerStatus[] {
  return listenPoints(plan).map(({ kind, name, addresses }) => ({
    kind,
    name,
    addresses: addresses.map(addressText),
  }))
}

export function describeWorkers(facts: readonly (WorkerFacts | undefined)[]): WorkerStatus[] {
  return facts.map((one, worker) => ({
    worker,
    state: one === undefined ? 'down' : 'serving',
    generation: one?.generation ?? 0,
    connections: one?.connections ?? 0,
    heapUsedBytes: one?.heapUsedBytes ?? 0,
  }))
}

/** `fleets`: of those whose caches other nodes share. */
export function describeCaches(shared: SharedState, fleets: Pick<FleetPurges, 'statusOf'>): CacheStatus[] {
  return [...shared.caches].map(([name, { value }]) => ({
    name,
    tier: new MemoryTier(value, NO_WORKER).stats(),
    purges: new PurgeLog(value, NO_WORKER).stats(),
    fleet: fleets.statusOf(name) ?? null,
  }))
}

export function describeBackends(target: Target, nowMs: number): BackendStatus[] {
  return target.plan.backends.flatMap((plan) => {
    const state = target.shared.backends.get(plan.name)
    return state === undefined
      ? []
      : [{ name: plan.name, servers: readServers(plan, new BackendState(state.value), nowMs) }]
  })
}

export function describeProxies({ plan, shared }: Pick<Target, 'plan' | 'shared'>): ProxyFacts[] {
  return plan.memcachedProxies.map((proxy) => readProxy(proxy, shared.memcachedProxies.get(proxy.name)!))
}

export function describeStats(
  counters: SharedArrayBuffer,
  {
    plan,
    shared,
    fleets,
    certificates,
    sessions,
  }: Target & {
    readonly fleets: Pick<FleetPurges, 'statusOf'>
    readonly certificates: Pick<Certificates, 'status'>
    readonly sessions: Pick<TlsSessionsKeepers, 'status'>
  },
  tallies: RouteTallies,
  uptimeSec: number,
): DaemonStats {
  const caches = describeCaches(shared, fleets).map((cache): CacheStats => {
    const counts = tallies.ofCache(cache.name, { plan, routes: shared.routes })
    return { ...cache, counts, hitRatio: hitRatio(counts) ?? null }
  })
  return {
    uptimeSec,
    ...sumCounters(counters),
    caches,
    pools: describePools({ plan, shared }, Date.now()),
    memcachedProxies: describeProxies({ plan, shared }),
    certificates: certificates.status(),
    tlsSessions: sessions.status({ plan, shared }),
  }
}

/** Attached to read only. */
const NO_WORKER = -1
