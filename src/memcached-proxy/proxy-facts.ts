/** What `shellac status` and `shellac stats` show of a memcached-proxy, read from shared memory by any thread. */
import { quantileMs } from '../memcached/latency.ts'
import type { MemcachedProxyPlan } from '../plan/memcached-plan.ts'
import { readProxyUse, type TallyName } from './proxy-state.ts'

export interface ProxyCommandFacts {
  readonly name: string
  readonly count: number
  /** From reading a request to knowing the answer; null where nothing was measured. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

export interface ProxyFacts {
  readonly name: string
  readonly pool: string
  readonly tallies: Readonly<Record<TallyName, number>>
  /** Those that were met, in the order of the manual. */
  readonly commands: readonly ProxyCommandFacts[]
}

export function readProxy({ name, pool }: MemcachedProxyPlan, state: SharedArrayBuffer): ProxyFacts {
  const { tallies, commands, latencies } = readProxyUse(state)
  return {
    name,
    pool,
    tallies,
    commands: Object.entries(commands)
      .filter(([, count]) => count > 0)
      .map(([command, count]) => ({ name: command, count, ...quantiles(latencies[command]!) })),
  }
}

function quantiles(buckets: Float64Array): Pick<ProxyCommandFacts, 'p50Ms' | 'p99Ms'> {
  if (!buckets.some((count) => count > 0)) return { p50Ms: null, p99Ms: null }
  return { p50Ms: quantileMs(buckets, 0.5), p99Ms: quantileMs(buckets, 0.99) }
}
