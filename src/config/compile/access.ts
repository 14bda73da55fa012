/**
 * `allow` and `deny` of a route and its site in the one order that does not depend on the file:
 *
 *     1. deny @m     whoever is denied by a matcher stays out
 *     2. allow @m    whoever is allowed by one comes in
 *     3. all         decides on the rest; the route's word stands before its site's
 */
import type { RoutePlan } from '../../plan/plan.ts'

export type AccessRule = RoutePlan['access'][number]

/** `own` and `inherited` in any order; at most one `all` in each. */
export function orderAccess(own: readonly AccessRule[], inherited: readonly AccessRule[]): readonly AccessRule[] {
  const both = [...own, ...inherited]
  const denied = both.filter((rule) => rule.matcher !== undefined && !rule.allow)
  const allowed = both.filter((rule) => rule.matcher !== undefined && rule.allow)
  const rest = both.find((rule) => rule.matcher === undefined)
  return rest === undefined ? [...denied, ...allowed] : [...denied, ...allowed, rest]
}
