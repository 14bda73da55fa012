/**
 * Heads and trailers of HTTP/2 as the rest of the proxy wants them: a list of names and values becomes the text of an
 * HTTP/1.1 head, which the one strict parser reads. So nothing that it would refuse comes in by another door.
 */
import { F } from '../http/fields.ts'
import type { HeadLimits } from '../http/request-head.ts'
import { parseResponseHead, type ResponseHead } from '../http/response-head.ts'
import { TrailerReader } from '../http/trailer-reader.ts'

/** What would make two lines of one, and characters that are no byte: as latin1 they would become other ones, perhaps these. */
const NO_LINE = /[\r\n\u0100-\uffff]/

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
  const lines = linesOf(list, 2)
  if (lines === undefined) return false
  const isEmpty = isLast && mayHaveBody(status, method) && !/^content-length:/m.test(lines)
  const length = isEmpty ? 'content-length: 0\r\n' : ''
  const bytes = Buffer.from(`HTTP/1.1 ${status} \r\n${lines}${length}\r\n`, 'latin1')
  if (parseResponseHead(head, bytes, 0, bytes.length, limits, method) !== bytes.length) return false
  head.isHttp2 = true
  return connectionFields.every((id) => !head.has(id))
}

/** RFC 9110 §6.4.1. */
function mayHaveBody(status: string, method: string): boolean {
  return method !== 'HEAD' && status !== '204' && status !== '304' && !status.startsWith('1')
}

/** The lines of a list of trailers that may be passed on; undefined: there are none; false: they are malformed or too many. */
export function readTrailerList(list: readonly string[]): string | undefined | false {
  if (list.length === 0) return undefined
  const lines = linesOf(list, 0)
  if (lines === undefined) return false
  const bytes = Buffer.from(`${lines}\r\n`, 'latin1')
  const reader = new TrailerReader()
  return reader.read(bytes, 0, bytes.length) === bytes.length && reader.isComplete ? reader.forwardable() : false
}

/** undefined: something would not be read back as it is: a name would end at a colon of its own, a value with its line. */
function linesOf(list: readonly string[], start: number): string | undefined {
  let lines = ''
  for (let i = start; i + 1 < list.length; i += 2) {
    const [name, value] = [list[i]!, list[i + 1]!]
    if (name.includes(':') || NO_LINE.test(name) || NO_LINE.test(value)) return undefined
    lines += `${name}: ${value}\r\n`
  }
  return lines
}
