/** For how long a response is fresh: the operator's word, the origin's, or a guess (RFC 9111 §4.2.1, §4.2.2). */

import { parseHttpDate } from '../../http/date.ts'
import type { ResponseFacts } from '../../plan/facts.ts'
import type { TtlRule } from '../../plan/plan.ts'
import { ABSENT } from './cache-control.ts'
import { isHeuristicallyCacheable } from './status.ts'
import type { GoverningDirectives } from './targeted.ts'

export interface Freshness {
  /** Freshness lifetime, counted from the moment the origin made the response, or from arrival when `fromArrival`. */
  readonly lifetimeMs: number
  readonly source: 'configured' | 'explicit' | 'heuristic' | 'none'
  /** An operator's `ttl` counts from arrival: it must not be eaten up by an origin whose clock is slow. */
  readonly fromArrival: boolean
  /** Won by s-maxage, which forbids stale answers as proxy-revalidate does (RFC 9111 §5.2.2.10). */
  readonly isSharedMaxAge: boolean
}

/** The fraction of the time since the last change that RFC 9111 §4.2.2 calls typical. */
const HEURISTIC_FRACTION = 0.1
/** No guess reaches beyond a day, however old the document. */
const HEURISTIC_MAX_MS = 86_400_000

/** The response, and what its fields are measured by. */
export interface Dated {
  readonly response: ResponseFacts
  readonly governing: GoverningDirectives
  /** As `originDateMs` gives it. */
  readonly dateMs: number
  /** When it arrived: tells the century of a two-digit year. */
  readonly responseMs: number
}

/** `rule`: the ttl statement for this response, if any; `explicit`: what `explicitFreshness` gave. */
export function freshnessOf(dated: Dated, rule: TtlRule | undefined, explicit: Freshness | undefined): Freshness {
  if (rule !== undefined && rule.mode === 'override') return configured(rule)
  if (explicit !== undefined) return explicit
  if (rule !== undefined) return configured(rule)
  return heuristicFreshness(dated)
}

function configured(rule: TtlRule): Freshness {
  return { lifetimeMs: rule.ttlMs, source: 'configured', fromArrival: true, isSharedMaxAge: false }
}

/** RFC 9111 §4.2.1: s-maxage, else max-age, else Expires. undefined: the origin says nothing. */
export function explicitFreshness({ response, governing, dateMs, responseMs }: Dated): Freshness | undefined {
  const { directives, expiresCounts } = governing
  if (directives.sharedMaxAgeSec !== ABSENT) return explicit(directives.sharedMaxAgeSec * 1000, true)
  if (directives.maxAgeSec !== ABSENT) return explicit(directives.maxAgeSec * 1000, false)
  const expires = expiresCounts ? response.header('expires') : undefined
  if (expires === undefined) return undefined
  // §5.3: an invalid date, "0" especially, is a time in the past. Several lines are never a valid date.
  return explicit(Math.max(0, (parseHttpDate(expires, responseMs) ?? dateMs) - dateMs), false)
}

function explicit(lifetimeMs: number, isSharedMaxAge: boolean): Freshness {
  return { lifetimeMs, source: 'explicit', fromArrival: false, isSharedMaxAge }
}

/** RFC 9111 §4.2.2: only for a status defined as cacheable by default, or a response marked `public`. */
function heuristicFreshness({ response, governing, dateMs, responseMs }: Dated): Freshness {
  const modifiedMs = lastModifiedMs(response, responseMs)
  const mayGuess = governing.directives.isPublic || isHeuristicallyCacheable(response.status)
  if (!mayGuess || modifiedMs === undefined || modifiedMs >= dateMs) return noFreshness
  const lifetimeMs = Math.min((dateMs - modifiedMs) * HEURISTIC_FRACTION, HEURISTIC_MAX_MS)
  return { lifetimeMs, source: 'heuristic', fromArrival: false, isSharedMaxAge: false }
}

const noFreshness: Freshness = { lifetimeMs: 0, source: 'none', fromArrival: false, isSharedMaxAge: false }

/** Last-Modified in milliseconds; undefined when absent or unreadable. */
export function lastModifiedMs(response: ResponseFacts, nowMs: number): number | undefined {
  const text = response.header('last-modified')
  return text === undefined ? undefined : parseHttpDate(text, nowMs)
}
