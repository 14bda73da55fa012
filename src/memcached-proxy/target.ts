/** A pool that a key belongs to, and the pools that help it: see the README for who is asked when. */

import type { Pool } from '../memcached/pool.ts'
import type { MemcachedProxyPlan } from '../plan/memcached-plan.ts'
import type { Ring } from '../ring/placement.ts'
import { Command } from './commands.ts'
import type { Pools } from './proxy-runtime.ts'
import { Part } from './slot.ts'

export class Target {
  readonly pool: Pool
  /** Of the pool and this worker, by Command. */
  readonly commands: Float64Array
  readonly failover: Pool | undefined
  readonly replica: Pool | undefined
  /** `warm from`. */
  readonly old: Pool | undefined
  /** No other pool takes part, as is nearly always so. */
  readonly isPlain: boolean
  /** By server. */
  readonly parts: readonly Part[]
  /** All servers live; only for `failover`. */
  readonly #home: Ring | undefined

  private constructor(
    pool: Pool,
    worker: number,
    helpers: { failover?: Pool | undefined; replica?: Pool | undefined; old?: Pool | undefined },
  ) {
    this.pool = pool
    this.parts = pool.plan.servers.map((_, server) => new Part(pool, server))
    this.commands = pool.state.commandsOf(worker)
    this.failover = helpers.failover
    this.replica = helpers.replica
    this.old = helpers.old
    this.isPlain = this.failover === undefined && this.replica === undefined && this.old === undefined
    this.#home = this.failover === undefined ? undefined : pool.placement.build(() => true)
  }

  /** The pool of the keys that no prefix takes, with its helpers. */
  static ofProxy(plan: MemcachedProxyPlan, pools: Pools, worker: number): Target {
    const find = (name: string | undefined): Pool | undefined => (name === undefined ? undefined : pools.get(name))
    const helpers = { failover: find(plan.failover), replica: find(plan.replicate), old: find(plan.warmFrom) }
    return new Target(pools.get(plan.pool), worker, helpers)
  }

  /** A pool alone. */
  static ofPool(pool: Pool, worker: number): Target {
    return new Target(pool, worker, {})
  }

  /** The server that owns the key bytes[start, end) when all live is ejected now, so that another one stands in for it. */
  isOwnerOut(bytes: Buffer, start: number, end: number): boolean {
    if (this.#home === undefined) return false
    return this.pool.state.isEjected(this.#home.ownerOf(bytes, start, end))
  }

  countCommand(command: number): void {
    if (command < Command.unknown) this.commands[command]! += 1
  }
}
