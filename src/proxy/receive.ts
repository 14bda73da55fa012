/**
 * The first steps of a request: its method and form, its route, whether it is allowed, and where it goes.
 * `head` is the worker's and lives for this call; steps that take longer make an Exchange, which keeps a copy.
 */
import { F } from '../http/fields.ts'
import { hasDotSegment } from '../http/plain-path.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { Action } from '../plan/plan.ts'
import { sendAnswer, sendError } from './answer.ts'
import type { ClientConnection } from './client-connection.ts'
import type { HeadFacts } from './facts.ts'
import { lookup } from './lookup.ts'
import { Pass } from './pass.ts'
import { purge } from './purge.ts'
import { RequestContext } from './request-context.ts'
import { fillCaptures } from './request-out.ts'
import type { RouteRuntime } from './route-runtime.ts'

const ALLOW = 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n'

export function receive(connection: ClientConnection, head: RequestHead): void {
  const { listener, worker } = connection
  if (!isServed(connection, head)) return
  if (listener.redirectHttps) {
    redirectToHttps(connection, head)
    return
  }
  const facts = worker.facts.reuse(head, connection)
  const entry = listener.runtime.table.find(listener.name, facts)
  if (entry === undefined) {
    sendError(connection, head, undefined, 404, 'no site or route takes this request')
    return
  }
  const route = entry.user as RouteRuntime
  const isAllowed = route.allows(facts)
  if (connection.hasLostPeer) {
    // Whatever a rule about addresses said, it was not about this client's.
    connection.socket.destroy()
    return
  }
  if (!isAllowed) {
    sendError(connection, head, route, 403, 'not allowed')
    return
  }
  if (head.method === 'PURGE') {
    purge(connection, head, facts, route)
    return
  }
  const { action } = route.plan
  if (action.kind === 'proxy') forward(connection, head, facts, route)
  else if (action.kind === 'respond') respond(connection, head, route, action)
  else redirect(connection, head, route, action)
}

/** Answers what no route should see; false when it did. */
function isServed(connection: ClientConnection, head: RequestHead): boolean {
  if (hasDotSegment(head.path)) {
    connection.keepAlive = false
    sendError(connection, head, undefined, 400, 'the path holds dot segments')
    return false
  }
  if (head.has(F.expect) && head.minor === 1 && !head.expectContinue) {
    // RFC 9110 §10.1.1: an expectation that nobody here can meet.
    connection.keepAlive = false
    sendError(connection, head, undefined, 417, 'the only expectation that can be met is 100-continue')
    return false
  }
  switch (head.method) {
    case 'CONNECT':
      connection.keepAlive = false
      sendError(connection, head, undefined, 405, 'this is no forward proxy', { fields: ALLOW })
      return false
    case 'TRACE':
      // RFC 9110 §9.3.8: it would show the client what only the origin should see.
      sendError(connection, head, undefined, 405, 'TRACE is not served', { fields: ALLOW })
      return false
    case 'OPTIONS':
      // RFC 9110 §7.6.2: with no hop left the request ends here; `OPTIONS *` asks about this server (§9.3.7).
      if (head.form !== 'asterisk' && head.valueOf('max-forwards') !== '0') return true
      sendAnswer(connection, head, undefined, {
        status: 200,
        body: '',
        contentType: '',
        fields: ALLOW,
        reason: 'method',
      })
      return false
    default:
      return true
  }
}

function forward(connection: ClientConnection, head: RequestHead, facts: HeadFacts, route: RouteRuntime): void {
  if (connection.hasUnreadBody) {
    const limit = route.plan.bodyBytes ?? connection.listener.limits.bodyBytes
    if (head.contentLength > limit) {
      connection.keepAlive = false
      sendError(connection, head, route, 413, 'the request body is larger than the limit')
      return
    }
    connection.limitBody(limit)
  }
  // A body would have to end before the switch, and who reads it is in doubt (RFC 9110 §7.8): such a request is no upgrade.
  if (head.upgrade && route.plan.upgrades.length > 0 && !head.hasBody) {
    const protocol = head.value(F.upgrade)!.toLowerCase()
    if (route.plan.upgrades.includes(protocol)) {
      Pass.start(connection, new RequestContext(connection, head, route), 'upgrade', protocol)
      return
    }
  }
  if (route.cache === undefined) {
    Pass.start(connection, new RequestContext(connection, head, route), 'no-cache-configured')
  } else {
    lookup(connection, head, facts, route, route.cache)
  }
}

function respond(
  connection: ClientConnection,
  head: RequestHead,
  route: RouteRuntime,
  action: Extract<Action, { kind: 'respond' }>,
): void {
  const { status, body, contentType } = action
  sendAnswer(connection, head, route, { status, body, contentType, fields: '', reason: 'no-cache-configured' })
}

function redirect(
  connection: ClientConnection,
  head: RequestHead,
  route: RouteRuntime,
  action: Extract<Action, { kind: 'redirect' }>,
): void {
  const captures = route.entry.captures(head.path)
  // Piece by piece, so that a "$" in a path is never taken for a variable.
  const location = action.location
    .split(/(\$request\.(?:uri|path|host))/)
    .map((piece) => requestPiece(piece, head) ?? fillCaptures(piece, captures))
    .join('')
  sendRedirect(connection, head, route, action.status, onThisHost(location, action.location))
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

/** `redirect https;` of a listener: the same URL by https, on the port browsers expect. */
function redirectToHttps(connection: ClientConnection, head: RequestHead): void {
  if (head.host === '') sendError(connection, head, undefined, 400, 'a redirect needs Host')
  else sendRedirect(connection, head, undefined, 308, `https://${head.host}${head.uri}`)
}

function sendRedirect(
  connection: ClientConnection,
  head: RequestHead,
  route: RouteRuntime | undefined,
  status: number,
  location: string,
): void {
  const fields = `Location: ${location}\r\n`
  sendAnswer(connection, head, route, { status, body: '', contentType: '', fields, reason: 'no-cache-configured' })
}
