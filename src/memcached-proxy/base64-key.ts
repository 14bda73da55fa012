/**
 * Keys of the meta commands with flag `b`: an item has the same place for clients that write its key plainly and for those that
 * write it in base64, so it is the decoded key that is hashed.
 */
import { MAX_KEY_BYTES } from './request-parser.ts'

/** Value of each byte as a base64 digit; 255: it is none. */
const digits = new Uint8Array(256).fill(255)
for (const [value, letter] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  digits[letter.charCodeAt(0)] = value
const PAD = 0x3d

/** The key last decoded, from its start. */
export const decodedKey: Buffer = Buffer.allocUnsafeSlow(MAX_KEY_BYTES)

/**
 * Decodes bytes[start, end) into `decodedKey`; returns how many bytes it is. 0: this is no base64, as servers read it (padded,
 * nothing else between); then the word is hashed as it stands, and the server complains.
 */
export function decodeKey(bytes: Buffer, start: number, end: number): number {
  const length = end - start
  if (length === 0 || length % 4 !== 0) return 0
  const pads = bytes[end - 1] !== PAD ? 0 : bytes[end - 2] !== PAD ? 1 : 2
  const last = end - pads
  for (let i = start; i < last; i++) if (digits[bytes[i]!]! === 255) return 0
  return decodedKey.write(bytes.toString('latin1', start, end), 'base64')
}
