/** What the daemon would do with a request: every decision on its way, with the place of the statement that made it. */
import type { Reason } from '../log/reasons.ts'
import type { Place, RoutePlan, SitePlan, TtlRule } from '../plan/plan.ts'
import type { CacheResult, OriginScript, RequestScript, StoredScript } from '../plan/test-plan.ts'

export interface Scenario {
  readonly request: RequestScript
  readonly origin: OriginScript
  readonly stored: readonly StoredScript[]
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

/** Why a route of the site was not taken: the first of its conditions that fails, or that an earlier one took the request. */
export interface RouteTrial {
  readonly route: RoutePlan
  readonly result: 'taken' | 'later' | 'path' | 'method' | 'when'
}

export interface MatcherValue {
  readonly name: string
  readonly holds: boolean
  readonly place: Place
}

export interface AccessDecision {
  readonly allowed: boolean
  /** The `allow` or `deny` that decided, or an `allow` that did not hold and left nobody in; undefined: there is none. */
  readonly place: Place | undefined
  /** The matcher it names; undefined: `all`. */
  readonly matcher: string | undefined
  /** Nothing held, so what holds for everybody else does. */
  readonly isDefault: boolean
}

/** What came of a request with a method that purges. */
export interface PurgeDecision {
  readonly allowed: boolean
  /** The matcher that its cache's `purge` block names; undefined: it names none, so nobody may. */
  readonly matcher: string | undefined
}

/** A request as its origin gets it. */
export interface SentRequest {
  readonly backend: string
  readonly method: string
  readonly target: string
  /** Flat names and values. */
  readonly fields: readonly string[]
}

export interface StoreOutcome {
  readonly stored: boolean
  /** `none` when stored. */
  readonly reason: Reason
  /** How long it is fresh from now on. */
  readonly ttlMs: number
  readonly source: 'configured' | 'explicit' | 'heuristic' | 'none'
  /** The ttl statement that gave the lifetime; undefined: none did. */
  readonly rule: TtlRule | undefined
  /** How long behind its lifetime it is served while it is fetched anew. */
  readonly staleWhileRevalidateMs: number
  /** How long behind its lifetime it is served when the origin fails. */
  readonly staleIfErrorMs: number
  readonly tags: readonly string[]
  /** Request fields that select among its variants, lower case. */
  readonly vary: readonly string[]
}

export interface FoundInCache {
  readonly result: CacheResult
  readonly reason: Reason
  /** Of the stored response that was looked at; undefined: there was none. */
  readonly ageMs: number | undefined
  /** Its remaining lifetime, negative since it is stale. */
  readonly remainingMs: number | undefined
}

export interface ClientResponse {
  readonly status: number
  /** Flat names and values; without Connection and framing. */
  readonly fields: readonly string[]
}

/** Something that the scenario claims and that cannot be. */
export interface Problem {
  readonly place: Place
  readonly message: string
}

export interface Outcome {
  /** Of the listener that took the request; undefined: the Plan has none. */
  readonly listener: string | undefined
  readonly site: SitePlan | undefined
  readonly route: RoutePlan | undefined
  /** Every route of the site, in the order they are tried. */
  readonly trials: readonly RouteTrial[]
  /** The matchers that the site's routes, their rules and a purge name, each once. */
  readonly matchers: readonly MatcherValue[]
  /** undefined: nobody asked. */
  readonly access: AccessDecision | undefined
  /** undefined: it does not ask for a purge. */
  readonly purge: PurgeDecision | undefined
  /** undefined: the cache was not asked. */
  readonly key: string | undefined
  readonly cache: FoundInCache
  /** What the origin was asked; undefined: it was not. */
  readonly sent: SentRequest | undefined
  /** The origin was asked behind a stale answer. */
  readonly isRefreshedBehind: boolean
  /** undefined: there was nothing to decide on. */
  readonly store: StoreOutcome | undefined
  readonly response: ClientResponse
  readonly problems: readonly Problem[]
}
