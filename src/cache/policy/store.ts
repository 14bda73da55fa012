/**
 * May a response be stored, and for how long (RFC 9111 §3 and §4.2)?
 *
 * `refuse` goes through RFC 9111 §3 clause by clause; the first that fails names the reason. What the operator lifts is
 * lifted by its own word only: a `ttl ... override` gives freshness, it does not make storable what is private.
 */

import type { Reason } from '../../log/reasons.ts'
import type { RequestFacts, ResponseFacts } from '../../plan/facts.ts'
import type { CacheSettings, Override, TtlRule } from '../../plan/plan.ts'
import { parseVary, type VarySpec } from '../vary.ts'
import { correctedInitialAgeMs, originDateMs, type ResponseTimes } from './age.ts'
import { ABSENT } from './cache-control.ts'
import { parseDigits } from './delta-seconds.ts'
import { type Dated, explicitFreshness, type Freshness, freshnessOf, lastModifiedMs } from './freshness.ts'
import { MetaFlag, StoredMeta } from './meta.ts'
import { clientDirectives } from './request.ts'
import { isSameResource } from './same-origin.ts'
import { isFaultOfRequest, isHeuristicallyCacheable, isNeverStored, isUnderstood } from './status.ts'
import { governingDirectives } from './targeted.ts'
import { selectTtl } from './ttl.ts'

export interface StoreDecision {
  readonly store: boolean
  /** `none` when stored. */
  readonly reason: Reason
  /**
   * The answer takes the place of what is stored, or nothing is to be stored there: it was not refused for the sake of this
   * one request, by which any client could do so.
   */
  readonly concernsResource: boolean
  /** Not stored because of what the resource is, so the next requests for it need not wait for each other. */
  readonly hitForMiss: boolean
  /** Filled in whether stored or not. */
  readonly meta: StoredMeta
  /** Where the lifetime comes from. */
  readonly source: Freshness['source']
  /** The ttl statement for the response, also where the origin's word stands before it; undefined: there is none. */
  readonly rule: TtlRule | undefined
  readonly vary: VarySpec
  /** Lower-case names of response fields that must be left out of what is stored (`no-cache="..."`, `private="..."`). */
  readonly withheldFields: readonly string[]
}

/** Everything the clauses look at, gathered once. */
interface Candidate extends Dated {
  readonly request: RequestFacts
  readonly settings: CacheSettings
  /** The ttl statement for the response. */
  readonly rule: TtlRule | undefined
  /** What the origin says of freshness, in whatever field. */
  readonly explicit: Freshness | undefined
  /** What counts. */
  readonly freshness: Freshness
  readonly vary: VarySpec
  readonly noStoreHolds: boolean
}

/** A request and its answer, as the origin gave it. */
export interface Answered {
  readonly request: RequestFacts
  /** The final response, after the operator's constant header edits. */
  readonly response: ResponseFacts
  readonly times: ResponseTimes
  /** From 0 up to 1; only moves the lifetime, within `jitter`. */
  readonly random: number
  /** A matcher of the rule's `no-store` holds. */
  readonly noStoreHolds: boolean
}

export function decideStore(answered: Answered, settings: CacheSettings): StoreDecision {
  const { response, times, random } = answered
  const candidate = gather(answered, settings)
  const meta = buildMeta(candidate, times, random)
  const reason = refuse(candidate, meta)
  const concernsResource = reason === 'none' || !isAboutRequest(reason, candidate)
  return {
    store: reason === 'none',
    reason,
    concernsResource,
    // An error of the server is of this moment: the next answer may be one to keep, and collapsing spares a server in need.
    hitForMiss: reason !== 'none' && concernsResource && response.status < 500,
    meta,
    source: candidate.freshness.source,
    rule: candidate.rule,
    vary: candidate.vary,
    withheldFields: withheldFields(candidate),
  }
}

function gather({ request, response, times, noStoreHolds }: Answered, settings: CacheSettings): Candidate {
  const dated: Dated = {
    response,
    governing: governingDirectives(response, settings.obey),
    dateMs: originDateMs(response, times),
    responseMs: times.responseMs,
  }
  const rule = selectTtl(settings.ttls, request.path, response)
  const explicit = explicitFreshness(dated)
  const freshness = freshnessOf(dated, rule, explicit)
  const vary = parseVary(response.headers('vary'))
  return { ...dated, request, settings, rule, explicit, freshness, vary, noStoreHolds }
}

/** RFC 9111 §3, in its order; `none` when every clause holds. */
function refuse(candidate: Candidate, meta: StoredMeta): Reason {
  return (
    refuseExchange(candidate) ??
    refuseDirectives(candidate, meta) ??
    refuseContent(candidate) ??
    refuseFreshness(candidate, meta) ??
    'none'
  )
}

function refuseExchange(candidate: Candidate): Reason | undefined {
  const { request, response, settings, rule } = candidate
  // "the request method is understood by the cache". GET; POST where RFC 9110 §9.3.3 allows it; HEAD only updates.
  if (request.method !== 'GET' && !isStorablePost(candidate)) return 'method'
  // "the response status code is final". 304 is an update of something stored (§4.3.4), not a response of its own.
  if (response.status < 200 || response.status === 304) return 'status'
  // "if the response status code is 206 ..., the cache understands the response status code": a part
  // is judged as the 200 it is a part of, so what comes here as 206 is none that can be stored.
  if (response.status === 206) return 'partial'
  // RFC 6585: never stored, unless the operator names the status.
  const isNamed = rule !== undefined && rule.mode === 'override' && rule.statuses.length > 0
  if (isNeverStored(response.status) && !isNamed) return 'status'
  // §5.2.1.5: a request's no-store binds the response too.
  if (clientDirectives(request, settings)?.noStore === true) return 'request-no-store'
  return undefined
}

function refuseDirectives(candidate: Candidate, meta: StoredMeta): Reason | undefined {
  const { request, response, settings } = candidate
  const { directives } = candidate.governing
  // "... or the must-understand cache directive is present: the cache understands the response status code".
  if (directives.mustUnderstand && !isUnderstood(response.status)) return 'unknown-directive'
  // "the no-store cache directive is not present in the response"; must-understand takes its place (§5.2.2.3).
  if (directives.noStore && !directives.mustUnderstand && !lifts(settings, 'no-store')) return 'response-no-store'
  // "if the cache is shared: the private response directive is either not present or allows a shared cache to store a
  // modified response": the qualified form does, see `withheldFields`.
  if (directives.isPrivate && !lifts(settings, 'private')) return 'response-private'
  // "if the cache is shared: the Authorization header field is not present in the request or a response directive is
  // present that explicitly allows shared caching" (§3.5).
  const mayShare = directives.isPublic || directives.mustRevalidate || directives.sharedMaxAgeSec !== ABSENT
  if (!mayShare && !lifts(settings, 'authorization') && request.header('authorization') !== undefined) {
    return 'authorization'
  }
  // Useless where it could never be validated (§5.2.2.4).
  if ((meta.flags & MetaFlag.noCache) !== 0 && !hasValidator(meta)) return 'response-no-cache'
  return undefined
}

/** What the RFC allows and this cache does not do unasked, or cannot use. */
function refuseContent({ response, settings, vary, noStoreHolds }: Candidate): Reason | undefined {
  if (noStoreHolds) return 'no-store-configured'
  // RFC 9111 §7.3 leaves it to the origin; one forgotten Cache-Control would hand a session to everybody.
  if (response.header('set-cookie') !== undefined && !lifts(settings, 'set-cookie')) return 'set-cookie'
  // §4.1: such a response never matches a request.
  if (vary.star) return 'vary-star'
  const length = response.header('content-length')
  // Bounded again where the body is read; this saves the attempt.
  if (length !== undefined && parseDigits(length, Number.MAX_SAFE_INTEGER) > settings.maxObjectBytes) return 'too-large'
  return undefined
}

/** "the response contains at least one of the following: ...". */
function refuseFreshness(candidate: Candidate, meta: StoredMeta): Reason | undefined {
  const { response, governing, rule, explicit, freshness } = candidate
  if (freshness.source === 'configured' && freshness.lifetimeMs === 0) return 'ttl-zero'
  const isListed =
    governing.directives.isPublic || // "a public response directive"
    explicit !== undefined || // "Expires", "max-age", "s-maxage"
    rule !== undefined || // "a cache extension that allows it to be cached": here the operator's word
    isHeuristicallyCacheable(response.status) // "a status code that is defined as heuristically cacheable"
  if (!isListed) return 'status'
  // Beyond the RFC: what is stale on arrival and can neither be validated nor served stale is of no use.
  const usableMs = meta.lifetimeMs - meta.initialAgeMs + Math.max(meta.staleWhileRevalidateMs, meta.staleIfErrorMs)
  if (usableMs <= 0 && !hasValidator(meta)) return 'no-freshness'
  return undefined
}

/** RFC 9110 §9.3.3: explicit freshness, and a Content-Location that says the content is what GET would give. */
function isStorablePost({ request, response, explicit }: Candidate): boolean {
  if (request.method !== 'POST' || response.status !== 200 || explicit === undefined) return false
  const location = response.header('content-location')
  return location !== undefined && isSameResource(location, request)
}

function buildMeta(candidate: Candidate, times: ResponseTimes, random: number): StoredMeta {
  const { response, settings, freshness, dateMs } = candidate
  const { directives } = candidate.governing
  const meta = new StoredMeta()
  const modifiedMs = lastModifiedMs(response, times.responseMs)
  meta.status = response.status
  meta.responseMs = times.responseMs
  meta.dateMs = dateMs
  meta.initialAgeMs = correctedInitialAgeMs(response, dateMs, times)
  meta.lifetimeMs = freshness.lifetimeMs * (1 - settings.jitter * random)
  if (freshness.fromArrival) meta.lifetimeMs += meta.initialAgeMs
  meta.lastModifiedMs = modifiedMs ?? 0
  if (modifiedMs !== undefined) meta.flags |= MetaFlag.hasLastModified
  if (response.header('etag') !== undefined) meta.flags |= MetaFlag.hasEtag
  if (freshness.source === 'heuristic') meta.flags |= MetaFlag.heuristic
  if (directives.immutable) meta.flags |= MetaFlag.immutable
  if (directives.noCache && !lifts(settings, 'no-cache')) meta.flags |= MetaFlag.noCache
  setStaleWindows(meta, candidate)
  return meta
}

/**
 * How long past its lifetime a response may be used (RFC 9111 §4.2.4, RFC 5861).
 *
 * - must-revalidate, proxy-revalidate and no-cache forbid it, whatever else is said.
 * - s-maxage forbids it too, but for the windows that the same response opens itself: who writes `s-maxage=60,
 *   stale-while-revalidate=30` has said both. The operator's `grace` and `stale-if-error` do not lift it.
 * - A window the response gives counts before the operator's, as `ttl origin else` does with lifetimes.
 * - `grace` needs a response that was fresh for a moment: what the origin made stale from the start stays so.
 * - Where nobody has said a word about errors, an origin that gives no answer at all is bridged for a while.
 */
function setStaleWindows(meta: StoredMeta, { settings, governing, freshness }: Candidate): void {
  const { directives } = governing
  const isForbidden = directives.mustRevalidate || directives.proxyRevalidate || (meta.flags & MetaFlag.noCache) !== 0
  if (isForbidden || freshness.isSharedMaxAge) meta.flags |= MetaFlag.forbidsStale
  if (isForbidden) return
  const graceMs = freshness.isSharedMaxAge || freshness.lifetimeMs === 0 ? 0 : (settings.graceMs ?? 0)
  const staleIfErrorMs = freshness.isSharedMaxAge ? 0 : (settings.staleIfErrorMs ?? 0)
  meta.staleWhileRevalidateMs = windowMs(directives.staleWhileRevalidateSec, graceMs)
  meta.staleIfErrorMs = windowMs(directives.staleIfErrorSec, staleIfErrorMs)
  const isUnsaid = directives.staleIfErrorSec === ABSENT && settings.staleIfErrorMs === undefined
  if (isUnsaid && !freshness.isSharedMaxAge) meta.flags |= MetaFlag.bridgesOutage
}

function windowMs(givenSec: number, configuredMs: number): number {
  return givenSec === ABSENT ? configuredMs : givenSec * 1000
}

function withheldFields({ governing, settings }: Candidate): readonly string[] {
  const { noCacheFields, privateFields } = governing.directives
  const fromNoCache = lifts(settings, 'no-cache') ? [] : noCacheFields
  const fromPrivate = lifts(settings, 'private') ? [] : privateFields
  return fromPrivate.length === 0 ? fromNoCache : fromNoCache.concat(fromPrivate)
}

/**
 * Whether a refusal lies in the one request and says nothing of the next one: in its method, its directives, its
 * credentials, or in what the server has against it.
 */
function isAboutRequest(reason: Reason, { request, response }: Candidate): boolean {
  switch (reason) {
    case 'method':
    case 'request-no-store':
    case 'authorization':
    case 'partial':
      return true
    default:
      // RFC 9110 §15.5.2, §15.5.4: credentials were found wanting, which those of others need not be.
      return (
        isFaultOfRequest(response.status) ||
        ((response.status === 401 || response.status === 403) && request.header('authorization') !== undefined)
      )
  }
}

function hasValidator(meta: StoredMeta): boolean {
  return (meta.flags & (MetaFlag.hasEtag | MetaFlag.hasLastModified)) !== 0
}

function lifts(settings: CacheSettings, word: Override): boolean {
  return settings.overrides.includes(word)
}
