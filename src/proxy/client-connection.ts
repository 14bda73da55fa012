/**
 * One client connection: reads requests one after the other, hands each to `receive`, and goes on when it is answered.
 *
 * Three small machines meet here: reading heads, reading a request body, and the life of the answer.
 *
 *     phase    reading --head--> answering --answer flushed, body read--> reading
 *                 |                  |--101--> tunnel
 *                 |                  '--close--> linger --peer closed, or time--> closed
 *
 * Always true:
 * - one request is in work at a time, so pipelined ones are answered in order; their bytes wait in `#pending`, and while
 *   they wait nothing is read, which bounds what a client can make us hold;
 * - `onBytes` gets the worker's buffer: whatever outlives the call is copied;
 * - a hit begins and ends within `#startRequest`; everything else leaves an Exchange behind.
 */

import type { Socket } from 'node:net'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { BodyReader } from '../http/body-reader.ts'
import { headErrors } from '../http/head-errors.ts'
import { parseRequestHead, type RequestHead } from '../http/request-head.ts'
import { C } from '../log/counters.ts'
import type { Reader } from '../net/listener.ts'
import { clock } from '../util/clock.ts'
import { refuse } from './answer.ts'
import type { ClientSession } from './client-session.ts'
import type { ListenerRuntime } from './listener-runtime.ts'
import { receive } from './receive.ts'
import { SocketClient } from './socket-client.ts'
import type { Worker } from './worker.ts'

type Phase = 'reading' | 'answering' | 'tunnel' | 'linger' | 'closed'

/** How much of an unwanted request body is read and thrown away to keep the connection; more, and it is closed. */
const DISCARD_BYTES = 64 * 1024
/** After our FIN: how long, and for how many bytes, we listen on, so that a reset does not overtake the answer. */
const LINGER_MS = 2000
/** A client that is told 413 is in the middle of its upload, and loses the answer if it is reset before it has read it. */
const LINGER_BYTES = 64 * 1024 * 1024
/** A client that is silent in a tunnel for so long is asked by TCP whether it still lives. */
const TUNNEL_PROBE_MS = 60_000

export class ClientConnection extends SocketClient implements Reader, ClientSession {
  phase: Phase = 'reading'
  #requests = 0
  #pending: Buffer | undefined = undefined
  /** When the first byte of the head in `#pending` came; monotonic. */
  #headSinceMs: number
  #ended = false
  #body: BodyReader | undefined = undefined
  #bodyActive = false
  /** Nobody takes the body yet, or its taker is full. */
  #bodyHeld = false
  #bodyBytes = 0
  #bodyLimit = 0
  #discarding = false
  #paused = false
  #inProcess = false
  #lingered = 0
  /** A stored object whose bytes are being written. */
  #pinned: StoredObject | undefined = undefined
  #pinnedIn: MemoryTier | undefined = undefined

  /** `isSecure`: `socket` is one of TLS, and its handshake is done. */
  constructor(worker: Worker, listener: ListenerRuntime, socket: Socket, isSecure: boolean) {
    super(worker, listener, socket, isSecure)
    this.#headSinceMs = clock.monotonicMs
    socket.on('end', () => this.#onEnd())
    socket.on('error', () => {}) // 'close' follows and tells all there is to know
    socket.on('close', () => this.#onClose())
    worker.wheel.schedule(this, clock.monotonicMs + listener.limits.headerTimeoutMs)
  }

  onBytes(bytes: Buffer, length: number): boolean {
    clock.update()
    this.worker.counters.add(C.bytesIn, length)
    if (this.phase === 'tunnel') {
      this.exchange?.onClientTunnelData(bytes, length)
    } else if (this.phase === 'linger') {
      this.#lingered += length
      if (this.#lingered > LINGER_BYTES) this.socket.destroy()
    } else if (this.#pending !== undefined) {
      const seen = this.#pending.length
      this.#process(Buffer.concat([this.#pending, bytes.subarray(0, length)]), seen + length, seen)
    } else {
      if (this.phase === 'reading') this.#headSinceMs = clock.monotonicMs
      this.#process(bytes, length, 0)
    }
    return !this.#paused
  }

  endAnswer(): void {
    if (this.isBehind) this.#awaitFlush()
    else this.#next()
  }

  endAnswerFrom(tier: MemoryTier, object: StoredObject): void {
    if (!this.isBehind) {
      tier.unpin(object)
      this.#next()
      return
    }
    this.#pinned = object
    this.#pinnedIn = tier
    this.#awaitFlush()
  }

  releaseBody(): void {
    if (!this.#bodyHeld) return
    this.#bodyHeld = false
    this.#continue()
  }

  holdBody(): void {
    this.#bodyHeld = true
  }

  get hasUnreadBody(): boolean {
    return this.#bodyActive
  }

  limitBody(bytes: number): void {
    this.#bodyLimit = bytes
  }

  openTunnel(): Buffer | undefined {
    this.phase = 'tunnel'
    this.worker.wheel.cancel(this)
    this.socket.setKeepAlive(true, TUNNEL_PROBE_MS) // no timer of ours ends a tunnel, and a dead peer says nothing
    const early = this.#pending
    this.#pending = undefined
    return early
  }

  boundTunnel(): void {
    this.worker.wheel.schedule(this, clock.monotonicMs + this.listener.limits.idleTimeoutMs)
  }

  touchTunnel(): void {
    if (this.isScheduled) this.boundTunnel()
  }

  endTunnel(): void {
    this.endSocket()
  }

  closeTunnel(): void {
    if (this.phase === 'tunnel') this.#close()
  }

  pauseTunnel(): void {
    this.#paused = true
    this.socket.pause()
  }

  resumeTunnel(): void {
    this.#paused = false
    this.socket.resume()
  }

  /** No further request: idle connections close now, others with their answer. */
  drain(): void {
    this.keepAlive = false
    if (this.phase === 'reading' && this.#pending === undefined) this.#closeIdle()
  }

  destroy(): void {
    this.socket.destroy()
  }

  override onTimeout(): void {
    switch (this.phase) {
      case 'reading':
        if (this.#pending === undefined) this.#closeIdle()
        else this.#refuse(408, 'request-timeout', 'the request head did not come in time')
        break
      case 'answering':
        this.#onAnswerTimeout()
        break
      default:
        this.socket.destroy()
    }
  }

  #onAnswerTimeout(): void {
    this.worker.wheel.schedule(this, clock.monotonicMs + this.listener.limits.sendTimeoutMs)
    if (this.isStalled()) this.socket.destroy()
    else if (this.#bodyActive && !this.#bodyHeld) this.#failBody(408, 'the request body did not come in time')
  }

  /** Reads requests and bodies from `bytes`; what cannot be used now becomes `#pending`. `seen`: see parseRequestHead. */
  #process(bytes: Buffer, end: number, seen: number): void {
    this.#pending = undefined
    this.#inProcess = true
    let at = end
    try {
      at = this.#consume(bytes, end, seen)
    } catch (error) {
      // A fault of ours, met by this request: it costs this connection, not the worker.
      this.worker.logFault(error)
      this.socket.destroy()
    }
    this.#inProcess = false
    if (at < end && this.phase !== 'closed' && this.phase !== 'linger') {
      const rest = bytes.subarray(at, end)
      this.#pending = bytes === this.worker.readBuffer ? Buffer.from(rest) : rest
    }
    this.#settle()
  }

  /** Returns how far it came. */
  #consume(bytes: Buffer, end: number, seen: number): number {
    const { worker } = this
    let at = 0
    while (at < end) {
      if (this.#bodyActive) {
        if (this.#bodyHeld) return at
        at = this.#feedBody(bytes, at, end)
        continue
      }
      if (this.phase !== 'reading') return at
      const used = parseRequestHead(worker.head, bytes, at, end, this.listener.headLimits, at === 0 ? seen : at)
      if (used === 0) return at
      if (used < 0) {
        const error = headErrors[-used]!
        this.#refuse(error.status, error.code, error.message)
        return end
      }
      at += used
      this.#startRequest(worker.head)
    }
    return at
  }

  /** After every batch of input: whether to read on, and for how long to wait. */
  #settle(): void {
    if (this.#isCutOff()) this.#failBody(400, 'the request body is incomplete')
    const { limits } = this.listener
    const now = clock.monotonicMs
    if (this.phase === 'reading') {
      if (this.#ended) {
        this.#close()
        return
      }
      const isIdle = this.#pending === undefined
      this.worker.wheel.schedule(this, isIdle ? now + limits.idleTimeoutMs : this.#headSinceMs + limits.headerTimeoutMs)
    } else if (this.phase === 'answering') {
      this.worker.wheel.schedule(this, now + (this.#bodyActive ? limits.bodyTimeoutMs : limits.sendTimeoutMs))
      if (this.#pending !== undefined && !this.#paused) {
        this.#paused = true
        this.socket.pause()
      }
    }
  }

  /** Goes on with what is pending, then reads again. */
  #continue(): void {
    if (this.#inProcess || this.phase === 'closed' || this.phase === 'linger' || this.phase === 'tunnel') return
    const wasPaused = this.#paused
    this.#paused = false
    const pending = this.#pending
    if (pending === undefined) {
      this.#settle()
    } else {
      if (this.phase === 'reading') this.#headSinceMs = clock.monotonicMs
      this.#process(pending, pending.length, 0)
    }
    if (wasPaused && !this.#paused && !this.socket.destroyed) this.socket.resume()
  }

  #startRequest(head: RequestHead): void {
    const { listener, worker } = this
    const limit = listener.limits.requestsPerConnection
    this.#requests++
    worker.counters.add(C.requests, 1)
    this.phase = 'answering'
    this.startedMs = clock.monotonicMs
    this.minor = head.minor
    this.keepAlive = head.keepAlive && !worker.draining && !listener.closed && (limit === 0 || this.#requests < limit)
    if (head.hasBody) this.#openBody(head)
    receive(this, head)
  }

  #openBody(head: RequestHead): void {
    this.#body ??= new BodyReader()
    this.#body.reset(head.bodyKind, head.contentLength)
    this.#bodyActive = true
    this.#bodyHeld = true
    this.withholdsBody = head.expectContinue
    this.#discarding = false
    this.#bodyBytes = 0
    this.#bodyLimit = this.listener.limits.bodyBytes
  }

  /** Returns where to go on in the input. */
  #feedBody(bytes: Buffer, start: number, end: number): number {
    const body = this.#body!
    const step = body.next(bytes, start, end)
    if (step === 'data') this.#onBodyData(bytes, body.dataStart, body.dataEnd)
    if (step === 'error') {
      this.#failBody(400, `the request body is malformed (${body.error})`)
      return end
    }
    if (body.isComplete && this.#bodyActive) this.#endBody(body.trailers)
    return body.position
  }

  #endBody(trailers: string | undefined): void {
    this.#bodyActive = false
    this.withholdsBody = false
    if (this.#discarding) {
      this.#discarding = false
      this.#next()
    } else {
      this.exchange?.onRequestEnd(trailers)
    }
  }

  /** Where the next request would begin is unknown from here on, so there is none, whatever becomes of the answer. */
  #failBody(status: number, message: string): void {
    this.#bodyActive = false
    this.keepAlive = false
    if (this.#discarding) this.#stopDiscarding()
    else this.exchange?.onRequestFailed(status, message) // without one the answer is on its way already
  }

  #onBodyData(bytes: Buffer, start: number, end: number): void {
    this.#bodyBytes += end - start
    this.withholdsBody = false
    if (this.#discarding) {
      if (this.#bodyBytes > DISCARD_BYTES) this.#stopDiscarding()
    } else if (this.#bodyBytes > this.#bodyLimit) {
      this.#failBody(413, 'the request body is larger than the limit')
    } else {
      this.exchange?.onRequestData(bytes, start, end)
    }
  }

  #stopDiscarding(): void {
    this.#discarding = false
    this.#bodyActive = false
    this.keepAlive = false
    this.#close()
  }

  #awaitFlush(): void {
    this.whenFlushed((isFlushed) => {
      clock.update()
      this.#unpin()
      // After a write that failed 'close' follows, but not yet: what the client had in line must not be done without him.
      if (isFlushed) this.#next()
    })
  }

  /** The answer is out. */
  #next(): void {
    // A destroyed socket is about to say 'close'; what its client had in line is not done without him.
    if (this.phase !== 'answering' || this.socket.destroyed) return
    this.exchange = undefined
    if (!this.keepAlive) {
      this.#close()
      return
    }
    if (this.#bodyActive) {
      // RFC 9112 §9.3: a request body is read to its end before the connection serves again, or the connection closes.
      this.#bodyBytes = 0
      this.#discarding = true
      this.#bodyHeld = false
    } else {
      this.phase = 'reading'
    }
    this.#continue()
  }

  #refuse(status: number, code: string, message: string): void {
    this.keepAlive = false
    this.phase = 'answering'
    this.startedMs = clock.monotonicMs
    refuse(this, status, code, message)
  }

  /** Closes a connection between requests: nothing is on its way that a reset could overtake. */
  #closeIdle(): void {
    this.phase = 'linger'
    this.worker.wheel.cancel(this)
    this.destroySoon()
  }

  /** Sends FIN behind what is written and waits for the peer's (RFC 9112 §9.6). */
  #close(): void {
    this.phase = 'linger'
    this.#pending = undefined
    this.#bodyActive = false
    this.#unpin()
    this.endSocket()
    this.worker.wheel.schedule(this, clock.monotonicMs + LINGER_MS)
    if (!this.#paused) return
    this.#paused = false
    this.socket.resume()
  }

  #onEnd(): void {
    this.#ended = true
    if (this.phase === 'reading') {
      if (this.#pending === undefined) this.#closeIdle()
      else this.socket.destroy()
    } else if (this.#isCutOff()) {
      this.#failBody(400, 'the request body is incomplete')
    } else if (this.phase === 'tunnel') {
      this.exchange?.onClientTunnelEnd()
    }
  }

  /** True when the client will send no more although the body is not complete. */
  #isCutOff(): boolean {
    return this.#ended && this.#bodyActive && this.phase === 'answering' && this.#pending === undefined
  }

  #onClose(): void {
    const { exchange } = this
    this.phase = 'closed'
    this.exchange = undefined
    this.worker.wheel.cancel(this)
    this.#unpin()
    this.#pending = undefined
    exchange?.onClientGone()
    this.worker.forget(this)
  }

  #unpin(): void {
    if (this.#pinned === undefined) return
    this.#pinnedIn!.unpin(this.#pinned)
    this.#pinned = undefined
    this.#pinnedIn = undefined
  }
}
