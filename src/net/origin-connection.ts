/**
 * One connection to an origin server: writes a request, reads the response by the rules of RFC 9112, and says whether
 * it may be used again.
 *
 * The hard part is knowing when it is clean. A connection goes back to the pool only if the request was written to its
 * end, the response read to its end, no byte is left over and nothing failed; a byte or an end of stream on an idle
 * connection closes it, and its content is never looked at.
 *
 *     connecting -> idle <-> head -> body -> idle      any -> closed
 *                              \-> tunnel (after 101)
 *
 * Always true: `sink` is set exactly in the states head, body and tunnel; reading is stopped only in body and tunnel.
 */
import { connect, type Socket } from 'node:net'
import { BodyReader } from '../http/body-reader.ts'
import { F } from '../http/fields.ts'
import type { HeadLimits } from '../http/request-head.ts'
import { parseResponseHead, ResponseHead } from '../http/response-head.ts'
import type { ListenAddress } from '../plan/plan.ts'
import { assert } from '../util/assert.ts'
import { clock } from '../util/clock.ts'
import { connectErrorCode, type OriginErrorCode } from './origin-error.ts'
import type { Resolver } from './resolver.ts'
import { TimerEntry, type TimerWheel } from './timer-wheel.ts'

/** What one request wants to know of its response. `bytes` is the connection's own buffer: see `retain`. */
export interface ResponseSink {
  /** A 1xx other than 101; `head` is valid during the call only, as in onHead. */
  onInterim(head: ResponseHead): void
  onHead(head: ResponseHead): void
  onData(bytes: Buffer, start: number, end: number): void
  /** Everything that came with one read has been told: what was held back to be sent together goes out now. */
  onPause(): void
  /** The response is complete; the connection has been returned or closed. `trailers` is raw field lines. */
  onEnd(trailers: string | undefined): void
  /** The response will not be completed; the connection is closed. */
  onFail(code: OriginErrorCode): void
  /** After 101: the connection is a pipe; `bytes` came behind the head. */
  onUpgrade(head: ResponseHead, bytes: Buffer): void
  /** Bytes of the pipe. */
  onTunnelData(bytes: Buffer, length: number): void
  /** The origin shut its sending side of the pipe, or the pipe broke. */
  onTunnelEnd(): void
}

export interface OriginLimits extends HeadLimits {
  readonly connectTimeoutMs: number
  readonly firstByteTimeoutMs: number
  readonly betweenBytesTimeoutMs: number
}

/** Who owns connections: told when one opened, failed to open, became free, or closed. */
export interface ConnectionOwner {
  onOpen(connection: OriginConnection): void
  onOpenFailed(connection: OriginConnection, code: OriginErrorCode): void
  onFree(connection: OriginConnection): void
  onClosed(connection: OriginConnection): void
  /** A sink or the owner threw: a fault of ours. The connection has been closed. */
  onFault(error: unknown): void
}

type State = 'connecting' | 'idle' | 'head' | 'body' | 'tunnel' | 'closed'

const READ_BYTES = 64 * 1024
/** RFC 9110 §15.2 sets no bound; a peer that sends more interim responses than this is not serving anybody. */
const MAX_INTERIM = 32

/** Response heads of this thread are parsed here; sinks that keep one call `detach()`. */
const parsedHead = new ResponseHead()

export class OriginConnection extends TimerEntry {
  readonly socket: Socket
  state: State = 'connecting'
  sink: ResponseSink | undefined = undefined
  /** Responses served on it before the current one. */
  uses = 0
  /** The whole request has been written. */
  requestDone = false
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
  #retained = false
  #failure: OriginErrorCode | undefined = undefined

  constructor(
    address: ListenAddress,
    owner: ConnectionOwner,
    limits: OriginLimits,
    wheel: TimerWheel,
    resolver: Resolver,
  ) {
    super()
    this.#owner = owner
    this.#limits = limits
    this.#wheel = wheel
    const onread = {
      buffer: () => this.#buffer,
      callback: (length: number, bytes: Uint8Array) => this.#onBytes(bytes as Buffer, length),
    }
    this.socket =
      address.kind === 'unix'
        ? connect({ path: address.path, onread, allowHalfOpen: true })
        : connect({
            host: address.host,
            port: address.port,
            lookup: resolver.lookup,
            autoSelectFamily: true,
            noDelay: true,
            onread,
            allowHalfOpen: true,
          })
    this.socket.on('connect', () => this.#guard(() => this.#onConnect()))
    this.socket.on('end', () => this.#guard(() => this.#onEndOfStream()))
    this.socket.on('error', (error) => this.#guard(() => this.#onError(error)))
    this.socket.on('close', () => this.#guard(() => this.#onClose()))
    wheel.schedule(this, clock.monotonicMs + limits.connectTimeoutMs)
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

  /** The request has been written to its end. */
  endRequest(): void {
    this.requestDone = true
  }

  /** A part of the request body was written: the origin gets its full time again. */
  touch(): void {
    if (this.state === 'head') this.#wheel.schedule(this, clock.monotonicMs + this.#limits.firstByteTimeoutMs)
  }

  /** Stops reading until what was given to onData is out: the sink's client is slower than the origin. The timer rests. */
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
    if (this.state !== 'closed' && !this.#paused) this.socket.resume()
  }

  /** The bytes given to onData are still being written somewhere: the buffer is left to them and a new one is made. */
  retain(): void {
    this.#retained = true
  }

  /** Gives the connection up in the middle of whatever it does; the sink hears nothing more. */
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
    this.state = 'idle'
    this.#wheel.cancel(this)
    this.#owner.onOpen(this)
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
      // Who paused during this read does so until its bytes are out, and until then nothing is read into the buffer.
      if (!this.#paused) this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    }
    return !this.#paused
  }

  #read(bytes: Buffer, length: number): void {
    switch (this.state) {
      case 'head':
        this.#readHead(bytes, length)
        break
      case 'body':
        this.#wheel.schedule(this, clock.monotonicMs + this.#limits.betweenBytesTimeoutMs)
        this.#readBody(bytes, 0, length)
        break
      case 'tunnel':
        this.sink!.onTunnelData(bytes, length)
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
        this.#rest = Buffer.from(bytes.subarray(at, end))
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
    const clean = this.#reusable && nothingLeft && this.requestDone && this.socket.writableLength === 0
    this.sink = undefined
    if (clean) {
      this.state = 'idle'
      this.uses++ // its timer runs on: whoever takes it next moves the deadline, which is cheaper than two changes
    } else {
      this.#shut()
    }
    sink.onEnd(trailers)
    if (this.#paused) this.resume()
    if (clean && this.state === 'idle') this.#owner.onFree(this)
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
      default:
        this.#shut()
    }
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.state === 'connecting') this.#fail(connectErrorCode(error))
    else if (this.state === 'head') this.#fail(this.#hasBegun() ? 'incomplete' : 'closed-early')
    else if (this.state === 'body') this.#fail('incomplete')
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
