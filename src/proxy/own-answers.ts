/** What the proxy says of itself, and what it refuses, decided by the head alone; whoever has the connection sends it. */
import { F } from '../http/fields.ts'
import { hasDotSegment } from '../http/plain-path.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { Reason } from '../log/reasons.ts'
import type { RequestFacts } from '../plan/facts.ts'
import type { Action } from '../plan/plan.ts'
import { fillCaptures } from './request-out.ts'
import type { RouteRules } from './route-runtime.ts'

export interface OwnAnswer {
  readonly status: number
  /** A sentence for the body; empty: no body. */
  readonly message: string
  /** Complete lines, or empty. */
  readonly fields: string
  readonly reason: Reason
  /** The connection ends with it. */
  readonly closes: boolean
}

const ALLOW = 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n'

const dotSegments = refusal(400, 'the path holds dot segments', true)
const expectation = refusal(417, 'the only expectation that can be met is 100-continue', true)
const connect = { ...refusal(405, 'this is no forward proxy', true), fields: ALLOW }
const trace = { ...refusal(405, 'TRACE is not served', false), fields: ALLOW }
const options: OwnAnswer = { status: 200, message: '', fields: ALLOW, reason: 'method', closes: false }

export const noRoute = refusal(404, 'no site or route takes this request', false)
export const notAllowed = refusal(403, 'not allowed', false)
export const bodyTooLarge = refusal(413, 'the request body is larger than the limit', true)
export const noHost = refusal(400, 'a redirect needs Host', false)
export const notCached: OwnAnswer = { ...refusal(504, 'nothing usable is stored', false), reason: 'only-if-cached' }

const purgesNothing: OwnAnswer = { ...refusal(405, 'nothing is cached here', false), reason: 'method' }
export const purgeForbidden = refusal(403, 'purging is not allowed from here', false)

function refusal(status: number, message: string, closes: boolean): OwnAnswer {
  return { status, message, fields: '', reason: 'refused', closes }
}

/** The answer to what no route should see; undefined: a route decides. */
export function answerUnrouted(head: RequestHead): OwnAnswer | undefined {
  if (hasDotSegment(head.path)) return dotSegments
  // RFC 9110 §10.1.1: an expectation that nobody here can meet.
  if (head.has(F.expect) && head.minor === 1 && !head.expectContinue) return expectation
  switch (head.method) {
    case 'CONNECT':
      return connect
    case 'TRACE':
      // RFC 9110 §9.3.8: it would show the client what only the origin should see.
      return trace
    case 'OPTIONS':
      // RFC 9110 §7.6.2: with no hop left the request ends here; `OPTIONS *` asks about this server (§9.3.7).
      return head.form === 'asterisk' || head.valueOf('max-forwards') === '0' ? options : undefined
    default:
      return undefined
  }
}

/** The answer to a PURGE that is not obeyed; undefined: it is. */
export function refusePurge(route: RouteRules, facts: RequestFacts): OwnAnswer | undefined {
  if (route.cache === undefined) return purgesNothing
  return route.cache.purgeAllowed?.(facts) === true ? undefined : purgeForbidden
}

/** The protocol that the client asks for and the route lets it switch to, lower case; undefined: none. */
export function upgradeProtocol(head: RequestHead, route: RouteRules): string | undefined {
  // A body would have to end before the switch, and who reads it is in doubt (RFC 9110 §7.8): such a request is no upgrade.
  if (!head.upgrade || route.plan.upgrades.length === 0 || head.hasBody) return undefined
  const protocol = head.value(F.upgrade)!.toLowerCase()
  return route.plan.upgrades.includes(protocol) ? protocol : undefined
}

/** Where a `redirect` of a route leads. */
export function redirectLocation(
  head: RequestHead,
  route: RouteRules,
  action: Extract<Action, { kind: 'redirect' }>,
): string {
  const captures = route.entry.captures(head.path)
  // Piece by piece, so that a "$" in a path is never taken for a variable.
  const location = action.location
    .split(/(\$request\.(?:uri|path|host))/)
    .map((piece) => requestPiece(piece, head) ?? fillCaptures(piece, captures))
    .join('')
  return onThisHost(location, action.location)
}

/** `//evil.example/` out of a path would lead to another host; only the operator's own words may do that. */
function onThisHost(location: string, template: string): string {
  return location.startsWith('//') && !template.startsWith('//') ? location.replace(/^\/+/, '/') : location
}

function requestPiece(piece: string, head: RequestHead): string | undefined {
  switch (piece) {
    case '$request.uri':
      return head.uri
    case '$request.path':
      return head.path
    case '$request.host':
      return head.host
    default:
      return undefined
  }
}

/** `redirect https;` of a listener: the same URL by https, on this port or the one browsers expect; undefined without a Host. */
export function httpsLocation(head: RequestHead, port: number | undefined): string | undefined {
  const suffix = port === undefined || port === HTTPS_PORT ? '' : `:${port}`
  return head.host === '' ? undefined : `https://${head.host}${suffix}${head.uri}`
}

const HTTPS_PORT = 443
