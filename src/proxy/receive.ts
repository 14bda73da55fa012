/**
 * The first steps of a request: its method and form, its route, whether it is allowed, and where it goes.
 * `head` is the worker's and lives for this call; steps that take longer make an Exchange, which keeps a copy.
 */
import type { RequestHead } from '../http/request-head.ts'
import type { Action } from '../plan/plan.ts'
import { sendAnswer, sendError } from './answer.ts'
import type { ClientConnection } from './client-connection.ts'
import type { HeadFacts } from './facts.ts'
import { lookup } from './lookup.ts'
import {
  answerUnrouted,
  bodyTooLarge,
  httpsLocation,
  noHost,
  noRoute,
  notAllowed,
  type OwnAnswer,
  redirectLocation,
  upgradeProtocol,
} from './own-answers.ts'
import { Pass } from './pass.ts'
import { purge } from './purge.ts'
import { RequestContext } from './request-context.ts'
import type { RouteRuntime } from './route-runtime.ts'

export function receive(connection: ClientConnection, head: RequestHead): void {
  const { listener, worker } = connection
  const unrouted = answerUnrouted(head)
  if (unrouted !== undefined) {
    sendOwn(connection, head, undefined, unrouted)
    return
  }
  if (listener.redirectHttps) {
    redirectToHttps(connection, head)
    return
  }
  const facts = worker.facts.reuse(head, connection)
  const entry = listener.runtime.table.find(listener.name, facts)
  if (entry === undefined) {
    sendOwn(connection, head, undefined, noRoute)
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
    sendOwn(connection, head, route, notAllowed)
    return
  }
  if (head.method !== 'GET' && route.purges(head.method)) {
    purge(connection, head, facts, route)
    return
  }
  const { action } = route.plan
  if (action.kind === 'proxy') forward(connection, head, facts, route)
  else if (action.kind === 'respond') respond(connection, head, route, action)
  else sendRedirect(connection, head, route, action.status, redirectLocation(head, route, action))
}

function sendOwn(
  connection: ClientConnection,
  head: RequestHead,
  route: RouteRuntime | undefined,
  own: OwnAnswer,
): void {
  if (own.closes) connection.keepAlive = false
  const { status, fields, reason } = own
  if (own.message !== '') sendError(connection, head, route, status, own.message, { fields, reason })
  else sendAnswer(connection, head, route, { status, body: '', contentType: '', fields, reason })
}

function forward(connection: ClientConnection, head: RequestHead, facts: HeadFacts, route: RouteRuntime): void {
  if (connection.hasUnreadBody) {
    const limit = route.plan.bodyBytes ?? connection.listener.limits.bodyBytes
    if (head.contentLength > limit) {
      sendOwn(connection, head, route, bodyTooLarge)
      return
    }
    connection.limitBody(limit)
  }
  const protocol = upgradeProtocol(head, route)
  if (protocol !== undefined) {
    Pass.start(connection, new RequestContext(connection, head, route), 'upgrade', protocol)
    return
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

/** `redirect https;` of a listener. */
function redirectToHttps(connection: ClientConnection, head: RequestHead): void {
  const location = httpsLocation(head)
  if (location === undefined) sendOwn(connection, head, undefined, noHost)
  else sendRedirect(connection, head, undefined, 308, location)
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
