/** Why a route was taken and the others of its site were not, and what the matchers they name say. */
import { plainPath } from '../http/plain-path.ts'
import type { RequestFacts, ResponseFacts } from '../plan/facts.ts'
import type { Plan, RoutePlan } from '../plan/plan.ts'
import type { RouteRules } from '../proxy/route-runtime.ts'
import type { MatcherSet } from '../routing/matchers.ts'
import type { RouteEntry } from '../routing/route-entry.ts'
import type { SiteTable } from '../routing/site-table.ts'
import type { AccessDecision, MatcherValue, PurgeDecision, RouteTrial } from './outcome.ts'

/** Every route of the site in the order they are tried; `taken` undefined: none takes the request. */
export function traceRoutes(
  site: SiteTable,
  request: RequestFacts,
  taken: RouteEntry | undefined,
): readonly RouteTrial[] {
  const path = plainPath(request.path)
  return site.entries.map((entry) => ({
    route: entry.route,
    result: entry === taken ? 'taken' : (entry.whyNot(request, path) ?? 'later'),
  }))
}

/** The matchers that the routes of a site, their rules and a purge name, in the order they are declared. */
export function traceMatchers(
  plan: Plan,
  matchers: MatcherSet,
  routes: readonly RoutePlan[],
  purge: PurgeDecision | undefined,
  request: RequestFacts,
  response: ResponseFacts | undefined,
): readonly MatcherValue[] {
  const names = new Set([...routes.flatMap(matchersOf), purge?.matcher])
  return plan.matchers
    .filter((matcher) => names.has(matcher.name))
    .map(({ name, place }) => ({ name, place, holds: matchers.holds(name, request, response) }))
}

function matchersOf(route: RoutePlan): readonly string[] {
  const edits = [...route.requestHeaders, ...route.responseHeaders].map((edit) => edit.when)
  const access = route.access.map((rule) => rule.matcher)
  const { bypass = [], noStore = [], key } = route.cache?.settings ?? {}
  const classes = key?.classes.map(({ matcher }) => matcher) ?? []
  return [route.when, ...access, ...edits, ...bypass, ...noStore, ...classes].filter((name) => name !== undefined)
}

/** Who decided whether the route lets the request in. */
export function traceAccess(route: RouteRules, matchers: MatcherSet, request: RequestFacts): AccessDecision {
  const rule = route.plan.access.find(({ matcher }) => matcher === undefined || matchers.holds(matcher, request))
  const told = rule ?? route.plan.access.find(({ allow }) => allow)
  const allowed = route.allows(request)
  return { allowed, place: told?.place, matcher: told?.matcher, isDefault: rule === undefined }
}
