/**
 * MD5 (RFC 1321), for placing keys only. `crypto.hash` would do, but makes a string or a Buffer per call, and a key is
 * hashed per request; it is also missing where OpenSSL runs in FIPS mode, and who owns a key must not depend on that.
 */

/** The digest as four words: bytes 0-3, 4-7, 8-11, 12-15, each little-endian, as int32. */
export type Md5Words = Int32Array

const BLOCK_BYTES = 64
/** Where the length stands in the last block. */
const LENGTH_AT = 56

const sines = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0)
const shifts = Uint8Array.of(7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21)

// One per thread, overwritten by each call.
const block = new Int32Array(16)
const tail = new Uint8Array(2 * BLOCK_BYTES)
const digest: Md5Words = new Int32Array(4)

/** Of bytes[start, end). What it returns is overwritten by the next call. */
export function md5(bytes: Uint8Array, start: number, end: number): Md5Words {
  digest[0] = 0x67452301
  digest[1] = 0xefcdab89 | 0
  digest[2] = 0x98badcfe | 0
  digest[3] = 0x10325476
  let at = start
  for (; end - at >= BLOCK_BYTES; at += BLOCK_BYTES) addBlock(bytes, at)

  const left = end - at
  for (let i = 0; i < left; i++) tail[i] = bytes[at + i]!
  tail[left] = 0x80
  const tailBytes = left < LENGTH_AT ? BLOCK_BYTES : 2 * BLOCK_BYTES
  tail.fill(0, left + 1, tailBytes)
  const bits = (end - start) * 8
  for (let i = 0; i < 4; i++) tail[tailBytes - 8 + i] = bits >>> (8 * i)
  // Bits above 2³²: none, as no key and no label has 512 MiB.
  for (let tailAt = 0; tailAt < tailBytes; tailAt += BLOCK_BYTES) addBlock(tail, tailAt)
  return digest
}

function addBlock(bytes: Uint8Array, at: number): void {
  for (let i = 0, p = at; i < 16; i++, p += 4) {
    block[i] = bytes[p]! | (bytes[p + 1]! << 8) | (bytes[p + 2]! << 16) | (bytes[p + 3]! << 24)
  }
  let a = digest[0]!
  let b = digest[1]!
  let c = digest[2]!
  let d = digest[3]!
  for (let i = 0; i < 64; i++) {
    const round = i >> 4
    let mixed: number
    let word: number
    if (round === 0) {
      mixed = (b & c) | (~b & d)
      word = i
    } else if (round === 1) {
      mixed = (d & b) | (~d & c)
      word = (5 * i + 1) & 15
    } else if (round === 2) {
      mixed = b ^ c ^ d
      word = (3 * i + 5) & 15
    } else {
      mixed = c ^ (b | ~d)
      word = (7 * i) & 15
    }
    const sum = (a + mixed + sines[i]! + block[word]!) | 0
    const shift = shifts[(round << 2) | (i & 3)]!
    a = d
    d = c
    c = b
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0
  }
  digest[0] = digest[0]! + a
  digest[1] = digest[1]! + b
  digest[2] = digest[2]! + c
  digest[3] = digest[3]! + d
}
