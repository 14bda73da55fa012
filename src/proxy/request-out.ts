/**
 * The request head that goes to an origin: what the client said end to end, with Host, framing, Via and the forwarding
 * fields written anew (RFC 9110 §7.6, RFC 7239). Framing is built from what was parsed, never copied.
 */
import { B } from '../http/body-kind.ts'
import { appendFieldLines } from '../http/field-lines.ts'
import { F } from '../http/fields.ts'
import { plainPath } from '../http/plain-path.ts'
import type { RequestHead } from '../http/request-head.ts'
import { appendForwardableFields } from '../http/serialize.ts'
import { DIGIT, isAllOf } from '../http/tokens.ts'
import type { ServerPlan } from '../plan/plan.ts'
import { dropDisguised } from './disguised-fields.ts'
import { fieldLines, fieldsOf } from './facts.ts'
import type { RequestContext, RequestView } from './request-context.ts'

/** More hops than any route has; longer numbers are dropped. */
const MAX_FORWARDS_DIGITS = 9

export interface OutgoingRequest<View extends RequestView = RequestContext> {
  readonly context: View
  /** A fetch that fills the cache: without the client's conditions and ranges, with the cache's own `validators`. */
  readonly fills: boolean
  /** Complete lines (`If-None-Match: ...`), or empty. */
  readonly validators: string
  /** The protocol to switch to; undefined: none. */
  readonly upgrade: string | undefined
}

/** The head as wire text, with the blank line. `server` decides the Host field where the backend says so. */
export function requestHeadText(out: OutgoingRequest<RequestView>, server: ServerPlan): string {
  const start = `${out.context.head.method} ${outgoingUri(out.context)} HTTP/1.1\r\nHost: ${hostValue(out, server)}\r\n`
  const { route, clientAddress } = out.context
  const trusted = route.plan.forwarded.trust.length > 0 && route.trusted.has(clientAddress)
  return start + fields(out, trusted) + forwardingFields(out.context, trusted) + out.validators + connectionFields(out)
}

/** The head as HTTP/2 has it (RFC 9113 §8.2, §8.3.1): what `requestHeadText` says, but for what concerns a connection. */
export function requestFieldList(
  out: OutgoingRequest<RequestView>,
  server: ServerPlan,
  scheme: 'http' | 'https',
): string[] {
  const { head, route, clientAddress } = out.context
  const trusted = route.plan.forwarded.trust.length > 0 && route.trusted.has(clientAddress)
  const list = [':method', head.method, ':scheme', scheme, ':authority', hostValue(out, server)]
  list.push(':path', outgoingUri(out.context))
  appendFieldLines(list, fields(out, trusted) + forwardingFields(out.context, trusted) + out.validators)
  // RFC 9113 §8.2.2: the one thing that TE may say. Servers of gRPC want to hear it.
  if (head.has(F.te) && acceptsTrailers(head)) list.push('te', 'trailers')
  if (head.expectContinue && head.hasBody) list.push('expect', '100-continue')
  if (head.bodyKind === B.sized) list.push('content-length', String(head.contentLength))
  return list
}

/** A client that takes trailers says so (RFC 9110 §10.1.4). */
function acceptsTrailers(head: RequestHead): boolean {
  return head
    .valuesOf('te')
    .some((value) => value.split(',').some((member) => member.trim().toLowerCase() === 'trailers'))
}

function hostValue(out: OutgoingRequest<RequestView>, server: ServerPlan): string {
  const { hostHeader: choice, tls } = out.context.route.backend!.plan
  if (choice.kind === 'fixed') return choice.value
  // An HTTP/1.0 request may come without Host; then only the server's own name is left.
  if (choice.kind === 'client' && out.context.head.authority !== '') return out.context.head.authority
  if (server.address.kind === 'unix') return 'localhost'
  const { host, port } = server.address
  const name = host.includes(':') ? `[${host}]` : host
  return port === (tls === undefined ? 80 : 443) ? name : `${name}:${port}`
}

/**
 * The request target: as received, unless the route rewrites it. `$1`.. are the wildcards of the route's pattern. Where
 * the key puts spellings together, the origin sees the one in the key.
 */
function outgoingUri({ head, route }: RequestView): string {
  const pathForm = route.cache?.pathForm
  const rewrite = route.plan.rewrite
  if ((rewrite === undefined && pathForm === undefined) || head.form === 'asterisk') return head.uri
  const requested = pathForm === undefined ? head.path : pathForm(head.path)
  const query = head.hasQuery ? `?${head.query}` : ''
  switch (rewrite?.kind) {
    case undefined:
      return requested + query
    case 'strip-prefix': {
      const path = requested.startsWith(rewrite.prefix) ? requested : plainPath(requested)
      if (!path.startsWith(rewrite.prefix)) return requested + query
      const rest = path.slice(rewrite.prefix.length)
      return (rest.startsWith('/') ? rest : `/${rest}`) + query
    }
    case 'add-prefix':
      return rewrite.prefix + requested + query
    case 'path':
      return fillCaptures(rewrite.to, route.entry.captures(requested)) + query
  }
}

/** Puts `$1`.. into a template; a number without a capture is left out. */
export function fillCaptures(template: string, captures: readonly string[]): string {
  let text = ''
  let from = 0
  for (let at = template.indexOf('$'); at !== -1; at = template.indexOf('$', from)) {
    const digit = template.charCodeAt(at + 1) - 0x30
    const isCapture = digit >= 1 && digit <= 9
    text += template.slice(from, at) + (isCapture ? (captures[digit - 1] ?? '') : '$')
    from = at + (isCapture ? 2 : 1)
  }
  return text + template.slice(from)
}

function fields(out: OutgoingRequest<RequestView>, trusted: boolean): string {
  const { head, route, facts } = out.context
  const skipped = route.skippedFields(out.fills, trusted)
  dropDisguised(head, trusted)
  const negotiation = route.cache?.negotiation
  if (route.requestEdits.isEmpty && negotiation === undefined) {
    return appendForwardableFields(head, skipped, head.connectionOptions)
  }
  const list = fieldsOf(head, skipped, head.connectionOptions)
  route.requestEdits.apply(list, out.context, facts, undefined)
  negotiation?.apply(list)
  return fieldLines(list)
}

/** Via, X-Forwarded-* and Forwarded. What a peer that is not trusted says of the hops before it is dropped. */
function forwardingFields({ head, route, facts, clientAddress }: RequestView, trusted: boolean): string {
  const plan = route.plan.forwarded
  let text = maxForwardsLine(head)
  if (route.via !== undefined) {
    const before = head.value(F.via)
    const own = route.via[head.receivedProtocol]
    text += before === undefined ? `Via: ${own}\r\n` : `Via: ${before}, ${own}\r\n`
  }
  if (!plan.xForwarded && !plan.forwarded) return text
  if (plan.xForwarded) {
    const before = trusted ? head.value(F.xForwardedFor) : undefined
    const proto = (trusted ? head.value(F.xForwardedProto) : undefined) ?? facts.scheme
    const host = (trusted ? head.value(F.xForwardedHost) : undefined) ?? head.authority
    text += `X-Forwarded-For: ${before === undefined ? '' : `${before}, `}${clientAddress || 'unknown'}\r\n`
    text += `X-Forwarded-Proto: ${proto}\r\n`
    if (host !== '') text += `X-Forwarded-Host: ${host}\r\n`
  }
  if (plan.forwarded) {
    const before = trusted ? head.value(F.forwarded) : undefined
    const own = forwardedElement(clientAddress, head.authority, facts.scheme)
    text += before === undefined ? `Forwarded: ${own}\r\n` : `Forwarded: ${before}, ${own}\r\n`
  }
  return text
}

/** RFC 9110 §7.6.2: each hop takes one from the Max-Forwards of OPTIONS; in other requests it means nothing. */
function maxForwardsLine(head: RequestHead): string {
  const text = head.value(F.maxForwards)
  if (text === undefined) return ''
  if (head.method !== 'OPTIONS') return `Max-Forwards: ${text}\r\n`
  if (text.length === 0 || text.length > MAX_FORWARDS_DIGITS || !isAllOf(DIGIT, text)) return ''
  let hops = 0
  for (let i = 0; i < text.length; i++) hops = hops * 10 + (text.charCodeAt(i) - 0x30)
  return `Max-Forwards: ${Math.max(hops - 1, 0)}\r\n`
}

/** RFC 7239 §4, §6: IPv6 addresses and hosts with a port are quoted. */
function forwardedElement(address: string, authority: string, scheme: string): string {
  const node = address === '' ? 'unknown' : address.includes(':') ? `"[${address}]"` : address
  const host = authority === '' ? '' : `;host="${authority}"`
  return `for=${node}${host};proto=${scheme}`
}

function connectionFields(out: OutgoingRequest<RequestView>): string {
  const { head } = out.context
  let text = ''
  if (head.expectContinue && head.hasBody) text += 'Expect: 100-continue\r\n'
  if (head.bodyKind === B.sized) text += `Content-Length: ${head.contentLength}\r\n`
  else if (head.bodyKind === B.chunked) text += 'Transfer-Encoding: chunked\r\n'
  if (out.upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${out.upgrade}\r\n`
  return `${text}\r\n`
}
