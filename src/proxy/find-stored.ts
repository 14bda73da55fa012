/** Finding the stored response that matches a request, by key and Vary. */

import { preferredVariant } from '../cache/language-variant.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { variantKey } from '../cache/vary.ts'
import type { Reason } from '../log/reasons.ts'
import type { Client } from './client.ts'
import type { HeadFacts } from './facts.ts'
import { followLink } from './language-link.ts'
import type { RouteCache, RouteRuntime } from './route-runtime.ts'
import { sentFacts } from './sent-facts.ts'
import { keyOfLink, keyOfVariant, storedOf } from './stored.ts'
import { survivesPurges } from './survives-purges.ts'

/** What is stored for a request; `object` undefined: nothing that matches. One per worker, filled again and again. */
export class Found {
  /** Where the answer lies or will lie: the primary key, or a variant's. */
  key = ''
  primaryKey = ''
  object: StoredObject | undefined = undefined
  /** Why there is none. */
  reason: Reason = 'absent'
  /** The names the stored responses vary on, joined by commas; empty without a marker. */
  varyNames = ''
  /** The number of their marker; 0 without one. */
  markerId = 0
}

/** What `findStored` found last. */
export const found = new Found()

/** The primary key of a request. */
export function keyOf(cache: RouteCache, request: HeadFacts, route: RouteRuntime, client: Client): string {
  const { keyFields } = cache
  return cache.keyOf(keyFields.length === 0 ? request : sentFacts(request, keyFields, route, client), request)
}

/** Looks up the response that matches the request by key and Vary (RFC 9111 §4.1). The result lives until the next call. */
export function findStored(cache: RouteCache, request: HeadFacts, route: RouteRuntime, client: Client): Found {
  const { tier, purges } = cache.cache
  const primaryKey = keyOf(cache, request, route, client)
  found.primaryKey = primaryKey
  found.key = primaryKey
  found.reason = 'absent'
  found.varyNames = ''
  found.markerId = 0
  found.object = tier.find(primaryKey)
  if (found.object === undefined) return found
  const stored = storedOf(found.object)
  if (stored.markerId === 0) {
    if (stored.judgedAt !== purges.sequence) dropIfPurged(cache, found)
    return found
  }
  const marker = found.object
  found.object = undefined
  found.reason = 'vary-mismatch'
  if (!tier.pin(marker)) return found
  const names = stored.names
  tier.unpin(marker)
  found.varyNames = stored.varyNames
  found.markerId = stored.markerId
  const sent = sentFacts(request, names, route, client)
  found.key = keyOfVariant(primaryKey, stored.markerId, variantKey(names, sent, cache.negotiation))
  found.object = tier.find(found.key)
  if (found.object === undefined) {
    // Where another request's variant is the answer, `key` stays this request's own: what is fetched goes there.
    const preferred = preferredVariant(names, sent, cache.negotiation)
    if (preferred !== undefined) {
      found.object = followLink(tier, keyOfLink(primaryKey, stored.markerId, preferred))
    }
  }
  if (found.object !== undefined && storedOf(found.object).judgedAt !== purges.sequence) dropIfPurged(cache, found)
  return found
}

/** There was a purge since this worker last judged what was found: it may be gone by it, or stale. */
function dropIfPurged({ cache }: RouteCache, found: Found): void {
  if (survivesPurges(cache, found.object!, storedOf(found.object!))) return
  found.object = undefined
  found.reason = 'purged'
}
