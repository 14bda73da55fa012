/** An outcome as plain data for people and programs: what was decided at each step, why, and by which statement. */
import type { Reason } from '../log/reasons.ts'
import type { CacheSettings, HeaderEdit, Place, Plan, RoutePlan, SitePlan } from '../plan/plan.ts'
import type { CacheResult, RequestScript } from '../plan/test-plan.ts'
import { accessText, type Ground, lifetimeGrounds, reasonGrounds, trialText } from './grounds.ts'
import type { ClientResponse, MatcherValue, Outcome, SentRequest } from './outcome.ts'
import { type PoolPlace, poolPlace } from './pool-place.ts'

/** Why the first of two routes of a site stands before the second; undefined: nothing is known about the two. */
export type PrecedenceOf = (site: SitePlan, first: string, second: string) => string | undefined

export interface ExplainedRoute extends Ground {
  readonly name: string
  readonly taken: boolean
}

export interface StorePlaces {
  readonly jitter: Place | null
  readonly minUses: Place | null
  readonly grace: Place | null
  readonly staleIfError: Place | null
}

/** `null` where a step was not reached or nothing is there. */
export interface Explanation {
  readonly request: { readonly method: string; readonly url: string; readonly from: string }
  readonly listener: string | null
  readonly site: { readonly name: string; readonly place: Place } | null
  readonly route: { readonly name: string; readonly id: string; readonly place: Place } | null
  /** Every route of the site in the order they are tried, with why it was taken or not. */
  readonly routes: readonly ExplainedRoute[]
  readonly matchers: readonly MatcherValue[]
  readonly access: { readonly allowed: boolean; readonly why: Ground } | null
  readonly key: string | null
  /** The statements that made the key; a rule's before its cache's. */
  readonly keyPlaces: readonly Place[]
  /** Where a memcached pool keeps it, if the cache has one. */
  readonly pool: PoolPlace | null
  readonly cache: {
    readonly name: string | null
    readonly result: CacheResult
    readonly reason: Reason
    readonly grounds: readonly Ground[]
  }
  readonly sent: SentRequest | null
  /** The edits that made the request to the origin. */
  readonly requestEdits: readonly Ground[]
  readonly isRefreshedBehind: boolean
  readonly store: {
    readonly stored: boolean
    readonly reason: Reason
    readonly grounds: readonly Ground[]
    readonly ttlMs: number
    /** The largest share of the lifetime that is taken away at random, 0 to 1. */
    readonly jitter: number
    readonly staleWhileRevalidateMs: number
    readonly staleIfErrorMs: number
    readonly tags: readonly string[]
    readonly vary: readonly string[]
    /** The request from which on it is stored: 1 is the first. */
    readonly minUses: number
    /** Of the statements behind these figures; without those that the response decided. */
    readonly places: StorePlaces
  } | null
  readonly response: ClientResponse
  readonly responseEdits: readonly Ground[]
}

/** `plan`: what the outcome is one of. */
export function explain(request: RequestScript, outcome: Outcome, precedenceOf: PrecedenceOf, plan: Plan): Explanation {
  const { route, site, access, cache, key } = outcome
  const cacheName = route?.cache?.name
  return {
    request: {
      method: request.method,
      url: `${request.scheme}://${request.authority}${request.target}`,
      from: request.clientAddress,
    },
    listener: outcome.listener ?? null,
    site: site === undefined ? null : { name: site.name, place: site.place },
    route: route === undefined ? null : { name: route.name, id: route.id, place: route.place },
    routes: explainRoutes(outcome, precedenceOf),
    matchers: outcome.matchers,
    access:
      access === undefined
        ? null
        : { allowed: access.allowed, why: { message: accessText(access), place: access.place } },
    key: key ?? null,
    keyPlaces: key === undefined ? [] : placesOf('key', route?.cache?.settings),
    pool: key === undefined || cacheName === undefined ? null : poolPlace(plan, cacheName, key),
    cache: {
      name: cacheName ?? null,
      result: cache.result,
      reason: cache.reason,
      grounds: reasonGrounds(cache.reason, outcome),
    },
    sent: outcome.sent ?? null,
    requestEdits: outcome.sent === undefined ? [] : explainEdits(route?.requestHeaders ?? [], outcome),
    isRefreshedBehind: outcome.isRefreshedBehind,
    store: explainStore(outcome, route),
    response: outcome.response,
    responseEdits: explainEdits(route?.responseHeaders ?? [], outcome),
  }
}

function explainRoutes({ trials, site, route }: Outcome, precedenceOf: PrecedenceOf): readonly ExplainedRoute[] {
  return trials.map((trial) => {
    const { name, place } = trial.route
    const isLater = trial.result === 'later' && site !== undefined && route !== undefined
    const why = isLater ? precedenceOf(site, route.name, name) : undefined
    const message = why === undefined ? trialText(trial) : `${trialText(trial)}: ${why}`
    return { name, taken: trial.result === 'taken', message, place }
  })
}

/** Those that have a condition say whether it holds. */
function explainEdits(edits: readonly HeaderEdit[], { matchers }: Outcome): readonly Ground[] {
  return edits.map(({ op, name, when, place }) => {
    const holds = matchers.some((matcher) => matcher.name === when && matcher.holds)
    const condition = when === undefined ? '' : holds ? `, as @${when} holds` : `: left out, as @${when} does not hold`
    return { message: `${op} ${name}${condition}`, place }
  })
}

function explainStore(outcome: Outcome, route: RoutePlan | undefined): Explanation['store'] {
  const { store } = outcome
  const settings = route?.cache?.settings
  if (store === undefined || settings === undefined) return null
  const { stored, reason, ttlMs, staleWhileRevalidateMs, staleIfErrorMs, tags, vary } = store
  return {
    stored,
    reason,
    grounds: stored ? lifetimeGrounds(outcome) : reasonGrounds(reason, outcome),
    ttlMs,
    jitter: settings.jitter,
    staleWhileRevalidateMs,
    staleIfErrorMs,
    tags,
    vary,
    minUses: settings.minUses,
    places: {
      jitter: placesOf('jitter', settings)[0] ?? null,
      minUses: placesOf('min-uses', settings)[0] ?? null,
      grace: (staleWhileRevalidateMs === settings.graceMs && placesOf('grace', settings)[0]) || null,
      staleIfError: (staleIfErrorMs === settings.staleIfErrorMs && placesOf('stale-if-error', settings)[0]) || null,
    },
  }
}

function placesOf(statement: string, settings: CacheSettings | undefined): readonly Place[] {
  return settings?.places.filter((one) => one.statement === statement).map(({ place }) => place) ?? []
}
