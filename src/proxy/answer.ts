/** Answers the proxy makes itself: errors, `respond`, `redirect`, PURGE results. */

import { localStatus } from '../cache/policy/cache-status.ts'
import { httpDate } from '../http/date.ts'
import type { RequestHead } from '../http/request-head.ts'
import { reasonPhrase } from '../http/status.ts'
import { C } from '../log/counters.ts'
import type { Reason } from '../log/reasons.ts'
import { clock } from '../util/clock.ts'
import { cacheStatusLine } from './cache-status-line.ts'
import type { Client } from './client.ts'
import { finish, Outcome } from './finish.ts'
import { HSTS } from './header-edits.ts'
import type { RouteRuntime } from './route-runtime.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly contentType: string
  /** Complete lines (`Location: ...` CR LF), or empty. */
  readonly fields: string
  /** Why, for Cache-Status, log and counters. */
  readonly reason: Reason
  /** The origin server that failed, if one did. */
  readonly server?: string
}

const outcome = new Outcome()

const clientErrorCounters: ReadonlyMap<number, number> = new Map([
  [400, C.client400],
  [403, C.client403],
  [404, C.client404],
  [405, C.client405],
  [408, C.client408],
  [413, C.client413],
  [414, C.client414],
  [431, C.client431],
  [501, C.client501],
  [505, C.client505],
])

/** What Connection must say in the current answer, as a line or nothing (RFC 9112 §9.3: 1.0 keeps only if told so). */
export function connectionLine(client: Client): string {
  if (client.withholdsBody) client.keepAlive = false
  if (!client.keepAlive) return 'Connection: close\r\n'
  return client.minor === 1 ? '' : 'Connection: keep-alive\r\n'
}

/** Redirects and errors are answers of the site too (RFC 6797 §7.1); what no route has taken belongs to none. */
function hstsLine(client: Client, route: RouteRuntime | undefined): string {
  const hsts = client.isSecure ? route?.plan.hsts : undefined
  return hsts === undefined ? '' : `${HSTS}: ${hsts}\r\n`
}

/** Sends a whole answer and ends the request. */
export function sendAnswer(
  client: Client,
  head: RequestHead | undefined,
  route: RouteRuntime | undefined,
  answer: Answer,
): void {
  const isEmpty = answer.status === 204 || answer.status === 304
  const body = Buffer.from(isEmpty ? '' : answer.body, 'utf8')
  const length = isEmpty ? '' : `Content-Length: ${body.length}\r\n`
  const type = body.length === 0 ? '' : `Content-Type: ${answer.contentType}\r\n`
  const text =
    `HTTP/1.1 ${answer.status} ${reasonPhrase(answer.status)}\r\nDate: ${httpDate(clock.nowMs)}\r\n` +
    `${type}${length}${answer.fields}${hstsLine(client, route)}${cacheStatusLine(route, localStatus(answer.reason), '')}` +
    `${connectionLine(client)}\r\n`
  const hasBody = head?.method !== 'HEAD' && body.length > 0
  if (hasBody) client.writeHeadAndBody(text, body)
  else client.writeText(text)
  outcome.status = answer.status
  outcome.bytes = text.length + (hasBody ? body.length : 0)
  outcome.word = 'synthetic'
  outcome.reason = answer.reason
  outcome.backend = route?.backend?.plan.name ?? ''
  outcome.server = answer.server ?? ''
  finish(client, head, route, outcome)
  client.endAnswer()
}

export interface ErrorDetail {
  readonly reason?: Reason
  /** Complete lines, or empty. */
  readonly fields?: string
  readonly server?: string
}

/** An error page: plain text, the status and one sentence. */
export function sendError(
  client: Client,
  head: RequestHead | undefined,
  route: RouteRuntime | undefined,
  status: number,
  message: string,
  detail: ErrorDetail = {},
): void {
  const counter = clientErrorCounters.get(status)
  if (counter !== undefined) client.worker.counters.add(counter, 1)
  sendAnswer(client, head, route, {
    status,
    body: `${status} ${reasonPhrase(status)}: ${message}\n`,
    contentType: 'text/plain; charset=utf-8',
    fields: detail.fields ?? '',
    reason: detail.reason ?? 'refused',
    server: detail.server ?? '',
  })
}

/** Refuses what could not be parsed; the connection closes behind the answer (RFC 9112 §2.2, §6.3). */
export function refuse(client: Client, status: number, code: string, message: string): void {
  sendError(client, undefined, undefined, status, `${message} (${code})`)
}
