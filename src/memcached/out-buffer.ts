/**
 * What waits to be written to one server: many small requests, copied together so that they leave in one write, and large
 * values between them, taken by reference.
 *
 *     chunk   |...sent...|kept...|....|waiting.....|      free      |
 *                        keptAt  keptEnd  begin     end
 *     pieces  [view of an earlier chunk] [large value] ...            before what waits in the chunk
 *
 * The hard part is which bytes of the chunk may be overwritten. It is only ever written at its end, so nothing that the
 * kernel still reads from or that is kept (see `keep`) changes; it begins anew at its front when nothing waits, nothing is
 * kept, and the socket has handed everything to the kernel.
 */
import type { Socket } from 'node:net'

/** Some 400 gets; a busier turn doubles it, up to the most. */
const FIRST_CHUNK_BYTES = 16 * 1024
const MOST_CHUNK_BYTES = 256 * 1024
/** From here on a value costs less as a piece of its own in writev than as a copy. */
const ATTACH_BYTES = 4096
/** Shorter ranges are copied byte by byte: a call into C++ costs 18 ns, as much as 24 turns of the loop. */
const LOOP_BYTES = 24
/** As LOOP_BYTES, for texts, whose writing costs more. */
const LOOP_LETTERS = 48

export class OutBuffer {
  #chunk: Buffer = Buffer.allocUnsafeSlow(FIRST_CHUNK_BYTES)
  #begin = 0
  #end = 0
  #pieces: Buffer[] = []
  #pieceBytes = 0
  /** The bytes that `keep` was asked to leave alone; undefined: none. */
  #kept: Buffer | undefined = undefined
  #keptAt = 0
  #keptEnd = 0
  /** A view of the front of the chunk; writes of the same length share it. */
  #lastView: Buffer = this.#chunk.subarray(0, 0)

  /** Bytes that wait. */
  get length(): number {
    return this.#pieceBytes + this.#end - this.#begin
  }

  /** Appends text, one byte for each letter. */
  text(latin1: string): void {
    const { length } = latin1
    const at = this.#reserve(length)
    const chunk = this.#chunk
    if (length > LOOP_LETTERS) chunk.write(latin1, at, length, 'latin1')
    else for (let i = 0; i < length; i++) chunk[at + i] = latin1.charCodeAt(i)
    this.#end = at + length
  }

  /** Appends a copy of bytes[start, end). */
  bytes(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    const at = this.#reserve(length)
    const chunk = this.#chunk
    if (length > LOOP_BYTES) bytes.copy(chunk, at, start, end)
    else for (let i = 0; i < length; i++) chunk[at + i] = bytes[start + i]!
    this.#end = at + length
  }

  /** Appends `bytes` by reference: they must not change until the request is answered or has failed. */
  attach(bytes: Buffer): void {
    if (bytes.length < ATTACH_BYTES) {
      this.bytes(bytes, 0, bytes.length)
      return
    }
    this.#cut()
    this.#push(bytes)
  }

  /** Appends all that waits in `other`, which is given up. */
  takeOver(other: OutBuffer): void {
    other.#cut()
    this.#cut()
    for (const piece of other.#pieces) this.#push(piece)
  }

  /** Hands everything to `socket` in one write. */
  flush(socket: Socket): void {
    if (this.#pieces.length === 0) {
      const view = this.#view()
      this.#begin = this.#end
      socket.write(view)
    } else {
      this.#cut()
      const pieces = this.#pieces
      this.#pieces = []
      this.#pieceBytes = 0
      socket.cork()
      for (const piece of pieces) socket.write(piece)
      socket.uncork()
    }
    if (socket.writableLength === 0 && this.#kept === undefined) this.#rewind()
  }

  /** Everything written was handed to the kernel. */
  onDrained(): void {
    if (this.#begin === this.#end && this.#pieces.length === 0 && this.#kept === undefined) this.#rewind()
  }

  /**
   * Leaves what waits now alone after it was flushed, so that `kept` can give it back. Returns false, and keeps nothing, if
   * it is not in one piece. Ends with `forget`.
   */
  keep(): boolean {
    if (this.#pieces.length > 0) return false
    this.#kept = this.#chunk
    this.#keptAt = this.#begin
    this.#keptEnd = this.#end
    return true
  }

  forget(): void {
    this.#kept = undefined
  }

  /** The bytes kept; undefined when none are. */
  get kept(): Buffer | undefined {
    return this.#kept?.subarray(this.#keptAt, this.#keptEnd)
  }

  /** Where `length` more bytes go in the chunk. */
  #reserve(length: number): number {
    if (this.#end + length > this.#chunk.length) this.#renew(length)
    return this.#end
  }

  #renew(length: number): void {
    this.#cut()
    const usual = Math.min(2 * this.#chunk.length, MOST_CHUNK_BYTES)
    this.#replace(Math.max(usual, length))
  }

  #replace(bytes: number): void {
    this.#chunk = Buffer.allocUnsafeSlow(bytes)
    this.#lastView = this.#chunk.subarray(0, 0)
    this.#begin = 0
    this.#end = 0
  }

  #rewind(): void {
    this.#begin = 0
    this.#end = 0
    if (this.#chunk.length > MOST_CHUNK_BYTES) this.#replace(FIRST_CHUNK_BYTES)
  }

  /** Makes a piece of what waits in the chunk. */
  #cut(): void {
    if (this.#begin === this.#end) return
    const piece = this.#chunk.subarray(this.#begin, this.#end)
    this.#begin = this.#end
    this.#push(piece)
  }

  #push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#pieceBytes += piece.length
  }

  #view(): Buffer {
    if (this.#begin !== 0) return this.#chunk.subarray(this.#begin, this.#end)
    if (this.#lastView.length !== this.#end) this.#lastView = this.#chunk.subarray(0, this.#end)
    return this.#lastView
  }
}
