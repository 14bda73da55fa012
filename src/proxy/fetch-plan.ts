/**
 * What a fetch asks the origin for, by what the client wants and what is stored:
 *
 *     stored              wanted                    fetched
 *     nothing             the whole                 the whole
 *     nothing             a range                   that range, or by `ranges whole;` the whole
 *     something stale     what is stored            the same, under the stored validators
 *     a beginning         the whole, more of it     the rest, if the beginning is still current (If-Range)
 *     another part        a range                   that range, to be joined with the part
 *
 * A stale whole is always asked for as a whole, so that all who want any of it wait for one answer.
 */
import { strongValidator, wantedRanges } from '../cache/policy/partial.ts'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { variantObjectKey } from '../cache/vary.ts'
import type { RequestFacts } from '../plan/facts.ts'
import type { CacheSettings } from '../plan/plan.ts'
import type { Found } from './find-stored.ts'
import { validatorLines } from './judge-response.ts'
import { covers } from './ranges.ts'
import type { RequestContext, RequestView } from './request-context.ts'
import type { RouteCache } from './route-runtime.ts'
import { storedOf } from './stored.ts'

export interface FetchPlan {
  readonly kind: 'whole' | 'range' | 'rest'
  /** Conditions and Range, as complete lines. */
  readonly lines: string
  /** Answers the request if the origin confirms it, or fails. Its fields have been read. */
  readonly stale: StoredObject | undefined
  /** A stored part to be joined with what comes. Its fields have been read. */
  readonly part: StoredObject | undefined
  /** Of `range`: the key under which those who want the same range wait for it; else empty. */
  readonly rangeKey: string
}

export function planFetch(context: RequestContext, cache: RouteCache, found: Found): FetchPlan {
  const { tier } = cache.cache
  const { facts } = context
  const object = readable(tier, found.object)
  const stale = object !== undefined && covers(tier, facts, object) ? object : undefined
  const part = object !== undefined && storedOf(object).meta.status === 206 ? object : undefined
  const conditions = stale === undefined ? '' : validatorLines(storedOf(stale))
  const lines = rangeLines(context, cache.settings)
  if (lines !== '' && (stale === undefined || stale === part)) {
    const rangeKey = variantObjectKey(found.key, `range ${lines.replaceAll('\r\n', ' ')}`)
    return { kind: 'range', lines: conditions + lines, stale, part: stale === undefined ? part : undefined, rangeKey }
  }
  const rest = stale === undefined && part !== undefined ? restLines(part, cache.settings.maxObjectBytes) : ''
  if (rest !== '') return { kind: 'rest', lines: rest, stale, part, rangeKey: '' }
  return { kind: 'whole', lines: conditions, stale, part: undefined, rangeKey: '' }
}

/** Range and If-Range of the client as they go on; empty where the whole is to be fetched. */
export function rangeLines({ facts, route }: RequestView, settings: CacheSettings): string {
  if (settings.ranges === 'whole' || facts.method !== 'GET' || wantedRanges(facts) === undefined) return ''
  // Who edits these fields has decided what the origin sees of them.
  if (route.touchesRequest('range') || route.touchesRequest('if-range')) return ''
  return line(facts, 'range', 'Range') + line(facts, 'if-range', 'If-Range')
}

function line(facts: RequestFacts, name: string, written: string): string {
  const value = facts.header(name)
  return value === undefined ? '' : `${written}: ${value}\r\n`
}

/**
 * Asks for what follows a stored beginning (RFC 9111 §3.3: "may be completed by a subsequent range request"); empty: it is no
 * beginning, or would be too large to be stored as a whole. Without a strong validator there is nothing for If-Range, nor
 * can the rest be joined (§3.4): an origin that answers with the whole has then cost nothing, and one that sends the rest
 * is asked for the whole once, after which nothing is left of the beginning.
 */
function restLines(part: StoredObject, maxObjectBytes: number): string {
  const { meta, facts } = storedOf(part)
  if (meta.partFirst !== 0 || meta.partTotal > maxObjectBytes) return ''
  const validator = strongValidator(facts, meta)
  const range = `Range: bytes=${part.bodyBytes}-\r\n`
  return validator === undefined ? range : `${range}If-Range: ${validator}\r\n`
}

/** The object, if it is still there; its fields have been read and stay known. */
function readable(tier: MemoryTier, object: StoredObject | undefined): StoredObject | undefined {
  if (object === undefined || !tier.pin(object)) return undefined
  void storedOf(object).fields
  tier.unpin(object)
  return object
}
