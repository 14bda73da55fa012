/** `pools`, `pool-ring` and `pool-drain` of the admin socket: read from and written to shared memory, without asking a worker. */
import { AdminFailure, type AdminRequest } from '../admin/protocol.ts'
import { didYouMean, suggest } from '../config/suggest.ts'
import { findOwners, type KeyOwner } from '../memcached/key-owner.ts'
import { type PoolFacts, readPool } from '../memcached/pool-facts.ts'
import type { PoolSet } from '../memcached/pool-set.ts'
import { PoolState } from '../memcached/pool-state.ts'
import { addressText } from '../net/listener.ts'
import type { MemcachedPlan } from '../plan/memcached-plan.ts'
import type { Target } from './messages.ts'

type Live = Pick<Target, 'plan' | 'shared'>

/** With the pools of the main thread. */
export interface LivePools extends Live {
  readonly pools: PoolSet
}

/** `pool` undefined: every pool. */
export interface RingArguments {
  readonly keys: readonly string[]
  readonly pool?: string | undefined
}

/** `server`: a label or an address. `pool` undefined: the one pool that has it. */
export interface DrainArguments {
  readonly server: string
  readonly pool?: string | undefined
  /** false: it gets its keys back. */
  readonly drained: boolean
}

export interface DrainResult {
  readonly pool: string
  /** Its label. */
  readonly server: string
  readonly drained: boolean
  /** false: it was so before. */
  readonly changed: boolean
  /** Part of all keys, 0 to 1, that the server owns when it is live. */
  readonly share: number
  /** Servers of the pool that keys are given to now. */
  readonly live: number
}

export function describePools({ plan, shared }: Live, nowMs: number): PoolFacts[] {
  return plan.memcached.map((pool) => readPool(pool, stateOf(shared, pool), nowMs))
}

/** The same of the pool that `given` names, or of all. Throws an AdminFailure when there is none. */
export function reportPools(given: AdminRequest['arguments'], { plan, shared }: Live): PoolFacts[] {
  const pools = poolsNamed(readName(given.pool, 'pool'), plan.memcached)
  return pools.map((pool) => readPool(pool, stateOf(shared, pool), Date.now()))
}

/** Throws an AdminFailure when `given` makes no sense or names no pool. */
export function findKeys(given: AdminRequest['arguments'], { plan, shared }: Live): KeyOwner[] {
  const { keys, pool } = given
  if (!Array.isArray(keys) || keys.some((key) => typeof key !== 'string')) {
    throw new AdminFailure('bad-request', '"keys" is a list of texts')
  }
  return poolsNamed(readName(pool, 'pool'), plan.memcached).flatMap((one) => {
    const state = new PoolState(stateOf(shared, one))
    return findOwners(one, keys, (server) => state.isLive(server))
  })
}

/** Throws an AdminFailure as above, or when no server or more than one is meant; then nothing has changed. */
export function runDrain(given: AdminRequest['arguments'], { plan, shared, pools: own }: LivePools): DrainResult {
  const { drained } = given
  const name = readName(given.server, 'server')
  if (name === undefined) throw new AdminFailure('bad-request', '"server" is the name or the address of a server')
  if (typeof drained !== 'boolean') throw new AdminFailure('bad-request', '"drained" is true or false')
  const pools = poolsNamed(readName(given.pool, 'pool'), plan.memcached)
  const found = pools.flatMap((pool) =>
    pool.servers.flatMap((one, server) =>
      one.label === name || addressText(one.address) === name ? [{ pool, server }] : [],
    ),
  )
  const [first] = found
  if (first === undefined) throw unknownServer(name, pools)
  if (found.length > 1) {
    const where = found.map(({ pool, server }) => `"${pool.servers[server]!.label}" in pool "${pool.name}"`).join(', ')
    throw new AdminFailure('ambiguous', `"${name}" is ${where}; give --pool, and the name instead of the address`)
  }
  const pool = own.get(first.pool.name)
  const changed = drained ? pool.drain(first.server) : pool.undrain(first.server)
  const { servers } = readPool(first.pool, stateOf(shared, first.pool), Date.now())
  const { label, fullShare } = servers[first.server]!
  const live = servers.filter(({ state }) => state === 'live').length
  return { pool: first.pool.name, server: label, drained, changed, share: fullShare, live }
}

/** Those of this name, or all. */
export function poolsNamed(name: string | undefined, pools: readonly MemcachedPlan[]): readonly MemcachedPlan[] {
  if (pools.length === 0) throw new AdminFailure('no-pool', 'the configuration has no memcached pool')
  if (name === undefined) return pools
  const named = pools.filter((pool) => pool.name === name)
  if (named.length > 0) return named
  const names = pools.map((pool) => pool.name)
  throw new AdminFailure('no-pool', `there is no pool "${name}"; ${nearOf(name, names)}`)
}

function unknownServer(name: string, pools: readonly MemcachedPlan[]): AdminFailure {
  const where = pools.length === 1 ? `pool "${pools[0]!.name}" has` : 'there is'
  const labels = pools.flatMap((pool) => pool.servers.map(({ label }) => label))
  return new AdminFailure('no-server', `${where} no server "${name}"; ${nearOf(name, labels)}`)
}

const MOST_LISTED = 8

function nearOf(name: string, known: readonly string[]): string {
  const listed = known.slice(0, MOST_LISTED).map((one) => `"${one}"`)
  const rest = known.length > MOST_LISTED ? ', ...' : ''
  return didYouMean(suggest(name, known)) ?? `there is ${listed.join(', ')}${rest}`
}

function readName(value: unknown, what: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw new AdminFailure('bad-request', `"${what}" is a name`)
}

function stateOf(shared: Live['shared'], pool: MemcachedPlan): SharedArrayBuffer {
  return shared.pools.get(pool.name)!.value
}
