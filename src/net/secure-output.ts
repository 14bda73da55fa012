/**
 * Writing to one TLS socket. Node differs from TCP in two ways here. OpenSSL copies what it is given, so a scratch buffer is
 * free again when the write returns, and nothing need stay as it is behind it. But what it is given is encrypted at once,
 * whole, and held until the kernel took it: a large body must be handed over piece by piece, and every write is told to be
 * done one turn of the event loop later at the earliest.
 *
 *     idle --write--> under way, with a queue --written--> the next 64 KiB of the queue, or idle
 *
 * Always true:
 * - one write of at most WRITE_BYTES is under way, so that is all that is held encrypted;
 * - what waits in the queue is owned (small, copied), or borrowed: views of what its owner keeps as it is until it is flushed;
 * - the scratch buffer is the worker's and in use within one call only.
 */
import type { Socket } from 'node:net'
import { chunkSuffix } from '../http/chunk-encoder.ts'

/** Of one write. Four records of TLS (RFC 8446 §5.1), and what a socket's buffer usually takes at once. */
const WRITE_BYTES = 64 * 1024
/** What is copied rather than borrowed: a record of TLS. */
const COPIED_BYTES = 16 * 1024
const NOTHING = Buffer.alloc(0)

/** Where heads and bodies are put together, one per worker. */
export class SecureScratch {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(WRITE_BYTES)
  #view: Buffer = this.bytes.subarray(0, 0)

  /** The first `length` bytes; answers of the same length share the view. */
  view(length: number): Buffer {
    if (this.#view.length !== length) this.#view = this.bytes.subarray(0, length)
    return this.#view
  }
}

export class SecureOutput {
  readonly #socket: Socket
  readonly #scratch: SecureScratch
  readonly #onFault: (error: unknown) => void
  #isUnderWay = false
  readonly #queue: Piece[] = []
  #queuedBytes = 0
  #borrowedBytes = 0
  #waiting: ((isFlushed: boolean) => void)[] = []
  /** What follows when the queue is empty. */
  #ending: 'none' | 'end' | 'destroy' = 'none'

  /** `onFault` is told what a callback of `whenFlushed` throws; it costs that socket, not the worker. */
  constructor(socket: Socket, scratch: SecureScratch, onFault: (error: unknown) => void) {
    this.#socket = socket
    this.#scratch = scratch
    this.#onFault = onFault
    socket.on('close', () => this.#settle(false))
  }

  /** Bytes that OpenSSL has not been given yet. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Of the queued bytes those that must stay as they are. */
  get borrowedBytes(): number {
    return this.#borrowedBytes
  }

  /** `head` and `tail` are latin1. `bytes[start, end)` is the caller's again when this returns. */
  writeCopy(head: string, bytes: Buffer, start: number, end: number, tail = ''): void {
    this.#write(head, bytes, start, end, tail, false)
  }

  /** The same; `body` stays as it is until it is flushed. */
  write(head: string, body: Buffer, tail = ''): void {
    this.#write(head, body, 0, body.length, tail, true)
  }

  /** As `write`, of a body in several pieces. */
  writePieces(head: string, pieces: readonly Buffer[]): void {
    this.write(head, pieces[0] ?? NOTHING)
    for (let i = 1; i < pieces.length; i++) this.write('', pieces[i]!)
  }

  /** As one chunk of the chunked coding; `prefix` ends with its size line. */
  writeChunk(prefix: string, data: Buffer): void {
    this.write(prefix, data, chunkSuffix)
  }

  writeText(text: string): void {
    this.#write(text, NOTHING, 0, 0, '', false)
  }

  /** Calls `done` when everything written so far was handed to the kernel, or, with false, will never be. */
  whenFlushed(done: (isFlushed: boolean) => void): void {
    if (this.#socket.destroyed) queueMicrotask(() => this.#tell(done, false))
    else if (this.#isUnderWay || this.#queue.length > 0) this.#waiting.push(done)
    else queueMicrotask(() => this.#tell(done, !this.#socket.destroyed))
  }

  /** Sends close_notify and FIN behind what is written. */
  end(): void {
    if (this.#queue.length === 0) this.#socket.end()
    else if (this.#ending === 'none') this.#ending = 'end'
  }

  /** As `end`, and closes then. */
  destroySoon(): void {
    if (this.#queue.length === 0) this.#socket.destroySoon()
    else this.#ending = 'destroy'
  }

  #write(head: string, bytes: Buffer, start: number, end: number, tail: string, mayBorrow: boolean): void {
    if (this.#ending !== 'none' || this.#socket.writableEnded || this.#socket.destroyed) return
    const length = end - start
    const isIdle = !this.#isUnderWay && this.#queue.length === 0
    if (isIdle && head.length + length + tail.length <= COPIED_BYTES) {
      const { bytes: scratch } = this.#scratch
      let at = scratch.write(head, 0, 'latin1')
      if (length > 0) at += bytes.copy(scratch, at, start, end)
      if (tail !== '') at += scratch.write(tail, at, 'latin1')
      this.#hand(this.#scratch.view(at))
      return
    }
    const isBorrowed = mayBorrow && length > COPIED_BYTES
    const body = bytes.subarray(start, end)
    this.#enqueue(Buffer.from(head, 'latin1'), false)
    this.#enqueue(isBorrowed ? body : Buffer.from(body), isBorrowed)
    this.#enqueue(Buffer.from(tail, 'latin1'), false)
    if (!this.#isUnderWay) this.#pump()
  }

  #enqueue(bytes: Buffer, isBorrowed: boolean): void {
    if (bytes.length === 0) return
    this.#queuedBytes += bytes.length
    if (isBorrowed) this.#borrowedBytes += bytes.length
    this.#queue.push({ bytes, isBorrowed })
  }

  /** Hands the next part of the queue to OpenSSL: small pieces together, large ones as they are. */
  #pump(): void {
    const [first] = this.#queue
    if (first === undefined) return
    if (first.bytes.length > COPIED_BYTES) {
      const part = first.bytes.subarray(0, WRITE_BYTES)
      this.#take(first, part.length)
      this.#hand(part)
      return
    }
    const { bytes: scratch } = this.#scratch
    let at = 0
    for (let next = this.#queue[0]; next !== undefined && at < WRITE_BYTES; next = this.#queue[0]) {
      const length = next.bytes.copy(scratch, at, 0, WRITE_BYTES - at)
      this.#take(next, length)
      at += length
    }
    this.#hand(this.#scratch.view(at))
  }

  /** `length` bytes of the first piece leave the queue. */
  #take(first: Piece, length: number): void {
    this.#queuedBytes -= length
    if (first.isBorrowed) this.#borrowedBytes -= length
    if (length === first.bytes.length) this.#queue.shift()
    else first.bytes = first.bytes.subarray(length)
  }

  #hand(bytes: Buffer): void {
    this.#isUnderWay = true
    this.#socket.write(bytes, this.#onWritten)
  }

  readonly #onWritten = (error: Error | null | undefined): void => {
    this.#isUnderWay = false
    if (error) return // 'close' follows
    if (this.#queue.length > 0) {
      this.#pump()
      return
    }
    this.#settle(true)
    // Whoever was told may have written more.
    if (this.#ending === 'none' || this.#queue.length > 0) return
    if (this.#ending === 'end') this.#socket.end()
    else this.#socket.destroySoon()
  }

  #settle(isFlushed: boolean): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) this.#tell(done, isFlushed)
  }

  #tell(done: (isFlushed: boolean) => void, isFlushed: boolean): void {
    try {
      done(isFlushed)
    } catch (error) {
      this.#onFault(error)
      this.#socket.destroy()
    }
  }
}

interface Piece {
  /** What of it is still to be written. */
  bytes: Buffer
  readonly isBorrowed: boolean
}
