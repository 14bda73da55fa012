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
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { selectBytes, strongValidator, wantedRanges } from '../cache/policy/partial.ts'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { variantObjectKey } from '../cache/vary.ts'
import type { RequestFacts, ResponseFacts } from '../plan/facts.ts'
import type { CacheSettings } from '../plan/plan.ts'
import type { Found } from './find-stored.ts'
import { type StoredResponse, validatorLines } from './judge-response.ts'
import type { RequestContext } from './request-context.ts'
import type { RouteCache, RouteRules } from './route-runtime.ts'
import { storedOf } from './stored.ts'

/** What is asked of the origin, whatever store there is. */
export interface FetchQuestion {
  readonly kind: 'whole' | 'range' | 'rest'
  /** Conditions and Range, as complete lines. */
  readonly lines: string
  /** What is stored answers if the origin confirms it or fails (`stale`), or is joined with what comes (`part`). */
  readonly use: 'stale' | 'part' | 'none'
}

export interface FetchPlan extends FetchQuestion {
  /** What is stored, where its use is `stale`. Its fields have been read. */
  readonly stale: StoredObject | undefined
  /** What is stored, where its use is `part`. Its fields have been read. */
  readonly part: StoredObject | undefined
  /** Of `range`: the key under which those who want the same range wait for it; else empty. */
  readonly rangeKey: string
}

/** `stored`: what lies under the request's key, if it may not answer unasked. */
export function questionFor(
  request: RequestFacts,
  route: RouteRules,
  settings: CacheSettings,
  stored: StoredResponse | undefined,
): FetchQuestion {
  const facts = stored && new FlatFacts(stored.meta.status, stored.fields)
  const lines = rangeLines(request, route, settings)
  if (stored !== undefined && facts !== undefined) {
    const { meta, bodyBytes } = stored
    const isPart = meta.status === 206
    if (!isPart || selectBytes(request, meta, facts.header('etag'), bodyBytes).kind !== 'missing') {
      const range = isPart ? lines : ''
      const kind = range === '' ? 'whole' : 'range'
      return { kind, lines: validatorLines({ facts, meta }) + range, use: 'stale' }
    }
    const rest = lines === '' ? restLines(stored, facts, settings.maxObjectBytes) : ''
    if (rest !== '') return { kind: 'rest', lines: rest, use: 'part' }
    if (lines !== '') return { kind: 'range', lines, use: 'part' }
  }
  return { kind: lines === '' ? 'whole' : 'range', lines, use: 'none' }
}

export function planFetch(context: RequestContext, cache: RouteCache, found: Found): FetchPlan {
  const object = readable(cache.cache.tier, found.object)
  const stored = object && storedOf(object)
  const { kind, lines, use } = questionFor(context.facts, context.route, cache.settings, stored)
  const rangeKey = kind === 'range' ? variantObjectKey(found.key, `range ${lines.replaceAll('\r\n', ' ')}`) : ''
  const stale = use === 'stale' ? object : undefined
  return { kind, lines, use, stale, part: use === 'part' ? object : undefined, rangeKey }
}

/** Range and If-Range of the client as they go on; empty where the whole is to be fetched. */
function rangeLines(request: RequestFacts, route: RouteRules, settings: CacheSettings): string {
  if (settings.ranges === 'whole' || request.method !== 'GET' || wantedRanges(request) === undefined) return ''
  // Who edits these fields has decided what the origin sees of them.
  if (route.touchesRequest('range') || route.touchesRequest('if-range')) return ''
  return line(request, 'range', 'Range') + line(request, 'if-range', 'If-Range')
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
function restLines({ meta, bodyBytes }: StoredResponse, facts: ResponseFacts, maxObjectBytes: number): string {
  if (meta.partFirst !== 0 || meta.partTotal > maxObjectBytes) return ''
  const validator = strongValidator(facts, meta)
  const range = `Range: bytes=${bodyBytes}-\r\n`
  return validator === undefined ? range : `${range}If-Range: ${validator}\r\n`
}

/** The object, if it is still there; its fields have been read and stay known. */
function readable(tier: MemoryTier, object: StoredObject | undefined): StoredObject | undefined {
  if (object === undefined || !tier.pin(object)) return undefined
  void storedOf(object).fields
  tier.unpin(object)
  return object
}
