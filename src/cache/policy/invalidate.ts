/** Which stored responses an unsafe request makes invalid (RFC 9111 §4.4). */

import type { RequestFacts, ResponseFacts } from '../../plan/facts.ts'
import { GetRequest } from './get-request.ts'
import { resolveSameOrigin } from './same-origin.ts'

/** Methods defined as safe: RFC 9110 §9.2.1, PROPFIND (RFC 4918), REPORT (RFC 3253), SEARCH (RFC 5323). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH'])

/** "including those whose safety is unknown" (§4.4): methods are case-sensitive, so `get` is unknown. */
export function isUnsafe(method: string): boolean {
  return !safeMethods.has(method)
}

/**
 * The requests whose stored responses are to be removed, variants included: the target URI itself, and the same-origin
 * URIs of Location and Content-Location, each as a GET of the same client so that a key can be made of it. Empty when
 * nothing is.
 */
export function invalidatedRequests(request: RequestFacts, response: ResponseFacts): RequestFacts[] {
  // "A non-error response is one with a 2xx (Successful) or 3xx (Redirection) status code."
  if (!isUnsafe(request.method) || response.status < 200 || response.status > 399) return []
  // "MUST invalidate the target URI".
  const requests: RequestFacts[] = [new GetRequest(request)]
  // "MAY invalidate ... the URI(s) in the Location and Content-Location", "MUST NOT ... if the origin ... differs".
  for (const name of ['location', 'content-location']) {
    const reference = response.header(name)
    const target = reference === undefined ? undefined : resolveSameOrigin(reference, request)
    if (target !== undefined) requests.push(new GetRequest(request, target))
  }
  return requests
}
