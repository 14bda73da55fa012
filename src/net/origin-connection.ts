/**
 * One HTTP/1.1 connection to an origin server: writes a request, reads the response by the rules of RFC 9112, and says
 * whether it may be used again. Where the server chose HTTP/2, its socket goes to an OriginSession instead.
 *
 * The hard part is knowing when it is clean. A connection goes back to the pool only if the request was written to its
 * end, the response read to its end, no byte is left over and nothing failed; a byte or an end of stream on an idle
 * connection closes it, and its content is never looked at.
 *
 *     connecting -> idle <-> head -> body -> idle      any -> closed
 *       \-> closed (HTTP/2)    \-> tunnel (after 101)
 *
 * Always true: `sink` is set exactly in the states head, body and tunnel; reading is stopped only in body and tunnel.
 */
import type { Socket } from 'node:net'
import { BodyReader } from '../http/body-reader.ts'
import { chunkPrefix, lastChunk } from '../http/chunk-encoder.ts'
import { F } from '../http/fields.ts'
import { parseResponseHead, ResponseHead } from '../http/response-head.ts'
import { assert } from '../util/assert.ts'
import { clock } from '../util/clock.ts'
import { dialOrigin, type OriginDial, speaksHttp2 } from './origin-dial.ts'
import { connectErrorCode, type OriginErrorCode } from './origin-error.ts'
import { MAX_INTERIM, type OriginLimits, type OriginLink, type OutgoingHead, type ResponseSink } from './origin-link.ts'
import { isCertificateRefusal, tlsErrorCode, tlsErrorDetail } from './origin-tls-error.ts'
import type { Output } from './output.ts'
import { TimerEntry, type TimerWheel } from './timer-wheel.ts'

/** Who owns connections: told when one opened, failed to open, became free, or closed. */
export interface ConnectionOwner {
  onOpen(connection: OriginConnection): void
  /**
   * The server speaks HTTP/2 on `socket`, which is the owner's from now on; the connection is over. What else is to be done
   * to open it must be done by `deadlineMs`.
   */
  onOpenHttp2(connection: OriginConnection, socket: Socket, deadlineMs: number): void
  onOpenFailed(connection: OriginConnection, code: OriginErrorCode): void
  onFree(connection: OriginConnection): void
  onClosed(connection: OriginConnection): void
  /** Why TLS failed, for the log: the failure itself is told as any other. */
  onTlsTrouble(code: OriginErrorCode, detail: string): void
  /** A sink or the owner threw: a fault of ours. The connection has been closed. */
  onFault(error: unknown): void
}

type State = 'connecting' | 'idle' | 'head' | 'body' | 'tunnel' | 'closed'

const READ_BYTES = 64 * 1024
/** Response heads of this thread are parsed here; sinks that keep one call `detach()`. */
const parsedHead = new ResponseHead()

export class OriginConnection extends TimerEntry implements OriginLink {
  readonly socket: Socket
  state: State = 'connecting'
  sink: ResponseSink | undefined = undefined
  /** Responses served on it before the current one. */
  uses = 0
  /** The whole request has been written. */
  requestDone = false
  readonly #dial: OriginDial
  readonly #owner: ConnectionOwner
  readonly #wheel: TimerWheel
  readonly #limits: OriginLimits
  readonly #body = new BodyReader()
  #buffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  /** The beginning of a head whose end has not come yet. */
  #partial: Buffer | undefined = undefined
  #method = 'GET'
  /** The protocol asked for, lower case. */
  #upgrade: string | undefined = undefined
  #interims = 0
  #reusable = false
  #paused = false
  /** Read, and not told yet, because the sink paused in the middle of it; may be empty when the end is still to be told. */
  #rest: Buffer | undefined = undefined
  /** The origin has shut its sending side, behind what a pause holds back. */
  #hasEnded = false
  #retained = false
  #failure: OriginErrorCode | undefined = undefined
  /** The address has answered; what fails from here on, while connecting, is TLS. */
  #isReached = false
  /** The request body is sent in chunks. */
  #isChunked = false

  constructor(dial: OriginDial, owner: ConnectionOwner, limits: OriginLimits, wheel: TimerWheel) {
    super()
    this.#dial = dial
    this.#owner = owner
    this.#limits = limits
    this.#wheel = wheel
    this.socket = dialOrigin(dial, {
      buffer: () => this.#buffer as Uint8Array<ArrayBuffer>,
      callback: (length, bytes) => this.#onBytes(bytes as Buffer, length),
    })
    const { socket } = this
    const { tls } = dial
    if (tls === undefined) {
      socket.on('connect', () => this.#guard(() => this.#onConnect()))
    } else {
      socket.on('connect', () => {
        this.#isReached = true
      })
      socket.on('secureConnect', () => this.#guard(() => this.#onSecure()))
    }
    socket.on('end', () => this.#guard(() => this.#onEndOfStream()))
    socket.on('error', (error) => this.#guard(() => this.#onError(error)))
    socket.on('close', () => this.#guard(() => this.#onClose()))
    wheel.schedule(this, clock.monotonicMs + limits.connectTimeoutMs)
  }

  get isOver(): boolean {
    return this.state === 'closed'
  }

  get isTunnel(): boolean {
    return this.state === 'tunnel'
  }

  get unsentBytes(): number {
    return this.socket.writableLength
  }

  send(head: OutgoingHead, sink: ResponseSink): number {
    this.begin(sink, head.method, head.upgrade)
    const text = head.text()
    this.socket.write(text, 'latin1')
    this.#isChunked = head.isUnsized
    if (!head.hasBody) this.requestDone = true
    return text.length
  }

  writeBody(output: Output, bytes: Buffer, start: number, end: number): void {
    if (this.#isChunked) output.writeChunkCopy(this.socket, chunkPrefix(end - start), bytes, start, end)
    else output.writeCopy(this.socket, bytes, start, end)
    this.touch()
  }

  endRequest(trailers: string | undefined): void {
    if (this.#isChunked) this.socket.write(lastChunk(trailers), 'latin1')
    this.requestDone = true
  }

  writeTunnel(output: Output, bytes: Buffer, length: number): void {
    output.writeCopy(this.socket, bytes, 0, length)
  }

  endTunnel(): void {
    this.socket.end()
  }

  whenSent(output: Output, done: () => void): void {
    output.whenFlushed(this.socket, done)
  }

  /**
   * Takes the connection for one request; the caller writes the request to `socket` next.
   * `method` decides how the response is framed (RFC 9112 §6.3).
   */
  begin(sink: ResponseSink, method: string, upgrade: string | undefined): void {
    assert(this.state === 'idle', 'a connection serves one request at a time')
    this.state = 'head'
    this.sink = sink
    this.requestDone = false
    this.#method = method
    this.#upgrade = upgrade
    this.#interims = 0
    this.#reusable = false
    this.#wheel.schedule(this, clock.monotonicMs + this.#limits.firstByteTimeoutMs)
  }

  /** A part of the request body was written: the origin gets its full time again. */
  touch(): void {
    if (this.state === 'head') this.#wheel.schedule(this, clock.monotonicMs + this.#limits.firstByteTimeoutMs)
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#wheel.cancel(this)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.touch()
    if (this.state === 'body') this.#wheel.schedule(this, clock.monotonicMs + this.#limits.betweenBytesTimeoutMs)
    this.#tellRest()
    if (this.#paused) return
    if (this.#hasEnded && this.state === 'body') this.#onEndOfStream()
    if (this.state !== 'closed') this.socket.resume()
  }

  retain(): void {
    this.#retained = true
  }

  destroy(): void {
    if (this.state === 'closed') return
    this.sink = undefined
    this.#shut()
  }

  /** Nothing moved for as long as the state allows (called by the timer wheel). */
  override onTimeout(): void {
    switch (this.state) {
      case 'connecting':
        this.#fail('connect-timeout')
        break
      case 'head':
        this.#fail('first-byte-timeout')
        break
      case 'body':
        this.#fail('between-bytes-timeout')
        break
      default:
        this.#shut()
    }
  }

  #onConnect(): void {
    if (this.state !== 'connecting') return
    this.#isReached = true
    if (speaksHttp2(this.socket, this.#dial)) {
      this.#handOver()
      return
    }
    if (this.#dial.protocol === 'h2') {
      this.#fail('no-protocol')
      return
    }
    this.state = 'idle'
    this.#wheel.cancel(this)
    this.#owner.onOpen(this)
  }

  /**
   * Whatever the server sends behind its part of the handshake was not asked for. Some of it may lie in what has been read
   * already, and would pass for the beginning of a response; so the first request waits for the end of this turn. HTTP/2
   * servers do speak first (RFC 9113 §3.4), and to them nothing may be lost.
   */
  #onSecure(): void {
    if (speaksHttp2(this.socket, this.#dial)) this.#onConnect()
    else setImmediate(() => this.#guard(() => this.#onConnect()))
  }

  /** The socket goes on without this. */
  #handOver(): void {
    const { socket, deadlineMs } = this
    this.state = 'closed'
    this.#wheel.cancel(this)
    this.#owner.onOpenHttp2(this, socket, deadlineMs)
  }

  /** Runs an event of the socket. */
  #guard(event: () => void): void {
    clock.update()
    try {
      event()
    } catch (error) {
      this.#onFault(error)
    }
  }

  /** What somebody threw costs this connection and its request, not the worker with all others. */
  #onFault(error: unknown): void {
    const { sink } = this
    this.sink = undefined
    this.#shut()
    this.#owner.onFault(error)
    try {
      sink?.onFail('proxy-fault')
    } catch (again) {
      this.#owner.onFault(again)
    }
  }

  /** Returns false to stop reading. */
  #onBytes(bytes: Buffer, length: number): boolean {
    clock.update()
    try {
      this.#read(bytes, length)
    } catch (error) {
      this.#onFault(error)
    }
    if (this.#retained) {
      this.#retained = false
      // Who paused during this read does so until its bytes are out, and until then nothing is read into the buffer: unless
      // there is TLS, which goes on with what it has received.
      if (!this.#paused || this.#dial.tls !== undefined) this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    }
    return !this.#paused
  }

  #read(bytes: Buffer, length: number): void {
    switch (this.state) {
      case 'head':
        this.#readHead(bytes, length)
        break
      case 'body':
        if (this.#paused) {
          this.#stash(bytes, 0, length)
          return
        }
        this.#wheel.schedule(this, clock.monotonicMs + this.#limits.betweenBytesTimeoutMs)
        this.#readBody(bytes, 0, length)
        break
      case 'tunnel':
        this.sink!.onTunnelData(bytes, length)
        break
      case 'connecting':
        this.#fail('unasked-data')
        break
      default:
        this.#shut() // bytes nobody asked for
    }
    if (this.state === 'body') this.sink!.onPause() // in any other state nothing was told, or all of it
  }

  #readHead(bytes: Buffer, length: number): void {
    let input = bytes
    let end = length
    if (this.#partial !== undefined) {
      input = Buffer.concat([this.#partial, bytes.subarray(0, length)])
      end = input.length
      this.#partial = undefined
    }
    let start = 0
    let seen = end - length
    while (this.state === 'head') {
      const used = parseResponseHead(parsedHead, input, start, end, this.#limits, this.#method, seen)
      if (used < 0) {
        this.#fail('bad-head')
        return
      }
      if (used === 0) {
        this.#partial = Buffer.from(input.subarray(start, end))
        return
      }
      start += used
      seen = start
      if (parsedHead.status === 101) {
        this.#switchProtocols(input.subarray(start, end))
        return
      }
      if (parsedHead.status >= 200) {
        this.#startBody(input, start, end)
        return
      }
      this.#interims++
      if (this.#interims > MAX_INTERIM) {
        this.#fail('endless-interim')
        return
      }
      this.sink!.onInterim(parsedHead)
      if (start === end) return
    }
  }

  #startBody(input: Buffer, start: number, end: number): void {
    this.state = 'body'
    this.#reusable = parsedHead.keepAlive
    this.#body.reset(parsedHead.bodyKind, parsedHead.contentLength)
    this.#wheel.schedule(this, clock.monotonicMs + this.#limits.betweenBytesTimeoutMs)
    this.sink!.onHead(parsedHead)
    if (this.state === 'body') this.#readBody(input, start, end)
  }

  #readBody(bytes: Buffer, start: number, end: number): void {
    const body = this.#body
    let at = start
    while (this.state === 'body') {
      if (this.#paused) {
        this.#stash(bytes, at, end)
        return
      }
      const step = body.next(bytes, at, end)
      at = body.position
      if (step === 'data') {
        this.sink!.onData(bytes, body.dataStart, body.dataEnd)
      } else if (step === 'end') {
        this.#finish(at === end)
      } else {
        if (step === 'error') this.#fail('bad-body')
        return
      }
    }
  }

  /** Over TLS more may come after the pause: what is left of a read of the socket, at most. */
  #stash(bytes: Buffer, start: number, end: number): void {
    const more = bytes.subarray(start, end)
    this.#rest = this.#rest === undefined ? Buffer.from(more) : Buffer.concat([this.#rest, more])
  }

  #tellRest(): void {
    const rest = this.#rest
    if (rest === undefined) return
    this.#rest = undefined
    this.#readBody(rest, 0, rest.length)
    if (this.state === 'body') this.sink!.onPause()
  }

  /** RFC 9112 §9.6, §9.3: only a connection with nothing pending in either direction carries another request. */
  #finish(nothingLeft: boolean): void {
    const sink = this.sink!
    const trailers = this.#body.trailers
    const isWritten = this.socket.writableLength === 0
    const isWhole = nothingLeft && !this.#hasEnded
    const clean = this.#reusable && isWhole && this.requestDone && (isWritten || this.#dial.tls !== undefined)
    this.sink = undefined
    if (clean) {
      this.state = 'idle'
      this.uses++ // its timer runs on: whoever takes it next moves the deadline, which is cheaper than two changes
    } else {
      this.#shut()
    }
    sink.onEnd(trailers)
    if (this.#paused) this.resume()
    if (!clean || this.state !== 'idle') return
    if (isWritten) this.#owner.onFree(this)
    else setImmediate(() => this.#guard(() => this.#settle()))
  }

  /** Over TLS a write counts as done at the end of its turn, and a quick server may have answered by then. */
  #settle(): void {
    if (this.state !== 'idle') return
    if (this.socket.writableLength === 0) this.#owner.onFree(this)
    else this.#shut()
  }

  #switchProtocols(rest: Buffer): void {
    // RFC 9110 §7.8: the protocol is one the client asked for, and both fields say so.
    if (!parsedHead.upgrade || parsedHead.value(F.upgrade)?.toLowerCase() !== this.#upgrade) {
      this.#fail('unasked-upgrade')
      return
    }
    this.state = 'tunnel'
    this.#wheel.cancel(this)
    this.sink!.onUpgrade(parsedHead, rest)
  }

  #onEndOfStream(): void {
    this.#hasEnded = true
    if (this.#paused && this.state === 'body') return
    switch (this.state) {
      case 'head':
        this.#fail(this.#hasBegun() ? 'incomplete' : 'closed-early')
        break
      case 'body':
        if (this.#body.finish() === 'end') {
          this.#reusable = false
          this.#finish(false)
        } else {
          this.#fail('incomplete')
        }
        break
      case 'tunnel':
        this.sink!.onTunnelEnd()
        break
      case 'connecting':
        this.#fail('tls-handshake')
        break
      default:
        this.#shut()
    }
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.state === 'connecting') this.#onConnectError(error)
    else if (this.state === 'head' && isCertificateRefusal(error)) this.#failTls(error)
    else if (this.state === 'head') this.#fail(this.#hasBegun() ? 'incomplete' : 'closed-early')
    else if (this.state === 'body') this.#fail('incomplete')
  }

  #onConnectError(error: NodeJS.ErrnoException): void {
    if (this.#isReached && this.#dial.tls !== undefined) this.#failTls(error)
    else this.#fail(connectErrorCode(error))
  }

  #failTls(error: NodeJS.ErrnoException): void {
    const code = tlsErrorCode(error)
    this.#dial.tls!.forget()
    this.#owner.onTlsTrouble(code, tlsErrorDetail(error))
    this.#fail(code)
  }

  /** Some byte of the response to the current request has come. */
  #hasBegun(): boolean {
    return this.#partial !== undefined || this.#interims > 0
  }

  #onClose(): void {
    if (this.state === 'tunnel') {
      const sink = this.sink!
      this.sink = undefined
      this.#shut()
      sink.onTunnelEnd()
      return
    }
    if (this.state !== 'closed') this.#onError(new Error('closed'))
    this.#shut()
  }

  #fail(code: OriginErrorCode): void {
    if (this.state === 'closed') return
    const connecting = this.state === 'connecting'
    const sink = this.sink
    this.sink = undefined
    this.#failure = code
    this.#shut()
    if (connecting) this.#owner.onOpenFailed(this, code)
    else sink?.onFail(code)
  }

  #shut(): void {
    if (this.state === 'closed') return
    const wasOpen = this.state !== 'connecting'
    this.state = 'closed'
    this.#wheel.cancel(this)
    this.socket.destroy()
    if (wasOpen || this.#failure === undefined) this.#owner.onClosed(this)
  }
}
