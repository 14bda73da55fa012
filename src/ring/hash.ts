/**
 * The hash functions of twemproxy, bit for bit, quirks included: where it runs on x86 it widens a byte as a signed char, so
 * bytes above 127 come in as negative numbers in some functions and not in others, and its `crc16` forgets to cut the
 * register to 16 bits.
 *
 * All return 32 bits as a signed number; `>>> 0` gives the value twemproxy has. Unsigned, every second one would be too large
 * for V8's small integers and cost a heap number per key.
 */
import type { HashName } from '../plan/memcached-plan.ts'
import { md5 } from './md5.ts'

/** Hash of bytes[start, end), as int32. */
export type HashFunction = (bytes: Uint8Array, start: number, end: number) => number

export const hashFunctions: Readonly<Record<HashName, HashFunction>> = {
  one_at_a_time: oneAtATime,
  md5: (bytes, start, end) => md5(bytes, start, end)[0]!,
  crc16,
  crc32,
  crc32a,
  fnv1_64: (bytes, start, end) => fnv1(bytes, start, end, FNV_64_OFFSET, FNV_64_PRIME),
  fnv1a_64: (bytes, start, end) => fnv1a(bytes, start, end, FNV_64_OFFSET, FNV_64_PRIME),
  fnv1_32: (bytes, start, end) => fnv1(bytes, start, end, FNV_32_OFFSET, FNV_32_PRIME),
  fnv1a_32: (bytes, start, end) => fnv1a(bytes, start, end, FNV_32_OFFSET, FNV_32_PRIME),
  hsieh,
  murmur,
  jenkins,
}

/** In the order of the manual. */
export const hashNames = Object.keys(hashFunctions) as readonly HashName[]

/** The byte at `at` as C's signed char, widened. */
function signed(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) >> 24
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function halfWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

/** Bob Jenkins' one-at-a-time. */
function oneAtATime(bytes: Uint8Array, start: number, end: number): number {
  let h = 0
  for (let i = start; i < end; i++) {
    h = (h + signed(bytes, i)) | 0
    h = (h + (h << 10)) | 0
    h ^= h >>> 6
  }
  h = (h + (h << 3)) | 0
  h ^= h >>> 11
  return (h + (h << 15)) | 0
}

// The low halves of the 64-bit offset and prime: the low half of a product depends on the low halves only, and nothing
// but the low half is used.
const FNV_64_OFFSET = 0x84222325 | 0
const FNV_64_PRIME = 0x1b3
const FNV_32_OFFSET = 0x811c9dc5 | 0
const FNV_32_PRIME = 0x01000193

function fnv1(bytes: Uint8Array, start: number, end: number, offset: number, prime: number): number {
  let h = offset
  for (let i = start; i < end; i++) h = Math.imul(h, prime) ^ signed(bytes, i)
  return h
}

function fnv1a(bytes: Uint8Array, start: number, end: number, offset: number, prime: number): number {
  let h = offset
  for (let i = start; i < end; i++) h = Math.imul(h ^ signed(bytes, i), prime)
  return h
}

/** Polynomial 0x1021, most significant bit first. */
const crc16Table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})

function crc16(bytes: Uint8Array, start: number, end: number): number {
  let h = 0
  for (let i = start; i < end; i++) h = (h << 8) ^ crc16Table[((h >>> 8) ^ bytes[i]!) & 255]!
  return h
}

/** The polynomial of zlib, least significant bit first. */
const crc32Table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

function crc32a(bytes: Uint8Array, start: number, end: number): number {
  let h = -1
  for (let i = start; i < end; i++) h = (h >>> 8) ^ crc32Table[(h ^ bytes[i]!) & 255]!
  return ~h
}

/** libmemcached's: 15 bits of the real one. */
function crc32(bytes: Uint8Array, start: number, end: number): number {
  return (crc32a(bytes, start, end) >>> 16) & 0x7fff
}

/** SuperFastHash by Paul Hsieh, started at 0 rather than at the length. */
function hsieh(bytes: Uint8Array, start: number, end: number): number {
  let h = 0
  let i = start
  for (; end - i >= 4; i += 4) {
    h = (h + halfWord(bytes, i)) | 0
    h = (h << 16) ^ ((halfWord(bytes, i + 2) << 11) ^ h)
    h = (h + (h >>> 11)) | 0
  }
  switch (end - i) {
    case 3:
      h = (h + halfWord(bytes, i)) | 0
      h ^= h << 16
      h ^= signed(bytes, i + 2) << 18
      h = (h + (h >>> 11)) | 0
      break
    case 2:
      h = (h + halfWord(bytes, i)) | 0
      h ^= h << 11
      h = (h + (h >>> 17)) | 0
      break
    case 1:
      h = (h + bytes[i]!) | 0
      h ^= h << 10
      h = (h + (h >>> 1)) | 0
      break
  }
  h ^= h << 3
  h = (h + (h >>> 5)) | 0
  h ^= h << 4
  h = (h + (h >>> 17)) | 0
  h ^= h << 25
  return (h + (h >>> 6)) | 0
}

const MURMUR_SEED = 0xdeadbeef
const MURMUR_M = 0x5bd1e995

/** MurmurHash2 by Austin Appleby, seeded with a multiple of the length. */
function murmur(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  let h = Math.imul(MURMUR_SEED, length) ^ length
  let i = start
  for (; end - i >= 4; i += 4) {
    let k = Math.imul(word(bytes, i), MURMUR_M)
    k ^= k >>> 24
    h = Math.imul(h, MURMUR_M) ^ Math.imul(k, MURMUR_M)
  }
  const left = end - i
  if (left > 0) {
    for (let j = left - 1; j >= 0; j--) h ^= bytes[i + j]! << (8 * j)
    h = Math.imul(h, MURMUR_M)
  }
  h ^= h >>> 13
  h = Math.imul(h, MURMUR_M)
  return h ^ (h >>> 15)
}

const JENKINS_START = (0xdeadbeef + 13) | 0

/** lookup3 (hashlittle) by Bob Jenkins. */
function jenkins(bytes: Uint8Array, start: number, end: number): number {
  let a = (JENKINS_START + (end - start)) | 0
  let b = a
  let c = a
  let i = start
  for (; end - i > 12; i += 12) {
    a = (a + word(bytes, i)) | 0
    b = (b + word(bytes, i + 4)) | 0
    c = (c + word(bytes, i + 8)) | 0
    a = ((a - c) | 0) ^ rotate(c, 4)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 6)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 8)
    b = (b + a) | 0
    a = ((a - c) | 0) ^ rotate(c, 16)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 19)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 4)
    b = (b + a) | 0
  }
  const left = end - i
  if (left === 0) return c
  for (let j = 0; j < left; j++) {
    const byte = bytes[i + j]! << (8 * (j & 3))
    if (j < 4) a = (a + byte) | 0
    else if (j < 8) b = (b + byte) | 0
    else c = (c + byte) | 0
  }
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  return ((c ^ b) - rotate(b, 24)) | 0
}

/**
 * Spreads a hash over all 32 bits, one to one (the finish of MurmurHash3), for the distributions that are ours: fnv1a_64
 * gives short, counting keys neighbouring values, crc32 only 15 bits.
 */
export function spread(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
