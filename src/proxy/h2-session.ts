/**
 * One connection of HTTP/2: a session of node:http2 on our socket. Each of its streams is an H2Stream, which goes the way of
 * every request; here lies what they share: limits, time, the guard against floods, and the end.
 *
 *     open --no more requests (reload, drain, `requests`): GOAWAY--> closing --last stream closed--> closed
 *       '--flood, error, time------------------------------------------------------------------------^
 *
 * A client that loses what it sent behind a GOAWAY may send it again, as that says which streams were seen (RFC 9113 §6.8).
 */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { headErrors } from '../http/head-errors.ts'
import { RequestHead } from '../http/request-head.ts'
import { C } from '../log/counters.ts'
import type { Reader } from '../net/listener.ts'
import { TimerEntry } from '../net/timer-wheel.ts'
import type { TlsFacts } from '../plan/tls-facts.ts'
import { tlsFactsOf } from '../tls/client-certificate.ts'
import { clock } from '../util/clock.ts'
import { refuse } from './answer.ts'
import type { ClientSession } from './client-session.ts'
import { H2Guard } from './h2-guard.ts'
import { readH2Request } from './h2-request.ts'
import { H2Stream } from './h2-stream.ts'
import type { ListenerRuntime } from './listener-runtime.ts'
import { receive } from './receive.ts'
import { plainAddress } from './socket-client.ts'
import type { Worker } from './worker.ts'

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_FLAG_END_STREAM } = constants

/** How often the guard looks at a connection that is busy, and at one that is not. */
const LOOK_MS = 1000
const IDLE_LOOK_MS = 5000
/** How long a client may take to close what is closed on our side. */
const LINGER_MS = 2000
/** RFC 9113 §6.5.2 counts 32 bytes more for each field; a head that is too large shall be read, so that it is answered 431. */
const FIELD_OVERHEAD_BYTES = 32
const HEAD_SLACK_BYTES = 16 * 1024
/** Of request bodies, for each stream; the window of the whole session is kept open. */
const STREAM_WINDOW_BYTES = 64 * 1024
/** Frames that break the protocol of their stream alone. */
const INVALID_FRAMES = 100
const UNACKNOWLEDGED = 10
/** Beyond `streams`, before the client has learned of that limit or in spite of it. */
const REFUSED_STREAMS = 100
const SETTINGS_PER_FRAME = 32
/** What nghttp2 and the heads may hold, in MiB as Node wants it. */
const SESSION_MIB = 10
/** Of a response: more than any backend may send. */
const SENT_HEAD_BYTES = 1024 * 1024

/** The head of the request being received; whoever needs it longer calls detach(). */
const head = new RequestHead()

export class H2Session extends TimerEntry implements ClientSession, Reader {
  readonly worker: Worker
  readonly listener: ListenerRuntime
  readonly socket: Socket
  readonly isSecure: boolean
  readonly #session: ServerHttp2Session
  readonly #guard: H2Guard
  #streams = 0
  #requests = 0
  /** Since when there is no stream; monotonic. */
  #idleSinceMs: number
  #seenReceived = 0
  #isClosing = false
  #address: string | undefined = undefined
  #unwritten: { readonly tier: MemoryTier; readonly object: StoredObject }[] | undefined = undefined

  constructor(worker: Worker, listener: ListenerRuntime, socket: Socket, isSecure: boolean) {
    super()
    this.worker = worker
    this.listener = listener
    this.socket = socket
    this.isSecure = isSecure
    this.#guard = new H2Guard(clock.monotonicMs)
    this.#idleSinceMs = clock.monotonicMs
    socket.on('error', () => {}) // 'close' follows
    socket.on('end', () => socket.destroy()) // nobody is there to be answered
    socket.on('close', () => this.#onClose())
    this.#session = performServerHandshake(socket, optionsOf(listener))
    const session = this.#session
    session.on('stream', (stream, _, flags, list) => this.#onStream(stream, flags, list as unknown as string[]))
    session.on('error', (error: NodeJS.ErrnoException) => this.#onError(error))
    session.on('ping', () => this.#onAnswered())
    session.on('remoteSettings', () => this.#onAnswered())
    worker.counters.add(C.h2Connections, 1)
    worker.wheel.schedule(this, clock.monotonicMs + LOOK_MS)
  }

  /** What came before the session took the socket over; it takes it from there in the next tick. */
  onBytes(bytes: Buffer, length: number): boolean {
    this.socket.unshift(Buffer.from(bytes.subarray(0, length)))
    return true
  }

  get tls(): TlsFacts | undefined {
    const plan = this.listener.tls?.plan
    return this.isSecure && plan !== undefined ? tlsFactsOf(this.socket as TLSSocket, plan) : undefined
  }

  get clientAddress(): string {
    this.#address ??= plainAddress(this.socket.remoteAddress)
    return this.#address
  }

  get clientPort(): number {
    return this.socket.remotePort ?? 0
  }

  get hasLostPeer(): boolean {
    return this.#address === '' && this.listener.address.kind === 'tcp'
  }

  drain(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#session.close()
    if (this.#streams === 0) this.#linger()
  }

  destroy(): void {
    this.socket.destroy()
  }

  override onTimeout(): void {
    this.#unpinWritten()
    if (this.#isClosing && this.#streams === 0) {
      this.socket.destroy()
      return
    }
    const { worker } = this
    const received = this.socket.bytesRead
    const isBusy = received !== this.#seenReceived
    this.#countBytes(received)
    if (!this.#guard.look(received, this.socket.bytesWritten, clock.monotonicMs)) {
      this.#calm()
      return
    }
    const leftMs = this.#idleLeftMs()
    if (leftMs <= 0) this.drain()
    else worker.wheel.schedule(this, clock.monotonicMs + Math.min(leftMs, isBusy ? LOOK_MS : IDLE_LOOK_MS))
  }

  /** Bytes of a request body came. */
  noteData(bytes: number): void {
    this.#guard.onData(bytes)
  }

  /** False: the client, or its fault, ended the stream before its answer was out. */
  onStreamClosed(isAnswered: boolean): void {
    this.#streams--
    if (this.#streams === 0) {
      this.#idleSinceMs = clock.monotonicMs
      if (this.#isClosing) this.#linger()
    }
    if (!isAnswered) this.#onReset()
  }

  #onStream(stream: ServerHttp2Stream, flags: number, list: readonly string[]): void {
    const { worker, listener } = this
    const { counters } = worker
    clock.update()
    this.#streams++
    this.#requests++
    this.#guard.onStream(listener.limits.headerBytes)
    counters.add(C.h2Streams, 1)
    const client = new H2Stream(this, stream)
    // Reset in the packet it came in: nothing is begun for it, 'close' follows.
    if (stream.closed || stream.destroyed) return
    counters.add(C.requests, 1)
    try {
      const isEnded = (flags & NGHTTP2_FLAG_END_STREAM) !== 0
      const error = readH2Request(head, list, { isSecure: this.isSecure, isEnded, limits: listener.headLimits })
      if (error === 0) {
        if (!isEnded) client.openBody(head)
        receive(client, head)
      } else {
        const { status, code, message } = headErrors[-error]!
        refuse(client, status, code, message)
      }
    } catch (error) {
      worker.logFault(error)
      client.abort()
    }
    const limit = listener.limits.requestsPerConnection
    if (limit !== 0 && this.#requests >= limit) this.drain()
  }

  /** Also told when the socket fails, which is nobody's fault, and of the error that `#calm` gives. */
  #onError({ code }: NodeJS.ErrnoException): void {
    if (code?.startsWith('ERR_HTTP2') === true) this.worker.counters.add(C.h2Errors, 1)
  }

  #onAnswered(): void {
    if (!this.#guard.onAnswered(clock.monotonicMs)) this.#calm()
  }

  #onReset(): void {
    this.worker.counters.add(C.h2Resets, 1)
    if (!this.#guard.onReset(clock.monotonicMs)) this.#calm()
  }

  /** RFC 9113 §10.5. */
  #calm(): void {
    if (this.#session.destroyed) return
    this.worker.counters.add(C.h2Floods, 1)
    this.#isClosing = true
    this.#session.destroy(new Error('the client asks for too much work in vain'), NGHTTP2_ENHANCE_YOUR_CALM)
    this.#linger()
  }

  /** A new connection has as long for its first request as for the head of one. */
  #idleLeftMs(): number {
    if (this.#streams > 0) return Number.POSITIVE_INFINITY
    const { headerTimeoutMs, idleTimeoutMs } = this.listener.limits
    return this.#idleSinceMs + (this.#requests === 0 ? headerTimeoutMs : idleTimeoutMs) - clock.monotonicMs
  }

  #linger(): void {
    this.worker.wheel.schedule(this, clock.monotonicMs + LINGER_MS)
  }

  #countBytes(received: number): void {
    this.worker.counters.add(C.bytesIn, received - this.#seenReceived)
    this.#seenReceived = received
  }

  /** The object is unpinned once the kernel has all that was written so far. */
  unpinWhenWritten(tier: MemoryTier, object: StoredObject): void {
    this.#unwritten ??= []
    this.#unwritten.push({ tier, object })
  }

  /** `#unwritten` is few: each is a stream that was reset, of which there may not be many. */
  #unpinWritten(): void {
    const unwritten = this.#unwritten
    if (unwritten === undefined || (!this.socket.destroyed && this.#isWriting())) return
    this.#unwritten = undefined
    for (const { tier, object } of unwritten) tier.unpin(object)
  }

  #isWriting(): boolean {
    const handle = (this.socket as unknown as { _handle?: { writeQueueSize?: number } | null })._handle
    return (handle?.writeQueueSize ?? 0) > 0
  }

  #onClose(): void {
    this.#unpinWritten()
    this.#countBytes(this.socket.bytesRead)
    this.worker.wheel.cancel(this)
    this.worker.forget(this)
  }
}

function optionsOf({ limits }: ListenerRuntime): object {
  const headBytes = limits.headerBytes + limits.headers * FIELD_OVERHEAD_BYTES
  return {
    settings: {
      maxConcurrentStreams: limits.streams,
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxHeaderListSize: headBytes + HEAD_SLACK_BYTES,
      enableConnectProtocol: false,
    },
    // Pseudo fields, cookie crumbs, and some more, so that too many are answered 431.
    maxHeaderListPairs: limits.headers * 2 + 16,
    maxSessionMemory: SESSION_MIB,
    maxSessionInvalidFrames: INVALID_FRAMES,
    maxSessionRejectedStreams: Math.max(limits.streams, REFUSED_STREAMS),
    maxOutstandingPings: UNACKNOWLEDGED,
    maxOutstandingSettings: UNACKNOWLEDGED,
    maxSettings: SETTINGS_PER_FRAME,
    maxSendHeaderBlockLength: SENT_HEAD_BYTES,
    strictSingleValueFields: false, // what an origin sends twice goes on twice
    strictFieldWhitespaceValidation: true,
  }
}
