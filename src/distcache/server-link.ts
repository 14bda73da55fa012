/**
 * One connection to a server of sessions (or to an agent, which looks the same): the socket, with TLS if wanted, under what
 * a client and an agent each make of it.
 *
 *                connected                end, reset, silence, not the protocol, close()
 *     connecting ─────────> open ─────────────────────────────────────────────────────────> closed, `onClosed`
 *         └──────── refused, no route, no handshake ───────────────────────────────────────────↗
 *
 * Requests may be put into `output` from the start; they leave in one write when the connection is open, and then all of one
 * turn of the event loop in one write at its end, so that many small requests cost one system call.
 *
 * The hard part is that a handler may do anything while it is called, close this link included. `#closed` is looked at after
 * every call, and `onClosed` is called once, last, and from nowhere below a handler of a message unless that handler closed.
 */
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { type Address, socketOptions } from './address.ts'
import { CARE_MS, FRAME_DATA_BYTES, FRAME_HEADER_BYTES } from './limits.ts'
import { MessageDecoder } from './message-decoder.ts'
import type { MessageOutput } from './message-output.ts'

export interface LinkTarget {
  readonly address: Address
  /** Certificates and keys for TLS; undefined: plain. */
  readonly tls?: ConnectionOptions | undefined
}

/**
 * Why a link ended: never connected; connected and lost; what came is not the protocol, or not an answer to what was asked;
 * `close()` was called.
 */
export type LinkEnd = 'unreachable' | 'lost' | 'bad-response' | 'closed'

export interface LinkHandler {
  onOpen(): void
  /** What was in the output of an open link has been written. */
  onFlushed?(): void
  /** A response: its payload is bytes[start, end), valid until this returns. False: it answers nothing; the link ends. */
  onMessage(uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean
  /** `error`: of the socket, where it had one. */
  onClosed(end: LinkEnd, error: Error | undefined): void
}

/** A peer that accepts no connection and refuses none for so long is not there. */
const CONNECT_MS = 10_000
/** Before the kernel asks an idle peer whether it still lives; invisible to the protocol. */
const KEEP_ALIVE_MS = 30_000

/** All plain links of a thread read into this one: it is looked at until the handler returns, and no longer. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

export class ServerLink {
  readonly output: MessageOutput
  readonly #handler: LinkHandler
  readonly #decoder: MessageDecoder
  readonly #socket: Socket
  readonly #flushNow = () => {
    this.flush()
    if (!this.#closed) this.#handler.onFlushed?.()
  }
  #connectTimer: NodeJS.Timeout | undefined
  #isOpen = false
  #closed = false
  #flushIsDue = false
  /** A message was refused by the handler. */
  #isRefused = false
  #isTaking = false
  #error: Error | undefined = undefined

  /** Begins to connect. `output` may be shared by links that call `flush` in the turn in which they wrote. */
  constructor(target: LinkTarget, output: MessageOutput, handler: LinkHandler) {
    this.output = output
    this.#handler = handler
    this.#decoder = new MessageDecoder('client', this)
    this.#socket = this.#connect(target)
    this.#socket.setNoDelay(true)
    this.#socket.setKeepAlive(true, KEEP_ALIVE_MS)
    this.#connectTimer = setTimeout(() => this.#end('unreachable'), CONNECT_MS)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Bytes that wait for the peer to read. */
  get waitingBytes(): number {
    return this.output.length + this.#socket.writableLength
  }

  /** Whether the link keeps the process alive while it has nothing else to do. */
  setRef(isRef: boolean): void {
    if (isRef) this.#socket.ref()
    else this.#socket.unref()
  }

  /** Writes what is in `output` at the end of this turn, or when the connection is open. */
  flushSoon(): void {
    if (this.#flushIsDue || !this.#isOpen) return
    this.#flushIsDue = true
    setImmediate(this.#flushNow)
  }

  /** Writes what is in `output` at once; nothing before the connection is open. */
  flush(): void {
    this.#flushIsDue = false
    if (this.#isOpen && !this.#closed) this.output.write(this.#socket)
  }

  /** Writes what is in `output`, which is one message of so much payload, and its last frame when the peer has read the others. */
  flushInTwo(payloadBytes: number): void {
    const tail = this.output.takeTail(FRAME_HEADER_BYTES + (payloadBytes % FRAME_DATA_BYTES))
    this.flush()
    setTimeout(() => {
      if (!this.#closed) this.#socket.write(tail)
    }, CARE_MS)
  }

  /** Ends the link; `onClosed` has been called when this returns, now or before. */
  close(end: LinkEnd = 'closed'): void {
    this.#end(end)
  }

  onMessage(uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.#handler.onMessage(uid, operation, bytes, start, end)) return !this.#closed
    this.#isRefused = true
    return false
  }

  #connect({ address, tls }: LinkTarget): Socket {
    const onread = { buffer: readBuffer, callback: (length: number, bytes: Uint8Array) => this.#take(bytes, length) }
    const where = socketOptions(address)
    const socket = tls === undefined ? connect({ ...where, onread }) : connectTls({ ...where, ...tls })
    // TLS decrypts into Buffers of its own, which nobody else sees.
    if (tls !== undefined) socket.on('data', (bytes: Buffer) => this.#take(bytes, bytes.length))
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => this.#open())
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.once('end', () => this.#end(this.#isOpen ? 'lost' : 'unreachable'))
    socket.once('close', () => this.#end(this.#isOpen ? 'lost' : 'unreachable'))
    return socket
  }

  #open(): void {
    if (this.#closed) return
    this.#isOpen = true
    clearTimeout(this.#connectTimer)
    this.#handler.onOpen()
    this.flush()
  }

  #take(bytes: Uint8Array, length: number): boolean {
    if (this.#closed) return true
    this.#isTaking = true
    const taken = this.#decoder.push(bytes as Buffer, 0, length)
    this.#isTaking = false
    if (this.#closed) this.#decoder.wipe()
    else if (this.#isRefused || taken !== length) this.#end('bad-response')
    return true
  }

  #end(end: LinkEnd): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#connectTimer)
    // A handler that closes may not have read all of its message yet.
    if (!this.#isTaking) this.#decoder.wipe()
    this.#socket.destroy()
    this.#handler.onClosed(end, this.#error)
  }
}
