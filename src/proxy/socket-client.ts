/** The writing half of a client connection: over TCP as `Output` does it, over TLS as `SecureOutput` does. */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { SecureOutput } from '../net/secure-output.ts'
import type { TlsFacts } from '../plan/tls-facts.ts'
import { tlsFactsOf } from '../tls/client-certificate.ts'
import { Client, type HeadAndBody } from './client.ts'
import type { ListenerRuntime } from './listener-runtime.ts'
import type { Framing, UnsizedFraming } from './response-out.ts'
import type { Worker } from './worker.ts'

/** Small answers that a client of TLS may have in line; more, and its next request waits. */
const PIPELINED_BYTES = 64 * 1024

/** What Node does not tell of its handles: bytes in libuv's queue, and the TCP below TLS. */
interface QueueingHandle {
  readonly writeQueueSize?: number
  readonly _parent?: QueueingHandle
}

export abstract class SocketClient extends Client {
  readonly socket: Socket
  readonly isSecure: boolean
  readonly #secure: SecureOutput | undefined
  #address: string | undefined = undefined
  #writeQueue = 0

  constructor(worker: Worker, listener: ListenerRuntime, socket: Socket, isSecure: boolean) {
    super(worker, listener)
    this.socket = socket
    this.isSecure = isSecure
    this.#secure = isSecure
      ? new SecureOutput(socket, worker.secureScratch, (error) => worker.logFault(error))
      : undefined
  }

  override get tls(): TlsFacts | undefined {
    const server = this.listener.tls
    return this.isSecure && server !== undefined ? tlsFactsOf(this.socket as TLSSocket, server.plan) : undefined
  }

  get clientAddress(): string {
    this.#address ??= plainAddress(this.socket.remoteAddress)
    return this.#address
  }

  get hasLostPeer(): boolean {
    return this.#address === '' && this.listener.address.kind === 'tcp'
  }

  get clientPort(): number {
    return this.socket.remotePort ?? 0
  }

  get protocol(): string {
    return this.minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0'
  }

  get unsizedFraming(): UnsizedFraming {
    return this.minor === 1 ? 'chunked' : 'close'
  }

  get unsentBytes(): number {
    return this.#secure === undefined ? this.socket.writableLength : this.#secure.queuedBytes
  }

  /** The client has to take more before it is served again. */
  protected get isBehind(): boolean {
    const secure = this.#secure
    if (secure === undefined) return this.socket.writableLength !== 0
    return secure.borrowedBytes > 0 || secure.queuedBytes > PIPELINED_BYTES
  }

  /** True when the client has taken nothing of what is waiting for it since the last look. */
  protected isStalled(): boolean {
    const handle = (this.socket as unknown as { _handle?: QueueingHandle })._handle
    const queue = (handle?._parent ?? handle)?.writeQueueSize ?? 0
    const isStalled = queue > 0 && queue === this.#writeQueue
    this.#writeQueue = queue
    return isStalled
  }

  writeText(text: string): void {
    if (this.#secure === undefined) this.worker.output.writeText(this.socket, text)
    else this.#secure.writeText(text)
  }

  writeHeadAndBody(head: string, body: Buffer): void {
    if (this.#secure === undefined) this.worker.output.writeHeadAndBody(this.socket, head, body)
    else this.#secure.write(head, body)
  }

  writeHeadAndCopy(head: string, bytes: Buffer, start: number, end: number): void {
    if (this.#secure === undefined) this.worker.output.writeHeadAndCopy(this.socket, head, bytes, start, end)
    else this.#secure.writeCopy(head, bytes, start, end)
  }

  writeHeadAndPieces(head: string, pieces: readonly Buffer[]): void {
    if (this.#secure === undefined) this.worker.output.writeHeadAndPieces(this.socket, head, pieces)
    else this.#secure.writePieces(head, pieces)
  }

  writeStored(prefix: string, object: StoredObject, hasBody: boolean): void {
    const { headAndBody, head, body } = object
    if (hasBody && headAndBody !== undefined) this.writeHeadAndBody(prefix, headAndBody)
    else this.writeHeadAndPieces(prefix, hasBody ? [head, ...body] : [head])
  }

  writeEdited(prefix: string, lines: string, object: StoredObject): void {
    const { body } = object
    if (body.length === 1) this.writeHeadAndBody(prefix + lines, body[0]!)
    else this.writeHeadAndPieces(prefix + lines, body)
  }

  writePrefixAndCopy(prefix: string, { bytes, headStart, end }: HeadAndBody): void {
    this.writeHeadAndCopy(prefix, bytes, headStart, end)
  }

  write(data: Buffer): void {
    if (this.#secure === undefined) this.socket.write(data)
    else this.#secure.write('', data)
  }

  writeChunk(prefix: string, data: Buffer): void {
    if (this.#secure === undefined) this.worker.output.writeChunk(this.socket, prefix, data)
    else this.#secure.writeChunk(prefix, data)
  }

  /** Trailers of the chunked coding are a part of the last chunk. */
  writeTrailers(): void {}

  writeCopy(bytes: Buffer, start: number, end: number): void {
    if (this.#secure === undefined) this.worker.output.writeCopy(this.socket, bytes, start, end)
    else this.#secure.writeCopy('', bytes, start, end)
  }

  whenFlushed(done: (isFlushed: boolean) => void): void {
    const { socket } = this
    if (this.#secure !== undefined) this.#secure.whenFlushed(done)
    else if (socket.writableEnded || socket.destroyed) socket.once('close', () => done(false))
    else this.worker.output.whenFlushed(socket, done)
  }

  truncate(framing: Framing): void {
    // Where the end of the connection marks the end of the body, only a reset says "not this end" (RFC 9112 §8), and over
    // TLS an end without close_notify (§9.8).
    if (framing !== 'close') this.destroySoon()
    else if (this.#secure === undefined) this.socket.resetAndDestroy()
    else this.socket.destroy()
  }

  abort(): void {
    this.socket.destroy()
  }

  /** FIN behind what is written. */
  protected endSocket(): void {
    if (this.#secure === undefined) this.socket.end()
    else this.#secure.end()
  }

  /** Closes behind what is written. */
  protected destroySoon(): void {
    if (this.#secure === undefined) this.socket.destroySoon()
    else this.#secure.destroySoon()
  }
}

/** `::ffff:192.0.2.1`, as a dual-stack socket names an IPv4 peer, is 192.0.2.1. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return ''
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
