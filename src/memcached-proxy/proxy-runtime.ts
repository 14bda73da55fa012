/** A memcached-proxy of the Plan, built for one worker: its limits, its counters, and which pool a key belongs to. */
import { LATENCY_BUCKETS, latencyBucket } from '../memcached/latency.ts'
import type { Pool } from '../memcached/pool.ts'
import type { MemcachedProxyPlan } from '../plan/memcached-plan.ts'
import { AccessRules } from './access-rules.ts'
import { type ProxyRow, proxyRow } from './proxy-state.ts'
import type { RequestLimits } from './request-parser.ts'
import { Target } from './target.ts'

/** The pools of a worker, by the names the Plan has. */
export interface Pools {
  get(name: string): Pool
}

interface Route {
  readonly prefix: Buffer
  readonly target: Target
}

export interface ConnectionLimits extends RequestLimits {
  readonly outstanding: number
  readonly clientBacklogBytes: number
}

export class ProxyRuntime {
  readonly plan: MemcachedProxyPlan
  readonly limits: ConnectionLimits
  readonly access: AccessRules
  readonly state: SharedArrayBuffer
  /** By Tally, of this worker. */
  readonly tallies: Float64Array
  readonly #row: ProxyRow
  readonly #target: Target
  /** Longest prefix first. */
  readonly #routes: readonly Route[]

  constructor(plan: MemcachedProxyPlan, pools: Pools, state: SharedArrayBuffer, worker: number) {
    this.plan = plan
    this.limits = plan.limits
    this.access = new AccessRules(plan.access)
    this.state = state
    this.#row = proxyRow(state, worker)
    this.tallies = this.#row.tallies
    this.#target = Target.ofProxy(plan, pools, worker)
    this.#routes = plan.routes
      .map(({ prefix, pool }) => ({ prefix: Buffer.from(prefix), target: Target.ofPool(pools.get(pool), worker) }))
      .sort((a, b) => b.prefix.length - a.prefix.length)
  }

  /** Where requests for the key bytes[start, end) go. */
  targetOf(bytes: Buffer, start: number, end: number): Target {
    for (const { prefix, target } of this.#routes) if (beginsWith(bytes, start, end, prefix)) return target
    return this.#target
  }

  /** The pool of keys that no prefix takes. */
  get pool(): Pool {
    return this.#target.pool
  }

  /** The pools that `flush_all` speaks of: what is written is in them, or would come back from there. */
  get flushedPools(): readonly Pool[] {
    const { pool, replica, old } = this.#target
    const helpers = [replica, old].filter((helper) => helper !== undefined)
    const routed = this.#routes.map(({ target }) => target.pool)
    return [...new Set([pool, ...helpers, ...routed])]
  }

  /** `command`: a value of Command. */
  countCommand(command: number): void {
    this.#row.commands[command]! += 1
  }

  /** Counts how long an answer of `command` took. */
  latency(command: number, ms: number): void {
    this.#row.latencies[command * LATENCY_BUCKETS + latencyBucket(ms)]! += 1
  }
}

/** Names of all pools a proxy uses. */
export function poolsOf({ pool, failover, replicate, warmFrom, routes }: MemcachedProxyPlan): string[] {
  const helpers = [failover, replicate, warmFrom].filter((name) => name !== undefined)
  return [pool, ...helpers, ...routes.map((route) => route.pool)]
}

function beginsWith(bytes: Buffer, start: number, end: number, prefix: Buffer): boolean {
  const { length } = prefix
  if (end - start < length) return false
  for (let i = 0; i < length; i++) if (bytes[start + i] !== prefix[i]) return false
  return true
}
