/**
 * A response head from a backend: bytes to facts (RFC 9112 §4, §6.3). As strict as for requests: a backend that frames its
 * answers in two ways at once would let one client read what was meant for another.
 */
import { B } from './body-kind.ts'
import { SPAN } from './field-list.ts'
import { isIdleCoding, readConnection, readFraming } from './framing.ts'
import { refusal } from './head-errors.ts'
import { latin1Text } from './latin1.ts'
import { MessageHead } from './message-head.ts'
import type { HeadLimits } from './request-head.ts'
import { hasLineEnd, scanFields } from './scan-fields.ts'
import { byteClass, CR, DIGIT, LF, SP, VALUE } from './tokens.ts'
import { scanVersion, VERSION_BYTES, VERSION_INCOMPLETE } from './version.ts'

const BAD_STATUS_LINE = refusal('bad-status-line')
const BAD_LINE_ENDING = refusal('bad-line-ending')
const HEAD_TOO_LARGE = refusal('head-too-large')

const STATUS_DIGITS = 3

/** Strings are slices of `text` and keep it in memory; whoever stores one longer than the response copies it. */
export class ResponseHead extends MessageHead {
  /** 100 to 999. Above 599 is a server error by RFC 9110 §15, and passed on as it is. */
  status = 0
  /** As received, often empty. */
  reason = ''

  /** Length of the body as announced; -1: its end will tell. */
  get bodyBytes(): number {
    if (this.bodyKind === B.sized) return this.contentLength
    return this.bodyKind === B.none ? 0 : -1
  }

  /** An own right-sized copy that survives the next parse into this head. */
  detach(): ResponseHead {
    const copy = new ResponseHead(this.spans.slice(0, this.count * SPAN))
    copy.copyMessage(this)
    copy.status = this.status
    copy.reason = this.reason
    return copy
  }
}

/**
 * Parses the response head at `bytes[start]`; parameters and result as those of `parseRequestHead`. `requestMethod` is
 * that of the request it answers: what it was decides whether a body follows.
 */
export function parseResponseHead(
  head: ResponseHead,
  bytes: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  requestMethod: string,
  seen = start,
): number {
  const available = end - start
  if (seen > start && available < limits.headBytes && !hasLineEnd(bytes, seen, end)) return 0
  const stop = available > limits.headBytes ? start + limits.headBytes : end
  const length = scanResponse(head, bytes, start, stop, limits)
  if (length > 0) return readFacts(head, requestMethod, length)
  return length === 0 && available >= limits.headBytes ? HEAD_TOO_LARGE : length
}

/** Scans the whole head; on success `text`, `minor`, `status` and `reason` are set. */
function scanResponse(head: ResponseHead, bytes: Buffer, start: number, stop: number, limits: HeadLimits): number {
  const minor = scanVersion(bytes, start, stop)
  if (minor === VERSION_INCOMPLETE) return 0
  if (minor < 0) return minor
  let p = start + VERSION_BYTES
  if (p === stop) return 0
  if (bytes[p++] !== SP) return BAD_STATUS_LINE

  let status = 0
  for (const digitsEnd = p + STATUS_DIGITS; p < digitsEnd; p++) {
    if (p === stop) return 0
    if ((byteClass[bytes[p]!]! & DIGIT) === 0) return BAD_STATUS_LINE
    status = status * 10 + (bytes[p]! - 0x30)
  }
  if (status < 100) return BAD_STATUS_LINE
  if (p === stop) return 0
  // The space before an empty reason is required, but left out by many servers, and nothing can be mistaken without it.
  if (bytes[p] === SP) p++
  else if (bytes[p] !== CR) return bytes[p] === LF ? BAD_LINE_ENDING : BAD_STATUS_LINE

  const reasonStart = p
  while (p < stop && (byteClass[bytes[p]!]! & VALUE) !== 0) p++
  const reasonEnd = p
  if (p === stop) return 0
  if (bytes[p] !== CR) return bytes[p] === LF ? BAD_LINE_ENDING : BAD_STATUS_LINE
  if (p + 1 === stop) return 0
  if (bytes[p + 1] !== LF) return BAD_LINE_ENDING

  p = scanFields(head, bytes, start, p + 2, stop, limits.fields)
  if (p <= 0) return p
  head.minor = minor === 0 ? 0 : 1
  head.status = status
  head.text = latin1Text(bytes, start, p)
  head.reason = head.text.slice(reasonStart - start, reasonEnd - start)
  return p - start
}

/** Connection and body length, RFC 9112 §6.3 in order. Returns `length` or a negative head error. */
function readFacts(head: ResponseHead, requestMethod: string, length: number): number {
  const error = readConnection(head)
  if (error < 0) return error
  const chunked = readFraming(head)
  const isIdle = chunked < 0 && isIdleCoding(head)
  if (chunked < 0 && !isIdle) return chunked
  const status = head.status
  if (requestMethod === 'HEAD' || status < 200 || status === 204 || status === 304) {
    // 1: no body, whatever the fields say. In a 1xx or 204 they must not even be there (§6.1, RFC 9110 §8.6); a server
    // that sends them may send that body too, so the connection is not used again.
    head.bodyKind = B.none
    if (isIdle) head.keepAlive = false
    if ((status < 200 || status === 204) && (chunked === 1 || head.contentLength > 0)) head.keepAlive = false
  } else if (requestMethod === 'CONNECT' && status < 300) {
    // 2: a tunnel. CONNECT is never sent; what came is no response to share.
    head.bodyKind = B.none
    head.keepAlive = false
  } else if (chunked === 1) {
    // 3 (both framings) is refused in readFraming; 4: chunked; codings that change the body or its end are refused too.
    head.bodyKind = B.chunked
  } else if (head.contentLength !== -1) {
    // 5 (an invalid length) is refused in readFraming; 6: sized.
    head.bodyKind = B.sized
  } else {
    // 4, "not the final encoding", for a coding that is none; 7 is about requests; 8: up to the end of the connection.
    head.bodyKind = B.untilClose
    head.keepAlive = false
  }
  if (head.upgrade) head.upgrade = status === 101
  return length
}
