/**
 * May a stored response answer this request now (RFC 9111 §4, §4.2, §5.2.1; RFC 5861 §3, §4; RFC 8246)?
 *
 * Runs on every hit: numbers in, a number out, nothing allocated. Selection by key and Vary has been done before.
 */

import type { Reason } from '../../log/reasons.ts'
import { ABSENT, type RequestDirectives } from './cache-control.ts'
import { currentAgeMs, MetaFlag, remainingMs, type StoredMeta } from './meta.ts'

/** What `decideReuse` answers. Up to `staleAccepted` the stored response is sent. */
export const Reuse = {
  fresh: 0,
  /** Stale within its window: send it, and fetch it anew behind (one fetch at a time). */
  staleWhileRevalidate: 1,
  /** Stale beyond the window, but the client's max-stale takes it. */
  staleAccepted: 2,
  /** Ask the origin first, because it is stale, ... */
  validateExpired: 3,
  /** ... because the response demands it, ... */
  validateNoCache: 4,
  /** ... because the request demands it, ... */
  validateRequest: 5,
  /** ... because it was purged softly. */
  validatePurged: 6,
  /** It would have to be validated, but the client wants no request made: 504. */
  gatewayTimeout: 7,
} as const

/** By the numbers of Reuse. */
export const reuseReasons: readonly Reason[] = [
  'none',
  'expired',
  'expired',
  'expired',
  'response-no-cache',
  'request-no-cache',
  'purged',
  'only-if-cached',
]

/** Whether the stored response is sent. */
export function isServed(reuse: number): boolean {
  return reuse <= Reuse.staleAccepted
}

/**
 * A number of Reuse. `softPurged`: stale from the moment of the purge, whatever its age. `directives`: from
 * `clientDirectives`, undefined for nearly all requests.
 */
export function decideReuse(
  meta: StoredMeta,
  softPurged: boolean,
  directives: RequestDirectives | undefined,
  nowMs: number,
): number {
  if (directives === undefined) return reuseUnasked(meta, softPurged, nowMs)
  const reuse = reuseAsked(meta, softPurged, directives, nowMs)
  // §5.2.1.7: "a stored response consistent with the other constraints of the request, or a 504".
  return directives.onlyIfCached && !isServed(reuse) ? Reuse.gatewayTimeout : reuse
}

function reuseUnasked(meta: StoredMeta, softPurged: boolean, nowMs: number): number {
  // §4: "the stored response does not contain the no-cache directive, unless it is successfully validated".
  if ((meta.flags & MetaFlag.noCache) !== 0) return Reuse.validateNoCache
  const remaining = remainingMs(meta, nowMs)
  // §4: "the stored response is one of the following: fresh, ...". §4.2: fresh while lifetime > age.
  if (remaining > 0 && !softPurged) return Reuse.fresh
  // "... allowed to be served stale". RFC 5861 §3.
  if (isWithin(remaining, meta.staleWhileRevalidateMs)) return Reuse.staleWhileRevalidate
  return softPurged ? Reuse.validatePurged : Reuse.validateExpired
}

function reuseAsked(meta: StoredMeta, softPurged: boolean, directives: RequestDirectives, nowMs: number): number {
  if (directives.noCache) return Reuse.validateRequest // §5.2.1.4
  const reuse = reuseUnasked(meta, softPurged, nowMs)
  if (reuse === Reuse.validateNoCache) return reuse
  const remaining = remainingMs(meta, nowMs)
  // RFC 8246 §2: a reload (max-age=0) needs no validation of a fresh immutable response; no-cache above is obeyed.
  const isFixed = reuse === Reuse.fresh && (meta.flags & MetaFlag.immutable) !== 0
  // §5.2.1.1: "prefers a response whose age is less than or equal to the specified number of seconds".
  const isTooOld = directives.maxAgeSec !== ABSENT && currentAgeMs(meta, nowMs) > directives.maxAgeSec * 1000
  if (isTooOld && !isFixed) return Reuse.validateRequest
  // §5.2.1.3: "will still be fresh for at least the specified number of seconds".
  if (directives.minFreshSec !== ABSENT && remaining < directives.minFreshSec * 1000) return Reuse.validateRequest
  if (reuse === Reuse.fresh) return reuse
  // §5.2.1.2: stale by no more than max-stale, where the response does not forbid it (§4.2.4).
  if (directives.maxStaleSec !== ABSENT) return withMaxStale(meta, softPurged, directives.maxStaleSec, remaining, reuse)
  // §5.2.1.1: "Unless the max-stale request directive is also present, the client does not wish to receive a stale
  // response."
  return directives.maxAgeSec === ABSENT || !isServed(reuse) ? reuse : Reuse.validateRequest
}

/** `reuse` is what holds without max-stale, which also bounds what the response's own window would give. */
function withMaxStale(
  meta: StoredMeta,
  softPurged: boolean,
  maxStaleSec: number,
  remaining: number,
  reuse: number,
): number {
  if (-remaining > maxStaleSec * 1000) return isServed(reuse) ? Reuse.validateRequest : reuse
  const mayBeStale = (meta.flags & MetaFlag.forbidsStale) === 0 && !softPurged
  return reuse === Reuse.validateExpired && mayBeStale ? Reuse.staleAccepted : reuse
}

/**
 * RFC 9111 §4.2.4 allows stale responses unasked where the cache is "disconnected": for so long past its life a response
 * answers in place of an origin that cannot be reached, unless "stale-if-error" on either side says otherwise. An error
 * that the origin itself answers is its word, and goes on.
 */
export const UNREACHABLE_MS = 3_600_000

/**
 * Whether the stored response may stand in for an origin that failed: one that gave no answer (`isUnanswered`), or one
 * that `isHiddenByStale` (RFC 5861 §4). Fresh responses that were only to be validated may, unless one side insists on
 * validation.
 */
export function canServeStaleOnError(
  meta: StoredMeta,
  softPurged: boolean,
  directives: RequestDirectives | undefined,
  nowMs: number,
  isUnanswered: boolean,
): boolean {
  if ((meta.flags & MetaFlag.noCache) !== 0) return false
  if (directives?.noCache === true) return false
  const remaining = remainingMs(meta, nowMs)
  if (remaining > 0 && !softPurged) return true
  if (isWithin(remaining, meta.staleIfErrorMs)) return true
  const mayBridge = isUnanswered && !softPurged && (meta.flags & MetaFlag.bridgesOutage) !== 0
  if (mayBridge && isWithin(remaining, UNREACHABLE_MS)) return true
  const wantedSec = directives === undefined ? ABSENT : directives.staleIfErrorSec
  return wantedSec !== ABSENT && (meta.flags & MetaFlag.forbidsStale) === 0 && isWithin(remaining, wantedSec * 1000)
}

/** Whether a response with `remaining` milliseconds of life has not left a window of `windowMs` past its end. */
function isWithin(remaining: number, windowMs: number): boolean {
  return windowMs > 0 && -remaining < windowMs
}
