/**
 * One HTTP/2 connection to an origin server (RFC 9113), with the client side of node:http2 on a socket that is ready.
 *
 *     opening --SETTINGS--> open <--> suspect        any --GOAWAY, close--> leaving --last stream--> closed
 *
 * It takes requests only in `open`, and not before the server's SETTINGS have come: they say how many it takes at a time,
 * and that it speaks HTTP/2 at all. A session that leaves finishes what it has and is nobody's any more.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, type ClientSessionRequestOptions, connect } from 'node:http2'
import type { Socket } from 'node:net'
import { clock } from '../util/clock.ts'
import type { OriginErrorCode } from './origin-error.ts'
import type { OriginLimits } from './origin-link.ts'
import { OriginStream } from './origin-stream.ts'
import { TimerEntry, type TimerWheel } from './timer-wheel.ts'

/** Who owns sessions. Exactly one of onSessionOpen and onSessionFailed is called first; onSessionGone once after the first. */
export interface SessionOwner {
  onSessionOpen(session: OriginSession): void
  /** It has not come to the server's SETTINGS. */
  onSessionFailed(session: OriginSession, code: OriginErrorCode): void
  /** It may take one request more. */
  onSessionFree(session: OriginSession): void
  /** It takes no more requests. */
  onSessionGone(session: OriginSession): void
  onFault(error: unknown): void
}

export interface SessionTimes {
  /** Monotonic; when it must be open. */
  readonly deadlineMs: number
  readonly idleTimeoutMs: number
  /** For the answer to a ping of a session on which a request has timed out. */
  readonly pingTimeoutMs: number
}

/** More streams at a time than this are no use to one thread. */
const MAX_STREAMS = 1000
/** Below the 2^30 that a connection has ids for (RFC 9113 §5.1.1). */
const MAX_USES = 1e9
/** What a stream may have on the way to us while its client is slow: the buffer of an HTTP/1.1 connection, four times. */
const STREAM_WINDOW_BYTES = 256 * 1024
/** Of all streams together. Node counts it down as bytes come, whether or not a client has taken them. */
const SESSION_WINDOW_BYTES = 8 * 1024 * 1024
/** What Node may hold for a session before it refuses frames: mostly request bodies that the server does not take. */
const SESSION_MEMORY_MB = 64

type State = 'opening' | 'open' | 'suspect' | 'leaving' | 'closed'

export class OriginSession extends TimerEntry {
  readonly scheme: 'http' | 'https'
  state: State = 'opening'
  /** Requests sent on it. */
  uses = 0
  readonly #owner: SessionOwner
  readonly #limits: OriginLimits
  readonly #wheel: TimerWheel
  readonly #times: SessionTimes
  readonly #session: ClientHttp2Session
  readonly #streams = new Set<OriginStream>()
  /** The server's word, and our bound. */
  #maxStreams = 0
  /** Of the server's GOAWAY: it has not acted on streams with a higher id. */
  #lastStreamId = Number.POSITIVE_INFINITY

  /** `socket` is the session's from now on. */
  constructor(socket: Socket, owner: SessionOwner, limits: OriginLimits, wheel: TimerWheel, times: SessionTimes) {
    super()
    this.#owner = owner
    this.#limits = limits
    this.#wheel = wheel
    this.#times = times
    this.scheme = 'encrypted' in socket ? 'https' : 'http'
    // A variable, since the types do not know the last of them.
    const options = {
      createConnection: () => socket,
      settings: {
        enablePush: false, // RFC 9113 §8.4: a push then is an error of the connection
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: limits.headBytes,
      },
      maxHeaderListPairs: limits.fields + 1, // and the status
      maxSessionMemory: SESSION_MEMORY_MB,
      strictSingleValueFields: false, // what a client said twice is its own matter
    }
    this.#session = connect(`${this.scheme}://origin`, options)
    // Node leaves the end of the socket to whoever made it, and this one was made to be left half open.
    socket.on('end', () => socket.destroy())
    const session = this.#session
    session.on('connect', () => this.#guard(() => session.setLocalWindowSize(SESSION_WINDOW_BYTES)))
    session.on('remoteSettings', (settings) => this.#guard(() => this.#onSettings(settings.maxConcurrentStreams)))
    session.on('goaway', (_, lastStreamId) => this.#guard(() => this.#onGoaway(lastStreamId)))
    session.on('error', () => {}) // 'close' follows
    session.on('close', () => this.#guard(() => this.#onClose()))
    wheel.schedule(this, times.deadlineMs)
  }

  /** Whether it takes one request more. */
  get hasRoom(): boolean {
    return this.state === 'open' && this.#streams.size < this.#maxStreams
  }

  /** Open, and without a request. */
  get isIdle(): boolean {
    return this.state === 'open' && this.#streams.size === 0
  }

  get isLeaving(): boolean {
    return this.state === 'leaving' || this.state === 'closed' || this.#session.closed
  }

  /** Only while `hasRoom`: a place for one request. */
  open(): OriginStream {
    const stream = new OriginStream(this, this.uses, this.#limits, this.#wheel)
    this.#streams.add(stream)
    this.uses++
    if (this.uses >= MAX_USES) this.leave()
    return stream
  }

  /** For its streams. */
  request(list: string[], options: ClientSessionRequestOptions): ClientHttp2Stream {
    return this.#session.request(list, options)
  }

  /** A stream is closed, and its place free. */
  release(stream: OriginStream): void {
    if (!this.#streams.delete(stream)) return
    if (this.state === 'open') this.#owner.onSessionFree(this)
    if (this.#streams.size > 0) return
    if (this.state === 'open') this.#wheel.schedule(this, clock.monotonicMs + this.#times.idleTimeoutMs)
    if (this.state === 'leaving') this.#session.close()
  }

  /** A GOAWAY has said that the server did not see the stream. */
  isUnseen(id: number): boolean {
    return id > this.#lastStreamId
  }

  onFault(error: unknown): void {
    this.#owner.onFault(error)
  }

  /**
   * A request has timed out: the server is slow, or nothing comes through any more. Until it answers a ping it gets no other,
   * for they would all have to wait for their own time to be over.
   */
  suspect(): void {
    if (this.state !== 'open') return
    this.state = 'suspect'
    this.#wheel.schedule(this, clock.monotonicMs + this.#times.pingTimeoutMs)
    this.#session.ping((error: Error | null) => this.#guard(() => this.#onPong(error)))
  }

  /** Takes no more requests, and closes when it has finished those that it has. */
  leave(): void {
    const { state } = this
    if (state === 'leaving' || state === 'closed') return
    this.state = 'leaving'
    this.#wheel.cancel(this)
    if (state === 'opening') this.#owner.onSessionFailed(this, 'no-protocol')
    else this.#owner.onSessionGone(this)
    if (this.#streams.size === 0) this.#session.close()
  }

  /** Ends it with all that is on it. */
  destroy(): void {
    this.leave()
    this.#session.destroy()
  }

  override onTimeout(): void {
    if (this.state === 'opening') this.#failOpening('connect-timeout')
    else if (this.state === 'suspect') this.destroy()
    else if (this.#streams.size === 0) this.leave()
  }

  #guard(event: () => void): void {
    clock.update()
    try {
      event()
    } catch (error) {
      this.#owner.onFault(error)
      this.destroy()
    }
  }

  #onSettings(streams: number | undefined): void {
    const before = this.#maxStreams
    this.#maxStreams = Math.min(streams ?? MAX_STREAMS, MAX_STREAMS)
    if (this.state === 'opening') {
      this.state = 'open'
      this.#wheel.schedule(this, clock.monotonicMs + this.#times.idleTimeoutMs)
      this.#owner.onSessionOpen(this)
    } else if (this.state === 'open' && this.#maxStreams > before) {
      this.#owner.onSessionFree(this)
    }
  }

  #onPong(error: Error | null): void {
    if (this.state !== 'suspect' || error !== null) return
    this.state = 'open'
    this.#wheel.cancel(this)
    if (this.#streams.size === 0) this.#wheel.schedule(this, clock.monotonicMs + this.#times.idleTimeoutMs)
    this.#owner.onSessionFree(this)
  }

  #onGoaway(lastStreamId: number): void {
    this.#lastStreamId = Math.min(this.#lastStreamId, lastStreamId)
    this.leave()
  }

  #failOpening(code: OriginErrorCode): void {
    this.state = 'closed'
    this.#wheel.cancel(this)
    this.#session.destroy()
    this.#owner.onSessionFailed(this, code)
  }

  #onClose(): void {
    if (this.state === 'opening') this.#failOpening('no-protocol')
    else this.leave()
    this.state = 'closed'
  }
}
