/**
 * What a reload changes: the objects of two Plans compared by name. Where a statement stands is no difference, so moving
 * a block to another line or file keeps everything it describes.
 */
import { isDeepStrictEqual } from 'node:util'
import { addressText } from '../net/listener.ts'
import type { MemcachedPlan, MemcachedServerPlan } from '../plan/memcached-plan.ts'
import type { Plan } from '../plan/plan.ts'
import { OWN_SESSIONS } from '../plan/tls-sessions-plan.ts'
import { movedShare } from '../ring/moved-share.ts'
import { isSameStore } from './shared-state.ts'

export interface ObjectDiff {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
  readonly kept: readonly string[]
}

export interface PlanDiff {
  readonly listeners: ObjectDiff
  readonly backends: ObjectDiff
  readonly memcached: ObjectDiff
  readonly memcachedProxies: ObjectDiff
  readonly tlsSessions: ObjectDiff
  readonly caches: ObjectDiff
  readonly sites: ObjectDiff
  /** The pools of both Plans whose servers or whose keys lie elsewhere. */
  readonly pools: readonly PoolDiff[]
  /** What else the operator should know, such as a change that waits for a restart. */
  readonly notes: readonly string[]
}

/** What a change of a pool does to its keys. Servers by their labels. */
export interface PoolDiff {
  readonly name: string
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** They have another address: their connections are made anew, their keys stay. */
  readonly moved: readonly string[]
  /** Part of all keys, 0 to 1, that another server owns. */
  readonly movedShare: number
}

interface Named {
  readonly name: string
}

export function diffPlans(before: Plan, after: Plan): PlanDiff {
  return {
    listeners: diffObjects(before.listeners, after.listeners),
    backends: diffObjects(before.backends, after.backends),
    memcached: diffObjects(before.memcached, after.memcached),
    memcachedProxies: diffObjects(before.memcachedProxies, after.memcachedProxies),
    tlsSessions: diffObjects(named(before.tlsSessions), named(after.tlsSessions)),
    caches: diffObjects(before.caches, after.caches),
    sites: diffObjects(before.sites, after.sites),
    pools: diffPools(before, after),
    notes: [...cacheNotes(before, after), ...processNotes(before, after)],
  }
}

/** What each kind is called in the one line. */
const kindNames = {
  listeners: 'listeners',
  backends: 'backends',
  memcached: 'memcached',
  memcachedProxies: 'memcached-proxies',
  tlsSessions: 'tls-sessions',
  caches: 'caches',
  sites: 'sites',
} as const
const kinds = ['listeners', 'backends', 'memcached', 'memcachedProxies', 'tlsSessions', 'caches', 'sites'] as const

/**
 * `listeners +public -plain; caches ~shop; 14 kept; memcached edge: server mc3 added; 24.8 % of the keys moved`. `isPlanned`:
 * it has not happened yet.
 */
export function describeDiff(diff: PlanDiff, isPlanned = false): string {
  const parts: string[] = []
  let kept = 0
  for (const kind of kinds) {
    const { added, removed, changed } = diff[kind]
    kept += diff[kind].kept.length
    const names = [
      ...added.map((name) => `+${name}`),
      ...removed.map((name) => `-${name}`),
      ...changed.map((name) => `~${name}`),
    ]
    if (names.length > 0) parts.push(`${kindNames[kind]} ${names.join(' ')}`)
  }
  if (parts.length === 0) parts.push('no object changed')
  parts.push(`${kept} kept`, ...diff.pools.map((pool) => describePool(pool, isPlanned)), ...diff.notes)
  return parts.join('; ')
}

/** Those of listeners that name none are no object of the file. */
function named(sessions: Plan['tlsSessions']): Plan['tlsSessions'] {
  return sessions.filter(({ name }) => name !== OWN_SESSIONS)
}

function diffObjects(before: readonly Named[], after: readonly Named[]): ObjectDiff {
  const old = new Map(before.map((object) => [object.name, object]))
  const added: string[] = []
  const changed: string[] = []
  const kept: string[] = []
  for (const object of after) {
    const previous = old.get(object.name)
    old.delete(object.name)
    if (previous === undefined) added.push(object.name)
    else if (isDeepStrictEqual(withoutPlaces(previous), withoutPlaces(object))) kept.push(object.name)
    else changed.push(object.name)
  }
  return { added, removed: [...old.keys()], changed, kept }
}

/** Route ids hold the line too (`route css @ shop.conf:56`). */
const placeKeys: ReadonlySet<string> = new Set(['place', 'places', 'id'])

function withoutPlaces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPlaces)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([key]) => !placeKeys.has(key))
  return entries.map(([key, inner]) => [key, withoutPlaces(inner)])
}

function describePool({ name, added, removed, moved, movedShare }: PoolDiff, isPlanned: boolean): string {
  const changes = [serversText(added, 'added'), serversText(removed, 'removed'), serversText(moved, 'at a new address')]
  const share = `${(movedShare * 100).toFixed(1)} % of the keys ${isPlanned ? 'move' : 'moved'}`
  return `memcached ${name}: ${[...changes.filter((text) => text !== ''), share].join(', ')}`
}

function serversText(labels: readonly string[], what: string): string {
  if (labels.length === 0) return ''
  return `${labels.length === 1 ? 'server' : 'servers'} ${labels.join(' ')} ${what}`
}

function diffPools(before: Plan, after: Plan): PoolDiff[] {
  const old = new Map(before.memcached.map((pool) => [pool.name, pool]))
  return after.memcached.flatMap((pool) => {
    const previous = old.get(pool.name)
    if (previous === undefined) return []
    const diff = diffPool(previous, pool)
    const { added, removed, moved, movedShare: share } = diff
    return added.length + removed.length + moved.length === 0 && share === 0 ? [] : [diff]
  })
}

function diffPool(before: MemcachedPlan, after: MemcachedPlan): PoolDiff {
  const old = new Map(before.servers.map((server) => [server.label, server]))
  const now = new Set(after.servers.map(({ label }) => label))
  const isMoved = ({ label, address }: MemcachedServerPlan): boolean => {
    const previous = old.get(label)
    return previous !== undefined && addressText(previous.address) !== addressText(address)
  }
  return {
    name: after.name,
    added: after.servers.filter(({ label }) => !old.has(label)).map(({ label }) => label),
    removed: before.servers.filter(({ label }) => !now.has(label)).map(({ label }) => label),
    moved: after.servers.filter(isMoved).map(({ label }) => label),
    movedShare: isSamePlacement(before, after) ? 0 : movedShare(before, after),
  }
}

/** All that decides who owns a key; it saves trying 20,000 of them. */
function isSamePlacement(a: MemcachedPlan, b: MemcachedPlan): boolean {
  const placement = ({ hash, hashTag, distribution, servers }: MemcachedPlan): object => {
    const ordered = servers.map(({ label, weight }) => [label, weight] as const)
    return { hash, hashTag, distribution, servers: ordered.sort(([x], [y]) => (x < y ? -1 : 1)) }
  }
  return isDeepStrictEqual(placement(a), placement(b))
}

/** Contents cannot move into a store of another size. */
function cacheNotes(before: Plan, after: Plan): string[] {
  const old = new Map(before.caches.map((cache) => [cache.name, cache]))
  return after.caches
    .filter((cache) => {
      const previous = old.get(cache.name)
      return previous !== undefined && !isSameStore(previous, cache)
    })
    .map((cache) => `cache "${cache.name}" has a new size and starts empty`)
}

function processNotes(before: Plan, after: Plan): string[] {
  const waiting = (['workers', 'user', 'group', 'pidFile'] as const).filter(
    (key) => before.process[key] !== after.process[key],
  )
  return waiting.map((key) => `process ${settingName[key]} changes with the next restart`)
}

const settingName = { workers: 'workers', user: 'user', group: 'group', pidFile: 'pid-file' } as const
