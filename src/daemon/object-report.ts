/** What the admin command `object` tells of one key of a cache: what lies there now, and for how long it will answer. */
import { AdminFailure } from '../admin/protocol.ts'
import { ageSeconds, decodeMeta, remainingMs, type StoredMeta } from '../cache/policy/meta.ts'
import { decodeLabels, UNKNOWN_TAGS } from '../cache/purge/labels.ts'
import { PurgeLog, Verdict } from '../cache/purge/purge-log.ts'
import { verdictOn } from '../cache/purge/sweep.ts'
import { secretFields, shownKey } from '../cache/shown-key.ts'
import type { ObjectFacts } from '../cache/tiers/inspect.ts'
import { type KeyState, MemoryTier, type MemoryTierShared } from '../cache/tiers/memory-tier.ts'
import { type Reason, reasons } from '../log/reasons.ts'
import { parseFieldLines } from '../proxy/facts.ts'
import { markerIdOf, variantKeyEnds } from '../proxy/stored.ts'
import type { Target } from './messages.ts'

/** Grows by members only; what changes its meaning changes `v`. */
export interface ObjectReport {
  readonly v: 1
  readonly cache: string
  readonly key: string
  /** Where it lies. */
  readonly tier: 'memory'
  /** `varies`: only variants are stored, and this key says by which fields they are chosen. */
  readonly state: KeyState | 'varies'
  /** Why there is none: in state `hit-for-miss`, why the last answer was not stored; in `absent`, `purged` or null. */
  readonly reason: Reason | null
  /** null in any other state than `complete`. */
  readonly object: StoredReport | null
  /** null in any other state than `varies`. */
  readonly variants: VariantsReport | null
}

export interface StoredReport {
  readonly status: number
  /** By which it can be purged. */
  readonly tags: readonly string[]
  /** Flat names and values. */
  readonly fields: readonly string[]
  /** As the Age of an answer would be now. */
  readonly ageSec: number
  readonly lifetimeSec: number
  /** Negative since it is stale. */
  readonly remainingSec: number
  /** How long after its lifetime it may answer while it is fetched anew, and while its origin fails. */
  readonly staleWhileRevalidateSec: number
  readonly staleIfErrorSec: number
  /** Expired by hand; to be validated before it answers. */
  readonly softPurged: boolean
  /** Of a stored part: where it lies in the whole, and the length of that, null where it is not known; null of a whole. */
  readonly part: { readonly firstByte: number; readonly totalBytes: number | null } | null
  readonly bodyBytes: number
  /** Space taken in the tier. */
  readonly spaceBytes: number
  /** Answers given from it, in all workers; each may be behind by an eighth of its own. */
  readonly hits: number
}

export interface VariantsReport {
  /** The request fields that choose among them, lower case. */
  readonly names: readonly string[]
  /** At most MOST_VARIANTS. */
  readonly list: readonly VariantReport[]
  readonly isCut: boolean
}

export interface VariantReport {
  /** The key of the variant, with what selects it at its end. */
  readonly key: string
  readonly object: StoredReport
}

const MOST_VARIANTS = 100
const NO_WORKER = -1

/** `given`: `cache` and `key`, as Cache-Status shows it. Rejects with an AdminFailure: bad-request, unknown-cache. */
export async function reportObject(
  { shared, plan }: Pick<Target, 'shared' | 'plan'>,
  given: Readonly<Record<string, unknown>>,
  nowMs: number,
): Promise<ObjectReport> {
  const { cache, key } = given
  if (typeof cache !== 'string' || typeof key !== 'string') {
    throw new AdminFailure('bad-request', '"object" wants "cache" and "key", two texts')
  }
  const memory = shared.caches.get(cache)
  if (memory === undefined) throw new AdminFailure('unknown-cache', `there is no cache "${cache}"`)
  const { tier, inspect } = inspectorOf(memory.value)
  const facts = inspect(key)
  const base = { v: 1, cache, key, tier: 'memory', reason: null, object: null, variants: null } as const
  if (facts === undefined) return { ...base, ...describeAbsence(tier, key, nowMs) }
  const markerId = markerIdOf(facts.meta)
  if (markerId === 0) return { ...base, state: 'complete', object: describe(facts, nowMs) }
  const keys = await keysOfVariants(tier, key, markerId)
  const secrets = plan.sites.flatMap(({ routes }) =>
    routes.flatMap(({ requestHeaders }) => secretFields(requestHeaders)),
  )
  const list = keys.slice(0, MOST_VARIANTS).flatMap((one) => {
    const variant = inspect(one)
    return variant === undefined ? [] : [{ key: shownKey(one, secrets), object: describe(variant, nowMs) }]
  })
  const names = facts.head.toString('latin1').split(',')
  return { ...base, state: 'varies', variants: { names, list, isCut: keys.length > MOST_VARIANTS } }
}

interface Inspector {
  readonly tier: MemoryTier
  /** What lies under a key, purges considered that no look-up and no sweep has met yet. */
  readonly inspect: (key: string) => ObjectFacts | undefined
}

function inspectorOf(memory: MemoryTierShared): Inspector {
  const tier = new MemoryTier(memory, NO_WORKER)
  const purges = new PurgeLog(memory, NO_WORKER)
  const inspect = (key: string): ObjectFacts | undefined => {
    const facts = tier.inspect(key)
    const verdict = facts === undefined ? Verdict.gone : verdictOn(purges, facts)
    if (facts === undefined || verdict === Verdict.gone) return undefined
    return verdict === Verdict.stale ? { ...facts, softPurged: true } : facts
  }
  return { tier, inspect }
}

function keysOfVariants(tier: MemoryTier, key: string, markerId: number): Promise<string[]> {
  const { start, end } = variantKeyEnds(key, markerId)
  return tier.findKeys(start, end, MOST_VARIANTS + 1)
}

function describeAbsence(tier: MemoryTier, key: string, nowMs: number): Pick<ObjectReport, 'state' | 'reason'> {
  const state = tier.state(key, nowMs)
  // Still there, but purged: no look-up will find it.
  if (state === 'complete') return { state: 'absent', reason: 'purged' }
  if (state !== 'hit-for-miss') return { state, reason: null }
  return { state, reason: reasons[tier.hitForMissReason(key, nowMs)]?.name ?? null }
}

function describe(facts: ObjectFacts, nowMs: number): StoredReport {
  const meta = decodeMeta(facts.meta)
  return {
    status: meta.status,
    tags: decodeLabels(facts.key, facts.labels).tags.filter((tag) => tag !== UNKNOWN_TAGS),
    fields: parseFieldLines(facts.head.toString('latin1')),
    ageSec: ageSeconds(meta, nowMs),
    lifetimeSec: seconds(meta.lifetimeMs),
    // Upwards, as it is lifetime less age, and that is rounded down; never -0.
    remainingSec: Math.ceil(remainingMs(meta, nowMs) / 1000) + 0,
    staleWhileRevalidateSec: seconds(meta.staleWhileRevalidateMs),
    staleIfErrorSec: seconds(meta.staleIfErrorMs),
    softPurged: facts.softPurged,
    part: meta.status === 206 ? partOf(meta) : null,
    bodyBytes: facts.bodyBytes,
    spaceBytes: facts.spaceBytes,
    hits: facts.hits,
  }
}

function partOf({ partFirst, partTotal }: StoredMeta): StoredReport['part'] {
  return { firstByte: partFirst, totalBytes: partTotal === -1 ? null : partTotal }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
