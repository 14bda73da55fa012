/**
 * The trailer section behind a chunked body, when it is not empty (RFC 9112 §7.1.2): collected, since it may come in
 * pieces, then checked by the same scanner as the fields of a head. Bounded in bytes and fields.
 */
import { FieldList, fieldIdSet } from './field-list.ts'
import { F } from './fields.ts'
import { headErrors } from './head-errors.ts'
import { withHopByHop } from './hop-by-hop.ts'
import { scanFields } from './scan-fields.ts'
import { appendForwardableFields } from './serialize.ts'
import { CR, LF } from './tokens.ts'

/** Trailers are a checksum or two. */
const MAX_TRAILER_BYTES = 8192
const MAX_TRAILER_FIELDS = 32
const INITIAL_BYTES = 256

/** Fields that would change framing or routing if anyone merged them into the head: the message is refused. */
const refusedFields = fieldIdSet([F.contentLength, F.transferEncoding, F.host])

/**
 * Fields that are left out: hop-by-hop ones, and what RFC 9110 §6.5.1 keeps out of trailers because it had to be known
 * before the body: request modifiers, authentication, response control, content format.
 */
const droppedFields = withHopByHop([
  F.trailer,
  F.expect,
  F.via,
  F.forwarded,
  F.xForwardedFor,
  F.xForwardedProto,
  F.xForwardedHost,
  F.xForwardedPort,
  F.xRealIp,
  F.authorization,
  F.wwwAuthenticate,
  F.cookie,
  F.setCookie,
  F.cacheControl,
  F.pragma,
  F.cdnCacheControl,
  F.surrogateControl,
  F.age,
  F.date,
  F.expires,
  F.vary,
  F.location,
  F.retryAfter,
  F.contentType,
  F.contentEncoding,
  F.contentRange,
  F.range,
  F.ifRange,
  F.ifMatch,
  F.ifNoneMatch,
  F.ifModifiedSince,
  F.ifUnmodifiedSince,
  F.maxForwards,
])

export class TrailerReader {
  isComplete = false
  /** After `read` returned -1. */
  error = ''
  private bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES)
  private length = 0
  /** Bytes since the last LF; 1 when a LF comes means an empty line. */
  private lineLength = 0
  private readonly fields = new FieldList()

  /**
   * Takes bytes up to the end of the section, and returns how many it took: all of them while it is not complete.
   * -1 when the section is refused. Line ends are checked at once, so that a wrong one does not wait for more.
   */
  read(bytes: Uint8Array, start: number, end: number): number {
    for (let p = start; p < end; p++) {
      const byte = bytes[p]!
      const isAfterCr = this.lineLength > 0 && this.bytes[this.length - 1] === CR
      if (isAfterCr !== (byte === LF)) return this.refuse('bad-line-ending')
      if (this.length === MAX_TRAILER_BYTES) return this.refuse('trailers-too-large')
      this.append(byte)
      if (byte !== LF) this.lineLength++
      else if (this.lineLength > 1) this.lineLength = 0
      else return this.finish() === -1 ? -1 : p + 1 - start
    }
    return end - start
  }

  /** The lines that may be passed on; undefined when there are none. Only once the section is complete. */
  forwardable(): string | undefined {
    return appendForwardableFields(this.fields, droppedFields, undefined) || undefined
  }

  private append(byte: number): void {
    if (this.length === this.bytes.length) {
      const larger = Buffer.allocUnsafe(this.bytes.length * 2)
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    this.bytes[this.length++] = byte
  }

  /** Checks the collected section; returns -1 when it is refused. */
  private finish(): number {
    const result = scanFields(this.fields, this.bytes, 0, 0, this.length, MAX_TRAILER_FIELDS)
    if (result < 0) return this.refuse(headErrors[-result]!.code)
    this.fields.text = this.bytes.toString('latin1', 0, this.length)
    for (let i = 0; i < this.fields.count; i++) {
      if (refusedFields[this.fields.id(i)] === 1) return this.refuse('forbidden-trailer')
    }
    this.isComplete = true
    return 0
  }

  private refuse(code: string): -1 {
    this.error = code
    return -1
  }
}
