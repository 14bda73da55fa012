/** What a request says before anything is looked up (RFC 9111 §4, §5.2.1). */

import type { Reason } from '../../log/reasons.ts'
import type { RequestFacts } from '../../plan/facts.ts'
import type { CacheSettings } from '../../plan/plan.ts'
import { hasPragmaNoCache, parseRequestDirectives, RequestDirectives } from './cache-control.ts'

/** Bits of what a request carries, so that a head that noted its fields at parse answers without a look-up by name. */
export const RequestTrait = {
  /** Content-Length over 0, or Transfer-Encoding. */
  body: 1,
  /** If-Match or If-Unmodified-Since. */
  precondition: 2,
} as const

/**
 * Why the request goes past the cache: it is neither answered from it nor does its answer enter it. `none`: look it up.
 * `bypassHolds`: a matcher of the rule's `bypass` holds. `traits`: bits of RequestTrait.
 */
export function decideLookup(request: RequestFacts, bypassHolds: boolean, traits: number): Reason {
  // RFC 9111 §4: "the request method associated with the stored response allows it to be used for the presented request".
  if (request.method !== 'GET' && request.method !== 'HEAD') return 'method'
  if (bypassHolds) return 'bypass'
  if (traits === 0) return 'none'
  // Content of a GET has no meaning (RFC 9110 §9.3.1), but an origin may give it one, and it is no part of the key.
  if ((traits & RequestTrait.body) !== 0) return 'request-body'
  // RFC 9111 §4.3.2: not for a cache to evaluate. A cache may ignore them (RFC 9110 §13.1.1), but only the origin can
  // give the 412 that the client asks for.
  return 'request-no-cache'
}

/** Shared and never changed: what `Pragma: no-cache` alone amounts to. */
const pragmaNoCache = new RequestDirectives()
pragmaNoCache.noCache = true

/**
 * The client's cache directives; undefined when it gives none, and always under `client-directives ignore`. Nearly all
 * requests give none, which costs two look-ups; a caller that knows so may pass undefined on instead of calling.
 */
export function clientDirectives(request: RequestFacts, settings: CacheSettings): RequestDirectives | undefined {
  if (settings.clientDirectives === 'ignore') return undefined
  const text = request.header('cache-control')
  if (text !== undefined) return parseRequestDirectives(text)
  const pragma = request.header('pragma')
  return pragma !== undefined && hasPragmaNoCache(pragma) ? pragmaNoCache : undefined
}
