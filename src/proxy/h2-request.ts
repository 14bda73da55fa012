/**
 * The head of a request of HTTP/2, put into the form of HTTP/1.1 and read by the one parser there is, so that a request means
 * the same however it came (RFC 9113 §8.3.1, §10.3).
 *
 * nghttp2 has refused most of what is malformed before it comes here; the rules are kept here all the same, since the text
 * that is built must never hold a line more than the list has fields.
 */
import { B } from '../http/body-kind.ts'
import { F, fieldNames } from '../http/fields.ts'
import { refusal } from '../http/head-errors.ts'
import { type HeadLimits, parseRequestHead, type RequestHead } from '../http/request-head.ts'

const BAD_PSEUDO_FIELD = refusal('bad-pseudo-field')
const BAD_SCHEME = refusal('bad-scheme')
const CONNECTION_FIELD = refusal('connection-field')
const TWO_AUTHORITIES = refusal('two-authorities')
const BAD_FIELD_NAME = refusal('bad-field-name')
const BAD_FIELD_VALUE = refusal('bad-field-value')
const BAD_TARGET = refusal('bad-target')
const BAD_CONTENT_LENGTH = refusal('bad-content-length')
const HEAD_TOO_LARGE = refusal('head-too-large')

const COLON = 0x3a
const SLASH = 0x2f

/** What is special about a field. */
const Kind = { ordinary: 0, host: 1, cookie: 2, te: 3, connection: 4 } as const

/** Names that need not be checked letter by letter. */
const kinds = new Map<string, number>()
for (const name of fieldNames) if (name !== '') kinds.set(name, Kind.ordinary)
kinds.set('host', Kind.host)
kinds.set('cookie', Kind.cookie)
kinds.set('te', Kind.te)
// RFC 9113 §8.2.2.
for (const name of ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']) {
  kinds.set(name, Kind.connection)
}

/** RFC 9113 §8.2.1: a token without upper-case letters. */
const otherName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/

/** The parser wants bytes. Grows to the largest head that a listener allows. */
let scratch: Buffer = Buffer.allocUnsafeSlow(16 * 1024)

/** What of the connection a request is read by. */
export interface H2Reading {
  readonly isSecure: boolean
  /** The head ended the stream: no body follows. */
  readonly isEnded: boolean
  readonly limits: HeadLimits
}

/**
 * Reads `list`, a flat list of names and values in the order in which they came, into `head`. Returns 0, or the negated index
 * of the error in `headErrors`; then `head` is meaningless.
 */
export function readH2Request(head: RequestHead, list: readonly string[], reading: H2Reading): number {
  const first = readPseudoFields(list)
  if (first < 0) return first
  const isConnect = pseudo.method === 'CONNECT'
  if (isConnect ? pseudo.path !== '' || pseudo.scheme !== '' : !isTarget(pseudo.path)) return BAD_TARGET
  if (!isConnect && pseudo.scheme !== (reading.isSecure ? 'https' : 'http')) return BAD_SCHEME
  const error = readFields(list, first)
  if (error < 0) return error
  const { authority, host } = pseudo
  // RFC 9113 §8.3.1: a Host that names another host than :authority makes the request malformed.
  if (authority !== '' && host !== '' && authority.toLowerCase() !== host.toLowerCase()) return TWO_AUTHORITIES
  const named = authority === '' ? host : authority
  return parse(head, `${pseudo.method} ${isConnect ? authority : pseudo.path} HTTP/1.1\r\n${hostLine(named)}`, reading)
}

/** Filled by the two functions below. */
const pseudo = { method: '', scheme: '', authority: '', path: '', host: '', lines: '', count: 0 }

/** RFC 9113 §8.3: known, once each, before all others. Returns where the others begin, or an error. */
function readPseudoFields(list: readonly string[]): number {
  pseudo.method = ''
  pseudo.scheme = ''
  pseudo.authority = ''
  pseudo.path = ''
  let at = 0
  for (; at < list.length; at += 2) {
    const name = list[at]!
    if (name.charCodeAt(0) !== COLON) break
    const value = list[at + 1]!
    if (value === '') return BAD_PSEUDO_FIELD
    switch (name) {
      case ':method':
        if (pseudo.method !== '') return BAD_PSEUDO_FIELD
        pseudo.method = value
        break
      case ':scheme':
        if (pseudo.scheme !== '') return BAD_PSEUDO_FIELD
        pseudo.scheme = value.toLowerCase()
        break
      case ':authority':
        if (pseudo.authority !== '') return BAD_PSEUDO_FIELD
        pseudo.authority = value
        break
      case ':path':
        if (pseudo.path !== '') return BAD_PSEUDO_FIELD
        pseudo.path = value
        break
      default:
        return BAD_PSEUDO_FIELD
    }
  }
  return pseudo.method === '' ? BAD_PSEUDO_FIELD : at
}

/** Makes lines of the fields from `first` on. Returns 0 or an error. */
function readFields(list: readonly string[], first: number): number {
  let lines = ''
  let cookies = ''
  let count = 0
  pseudo.host = ''
  for (let at = first; at < list.length; at += 2) {
    const name = list[at]!
    const value = list[at + 1]!
    const kind = kinds.get(name)
    if (kind === undefined && !otherName.test(name)) {
      return name.charCodeAt(0) === COLON ? BAD_PSEUDO_FIELD : BAD_FIELD_NAME
    }
    if (hasOuterBlank(value)) return BAD_FIELD_VALUE
    switch (kind) {
      case Kind.connection:
        return CONNECTION_FIELD
      case Kind.host:
        if (pseudo.host !== '') return TWO_AUTHORITIES
        pseudo.host = value
        continue
      case Kind.cookie:
        // RFC 9113 §8.2.3: crumbs are one field everywhere else.
        if (value !== '') cookies = cookies === '' ? value : `${cookies}; ${value}`
        continue
      case Kind.te:
        if (value.toLowerCase() !== 'trailers') return CONNECTION_FIELD
    }
    lines += `${name}: ${value}\r\n`
    count++
  }
  if (cookies !== '') {
    lines += `cookie: ${cookies}\r\n`
    count++
  }
  pseudo.lines = lines
  pseudo.count = count
  return 0
}

function hostLine(host: string): string {
  if (host === '') return ''
  pseudo.count++
  return `host: ${host}\r\n`
}

/** `start`: request line and Host. */
function parse(head: RequestHead, start: string, { isEnded, limits }: H2Reading): number {
  const text = `${start}${pseudo.lines}\r\n`
  const { length } = text
  if (length > limits.headBytes) return HEAD_TOO_LARGE
  if (length > scratch.length) scratch = Buffer.allocUnsafeSlow(length)
  scratch.write(text, 0, 'latin1')
  const used = parseRequestHead(head, scratch, 0, length, limits)
  if (used < 0) return used
  // A value that ended its line would have made another line of its rest.
  if (used !== length || head.count !== pseudo.count) return BAD_FIELD_VALUE
  head.isHttp2 = true
  if (isEnded) return head.contentLength > 0 ? BAD_CONTENT_LENGTH : 0
  // RFC 9113 §8.1.1: without a length the end of the stream tells the end of the body, as the last chunk does elsewhere.
  if (!head.has(F.contentLength)) head.bodyKind = B.chunked
  return 0
}

/** RFC 9113 §8.3.1: origin-form, or `*`; the parser sees to the rest. */
function isTarget(path: string): boolean {
  return path.charCodeAt(0) === SLASH || path === '*'
}

/** RFC 9113 §8.2.1. */
function hasOuterBlank(value: string): boolean {
  const { length } = value
  return length !== 0 && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1)))
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
