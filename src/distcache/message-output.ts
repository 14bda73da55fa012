/**
 * Puts messages into bytes, and all that is said in one turn into one write. A header never leaves apart from its data: original
 * programs read stale memory then (they count a frame complete four bytes too early).
 *
 * A message is begun with the length of its payload, which is appended in pieces; the headers of its frames are put in where
 * 2048 bytes are full:
 *
 *     begin(isResponse, uid, operation, 2100)      |header 0|
 *     bytes(id, 0, 32)                             |header 0| id
 *     bytes(data, 0, 2068)                         |header 0| id data, 2048 together |header 1| data, 52
 *
 * One object serves many sockets, one after the other. The hard part is that a write which the kernel could not take at once
 * goes on reading the scratch buffer: the buffer is given away then, and comes back when it has been sent.
 */
import type { Socket } from 'node:net'
import { ADD_PREFIX_BYTES, FRAME_DATA_BYTES, FRAME_HEADER_BYTES, MESSAGE_WIRE_BYTES } from './limits.ts'
import { Operation } from './message.ts'

const SCRATCH_BYTES = 64 * 1024
/** Scratch buffers that came back; more have only been needed in a burst. */
const SPARE_BUFFERS = 8
/** Shorter ranges are copied byte by byte: a call into C++ costs as much as some twenty turns of the loop. */
const LOOP_BYTES = 24

const NOTHING = Buffer.alloc(0)

export class MessageOutput {
  #scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #begin = 0
  #end = 0
  /** Views of full buffers in front of what lies in the scratch buffer. */
  #pieces: Buffer[] = []
  #pieceBytes = 0
  readonly #spare: Buffer[] = []
  /** A view of the front of the scratch buffer; writes of the same length share it. */
  #lastView: Buffer = this.#scratch.subarray(0, 0)
  // Of the message in hand:
  #isResponse = 0
  #uid = 0
  #operation = 0
  /** Payload that goes into later frames. */
  #later = 0
  /** Payload that the frame in hand still has room for. */
  #room = 0

  /** Bytes that wait to be written. */
  get length(): number {
    return this.#pieceBytes + this.#end - this.#begin
  }

  /** A response of one byte. */
  code(uid: number, operation: number, code: number): void {
    this.begin(true, uid, operation, 1)
    this.#room = 0
    this.#scratch[this.#end++] = code
  }

  /** A whole message whose payload is bytes[start, end). */
  message(isResponse: boolean, uid: number, operation: number, bytes: Buffer, start: number, end: number): void {
    this.begin(isResponse, uid, operation, end - start)
    this.bytes(bytes, start, end)
  }

  /** A whole ADD request. `timeoutMs` is a whole number from 0 to 2^32 - 1. */
  add(uid: number, timeoutMs: number, id: Buffer, data: Buffer): void {
    this.begin(false, uid, Operation.add, ADD_PREFIX_BYTES + id.length + data.length)
    this.#end = putUint32(this.#scratch, this.#end, timeoutMs)
    this.#end = putUint32(this.#scratch, this.#end, id.length)
    this.#room -= ADD_PREFIX_BYTES
    this.bytes(id, 0, id.length)
    this.bytes(data, 0, data.length)
  }

  /** Begins a message of `payloadBytes` (at most 32768), which `bytes` must then append to the last. */
  begin(isResponse: boolean, uid: number, operation: number, payloadBytes: number): void {
    if (this.#end + MESSAGE_WIRE_BYTES > SCRATCH_BYTES) this.#makeRoom(payloadBytes)
    this.#isResponse = isResponse ? 1 : 0
    this.#uid = uid
    this.#operation = operation
    this.#later = payloadBytes
    this.#header()
  }

  /** Appends a copy of bytes[start, end) to the payload of the message in hand. */
  bytes(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (at < end) {
      if (this.#room === 0) this.#header()
      const to = Math.min(end, at + this.#room)
      this.#room -= to - at
      this.#end = put(this.#scratch, this.#end, bytes, at, to)
      at = to
    }
  }

  /** Writes all that waits to `socket`, and is empty again. */
  write(socket: Socket): void {
    if (this.length === 0) return
    const isBehind = socket.writableLength !== 0
    if (this.#pieces.length > 0) {
      this.#writePieces(socket)
      return
    }
    const view = this.#view()
    this.#rewind()
    // A socket that is behind keeps what it is given for long: just the bytes, then, not the whole buffer.
    socket.write(isBehind ? Buffer.from(view) : view)
    if (!isBehind && socket.writableLength !== 0) this.#giveAway(socket)
  }

  /** Takes the last `bytes` back, as a copy: no more than the message that was put in last has. */
  takeTail(bytes: number): Buffer {
    const tail = Buffer.from(this.#scratch.subarray(this.#end - bytes, this.#end))
    this.#end -= bytes
    return tail
  }

  /** A copy of all that waits; is empty then. */
  take(): Buffer {
    this.#cut()
    const all = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#pieceBytes = 0
    this.#rewind()
    return all
  }

  #header(): void {
    const scratch = this.#scratch
    const length = Math.min(this.#later, FRAME_DATA_BYTES)
    this.#later -= length
    this.#room = length
    let at = this.#end
    scratch[at] = 0x00
    scratch[at + 1] = 0x11
    scratch[at + 2] = 0x00
    scratch[at + 3] = 0x00
    scratch[at + 4] = this.#isResponse
    at = putUint32(scratch, at + 5, this.#uid)
    scratch[at] = 0
    scratch[at + 1] = this.#operation
    scratch[at + 2] = this.#later === 0 ? 1 : 0
    scratch[at + 3] = length >> 8
    scratch[at + 4] = length & 0xff
    this.#end += FRAME_HEADER_BYTES
  }

  /** Called when the largest message might not fit; small ones still do for long. */
  #makeRoom(payloadBytes: number): void {
    const frames = Math.ceil(payloadBytes / FRAME_DATA_BYTES) || 1
    if (this.#end + payloadBytes + frames * FRAME_HEADER_BYTES <= SCRATCH_BYTES) return
    this.#cut()
    this.#renew()
  }

  #writePieces(socket: Socket): void {
    this.#cut()
    const pieces = this.#pieces
    this.#pieces = []
    this.#pieceBytes = 0
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.uncork()
    if (socket.writableLength === 0) this.#rewind()
    else this.#renew()
  }

  #giveAway(socket: Socket): void {
    const given = this.#scratch
    this.#renew()
    socket.write(NOTHING, () => {
      if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(given)
    })
  }

  #renew(): void {
    this.#scratch = this.#spare.pop() ?? Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    this.#lastView = this.#scratch.subarray(0, 0)
    this.#rewind()
  }

  #rewind(): void {
    this.#begin = 0
    this.#end = 0
  }

  /** Makes a piece of what waits in the scratch buffer. */
  #cut(): void {
    if (this.#begin === this.#end) return
    const piece = this.#scratch.subarray(this.#begin, this.#end)
    this.#begin = this.#end
    this.#pieces.push(piece)
    this.#pieceBytes += piece.length
  }

  #view(): Buffer {
    if (this.#lastView.length !== this.#end) this.#lastView = this.#scratch.subarray(0, this.#end)
    return this.#lastView
  }
}

function putUint32(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = (value >>> 16) & 0xff
  bytes[at + 2] = (value >>> 8) & 0xff
  bytes[at + 3] = value & 0xff
  return at + 4
}

function put(target: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  const length = end - start
  if (length > LOOP_BYTES) bytes.copy(target, at, start, end)
  else for (let i = 0; i < length; i++) target[at + i] = bytes[start + i]!
  return at + length
}
