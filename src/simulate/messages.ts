/** Messages of a scenario as the heads that the engine reads: written as wire text and parsed by the same parsers. */
import { type HeadError, headErrors } from '../http/head-errors.ts'
import { type HeadLimits, parseRequestHead, RequestHead } from '../http/request-head.ts'
import { parseResponseHead, ResponseHead } from '../http/response-head.ts'
import { reasonPhrase } from '../http/status.ts'
import type { LimitsPlan } from '../plan/plan.ts'
import type { RequestScript, ResponseScript } from '../plan/test-plan.ts'
import { fieldLines, parseFieldLines } from '../proxy/facts.ts'
import { hasField } from '../proxy/header-edits.ts'

export type ParsedRequest =
  | { readonly ok: true; readonly head: RequestHead }
  | { readonly ok: false; readonly error: HeadError }

/** A Host among the fields stands in place of the URL's. */
export function requestHeadOf(script: RequestScript, limits: LimitsPlan): ParsedRequest {
  const host = hasField(script.fields, 'host') ? '' : `Host: ${script.authority}\r\n`
  const text = `${script.method} ${script.target} HTTP/1.1\r\n${host}${fieldLines(script.fields)}\r\n`
  const bytes = Buffer.from(text, 'latin1')
  const head = new RequestHead()
  const headLimits = { headBytes: limits.headerBytes, targetBytes: limits.targetBytes, fields: limits.headers }
  const used = parseRequestHead(head, bytes, 0, bytes.length, headLimits)
  return used > 0 ? { ok: true, head } : { ok: false, error: headErrors[-used]! }
}

/** undefined: the backend's limits or HTTP itself forbid such a head. A response without a length has no content. */
export function responseHeadOf(
  script: ResponseScript,
  requestMethod: string,
  limits: HeadLimits,
): ResponseHead | undefined {
  const isFramed = hasField(script.fields, 'content-length') || hasField(script.fields, 'transfer-encoding')
  const framing = isFramed || script.status < 200 || script.status === 204 ? '' : 'Content-Length: 0\r\n'
  const start = `HTTP/1.1 ${script.status} ${reasonPhrase(script.status)}\r\n`
  const bytes = Buffer.from(`${start}${fieldLines(script.fields)}${framing}\r\n`, 'latin1')
  const head = new ResponseHead()
  const used = parseResponseHead(head, bytes, 0, bytes.length, limits, requestMethod)
  return used > 0 ? head : undefined
}

/** A head as text, taken apart: what stands in its first line, and its fields as a flat list. */
export function readHeadText(text: string): { readonly start: readonly string[]; readonly fields: readonly string[] } {
  const end = text.indexOf('\r\n')
  return { start: text.slice(0, end).split(' '), fields: parseFieldLines(text.slice(end + 2)) }
}
