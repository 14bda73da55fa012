/**
 * Which protocol a session belongs to, read from its first bytes. OpenSSL writes sessions in DER:
 *
 *     SEQUENCE { version INTEGER 1, protocol INTEGER, cipher OCTET STRING, ... }
 *     30 7f      02 01 01           02 02 03 04
 */

export const TLS_13 = 0x0304

const SEQUENCE = 0x30
const LONG_LENGTH = 0x80
/** Of the length, behind its first byte: more than 64 KiB is no session. */
const MAX_LENGTH_BYTES = 2
/** The version of the format, and the head of the number that follows. */
const BEFORE_PROTOCOL = Buffer.from([2, 1, 1, 2, 2])

/** 0x0303, 0x0304 ...; undefined: it is no session, or of another form. */
export function sessionVersion(data: Buffer): number | undefined {
  const first = data[1]
  if (data[0] !== SEQUENCE || first === undefined) return undefined
  const lengthBytes = first >= LONG_LENGTH ? first - LONG_LENGTH : 0
  const at = 2 + lengthBytes
  const protocolAt = at + BEFORE_PROTOCOL.length
  if (lengthBytes > MAX_LENGTH_BYTES || data.length < protocolAt + 2) return undefined
  if (BEFORE_PROTOCOL.compare(data, at, protocolAt) !== 0) return undefined
  return data.readUInt16BE(protocolAt)
}
