/**
 * Connection, Content-Length and Transfer-Encoding of a scanned head (RFC 9112 §6, §9.3; RFC 9110 §7.6.1, §8.6).
 *
 * These three decide where a message ends. Any doubt is an error here: repeated or odd values, both framings at once,
 * codings other than chunked (but see `isIdleCoding` for responses). Values go through strict digit loops, never through a number conversion of the language.
 */
import { F } from './fields.ts'
import { refusal } from './head-errors.ts'
import { isProtectedOption } from './hop-by-hop.ts'
import type { MessageHead } from './message-head.ts'
import { byteClass, COMMA, CR, DIGIT, isBlank, isToken, SP, splitList, TOKEN, trimBlanks } from './tokens.ts'

const BAD_CONTENT_LENGTH = refusal('bad-content-length')
const CONTENT_LENGTH_REPEATED = refusal('content-length-repeated')
const LENGTH_AND_CODING = refusal('length-and-coding')
const BAD_TRANSFER_ENCODING = refusal('bad-transfer-encoding')
const UNKNOWN_TRANSFER_CODING = refusal('unknown-transfer-coding')
const CODING_IN_HTTP_1_0 = refusal('coding-in-http-1.0')
const BAD_CONNECTION = refusal('bad-connection')
const PROTECTED_CONNECTION_OPTION = refusal('protected-connection-option')

/** 15 digits stay below 2^53, so that every accepted length is an exact number. */
const MAX_LENGTH_DIGITS = 15
/** Options of Connection; each is compared with each field when the head is forwarded. Honest heads have three at most. */
const MAX_CONNECTION_OPTIONS = 16

/** Sets `keepAlive`, `upgrade` and `connectionOptions`; needs `minor`. Returns 0 or a negative head error. */
export function readConnection(head: MessageHead): number {
  head.keepAlive = head.minor === 1
  head.upgrade = false
  head.connectionOptions = undefined
  if (!head.has(F.connection)) return 0
  let close = false
  for (let i = head.indexOf(F.connection); i !== -1; i = head.indexOf(F.connection, i + 1)) {
    const end = head.valueEnd(i)
    let p = head.valueStart(i)
    while (p < end) {
      const start = skipSeparators(head.text, p, end)
      if (start === end) break
      p = tokenEnd(head.text, start, end)
      if (p === start || !isAtSeparator(head.text, p, end)) return BAD_CONNECTION
      const option = head.text.slice(start, p).toLowerCase()
      if (option === 'close') close = true
      else if (option === 'keep-alive') head.keepAlive = true
      else if (option === 'upgrade') head.upgrade = head.minor === 1 && head.has(F.upgrade)
      else if (isProtectedOption(option)) return PROTECTED_CONNECTION_OPTION
      else if (head.connectionOptions === undefined) head.connectionOptions = [option]
      else if (head.connectionOptions.push(option) > MAX_CONNECTION_OPTIONS) return BAD_CONNECTION
    }
  }
  if (close) head.keepAlive = false
  return 0
}

/**
 * Checks both framing fields and sets `contentLength`. Returns 1 when the body is chunked, 0 when it is not, or a negative
 * head error. Needs `minor`.
 */
export function readFraming(head: MessageHead): number {
  head.contentLength = -1
  const hasCoding = head.has(F.transferEncoding)
  if (head.has(F.contentLength)) {
    // RFC 9112 §6.3 item 3: both may be a smuggling attempt and ought to be an error.
    if (hasCoding) return LENGTH_AND_CODING
    // RFC 9110 §8.6 lets equal repeated values pass; whoever sends them has been tampered with, so they do not.
    if (head.isRepeated(F.contentLength)) return CONTENT_LENGTH_REPEATED
    const i = head.indexOf(F.contentLength)
    if (!isPlainlyWritten(head, i)) return BAD_CONTENT_LENGTH
    head.contentLength = parseLength(head.text, head.valueStart(i), head.valueEnd(i))
    return head.contentLength === -1 ? BAD_CONTENT_LENGTH : 0
  }
  if (!hasCoding) return 0
  // RFC 9112 §6.1: Transfer-Encoding in HTTP/1.0 is faulty framing.
  if (head.minor === 0) return CODING_IN_HTTP_1_0
  if (head.isRepeated(F.transferEncoding)) return BAD_TRANSFER_ENCODING
  const i = head.indexOf(F.transferEncoding)
  if (!isPlainlyWritten(head, i)) return BAD_TRANSFER_ENCODING
  const coding = head.valueAt(i).toLowerCase()
  return coding === 'chunked' ? 1 : refuseCoding(coding)
}

/**
 * Codings that change the bytes: read up to the end of the connection and passed on without the field that names them, the
 * body would be garbage with a good status.
 */
const registeredCodings: ReadonlySet<string> = new Set(['gzip', 'x-gzip', 'deflate', 'compress', 'x-compress'])

/**
 * Whether a response's Transfer-Encoding is one word that means nothing to anybody ("identity", "foo"), where the head has
 * no Content-Length and is refused for this field alone. Such a body ends with its connection (RFC 9112 §6.3 item 4.2), which
 * no second reading of the word can change; for a request there is no such way out. Words that hold "chunked" are what
 * someone else might read as that, and stay refused.
 */
export function isIdleCoding(head: MessageHead): boolean {
  if (head.minor === 0 || head.has(F.contentLength) || head.isRepeated(F.transferEncoding)) return false
  const i = head.indexOf(F.transferEncoding)
  if (i === -1 || !isPlainlyWritten(head, i)) return false
  const coding = head.valueAt(i).toLowerCase()
  return isToken(coding) && !coding.includes('chunked') && !registeredCodings.has(coding)
}

/**
 * True when only spaces stand before the value of field i and nothing behind it. RFC 9112 §5.1 allows tabs, and white
 * space behind; but some parsers then take "chunked" for another word, and see a message without a body.
 */
function isPlainlyWritten(head: MessageHead, i: number): boolean {
  for (let p = head.nameEnd(i) + 1; p < head.valueStart(i); p++) if (head.text.charCodeAt(p) !== SP) return false
  return head.text.charCodeAt(head.valueEnd(i)) === CR
}

/** `1*DIGIT` as a number; -1 for anything else and for more than 15 digits. */
function parseLength(text: string, start: number, end: number): number {
  if (start === end || end - start > MAX_LENGTH_DIGITS) return -1
  let length = 0
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    if ((byteClass[code]! & DIGIT) === 0) return -1
    length = length * 10 + (code - 0x30)
  }
  return length
}

/**
 * Which error a lower-case Transfer-Encoding other than "chunked" is. A well-formed list of codings that ends in its only
 * "chunked" has a known end but a coding we do not implement: 501 (RFC 9112 §6.1). All else has no sure end: 400 (§6.3).
 */
function refuseCoding(value: string): number {
  const members = splitList(value)
  if (members === undefined || members.length < 2 || members.indexOf('chunked') !== members.length - 1) {
    return BAD_TRANSFER_ENCODING
  }
  for (const member of members) {
    const semicolon = member.indexOf(';')
    const name = semicolon === -1 ? member : trimBlanks(member, 0, semicolon)
    if (!isToken(name)) return BAD_TRANSFER_ENCODING
  }
  return UNKNOWN_TRANSFER_CODING
}

function skipSeparators(text: string, p: number, end: number): number {
  while (p < end && (isBlank(text.charCodeAt(p)) || text.charCodeAt(p) === COMMA)) p++
  return p
}

function tokenEnd(text: string, p: number, end: number): number {
  while (p < end && (byteClass[text.charCodeAt(p)]! & TOKEN) !== 0) p++
  return p
}

/** True when nothing but white space lies between `p` and the next comma or the end. */
function isAtSeparator(text: string, p: number, end: number): boolean {
  while (p < end && isBlank(text.charCodeAt(p))) p++
  return p === end || text.charCodeAt(p) === COMMA
}
