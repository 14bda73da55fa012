/**
 * The first steps of a request: its method and form, its route, whether it is allowed, and where it goes.
 * `head` is the worker's and lives for this call; steps that take longer make an Exchange, which keeps a copy.
 */
import type { RequestHead } from '../http/request-head.ts'
import type { Action } from '../plan/plan.ts'
import { sendAnswer, sendError } from './answer.ts'
import type { Client } from './client.ts'
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

export function receive(client: Client, head: RequestHead): void {
  const { listener, worker } = client
  const unrouted = answerUnrouted(head)
  if (unrouted !== undefined) {
    sendOwn(client, head, undefined, unrouted)
    return
  }
  if (listener.redirectHttps) {
    redirectToHttps(client, head)
    return
  }
  const facts = worker.facts.reuse(head, client)
  const entry = listener.runtime.table.find(listener.name, facts)
  if (entry === undefined) {
    sendOwn(client, head, undefined, noRoute)
    return
  }
  const route = entry.user as RouteRuntime
  const isAllowed = route.allows(facts)
  if (client.hasLostPeer) {
    // Whatever a rule about addresses said, it was not about this client's.
    client.abort()
    return
  }
  if (!isAllowed) {
    sendOwn(client, head, route, notAllowed)
    return
  }
  if (head.method !== 'GET' && route.purges(head.method)) {
    purge(client, head, facts, route)
    return
  }
  const { action } = route.plan
  if (action.kind === 'proxy') forward(client, head, facts, route)
  else if (action.kind === 'respond') respond(client, head, route, action)
  else sendRedirect(client, head, route, action.status, redirectLocation(head, route, action))
}

function sendOwn(client: Client, head: RequestHead, route: RouteRuntime | undefined, own: OwnAnswer): void {
  if (own.closes) client.keepAlive = false
  const { status, fields, reason } = own
  if (own.message !== '') sendError(client, head, route, status, own.message, { fields, reason })
  else sendAnswer(client, head, route, { status, body: '', contentType: '', fields, reason })
}

function forward(client: Client, head: RequestHead, facts: HeadFacts, route: RouteRuntime): void {
  if (client.hasUnreadBody) {
    const limit = route.plan.bodyBytes ?? client.listener.limits.bodyBytes
    if (head.contentLength > limit) {
      sendOwn(client, head, route, bodyTooLarge)
      return
    }
    client.limitBody(limit)
  }
  const protocol = upgradeProtocol(head, route)
  if (protocol !== undefined) {
    Pass.start(client, new RequestContext(client, head, route), 'upgrade', protocol)
    return
  }
  if (route.cache === undefined) {
    Pass.start(client, new RequestContext(client, head, route), 'no-cache-configured')
  } else {
    lookup(client, head, facts, route, route.cache)
  }
}

function respond(
  client: Client,
  head: RequestHead,
  route: RouteRuntime,
  action: Extract<Action, { kind: 'respond' }>,
): void {
  const { status, body, contentType } = action
  sendAnswer(client, head, route, { status, body, contentType, fields: '', reason: 'no-cache-configured' })
}

/** `redirect https;` of a listener. */
function redirectToHttps(client: Client, head: RequestHead): void {
  const location = httpsLocation(head, client.listener.redirectPort)
  if (location === undefined) sendOwn(client, head, undefined, noHost)
  else sendRedirect(client, head, undefined, 308, location)
}

function sendRedirect(
  client: Client,
  head: RequestHead,
  route: RouteRuntime | undefined,
  status: number,
  location: string,
): void {
  const fields = `Location: ${location}\r\n`
  sendAnswer(client, head, route, { status, body: '', contentType: '', fields, reason: 'no-cache-configured' })
}
