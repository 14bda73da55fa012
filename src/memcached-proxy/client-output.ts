/**
 * Puts the answers that one client gets in one turn together, so that they leave in one write. One per worker: it is filled
 * and written for one client after the other.
 *
 * The scratch buffer is overwritten for the next client. A write that the kernel could not take at once goes on reading it,
 * so the buffer is given away then and another one is used; a client that is already behind gets copies of just the size
 * that is needed.
 */
import type { Socket } from 'node:net'
import { put } from './reply-arena.ts'

const SCRATCH_BYTES = 64 * 1024
/** Scratch buffers that came back; more have only been needed in a burst. */
const SPARE_BUFFERS = 16

export class ClientOutput {
  #scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #begin = 0
  #end = 0
  #pieces: Buffer[] = []
  #pieceBytes = 0
  readonly #spare: Buffer[] = []
  /** A view of the front of the scratch buffer; answers of the same length share it. */
  #lastView: Buffer = this.#scratch.subarray(0, 0)

  get length(): number {
    return this.#pieceBytes + this.#end - this.#begin
  }

  /** Appends a copy of bytes[start, end). */
  copy(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.#end + length > SCRATCH_BYTES) {
      this.#cut()
      if (length > SCRATCH_BYTES) {
        this.#push(Buffer.from(bytes.subarray(start, end)))
        return
      }
      this.#renew()
    }
    this.#end = put(this.#scratch, this.#end, bytes, start, end)
  }

  /** Appends bytes[start, end), which nobody changes any more. */
  attach(bytes: Buffer, start: number, end: number): void {
    this.#cut()
    this.#push(bytes.subarray(start, end))
  }

  /** Writes what was appended, and is empty again. */
  write(socket: Socket): void {
    if (this.length === 0) return
    const isBehind = socket.writableLength !== 0
    if (this.#pieces.length === 0) {
      const view = this.#view()
      this.#rewind()
      socket.write(isBehind ? Buffer.from(view) : view)
    } else {
      this.#writePieces(socket)
    }
    if (!isBehind && socket.writableLength !== 0) this.#giveAway(socket)
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

  /** The kernel has not taken everything: the scratch buffer comes back when it has. */
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

  #cut(): void {
    if (this.#begin === this.#end) return
    this.#push(this.#scratch.subarray(this.#begin, this.#end))
    this.#begin = this.#end
  }

  #push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#pieceBytes += piece.length
  }

  #view(): Buffer {
    if (this.#lastView.length !== this.#end) this.#lastView = this.#scratch.subarray(0, this.#end)
    return this.#lastView
  }
}

const NOTHING = Buffer.alloc(0)
