/**
 * Cuts a stream of bytes into messages, whatever reads it comes in. A message is carried in frames:
 *
 *     0        4            5            9         10          11         12         14
 *     | level  | isResponse | uid        | opClass | operation | complete | dataLen  | data, dataLen bytes
 *       00 11 xx xx  0 | 1                  0         0..3        0 | 1      0..2048
 *
 * Every frame but the last (complete = 1) holds exactly 2048 bytes of data; all frames of a message repeat uid and operation,
 * and nothing comes between them. The payload of a message is the data of its frames, 32768 bytes at most.
 *
 * The hard part is to check each byte when it arrives and to copy none that needs no copying:
 *
 *     1  the frame is whole in what was pushed, and is the only one of its message: shown where it lies
 *     2  anything else: the data is gathered in a buffer of the decoder's own, which is as large as what was gathered asks
 *
 * Corruption is a value, not an exception: `push` returns CORRUPT, and nothing that follows can be trusted. Where the original
 * programs wait for 10 + dataLen bytes and read stale memory, this one waits for all 14 + dataLen.
 */
import { FRAME_DATA_BYTES, FRAME_HEADER_BYTES, MESSAGE_BYTES } from './limits.ts'
import { Operation } from './message.ts'

/** What `push` returns when the bytes are not the protocol. */
export const CORRUPT = -1

export interface MessageHandler {
  /**
   * A message is complete: its payload is bytes[start, end), which is valid until this returns. False: the decoder stops
   * behind this message, and `push` tells where.
   */
  onMessage(uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean
}

/** High and low byte of the version; the patch level behind it is ignored. */
const VERSION_HIGH = 0x00
const VERSION_LOW = 0x11

/** First size of the buffer that gathers; most sessions are a few hundred bytes. */
const FIRST_GATHERED_BYTES = 512
/** A buffer up to this size is kept for the next message in pieces; a larger one would be memory for each idle connection. */
const KEPT_GATHERED_BYTES = 4096

const NOTHING = Buffer.alloc(0)

export class MessageDecoder {
  readonly #handler: MessageHandler
  /** What `isResponse` of every frame has to be. */
  readonly #isResponse: number
  /** The beginning of a header that came in pieces, which few do: made when the first one does. */
  #header: Buffer = NOTHING
  #headerBytes = 0
  /** The header of the frame is known, its data is not complete. */
  #isInData = false
  /** Of the frame in hand. */
  #uid = 0
  #operation = 0
  #isLast = false
  /** Data of the frame in hand that has not come yet. */
  #missing = 0
  /** Frames of the message in hand whose data has been gathered; 0: the frame in hand is its first. */
  #frames = 0
  #gathered: Buffer = NOTHING
  #gatheredBytes = 0

  /** `side`: who reads. A server takes only requests, a client only responses. */
  constructor(side: 'server' | 'client', handler: MessageHandler) {
    this.#isResponse = side === 'server' ? 0 : 1
    this.#handler = handler
  }

  /** A message has begun and is not complete. */
  get isInside(): boolean {
    return this.#headerBytes > 0 || this.#isInData || this.#frames > 0
  }

  /**
   * Takes bytes[start, end) and calls the handler for each message that becomes complete. Returns `end`; or where the message
   * ended with which the handler stopped, from where the caller goes on later; or CORRUPT, after the valid messages in front
   * were handled.
   */
  push(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end) {
      if (!this.#isInData) {
        at = this.#takeHeader(bytes, at, end)
        if (at === CORRUPT) return CORRUPT
        if (!this.#isInData) return at
      }
      const dataEnd = at + this.#missing
      if (this.#isLast && this.#gatheredBytes === 0 && dataEnd <= end) {
        this.#isInData = false
        this.#frames = 0
        if (!this.#handler.onMessage(this.#uid, this.#operation, bytes, at, dataEnd)) return dataEnd
        at = dataEnd
        continue
      }
      const taken = Math.min(dataEnd, end)
      this.#gather(bytes, at, taken)
      at = taken
      if (this.#missing > 0) return at
      this.#isInData = false
      this.#frames++
      if (this.#isLast && !this.#showGathered()) return at
    }
    return at
  }

  /** Overwrites what was gathered of a message that will not be completed. */
  wipe(): void {
    this.#gathered.fill(0)
    this.#header.fill(0)
    this.#headerBytes = 0
    this.#gatheredBytes = 0
    this.#frames = 0
    this.#isInData = false
  }

  /** Where the header ends (#isInData then), or `end` if that is sooner; CORRUPT. */
  #takeHeader(bytes: Buffer, at: number, end: number): number {
    if (this.#headerBytes === 0 && end - at >= FRAME_HEADER_BYTES) {
      return this.#readHeader(bytes, at) ? at + FRAME_HEADER_BYTES : CORRUPT
    }
    if (this.#header === NOTHING) this.#header = Buffer.alloc(FRAME_HEADER_BYTES)
    const taken = Math.min(end - at, FRAME_HEADER_BYTES - this.#headerBytes)
    bytes.copy(this.#header, this.#headerBytes, at, at + taken)
    this.#headerBytes += taken
    if (this.#headerBytes < FRAME_HEADER_BYTES) return this.#isPossible() ? at + taken : CORRUPT
    this.#headerBytes = 0
    return this.#readHeader(this.#header, 0) ? at + taken : CORRUPT
  }

  /** Whether the part of a header that is there may be the beginning of one; version and direction count from 5 bytes on. */
  #isPossible(): boolean {
    const header = this.#header
    const length = this.#headerBytes
    if (length < 5) return true
    if (header[0] !== VERSION_HIGH || header[1] !== VERSION_LOW || header[4] !== this.#isResponse) return false
    if (length > 8 && this.#frames > 0 && header.readUInt32BE(5) !== this.#uid) return false
    if (length > 9 && header[9] !== 0) return false
    if (length > 10 && !this.#mayBeOperation(header[10]!)) return false
    return length <= 11 || header[11]! <= 1
  }

  #mayBeOperation(operation: number): boolean {
    return this.#frames > 0 ? operation === this.#operation : operation <= Operation.have
  }

  #readHeader(bytes: Buffer, at: number): boolean {
    if (bytes[at] !== VERSION_HIGH || bytes[at + 1] !== VERSION_LOW || bytes[at + 4] !== this.#isResponse) return false
    const uid = ((bytes[at + 5]! << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!) >>> 0
    const operation = bytes[at + 10]!
    const complete = bytes[at + 11]!
    const length = (bytes[at + 12]! << 8) | bytes[at + 13]!
    if (bytes[at + 9] !== 0 || !this.#mayBeOperation(operation) || complete > 1 || length > FRAME_DATA_BYTES)
      return false
    if (complete === 0 && length !== FRAME_DATA_BYTES) return false
    if (this.#frames > 0 && (uid !== this.#uid || this.#gatheredBytes + length > MESSAGE_BYTES)) return false
    this.#uid = uid
    this.#operation = operation
    this.#isLast = complete === 1
    this.#missing = length
    this.#isInData = true
    return true
  }

  #gather(bytes: Buffer, start: number, end: number): void {
    const length = this.#gatheredBytes + end - start
    if (length > this.#gathered.length) this.#grow(length)
    bytes.copy(this.#gathered, this.#gatheredBytes, start, end)
    this.#gatheredBytes = length
    this.#missing -= end - start
  }

  #grow(length: number): void {
    const usual = Math.max(2 * this.#gathered.length, FIRST_GATHERED_BYTES)
    const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(usual, length), MESSAGE_BYTES))
    this.#gathered.copy(larger, 0, 0, this.#gatheredBytes)
    this.#gathered.fill(0) // it holds a part of a session
    this.#gathered = larger
  }

  /** Returns what the handler returned. */
  #showGathered(): boolean {
    const gathered = this.#gathered
    const length = this.#gatheredBytes
    this.#gatheredBytes = 0
    this.#frames = 0
    if (gathered.length > KEPT_GATHERED_BYTES) this.#gathered = NOTHING
    const goesOn = this.#handler.onMessage(this.#uid, this.#operation, gathered, 0, length)
    gathered.fill(0, 0, length)
    return goesOn
  }
}
