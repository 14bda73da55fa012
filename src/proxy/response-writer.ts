/** Writes one response to a client piece by piece: head with the first bytes of the body, framing, end. */
import { chunkPrefix, lastChunk } from '../http/chunk-encoder.ts'
import { connectionLine } from './answer.ts'
import type { Client } from './client.ts'
import { type Framing, framingLine } from './response-out.ts'
import type { Slicer } from './slicer.ts'

export class ResponseWriter {
  /** 0 before `begin`. */
  status = 0
  /** Head and body, as far as written. */
  bytes = 0
  readonly #client: Client
  #framing: Framing = 'none'
  /** A head that waits for the first bytes of its body, so that they leave in one write. */
  #heldHead = ''
  #slicer: Slicer | undefined = undefined

  constructor(client: Client) {
    this.#client = client
  }

  /** True from `begin` on: another answer can no longer be sent. */
  get started(): boolean {
    return this.status !== 0
  }

  /** True from `begin` until the head is on its way: another answer can still be sent instead, after `withdraw`. */
  get isHeld(): boolean {
    return this.#heldHead !== ''
  }

  /** All that is wanted of the body has been written. */
  get isSatisfied(): boolean {
    return this.#framing === 'none' || this.#slicer?.isDone === true
  }

  /** Takes `begin` back; only while the head is held. */
  withdraw(): void {
    this.status = 0
    this.bytes = 0
    this.#heldHead = ''
  }

  /** `text` is the head up to where framing and Connection go; `length` counts for a sized body. */
  begin(status: number, text: string, framing: Framing, length: number): void {
    this.status = status
    this.#framing = framing
    if (framing === 'close') this.#client.keepAlive = false
    this.#heldHead = `${text}${framingLine(framing, length)}${connectionLine(this.#client)}\r\n`
    this.bytes += this.#heldHead.length
  }

  /** From now on only what `slicer` cuts out of the body is written. */
  slice(slicer: Slicer): void {
    this.#slicer = slicer
  }

  /** The next bytes of the body. `data` must stay as it is until the socket is flushed. */
  write(data: Buffer): void {
    if (this.#slicer === undefined) this.#write(data)
    else for (const piece of this.#slicer.cut(data)) this.#write(piece)
  }

  #write(data: Buffer): void {
    if (this.#framing === 'none' || data.length === 0) return
    const client = this.#client
    this.bytes += data.length
    if (this.#framing === 'chunked') {
      const prefix = this.#heldHead + chunkPrefix(data.length)
      this.#heldHead = ''
      client.writeChunk(prefix, data)
    } else if (this.#heldHead !== '') {
      const head = this.#heldHead
      this.#heldHead = ''
      client.writeHeadAndBody(head, data)
    } else {
      client.write(data)
    }
  }

  /** Sends the head if it still waits. */
  flushHead(): void {
    if (this.#heldHead === '') return
    const head = this.#heldHead
    this.#heldHead = ''
    this.#client.writeText(head)
  }

  /** `trailers` are complete lines or undefined; they go on where the framing has room for them (RFC 9110 §6.5.1). */
  end(trailers: string | undefined): void {
    if (this.#framing === 'chunked') {
      const text = this.#heldHead + lastChunk(trailers)
      this.#heldHead = ''
      this.#client.writeText(text)
    } else {
      this.flushHead()
      if (this.#framing === 'stream' && trailers !== undefined) this.#client.writeTrailers(trailers)
    }
  }

  /** The body cannot be completed: the connection ends so that the client does not take it for complete. */
  truncate(): void {
    this.#client.truncate(this.#framing)
  }
}
