/** What makes a route the same route after a reload. */
import type { RoutePlan, SitePlan } from '../plan/plan.ts'

/**
 * Its names, since the operator gave them, and neither its place in the file nor its order. The listeners tell apart sites
 * of one name; the cache is part of it because what a route counts is its cache's too. No name holds a blank.
 */
export function routeIdentity(site: SitePlan, route: RoutePlan): string {
  return `${site.name} ${site.listeners.join(',')} ${route.name} ${route.cache?.name ?? ''}`
}
