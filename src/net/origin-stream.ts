/**
 * One request on an HTTP/2 connection to an origin, and its response (RFC 9113 §8.1).
 *
 * The hard part is telling a response that has ended from one that was cut off. Node ends the readable side in both cases;
 * only while the stream is not closed does the end come from END_STREAM. See `#watchEnd`.
 *
 *     idle -> head -> body -> over      any -> over
 *
 * Always true: `#sink` is set exactly in the states head and body; the session counts the stream from its making until
 * Node says that it is closed, for so long does it count at the origin too.
 */
import { type ClientHttp2Stream, constants, sensitiveHeaders } from 'node:http2'
import { B } from '../http/body-kind.ts'
import { appendFieldLines } from '../http/field-lines.ts'
import { ResponseHead } from '../http/response-head.ts'
import { assert } from '../util/assert.ts'
import { clock } from '../util/clock.ts'
import type { OriginErrorCode } from './origin-error.ts'
import { readResponseList, readTrailerList } from './origin-h2-head.ts'
import { MAX_INTERIM, type OriginLimits, type OriginLink, type OutgoingHead, type ResponseSink } from './origin-link.ts'
import type { OriginSession } from './origin-session.ts'
import type { Output } from './output.ts'
import { TimerEntry, type TimerWheel } from './timer-wheel.ts'

const {
  NGHTTP2_CANCEL,
  NGHTTP2_ENHANCE_YOUR_CALM,
  NGHTTP2_REFUSED_STREAM,
  NGHTTP2_PROTOCOL_ERROR,
  NGHTTP2_HTTP_1_1_REQUIRED,
  NGHTTP2_FLAG_END_STREAM,
} = constants

/** RFC 7541 §7.1.3: what must not be guessed by others whose requests share the connection stays out of its tables. */
const secretFields = ['authorization', 'cookie', 'proxy-authorization']

/** Response heads of this thread are read here; sinks that keep one call `detach()`. */
const readHead = new ResponseHead()

type State = 'idle' | 'head' | 'body' | 'over'

export class OriginStream extends TimerEntry implements OriginLink {
  readonly uses: number
  readonly isTunnel = false
  state: State = 'idle'
  readonly #session: OriginSession
  readonly #wheel: TimerWheel
  readonly #limits: OriginLimits
  #sink: ResponseSink | undefined = undefined
  #stream: ClientHttp2Stream | undefined = undefined
  #method = 'GET'
  #interims = 0
  #requestDone = false
  #requestTrailers: string | undefined = undefined
  /** Told when the peer has taken what waits. */
  #onSent: (() => void) | undefined = undefined
  /** Of the body still to come; -1: its end will tell. */
  #remaining = -1
  #trailers: string | undefined = undefined
  #hasEnded = false
  #paused = false
  #willTell = false

  /** `uses`: requests that the session served before. */
  constructor(session: OriginSession, uses: number, limits: OriginLimits, wheel: TimerWheel) {
    super()
    this.#session = session
    this.uses = uses
    this.#limits = limits
    this.#wheel = wheel
  }

  get isOver(): boolean {
    return this.state === 'over'
  }

  get unsentBytes(): number {
    return this.#stream?.writableLength ?? 0
  }

  send(head: OutgoingHead, sink: ResponseSink): number {
    assert(this.state === 'idle', 'a stream serves one request')
    this.state = 'head'
    this.#sink = sink
    this.#method = head.method
    this.#requestDone = !head.hasBody
    this.#wheel.schedule(this, clock.monotonicMs + this.#limits.firstByteTimeoutMs)
    const list = head.fieldList(this.#session.scheme)
    try {
      this.#stream = this.#session.request(Object.assign(list, { [sensitiveHeaders]: secretFields }), {
        endStream: !head.hasBody,
        waitForTrailers: head.isUnsized,
      })
      this.#listen(this.#stream)
    } catch (error) {
      this.#session.release(this)
      this.#onFault(error)
    }
    return bytesOf(list)
  }

  writeBody(_: Output, bytes: Buffer, start: number, end: number): void {
    // Node holds on to what it is given until the peer's window has room for it.
    this.#stream?.write(Buffer.from(bytes.subarray(start, end)))
    this.#touch()
  }

  endRequest(trailers: string | undefined): void {
    this.#requestDone = true
    this.#requestTrailers = trailers
    this.#stream?.end()
  }

  writeTunnel(): void {
    assert(false, 'no tunnel leads through HTTP/2')
  }

  endTunnel(): void {
    assert(false, 'no tunnel leads through HTTP/2')
  }

  whenSent(_: Output, done: () => void): void {
    if (this.#stream?.writableNeedDrain === true && !this.isOver) this.#onSent = done
    else done()
  }

  /** Node goes on reading from the connection; of this stream it holds at most its window. */
  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#wheel.cancel(this)
    if (this.state === 'body') this.#stream?.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.state !== 'body') return
    this.#touch()
    this.#stream?.resume()
  }

  /** What is given to onData belongs to nobody else. */
  retain(): void {}

  destroy(): void {
    if (this.state === 'over') return
    this.#end()
    this.#cancel()
  }

  /** Nothing moved for as long as the state allows (called by the timer wheel). */
  override onTimeout(): void {
    this.#session.suspect()
    this.#fail(this.state === 'head' ? 'first-byte-timeout' : 'between-bytes-timeout')
  }

  #listen(stream: ClientHttp2Stream): void {
    this.#watchEnd(stream)
    // Closures for each request, which HTTP/1.1 does without: Node makes many more for its own part of a stream.
    stream.on('headers', (_, flags, list) => this.#guard(() => this.#onInterim(list, flags)))
    stream.on('response', (_, flags, list) => this.#guard(() => this.#onResponse(list ?? [], flags)))
    stream.on('trailers', (_, __, list) => this.#guard(() => this.#onTrailers(list ?? [])))
    stream.on('end', () => this.#guard(() => this.#onEnd()))
    stream.on('wantTrailers', () => this.#guard(() => this.#sendTrailers(stream)))
    stream.on('drain', () => this.#guard(() => this.#onDrain()))
    stream.on('error', () => {}) // 'close' follows, and the code tells more
    stream.on('close', () => this.#guard(() => this.#onClose(stream)))
  }

  /** Node pushes the end when END_STREAM came, and also when the stream was closed; by then it says that it is closed. */
  #watchEnd(stream: ClientHttp2Stream): void {
    const push = stream.push.bind(stream)
    stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      if (chunk === null && !stream.closed) this.#hasEnded = true
      return push(chunk, encoding)
    }
  }

  /** Runs an event of the stream. */
  #guard(event: () => void): void {
    clock.update()
    try {
      event()
    } catch (error) {
      this.#onFault(error)
    }
  }

  /** What somebody threw costs this request, not the others on the connection. */
  #onFault(error: unknown): void {
    this.#session.onFault(error)
    try {
      this.#fail('proxy-fault')
    } catch (again) {
      this.#session.onFault(again)
    }
  }

  #onInterim(list: readonly string[], flags: number): void {
    if (this.state !== 'head') {
      if (this.state === 'body') this.#fail('bad-body')
      return
    }
    const isWhole = readResponseList(readHead, list, this.#limits, this.#method, false)
    // RFC 9113 §8.1, §8.6: an interim response does not end the stream, and none switches protocols.
    if (!isWhole || readHead.status >= 200 || readHead.status === 101 || (flags & NGHTTP2_FLAG_END_STREAM) !== 0) {
      this.#fail('bad-head')
      return
    }
    this.#interims++
    if (this.#interims > MAX_INTERIM) this.#fail('endless-interim')
    else this.#sink!.onInterim(readHead)
  }

  #onResponse(list: readonly string[], flags: number): void {
    if (this.state !== 'head') {
      if (this.state === 'body') this.#fail('bad-body')
      return
    }
    const isLast = (flags & NGHTTP2_FLAG_END_STREAM) !== 0
    if (!readResponseList(readHead, list, this.#limits, this.#method, isLast) || readHead.status < 200) {
      this.#fail('bad-head')
      return
    }
    this.state = 'body'
    this.#remaining = readHead.bodyKind === B.none ? 0 : readHead.bodyKind === B.sized ? readHead.contentLength : -1
    this.#touch()
    this.#sink!.onHead(readHead)
    if (this.state !== 'body') return
    this.#tellSoon()
    // Not before: a piece of the body would be told ahead of the head.
    this.#stream!.on('data', (bytes: Buffer) => this.#guard(() => this.#onData(bytes)))
    if (this.#paused) this.#stream!.pause()
  }

  #onData(bytes: Buffer): void {
    if (this.state !== 'body') return
    if (this.#remaining >= 0) {
      this.#remaining -= bytes.length
      if (this.#remaining < 0) {
        this.#fail('bad-body')
        return
      }
    }
    this.#touch()
    this.#sink!.onData(bytes, 0, bytes.length)
    this.#tellSoon()
  }

  /** Frames that came in one read are told in one turn; what the sink held back goes out behind them. */
  #tellSoon(): void {
    if (this.#willTell) return
    this.#willTell = true
    setImmediate(tell, this)
  }

  /** The turn is over (called by `tell`). */
  onTurnEnd(): void {
    this.#willTell = false
    if (this.state === 'body') this.#guard(() => this.#sink!.onPause())
  }

  #onTrailers(list: readonly string[]): void {
    if (this.state !== 'body') return
    const lines = readTrailerList(list)
    if (lines === false) this.#fail('bad-body')
    else this.#trailers = lines
  }

  #onEnd(): void {
    if (this.state !== 'body') return
    if (!this.#hasEnded || this.#remaining > 0) {
      this.#fail('incomplete')
      return
    }
    const sink = this.#end()!
    // RFC 9113 §8.1: an answer may be complete before the request is; then nobody wants the rest.
    if (!this.#requestDone) this.#cancel()
    sink.onEnd(this.#trailers)
  }

  #sendTrailers(stream: ClientHttp2Stream): void {
    if (stream.closed || stream.destroyed) return
    const list: string[] = []
    if (this.#requestTrailers !== undefined) appendFieldLines(list, this.#requestTrailers)
    const fields: Record<string, string | string[]> = {}
    for (let i = 0; i + 1 < list.length; i += 2) {
      const [name, value] = [list[i]!, list[i + 1]!]
      const before = fields[name]
      fields[name] = before === undefined ? value : [before, value].flat()
    }
    stream.sendTrailers(fields)
  }

  #onDrain(): void {
    const done = this.#onSent
    this.#onSent = undefined
    this.#touch()
    done?.()
  }

  #onClose(stream: ClientHttp2Stream): void {
    this.#session.release(this)
    if (this.state !== 'over') this.#fail(this.#lossCode(stream))
    this.#onDrain()
  }

  /** The stream has closed before the response was complete. */
  #lossCode(stream: ClientHttp2Stream): OriginErrorCode {
    if (this.state !== 'head') return 'incomplete'
    const { id, rstCode } = stream
    if (this.#interims > 0) return 'incomplete'
    // RFC 9113 §6.8, §8.7: what was refused, and what is above the last stream of a GOAWAY, has not been acted on.
    if (id === undefined || rstCode === NGHTTP2_REFUSED_STREAM || this.#session.isUnseen(id)) return 'refused-stream'
    if (rstCode === NGHTTP2_HTTP_1_1_REQUIRED) return 'no-protocol'
    // It has enough of this connection, as servers say whose bounds for one are reached: others need not be told so too.
    if (rstCode === NGHTTP2_ENHANCE_YOUR_CALM) this.#session.leave()
    else if (this.#session.isLeaving) return 'closed-early'
    // Node resets streams whose head is malformed or over its limits with these, and so may the peer.
    return rstCode === NGHTTP2_PROTOCOL_ERROR ? 'bad-head' : 'stream-reset'
  }

  /** The origin, or the client through it, has moved: both have their full time again. */
  #touch(): void {
    if (this.#paused) return
    if (this.state === 'head') this.#wheel.schedule(this, clock.monotonicMs + this.#limits.firstByteTimeoutMs)
    else if (this.state === 'body') this.#wheel.schedule(this, clock.monotonicMs + this.#limits.betweenBytesTimeoutMs)
  }

  #fail(code: OriginErrorCode): void {
    const sink = this.#end()
    this.#cancel()
    sink?.onFail(code)
  }

  /** Over: who is to be told. */
  #end(): ResponseSink | undefined {
    const sink = this.#sink
    if (this.state === 'idle') this.#session.release(this)
    this.state = 'over'
    this.#sink = undefined
    this.#wheel.cancel(this)
    return sink
  }

  #cancel(): void {
    if (this.#stream !== undefined) setImmediate(cancel, this.#stream)
  }
}

/**
 * Not from within an event of the connection: there Node puts a reset off, and if the stream is destroyed meanwhile it is
 * never sent; what has been asked to wait for trailers is then asked for them, and an assertion ends the process.
 */
function cancel(stream: ClientHttp2Stream): void {
  if (!stream.closed) stream.close(NGHTTP2_CANCEL)
}

function tell(stream: OriginStream): void {
  stream.onTurnEnd()
}

function bytesOf(list: readonly string[]): number {
  let bytes = 0
  for (const text of list) bytes += text.length
  return bytes
}
