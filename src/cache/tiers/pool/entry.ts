/**
 * What lies in a Memcached pool: one stored response, or one of the small things that lead to it, as bytes. Drawn byte by
 * byte in doc/pool-entries.md; everything is little-endian.
 *
 *     | magic 4 | crc32 4 | version 1 | kind 1 | 0 2 | length 4 | ... numbers ... | key | labels | head | body or list |
 *     0         4         8           9        10    12         16                176
 *
 * The one hard part is that the bytes are anybody's: other versions, other programs under the same key, a server that
 * answers nonsense. So the decoder is total: any bytes give an entry or false, it allocates nothing that a length in them
 * could make large, and the full key is compared, since the key in the pool is only a hash.
 *
 * The checksum is CRC-32 because it comes with node:zlib and runs at gigabytes a second, where a SHA would double the cost
 * of a hit. It finds what memory, wire and bugs do to bytes; it is no defence against those who can write to the pool, for
 * whom a hash without a secret would be none either (doc/threat-model.md).
 */
import { crc32 } from 'node:zlib'
import { latin1Text } from '../../../http/latin1.ts'
import { META_CELLS_USED } from '../../policy/meta.ts'

/** What an entry is. In the bytes: append only. */
export const EntryKind = {
  response: 0,
  /** The names that the responses under a key vary on. */
  marker: 1,
  /** The key that a language leads to. */
  link: 2,
  /** Responses to the key cannot be shared, for the reason that `head` names. */
  refusal: 3,
} as const

const MAGIC = 0x654c6853 // "ShLe"
const VERSION = 1

/** Offsets; what lies between them is nought. The checksum is that of everything behind it. */
const At = {
  magic: 0,
  checksum: 4,
  version: 8,
  kind: 9,
  length: 12,
  writtenMs: 16,
  fleetNumber: 24,
  markerId: 32,
  bodyBytes: 40,
  keyBytes: 48,
  labelBytes: 52,
  headBytes: 56,
  segments: 60,
  segmentBytes: 64,
  segmentId: 72,
  meta: 88,
} as const
/** Where the key begins. */
export const ENTRY_HEADER_BYTES: number = At.meta + 8 * META_CELLS_USED
export const SEGMENT_ID_BYTES = 16
const CHECKSUM_BYTES = 4
/** More than any object has that a cache keeps (16 GiB in segments of 1 MiB): bounds the list. */
const MAX_SEGMENTS = 16_384
/** The longest date there is, in milliseconds (ECMA-262 §21.4.1.1); lifetimes and ages are far below. */
const MAX_MS = 8.64e15
const HEAD_END: Buffer = Buffer.from('\r\n\r\n', 'latin1')
const LINE_END_BYTES = 2

/** All of an entry but its body. */
export interface EntryFront {
  /** A number of EntryKind. */
  readonly kind: number
  /** Cache and key, as `identityOf` writes them. */
  readonly identity: string
  /** Wall clock of the writer. */
  readonly writtenMs: number
  /** The number of the last purge of the fleet when the fetch began. */
  readonly fleetNumber: number
  /** Of a marker, else 0. */
  readonly markerId: number
  /** The first META_CELLS_USED cells count, as `encodeMeta` writes them; those of what is no response are nought. */
  readonly meta: ArrayLike<number>
  /** As `encodeLabels` makes them. */
  readonly labels: Uint8Array
  /** Field lines and the blank line; of what is no response, its text. */
  readonly head: Uint8Array
}

/** A body that lies in items of its own: all of `segmentBytes` but the last. */
export interface SegmentList {
  readonly id: Uint8Array
  readonly segmentBytes: number
  /** CRC-32 of each. */
  readonly checksums: readonly number[]
}

/** Bytes of an entry whose body lies in it. */
export function entryBytes(front: EntryFront, bodyBytes: number): number {
  return ENTRY_HEADER_BYTES + Buffer.byteLength(front.identity) + front.labels.length + front.head.length + bodyBytes
}

/** Bytes of an entry whose body lies in so many segments; infinitely many where no entry can name them all. */
export function segmentedEntryBytes(front: EntryFront, segments: number): number {
  return segments > MAX_SEGMENTS ? Number.POSITIVE_INFINITY : entryBytes(front, segments * CHECKSUM_BYTES)
}

/** The entry with its body, given in pieces of `bodyBytes` together. */
export function encodeEntry(front: EntryFront, body: readonly Uint8Array[], bodyBytes: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(entryBytes(front, bodyBytes))
  let at = writeFront(bytes, front, bodyBytes)
  for (const piece of body) {
    bytes.set(piece, at)
    at += piece.length
  }
  return seal(bytes)
}

/** The entry of a body that lies in segments. */
export function encodeSegmentedEntry(front: EntryFront, list: SegmentList, bodyBytes: number): Buffer {
  const { checksums } = list
  const bytes = Buffer.allocUnsafeSlow(segmentedEntryBytes(front, checksums.length))
  let at = writeFront(bytes, front, bodyBytes)
  bytes.writeUInt32LE(checksums.length, At.segments)
  bytes.writeUInt32LE(list.segmentBytes, At.segmentBytes)
  bytes.set(list.id, At.segmentId)
  for (const checksum of checksums) at = bytes.writeUInt32LE(checksum, at)
  return seal(bytes)
}

/** Gives where the body begins. */
function writeFront(bytes: Buffer, front: EntryFront, bodyBytes: number): number {
  const { identity, labels, head, meta } = front
  bytes.fill(0, 0, ENTRY_HEADER_BYTES)
  bytes.writeUInt32LE(MAGIC, At.magic)
  bytes[At.version] = VERSION
  bytes[At.kind] = front.kind
  bytes.writeUInt32LE(bytes.length, At.length)
  bytes.writeDoubleLE(front.writtenMs, At.writtenMs)
  bytes.writeDoubleLE(front.fleetNumber, At.fleetNumber)
  bytes.writeDoubleLE(front.markerId, At.markerId)
  bytes.writeDoubleLE(bodyBytes, At.bodyBytes)
  for (let cell = 0; cell < META_CELLS_USED; cell++) bytes.writeDoubleLE(meta[cell]!, At.meta + 8 * cell)
  const keyBytes = bytes.write(identity, ENTRY_HEADER_BYTES)
  bytes.writeUInt32LE(keyBytes, At.keyBytes)
  bytes.writeUInt32LE(labels.length, At.labelBytes)
  bytes.writeUInt32LE(head.length, At.headBytes)
  bytes.set(labels, ENTRY_HEADER_BYTES + keyBytes)
  bytes.set(head, ENTRY_HEADER_BYTES + keyBytes + labels.length)
  return ENTRY_HEADER_BYTES + keyBytes + labels.length + head.length
}

function seal(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(At.version)), At.checksum)
  return bytes
}

/**
 * An entry as it was read: numbers, and where in `bytes` the rest lies. Filled again and again; `bytes` belongs to whoever
 * gave them.
 */
export class Entry {
  /** A number of EntryKind. */
  kind = 0
  /** Its item was marked as stale; said by whoever read it. */
  isMarkedStale = false
  writtenMs = 0
  fleetNumber = 0
  markerId = 0
  /** Length of the whole body, wherever it lies. */
  bodyBytes = 0
  /** 0: the body is bytes[bodyStart, end). */
  segments = 0
  segmentBytes = 0
  readonly meta = new Float64Array(META_CELLS_USED)
  bytes: Buffer = HEAD_END
  start = 0
  labelStart = 0
  headStart = 0
  bodyStart = 0
  end = 0

  get labels(): string {
    return latin1Text(this.bytes, this.labelStart, this.headStart)
  }

  /** A view. */
  get head(): Buffer {
    return this.bytes.subarray(this.headStart, this.bodyStart)
  }

  /** Of what is no response. */
  get text(): string {
    return latin1Text(this.bytes, this.headStart, this.bodyStart)
  }

  /** Of a body in segments: its id, as it stands in their keys. */
  get segmentId(): string {
    return this.bytes.toString('base64url', this.start + At.segmentId, this.start + At.segmentId + SEGMENT_ID_BYTES)
  }

  /** CRC-32 of segment `number`, which is less than `segments`. */
  checksumOf(number: number): number {
    return this.bytes.readUInt32LE(this.bodyStart + CHECKSUM_BYTES * number)
  }

  /** Length of segment `number`. */
  lengthOf(number: number): number {
    return Math.min(this.segmentBytes, this.bodyBytes - number * this.segmentBytes)
  }
}

/**
 * Reads bytes[start, end) into `into`, whose fields mean nothing when this is false: it is no entry of a version we read,
 * or damaged, or another key's than `identity`.
 */
export function decodeEntry(bytes: Buffer, start: number, end: number, identity: string, into: Entry): boolean {
  const length = end - start
  if (length < ENTRY_HEADER_BYTES) return false
  if (bytes.readUInt32LE(start + At.magic) !== MAGIC || bytes[start + At.version] !== VERSION) return false
  if (bytes.readUInt32LE(start + At.length) !== length) return false
  if (bytes.readUInt32LE(start + At.checksum) !== crc32(bytes.subarray(start + At.version, end))) return false
  const keyEnd = start + ENTRY_HEADER_BYTES + bytes.readUInt32LE(start + At.keyBytes)
  into.bytes = bytes
  into.start = start
  into.labelStart = keyEnd
  into.headStart = keyEnd + bytes.readUInt32LE(start + At.labelBytes)
  into.bodyStart = into.headStart + bytes.readUInt32LE(start + At.headBytes)
  into.end = end
  if (into.bodyStart > end) return false
  if (bytes.toString('utf8', start + ENTRY_HEADER_BYTES, keyEnd) !== identity) return false
  return readNumbers(into) && readBody(into)
}

function readNumbers(entry: Entry): boolean {
  const { bytes, start, meta } = entry
  entry.kind = bytes[start + At.kind]!
  entry.writtenMs = bytes.readDoubleLE(start + At.writtenMs)
  entry.fleetNumber = bytes.readDoubleLE(start + At.fleetNumber)
  entry.markerId = bytes.readDoubleLE(start + At.markerId)
  for (let cell = 0; cell < META_CELLS_USED; cell++) {
    const value = bytes.readDoubleLE(start + At.meta + 8 * cell)
    if (!isWithin(value, MAX_MS)) return false
    meta[cell] = value
  }
  const isKnown = entry.kind <= EntryKind.refusal && (entry.kind === EntryKind.marker) === entry.markerId > 0
  return isKnown && isWithin(entry.writtenMs, MAX_MS) && isWithin(entry.fleetNumber, Number.MAX_SAFE_INTEGER)
}

/** False for NaN too. */
function isWithin(value: number, most: number): boolean {
  return value >= -most && value <= most
}

function readBody(entry: Entry): boolean {
  const { bytes, start, bodyStart, end } = entry
  const bodyBytes = bytes.readDoubleLE(start + At.bodyBytes)
  const segments = bytes.readUInt32LE(start + At.segments)
  const segmentBytes = bytes.readUInt32LE(start + At.segmentBytes)
  entry.bodyBytes = bodyBytes
  entry.segments = segments
  entry.segmentBytes = segmentBytes
  const lies = segments === 0 ? bodyBytes : segments * CHECKSUM_BYTES
  if (lies !== end - bodyStart || segments > MAX_SEGMENTS) return false
  if (segments > 0 && (!Number.isInteger(bodyBytes) || segments !== Math.ceil(bodyBytes / segmentBytes))) return false
  return entry.kind === EntryKind.response ? hasResponse(entry) : bodyBytes === 0
}

/**
 * The head goes to clients as it is, so it has to end where it says, and nowhere before: else what follows would be taken
 * for a body, or a body for another response. Parts are not stored in pools.
 */
function hasResponse({ meta, bytes, headStart, bodyStart }: Entry): boolean {
  const status = meta[0]!
  if (!Number.isInteger(status) || status < 200 || status > 599 || status === 206 || status === 304) return false
  const headBytes = bodyStart - headStart
  if (headBytes < LINE_END_BYTES) return false
  if (headBytes === LINE_END_BYTES) return bytes[headStart] === 13 && bytes[headStart + 1] === 10
  if (bytes[headStart] === 13) return false
  return bytes.indexOf(HEAD_END, headStart) === bodyStart - HEAD_END.length
}
