/**
 * A request head: bytes to facts, in one pass (RFC 9112 §2.2, §3, §5).
 *
 * The hard part is speed with nothing left unchecked: the bytes are walked once against a class table, which validates,
 * finds the delimiters and notes offsets; then they become one latin1 string that everything else is sliced from. The
 * scan reads strictly from left to right and limits are positions, so a head gives the same answer however it is split.
 */
import { checkAuthority } from './authority.ts'
import { B } from './body-kind.ts'
import { SPAN } from './field-list.ts'
import { F } from './fields.ts'
import { readConnection, readFraming } from './framing.ts'
import { refusal } from './head-errors.ts'
import { latin1Text } from './latin1.ts'
import { MessageHead } from './message-head.ts'
import { readOtherTarget } from './request-target.ts'
import { hasLineEnd, scanFields } from './scan-fields.ts'
import { byteClass, CR, LF, PATH, QUERY, QUESTION_MARK, SLASH, SP, TOKEN } from './tokens.ts'
import { scanVersion, VERSION_BYTES, VERSION_INCOMPLETE } from './version.ts'

export { type HeadError, headErrors } from './head-errors.ts'

export interface HeadLimits {
  /** From the first byte to the blank line. */
  readonly headBytes: number
  /** Of the request target; responses have none. */
  readonly targetBytes: number
  readonly fields: number
}

const BAD_REQUEST_LINE = refusal('bad-request-line')
const METHOD_TOO_LONG = refusal('method-too-long')
const BAD_TARGET = refusal('bad-target')
const TARGET_TOO_LONG = refusal('target-too-long')
const BAD_LINE_ENDING = refusal('bad-line-ending')
const HEAD_TOO_LARGE = refusal('head-too-large')
const HOST_MISSING = refusal('host-missing')
const HOST_REPEATED = refusal('host-repeated')
const BAD_HOST = refusal('bad-host')

/** Longer than any registered method (UPDATEREDIRECTREF has 17 letters). */
const MAX_METHOD_BYTES = 32

export type RequestForm = 'origin' | 'absolute' | 'asterisk' | 'authority'

/** Strings are slices of `text` and keep it in memory; whoever stores one longer than the request copies it. */
export class RequestHead extends MessageHead {
  /** As received; the common ones are constants, so that they compare by identity. */
  method = ''
  /** As received. */
  target = ''
  /** Up to the "?", as received. "/" if an absolute-form has none; "*" in asterisk-form; "" in authority-form. */
  path = ''
  /** Behind the "?"; `hasQuery` tells "/a?" from "/a". */
  query = ''
  hasQuery = false
  /** Path and query in origin-form (or "*"): what goes to the backend. */
  uri = ''
  /** Of an absolute-form target, else Host: lower case, `host[:port]`; "" if an HTTP/1.0 request gives none. */
  authority = ''
  /** `authority` without port; IPv6 addresses keep their brackets. */
  host = ''
  form: RequestForm = 'origin'
  /** "Expect: 100-continue" in HTTP/1.1 (RFC 9110 §10.1.1). Other expectations leave it false. */
  expectContinue = false

  /** True when bytes of a body follow: "Content-Length: 0" announces none. */
  get hasBody(): boolean {
    return this.bodyKind === B.chunked || this.contentLength > 0
  }

  /** An own right-sized copy that survives the next parse into this head. */
  detach(): RequestHead {
    const copy = new RequestHead(this.spans.slice(0, this.count * SPAN))
    copy.copyMessage(this)
    copy.method = this.method
    copy.target = this.target
    copy.path = this.path
    copy.query = this.query
    copy.hasQuery = this.hasQuery
    copy.uri = this.uri
    copy.authority = this.authority
    copy.host = this.host
    copy.form = this.form
    copy.expectContinue = this.expectContinue
    return copy
  }

  /** Sets `authority` and `host` from a checked `host[:port]` in `text`; an empty port is dropped. */
  setAuthority(text: string, start: number, end: number, hostEnd: number): void {
    const hasPort = end - hostEnd > 1
    this.authority = text.slice(start, hasPort ? end : hostEnd).toLowerCase()
    this.host = hasPort ? this.authority.slice(0, hostEnd - start) : this.authority
  }
}

/**
 * Parses the head that begins at `bytes[start]` into `head`, reading no byte at or behind `end`.
 *
 * Returns the bytes of the head, counted from `start`, the blank line included; 0 when it is not complete; or the negated
 * index of the error in `headErrors`. `head` is only meaningful after a positive result, but may change in any case.
 *
 * `seen` is up to where an earlier call has already looked, with the same `start`. Parsing starts anew only when a line
 * has ended since, so a head that drips in byte by byte costs at most one parse a line, not one a byte; in return an error
 * in a line that drips in is told when that line ends, or when the head is full.
 */
export function parseRequestHead(
  head: RequestHead,
  bytes: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  seen = start,
): number {
  const available = end - start
  if (seen > start && available < limits.headBytes && !hasLineEnd(bytes, seen, end)) return 0
  const stop = available > limits.headBytes ? start + limits.headBytes : end
  const length = scanRequest(head, bytes, start, stop, limits)
  if (length > 0) return readFacts(head, length)
  return length === 0 && available >= limits.headBytes ? HEAD_TOO_LARGE : length
}

/** Scans the whole head; on success `text`, `method`, `target`, path and query of an origin-form and `minor` are set. */
function scanRequest(head: RequestHead, bytes: Buffer, start: number, stop: number, limits: HeadLimits): number {
  let base = start
  // RFC 9112 §2.2: ignore at least one empty line before the request line. One is all there is.
  if (base < stop && bytes[base] === CR) {
    if (base + 1 === stop) return 0
    if (bytes[base + 1] !== LF) return BAD_LINE_ENDING
    base += 2
  }

  const methodStop = Math.min(stop, base + MAX_METHOD_BYTES + 1)
  let p = base
  while (p < methodStop && (byteClass[bytes[p]!]! & TOKEN) !== 0) p++
  if (p - base > MAX_METHOD_BYTES) return METHOD_TOO_LONG
  if (p === stop) return 0
  if (bytes[p] !== SP || p === base) return BAD_REQUEST_LINE
  const methodEnd = p++

  const targetStart = p
  const targetStop = Math.min(stop, targetStart + limits.targetBytes + 1)
  while (p < targetStop && (byteClass[bytes[p]!]! & PATH) !== 0) p++
  const pathEnd = p
  if (p < targetStop && bytes[p] === QUESTION_MARK) {
    while (p < targetStop && (byteClass[bytes[p]!]! & QUERY) !== 0) p++
  }
  const targetEnd = p
  if (targetEnd - targetStart > limits.targetBytes) return TARGET_TOO_LONG
  if (p === stop) return 0
  if (bytes[p] !== SP) return bytes[p] === CR || bytes[p] === LF ? BAD_REQUEST_LINE : BAD_TARGET
  if (targetEnd === targetStart) return BAD_REQUEST_LINE

  const minor = scanVersion(bytes, p + 1, stop)
  if (minor === VERSION_INCOMPLETE) return 0
  if (minor < 0) return minor
  p += 1 + VERSION_BYTES
  if (p === stop) return 0
  if (bytes[p] !== CR) return bytes[p] === LF ? BAD_LINE_ENDING : BAD_REQUEST_LINE
  if (p + 1 === stop) return 0
  if (bytes[p + 1] !== LF) return BAD_LINE_ENDING

  p = scanFields(head, bytes, base, p + 2, stop, limits.fields)
  if (p <= 0) return p
  head.minor = minor === 0 ? 0 : 1
  head.text = latin1Text(bytes, base, p)
  head.method = methodName(head.text, methodEnd - base)
  setTarget(head, targetStart - base, pathEnd - base, targetEnd - base)
  return p - start
}

function setTarget(head: RequestHead, start: number, pathEnd: number, end: number): void {
  const text = head.text
  head.target = text.slice(start, end)
  head.form = 'origin'
  head.uri = head.target
  if (pathEnd === end) {
    head.path = head.target
    head.query = ''
    head.hasQuery = false
  } else {
    head.path = text.slice(start, pathEnd)
    head.query = text.slice(pathEnd + 1, end)
    head.hasQuery = true
  }
}

/** Everything that is told by the whole head: target form, authority, connection, framing. Returns `length` or an error. */
function readFacts(head: RequestHead, length: number): number {
  let error = readHost(head)
  if (error < 0) return error
  if (head.method === 'CONNECT' || head.target.charCodeAt(0) !== SLASH) {
    head.query = ''
    head.hasQuery = false
    error = readOtherTarget(head)
    if (error < 0) return error
  }
  error = readConnection(head)
  if (error < 0) return error
  const chunked = readFraming(head)
  if (chunked < 0) return chunked
  // RFC 9112 §6.3 items 4, 6 and 7: a request without framing has no body.
  head.bodyKind = chunked === 1 ? B.chunked : head.contentLength === -1 ? B.none : B.sized
  head.expectContinue = head.has(F.expect) && head.minor === 1 && head.value(F.expect)!.toLowerCase() === '100-continue'
  return length
}

/** RFC 9112 §3.2: one valid Host in HTTP/1.1, at most one in HTTP/1.0. */
function readHost(head: RequestHead): number {
  if (!head.has(F.host)) {
    head.authority = ''
    head.host = ''
    return head.minor === 1 ? HOST_MISSING : 0
  }
  if (head.isRepeated(F.host)) return HOST_REPEATED
  const i = head.indexOf(F.host)
  const start = head.valueStart(i)
  const end = head.valueEnd(i)
  const value = head.text.slice(start, end)
  if (value !== lastHost.value) {
    const hostEnd = checkAuthority(head.text, start, end)
    if (hostEnd === -1) return BAD_HOST
    head.setAuthority(head.text, start, end, hostEnd)
    lastHost.value = value
    lastHost.authority = head.authority
    lastHost.host = head.host
  }
  head.authority = lastHost.authority
  head.host = lastHost.host
  return 0
}

/**
 * The last valid Host value and what was made of it. Most heads carry the same one as the head before, which saves the
 * check, and gives strings whose hash Maps need not compute again (0.1 µs of a hit).
 */
const lastHost = { value: 'localhost', authority: 'localhost', host: 'localhost' }

/** The method at the front of `text`: a constant if it is a common one, else a slice. */
function methodName(text: string, length: number): string {
  switch (length) {
    case 3:
      if (text.startsWith('GET')) return 'GET'
      if (text.startsWith('PUT')) return 'PUT'
      break
    case 4:
      if (text.startsWith('HEAD')) return 'HEAD'
      if (text.startsWith('POST')) return 'POST'
      break
    case 5:
      if (text.startsWith('PATCH')) return 'PATCH'
      if (text.startsWith('TRACE')) return 'TRACE'
      break
    case 6:
      if (text.startsWith('DELETE')) return 'DELETE'
      break
    case 7:
      if (text.startsWith('OPTIONS')) return 'OPTIONS'
      if (text.startsWith('CONNECT')) return 'CONNECT'
      break
  }
  return text.slice(0, length)
}
