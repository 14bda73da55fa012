/**
 * The body of one message, cut out of the bytes of a connection (RFC 9112 §6-7): sized, chunked, or up to the close.
 *
 * Chunked framing is a machine of one state per kind of byte that may come next, so that it can stop at any byte and go on
 * with the next buffer. Payload is never copied or joined: the reader says where it lies in the caller's buffer.
 *
 *     size -> [extension] -> sizeLf -> chunk -> chunkCr -> chunkLf -> size ...
 *       '-- 0 --> [extension] -> sizeLf -> last -> lastLf -> end
 *                                            '-> trailer -> end
 *
 * Always true: `remaining` is what is left of the sized body or of the chunk; payload is given out only while it is > 0;
 * after 'end' or 'error' every further call returns the same.
 */
import { B } from './body-kind.ts'
import { ChunkExtension } from './chunk-extension.ts'
import { byteClass, CR, HEX, LF, SEMICOLON } from './tokens.ts'
import { TrailerReader } from './trailer-reader.ts'

/** 8 hex digits: chunks below 4 GiB, sums exact in a double, and no overflow to think about. */
const MAX_SIZE_DIGITS = 8
const State = {
  end: 0,
  error: 1,
  sized: 2,
  untilClose: 3,
  size: 4,
  extension: 5,
  sizeLf: 6,
  chunk: 7,
  chunkCr: 8,
  chunkLf: 9,
  last: 10,
  lastLf: 11,
  trailer: 12,
} as const

export type BodyStep = 'data' | 'more' | 'end' | 'error'

export class BodyReader {
  /** After 'data': the payload is bytes[dataStart] up to bytes[dataEnd] of the buffer given, valid as long as that is. */
  dataStart = 0
  dataEnd = 0
  /** Where to go on: in the same buffer after 'data', in the next one after 'more'; behind the message after 'end'. */
  position = 0
  /** After 'end': the lines ("Name: value" CR LF) of the trailers that may be passed on, or undefined. */
  trailers: string | undefined = undefined
  /** Bytes left of a sized body or of the current chunk. */
  remaining = 0
  /** After 'error': a code such as "bad-chunk-size"; '' before. */
  error = ''
  private state: number = State.end
  private sizeDigits = 0
  /** Made for the first extension of a message, since there hardly ever is one; so is `trailerReader`. */
  private extension: ChunkExtension | undefined = undefined
  private trailerReader: TrailerReader | undefined = undefined

  /** Prepares for the body of a head: its `bodyKind` and `contentLength`. */
  reset(kind: number, contentLength: number): void {
    this.dataStart = 0
    this.dataEnd = 0
    this.position = 0
    this.trailers = undefined
    this.remaining = kind === B.sized ? contentLength : 0
    this.error = ''
    this.sizeDigits = 0
    this.extension = undefined
    this.trailerReader = undefined
    this.state = initialState(kind, contentLength)
  }

  /**
   * Reads on in `bytes` from `start` up to `end`. After 'data' call again with `start = position`; after 'more' with the
   * next buffer; after 'end' the bytes from `position` on belong to the next message.
   */
  next(bytes: Uint8Array, start: number, end: number): BodyStep {
    this.position = start
    switch (this.state) {
      case State.end:
        return 'end'
      case State.error:
        return 'error'
      case State.sized:
        return this.readSized(start, end)
      case State.untilClose:
        if (start === end) return 'more'
        return this.giveData(start, end)
      default:
        return this.readChunked(bytes, start, end)
    }
  }

  /** True behind the last byte, as `next` would say: a sized body is complete before it is asked again. */
  get isComplete(): boolean {
    return this.state === State.end
  }

  /** The peer has closed: 'end' when the body is complete or ends just so, else 'error' ("incomplete-body"). */
  finish(): 'end' | 'error' {
    if (this.state === State.untilClose) this.state = State.end
    if (this.state === State.end) return 'end'
    if (this.state !== State.error) this.fail('incomplete-body')
    return 'error'
  }

  private readSized(start: number, end: number): BodyStep {
    if (start === end) return 'more'
    const dataEnd = end - start < this.remaining ? end : start + this.remaining
    this.remaining -= dataEnd - start
    if (this.remaining === 0) this.state = State.end
    return this.giveData(start, dataEnd)
  }

  private readChunked(bytes: Uint8Array, start: number, end: number): BodyStep {
    let p = start
    while (p < end) {
      const byte = bytes[p]!
      switch (this.state) {
        case State.size:
          if (!this.takeSizeByte(byte)) return 'error'
          break
        case State.extension:
          if (!this.takeExtensionByte(byte)) return 'error'
          break
        case State.sizeLf:
          if (byte !== LF) return this.fail('bad-chunk-line-ending')
          this.state = this.remaining === 0 ? State.last : State.chunk
          break
        case State.chunk:
          return this.readChunkData(p, end)
        case State.chunkCr:
          if (byte !== CR) return this.fail('bad-chunk-end')
          this.state = State.chunkLf
          break
        case State.chunkLf:
          if (byte !== LF) return this.fail('bad-chunk-end')
          this.state = State.size
          this.sizeDigits = 0
          break
        case State.last:
          // Hardly any message has trailers, so their reader is only made for those that do.
          if (byte !== CR) return this.readTrailers(bytes, p, end)
          this.state = State.lastLf
          break
        case State.lastLf:
          if (byte !== LF) return this.fail('bad-line-ending')
          this.state = State.end
          this.position = p + 1
          return 'end'
        default:
          return this.readTrailers(bytes, p, end)
      }
      p++
    }
    this.position = p
    return 'more'
  }

  /** In a chunk size (RFC 9112 §7.1): hex digits, then CR or an extension. */
  private takeSizeByte(byte: number): boolean {
    if ((byteClass[byte]! & HEX) !== 0) {
      if (++this.sizeDigits > MAX_SIZE_DIGITS) return this.refuse('chunk-too-large')
      this.remaining = this.remaining * 16 + hexValue(byte)
      return true
    }
    if (this.sizeDigits === 0) return this.refuse('bad-chunk-size')
    if (byte === CR) this.state = State.sizeLf
    else if (byte === SEMICOLON) this.beginExtension()
    else return this.refuse('bad-chunk-size')
    return true
  }

  private beginExtension(): void {
    this.extension ??= new ChunkExtension()
    this.extension.begin()
    this.state = State.extension
  }

  private takeExtensionByte(byte: number): boolean {
    const result = this.extension!.take(byte)
    if (result === 'end') this.state = State.sizeLf
    else if (result !== '') return this.refuse(result)
    return true
  }

  private readChunkData(start: number, end: number): BodyStep {
    const dataEnd = end - start < this.remaining ? end : start + this.remaining
    this.remaining -= dataEnd - start
    if (this.remaining === 0) this.state = State.chunkCr
    return this.giveData(start, dataEnd)
  }

  private readTrailers(bytes: Uint8Array, start: number, end: number): BodyStep {
    this.state = State.trailer
    this.trailerReader ??= new TrailerReader()
    const consumed = this.trailerReader.read(bytes, start, end)
    if (consumed < 0) return this.fail(this.trailerReader.error)
    this.position = start + consumed
    if (!this.trailerReader.isComplete) return 'more'
    this.trailers = this.trailerReader.forwardable()
    this.trailerReader = undefined
    this.state = State.end
    return 'end'
  }

  private giveData(start: number, end: number): 'data' {
    this.dataStart = start
    this.dataEnd = end
    this.position = end
    return 'data'
  }

  private refuse(code: string): false {
    this.fail(code)
    return false
  }

  private fail(code: string): 'error' {
    this.state = State.error
    this.error = code
    this.trailerReader = undefined
    return 'error'
  }
}

function initialState(kind: number, contentLength: number): number {
  switch (kind) {
    case B.sized:
      return contentLength === 0 ? State.end : State.sized
    case B.chunked:
      return State.size
    case B.untilClose:
      return State.untilClose
    default:
      return State.end
  }
}

/** Value of a byte of class HEX. */
function hexValue(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57
}
