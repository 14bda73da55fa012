/** The line Cache-Status as a route wants it: left out, short, or with the address of the decision. */
import { withAddress } from '../cache/policy/cache-status.ts'
import { secretFields, shownKey } from '../cache/shown-key.ts'
import type { RoutePlan } from '../plan/plan.ts'

/** As much of a route as is told. */
interface TellingRoute {
  readonly plan: RoutePlan
}

/**
 * The value this hop adds; empty: none. `text` is one of cache/policy/cache-status.ts, `key` where the answer lies or
 * would lie, empty where the cache was not asked. `route` undefined: no route took the request.
 */
export function cacheStatusValue(route: TellingRoute | undefined, text: string, key: string): string {
  switch (route?.plan.cacheStatus) {
    case 'off':
      return ''
    case 'full':
      return withAddress(text, shownKey(key, secretFields(route.plan.requestHeaders)), route.plan.id)
    default:
      return text
  }
}

/** The same as a complete line, or nothing. */
export function cacheStatusLine(route: TellingRoute | undefined, text: string, key: string): string {
  const value = cacheStatusValue(route, text, key)
  return value === '' ? '' : `Cache-Status: ${value}\r\n`
}
