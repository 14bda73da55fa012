/** The protocol version of a request or status line (RFC 9112 §2.3). */
import { refusal } from './head-errors.ts'
import { byteClass, DIGIT, DOT } from './tokens.ts'

const BAD_VERSION = refusal('bad-version')
const UNSUPPORTED_VERSION = refusal('unsupported-version')

/** "HTTP/1.1". */
export const VERSION_BYTES = 8
/** What `scanVersion` returns when the bytes end within a version that is right so far. */
export const VERSION_INCOMPLETE = 2

const NAME = [0x48, 0x54, 0x54, 0x50, 0x2f] // "HTTP/"
const ZERO = 0x30
const ONE = 0x31

/** The minor version of HTTP/1.0 or HTTP/1.1 at `from`: 0 or 1; VERSION_INCOMPLETE; or a negative head error. */
export function scanVersion(bytes: Uint8Array, from: number, stop: number): number {
  for (let i = 0; i < NAME.length; i++) {
    if (from + i === stop) return VERSION_INCOMPLETE
    if (bytes[from + i] !== NAME[i]) return BAD_VERSION
  }
  const major = from + NAME.length
  if (major === stop) return VERSION_INCOMPLETE
  if ((byteClass[bytes[major]!]! & DIGIT) === 0) return BAD_VERSION
  if (major + 1 === stop) return VERSION_INCOMPLETE
  if (bytes[major + 1] !== DOT) return BAD_VERSION
  if (major + 2 === stop) return VERSION_INCOMPLETE
  const minor = bytes[major + 2]!
  if ((byteClass[minor]! & DIGIT) === 0) return BAD_VERSION
  if (bytes[major] !== ONE || minor > ONE) return UNSUPPORTED_VERSION
  return minor - ZERO
}
