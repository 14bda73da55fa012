/**
 * What a reload changes: the objects of two Plans compared by name. Where a statement stands is no difference, so moving
 * a block to another line or file keeps everything it describes.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Plan } from '../plan/plan.ts'
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
  readonly caches: ObjectDiff
  readonly sites: ObjectDiff
  /** What else the operator should know, such as a change that waits for a restart. */
  readonly notes: readonly string[]
}

interface Named {
  readonly name: string
}

export function diffPlans(before: Plan, after: Plan): PlanDiff {
  return {
    listeners: diffObjects(before.listeners, after.listeners),
    backends: diffObjects(before.backends, after.backends),
    caches: diffObjects(before.caches, after.caches),
    sites: diffObjects(before.sites, after.sites),
    notes: [...cacheNotes(before, after), ...processNotes(before, after)],
  }
}

/** `listeners +public -plain; caches ~shop; 14 objects kept`, or `nothing changed`. */
export function describeDiff(diff: PlanDiff): string {
  const kinds = ['listeners', 'backends', 'caches', 'sites'] as const
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
    if (names.length > 0) parts.push(`${kind} ${names.join(' ')}`)
  }
  if (parts.length === 0) parts.push('no object changed')
  parts.push(`${kept} kept`, ...diff.notes)
  return parts.join('; ')
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
