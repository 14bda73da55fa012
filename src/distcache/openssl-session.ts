/**
 * What a session says of itself, read from its first bytes. OpenSSL writes sessions in DER:
 *
 *     SEQUENCE { version INTEGER 1, protocol INTEGER, cipher OCTET STRING, id OCTET STRING, ... }
 *     30 7f      02 01 01           02 02 03 04       04 02 13 02          04 20 ...
 *
 * Whoever asks a place for a session looks here at what came: OpenSSL takes any that it can read, and goes on with it although
 * the client has another, which fails the connection.
 */

export const TLS_13 = 0x0304

const SEQUENCE = 0x30
const OCTET_STRING = 4
const LONG_LENGTH = 0x80
/** Of the length, behind its first byte: more than 64 KiB is no session. */
const MAX_LENGTH_BYTES = 2
/** The version of the format, and the head of the number that follows. */
const BEFORE_PROTOCOL = Buffer.from([2, 1, 1, 2, 2])
const PROTOCOL_BYTES = 2
/** With its head. */
const CIPHER_BYTES = 4

/** 0x0303, 0x0304 ...; undefined: it is no session, or of another form. */
export function sessionVersion(data: Buffer): number | undefined {
  const at = protocolAt(data)
  return at === -1 ? undefined : data.readUInt16BE(at)
}

/** Whether it is the session of that id, which is shorter than 128 bytes. */
export function hasSessionId(data: Buffer, id: Buffer): boolean {
  const at = protocolAt(data)
  if (at === -1) return false
  const cipherAt = at + PROTOCOL_BYTES
  const idAt = cipherAt + CIPHER_BYTES + 2
  if (data.length < idAt + id.length) return false
  if (data[cipherAt] !== OCTET_STRING || data[cipherAt + 1] !== CIPHER_BYTES - 2) return false
  if (data[idAt - 2] !== OCTET_STRING || data[idAt - 1] !== id.length) return false
  return data.compare(id, 0, id.length, idAt, idAt + id.length) === 0
}

/** Where the number of the protocol lies; -1: nowhere. */
function protocolAt(data: Buffer): number {
  const first = data[1]
  if (data[0] !== SEQUENCE || first === undefined) return -1
  const lengthBytes = first >= LONG_LENGTH ? first - LONG_LENGTH : 0
  const at = 2 + lengthBytes
  const found = at + BEFORE_PROTOCOL.length
  if (lengthBytes > MAX_LENGTH_BYTES || data.length < found + PROTOCOL_BYTES) return -1
  return BEFORE_PROTOCOL.compare(data, at, found) === 0 ? found : -1
}
