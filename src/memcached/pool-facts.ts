/** What `shellac pool` and `shellac status` show of a pool, read from shared memory by any thread. */

import { addressText } from '../net/listener.ts'
import type { DistributionName, HashName, MemcachedPlan } from '../plan/memcached-plan.ts'
import { Placement } from '../ring/placement.ts'
import { quantileMs } from './latency.ts'
import { type CommandName, PoolState, type ServerUse } from './pool-state.ts'

export interface PoolServerFacts {
  readonly label: string
  readonly address: string
  readonly weight: number
  /** `drained`: routed around by command, whether it lives or not. `ejected`: out after failures. */
  readonly state: 'live' | 'ejected' | 'drained'
  /** Milliseconds until an ejected server is asked whether it lives; 0: it is being asked, or it is not ejected. */
  readonly probeInMs: number
  /** Part of all keys, 0 to 1, that it owns now, and would own were all servers live. */
  readonly share: number
  readonly fullShare: number
  /** Failures since the last success. */
  readonly failures: number
  readonly ejections: number
  /** Wall clock, milliseconds; null: never. */
  readonly ejectedAtMs: number | null
  /** Connections lost by an error, a timeout, or because the server closed them. */
  readonly errors: number
  /** Between queueing a request and the last byte of its reply; null: none was answered yet. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly use: ServerUse
}

export interface PoolFacts {
  readonly name: string
  readonly hash: HashName
  readonly hashTag: string | null
  readonly distribution: DistributionName
  /** In the order of the Plan. */
  readonly servers: readonly PoolServerFacts[]
  /** What clients of memcached proxies asked of it; only commands that were. */
  readonly commands: Readonly<Partial<Record<CommandName, number>>>
}

/** `nowMs` is the wall clock. */
export function readPool(plan: MemcachedPlan, buffer: SharedArrayBuffer, nowMs: number): PoolFacts {
  const state = new PoolState(buffer)
  const placement = new Placement(plan)
  const shares = placement.build((server) => state.isLive(server)).shares()
  const fullShares = placement.build(() => true).shares()
  return {
    name: plan.name,
    hash: plan.hash,
    hashTag: plan.hashTag ?? null,
    distribution: plan.distribution,
    servers: plan.servers.map(({ label, address, weight }, server) => ({
      label,
      address: addressText(address),
      weight,
      ...readServer(state, server, nowMs),
      share: shares[server]!,
      fullShare: fullShares[server]!,
    })),
    commands: Object.fromEntries(Object.entries(state.commands()).filter(([, count]) => count > 0)),
  }
}

type OwnFacts = Omit<PoolServerFacts, 'label' | 'address' | 'weight' | 'share' | 'fullShare'>

function readServer(state: PoolState, server: number, nowMs: number): OwnFacts {
  const use = state.use(server)
  const latencies = state.latencies(server)
  const wasAnswered = use.responses > 0
  const isEjected = state.isEjected(server)
  const ejectedAtUs = state.ejectedAtUs(server)
  return {
    state: state.isDrained(server) ? 'drained' : isEjected ? 'ejected' : 'live',
    probeInMs: isEjected ? Math.max(0, state.ejectedUntilMs(server) - nowMs) : 0,
    failures: state.failures(server),
    ejections: state.ejections(server),
    ejectedAtMs: ejectedAtUs === 0 ? null : Math.floor(ejectedAtUs / 1000),
    errors: use.serverErr + use.serverTimedOut + use.serverEof,
    p50Ms: wasAnswered ? quantileMs(latencies, 0.5) : null,
    p99Ms: wasAnswered ? quantileMs(latencies, 0.99) : null,
    use,
  }
}
