/**
 * Heads and trailers of HTTP/2 as the rest of the proxy wants them: a list of names and values becomes the text of an
 * HTTP/1.1 head, which the one strict parser reads. So nothing that it would refuse comes in by another door.
 */
import { F } from '../http/fields.ts'
import type { HeadLimits } from '../http/request-head.ts'
import { parseResponseHead, type ResponseHead } from '../http/response-head.ts'
import { TrailerReader } from '../http/trailer-reader.ts'

/** Characters that are no byte: as latin1 they would become other ones, perhaps line ends. */
const NO_LATIN1 = /[\u0100-\uffff]/

/** RFC 9113 §8.2.2: fields that concern a connection make the message malformed. `te` does in a response (RFC 9110 §10.1.4). */
const connectionFields = [
  F.connection,
  F.proxyConnection,
  F.keepAlive,
  F.transferEncoding,
  F.upgrade,
  F.te,
  F.http2Settings,
] as const

/**
 * Reads the fields of a response into `head`; false when they are malformed or over the limits. `list`: names and values
 * in turn. `isLast`: nothing follows, not even an empty body.
 */
export function readResponseList(
  head: ResponseHead,
  list: readonly string[],
  limits: HeadLimits,
  method: string,
  isLast: boolean,
): boolean {
  // RFC 9113 §8.3: pseudo-fields come first, and of a response there is one.
  const status = list[1]
  if (list[0] !== ':status' || status === undefined || !/^[1-9]\d\d$/.test(status)) return false
  let lines = ''
  let hasLength = false
  for (let i = 2; i + 1 < list.length; i += 2) {
    lines += `${list[i]}: ${list[i + 1]}\r\n`
    if (list[i] === 'content-length') hasLength = true
  }
  if (NO_LATIN1.test(lines)) return false
  if (isLast && !hasLength && mayHaveBody(status, method)) lines += 'content-length: 0\r\n'
  const bytes = Buffer.from(`HTTP/1.1 ${status} \r\n${lines}\r\n`, 'latin1')
  // A line end within a value would make two fields of it, or end the head early; each is one list entry here.
  if (parseResponseHead(head, bytes, 0, bytes.length, limits, method) !== bytes.length) return false
  if (head.count !== (list.length - 2) / 2 + (isLast && !hasLength && mayHaveBody(status, method) ? 1 : 0)) return false
  return connectionFields.every((id) => !head.has(id))
}

/** RFC 9110 §6.4.1. */
function mayHaveBody(status: string, method: string): boolean {
  return method !== 'HEAD' && status !== '204' && status !== '304' && !status.startsWith('1')
}

/** The lines of a list of trailers that may be passed on; undefined: there are none; false: they are malformed or too many. */
export function readTrailerList(list: readonly string[]): string | undefined | false {
  if (list.length === 0) return undefined
  let lines = ''
  for (let i = 0; i + 1 < list.length; i += 2) lines += `${list[i]}: ${list[i + 1]}\r\n`
  if (NO_LATIN1.test(lines)) return false
  const bytes = Buffer.from(`${lines}\r\n`, 'latin1')
  const reader = new TrailerReader()
  return reader.read(bytes, 0, bytes.length) === bytes.length && reader.isComplete ? reader.forwardable() : false
}
