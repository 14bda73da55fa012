/** Response heads that go to clients or into the store, made of what an origin sent. */

import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { B } from '../http/body-kind.ts'
import { httpDate } from '../http/date.ts'
import { F } from '../http/fields.ts'
import { withHopByHop } from '../http/hop-by-hop.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { appendForwardableFields } from '../http/serialize.ts'
import { cacheStatusValue } from './cache-status-line.ts'
import { fieldLines, fieldsOf } from './facts.ts'
import { hasField, removeField } from './header-edits.ts'
import type { RequestView } from './request-context.ts'
import type { RouteRules } from './route-runtime.ts'

/** Fields of a response that are dropped or written anew when it is passed on. */
const passSkipped = withHopByHop([F.contentLength, F.via, F.cacheStatus])
/**
 * When it is stored: its age is kept as a number, Cache-Status tells of one delivery only, and trailers are not kept
 * (RFC 9110 §6.5.1 lets them go), so none are announced.
 */
const storeSkipped = withHopByHop([F.contentLength, F.via, F.cacheStatus, F.age, F.trailer])
/** Interim responses: nothing is added to them. */
const interimSkipped = withHopByHop([F.contentLength])

/** How a body is framed towards the client; `stream`: what carries it marks the end (HTTP/2). */
export type Framing = 'none' | 'sized' | UnsizedFraming
/** Of a body whose length is not known when it begins. */
export type UnsizedFraming = 'chunked' | 'close' | 'stream'

/** The start line and the fields of a passed response; framing and Connection are the caller's. */
export function passHeadText(head: ResponseHead, context: RequestView, cacheStatus: string): string {
  const { route, nowMs } = context
  const statusLine = cacheStatusBehind(head.value(F.cacheStatus), cacheStatusValue(route, cacheStatus, context.key))
  const start = `HTTP/1.1 ${head.status} ${head.reason}\r\n`
  const added = addedFields(head, route, nowMs)
  if (route.responseEdits.isEmpty) {
    const lines = appendForwardableFields(head, passSkipped, head.connectionOptions)
    return `${start}${lines}${fieldLines(added)}${statusLine}`
  }
  const list = [...fieldsOf(head, passSkipped, head.connectionOptions), ...added]
  route.responseEdits.apply(list, context, context.facts, new FlatFacts(head.status, list))
  return `${start}${fieldLines(list)}${statusLine}`
}

/** Caches nearer to the origin stand first (RFC 9211 §2). */
function cacheStatusBehind(before: string | undefined, own: string): string {
  if (before === undefined) return own === '' ? '' : `Cache-Status: ${own}\r\n`
  return own === '' ? `Cache-Status: ${before}\r\n` : `Cache-Status: ${before}, ${own}\r\n`
}

/** Date where the origin gave none (RFC 9110 §6.6.1), and Via with this hop (§7.6.3). */
function addedFields(head: ResponseHead, route: RouteRules, nowMs: number): string[] {
  const list = head.has(F.date) ? [] : ['Date', httpDate(nowMs)]
  const before = head.value(F.via)
  const own = route.via?.[head.receivedProtocol]
  const via = own === undefined ? before : before === undefined ? own : `${before}, ${own}`
  if (via !== undefined) list.push('Via', via)
  return list
}

/** The end-to-end fields of a response as a flat list, with this hop's, as they may be stored. */
export function storableFields(head: ResponseHead, context: RequestView): string[] {
  return [...fieldsOf(head, storeSkipped, head.connectionOptions), ...addedFields(head, context.route, context.nowMs)]
}

/**
 * What the rules of storing judge: `fields` after the route's constant edits. A Set-Cookie that these remove is removed
 * from `fields` too, in place: it may never be stored, lest a later configuration without the edit hand it to everyone.
 */
export function judgedFields(fields: string[], route: RouteRules): string[] {
  const judged = [...fields]
  route.responseEdits.applyConstant(judged)
  if (!hasField(judged, 'set-cookie')) removeField(fields, 'set-cookie')
  return judged
}

/** What is stored as the head of an object: field lines and the blank line, so that the body follows at once. */
export function storedHeadBytes(list: readonly string[], withheld: readonly string[]): Buffer {
  const kept = [...list]
  for (const name of withheld) removeField(kept, name)
  return Buffer.from(`${fieldLines(kept)}\r\n`, 'latin1')
}

/** An interim response, passed on as it came (RFC 9110 §15.2). */
export function interimText(head: ResponseHead): string {
  const lines = appendForwardableFields(head, interimSkipped, head.connectionOptions)
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n${lines}\r\n`
}

/** How the body of a passed response is framed for a client; `unsized`: where its length is not known. */
export function passFraming(head: ResponseHead, unsized: UnsizedFraming): Framing {
  if (head.bodyKind === B.none) return 'none'
  if (head.bodyKind === B.sized) return 'sized'
  return unsized
}

/** The field that tells the framing; empty for a body that ends with the connection. */
export function framingLine(framing: Framing, contentLength: number): string {
  switch (framing) {
    case 'sized':
      return `Content-Length: ${contentLength}\r\n`
    case 'chunked':
      return 'Transfer-Encoding: chunked\r\n'
    default:
      return ''
  }
}
