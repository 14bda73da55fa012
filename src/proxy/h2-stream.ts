/**
 * One request of HTTP/2 and its answer: a stream, as the Client that the steps of a request speak to.
 *
 * Life:   received --> [body is read] --> answered --> closed
 *
 * Whatever ends it comes as `close`: the answer taken whole, a reset from either side, the end of the session. Only then is
 * what it references let go.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import type { RequestHead } from '../http/request-head.ts'
import { TrailerReader } from '../http/trailer-reader.ts'
import type { TlsFacts } from '../plan/tls-facts.ts'
import { assert } from '../util/assert.ts'
import { clock } from '../util/clock.ts'
import type { H2Session } from './h2-session.ts'
import { H2Writer } from './h2-writer.ts'

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants

/** A stream that knows whose it is, so that its events need no closures. */
interface OwnedStream extends ServerHttp2Stream {
  client?: H2Stream | undefined
}

export class H2Stream extends H2Writer {
  readonly session: H2Session
  #hasBody = false
  /** The answer was complete before it was. */
  #isBodyUnwanted = false
  /** Its bytes are being read. */
  #isBodyRead = false
  /** It has ended before anybody wanted it. */
  #isBodyEmpty = false
  #isBodyHeld = true
  #bodyBytes = 0
  #bodyLimit = 0
  /** Names and values. */
  #trailers: readonly string[] | undefined = undefined
  /** `taken` at the last look. */
  #seenTaken = -1
  /** A stored object whose bytes are being written. */
  #pinned: StoredObject | undefined = undefined
  #pinnedIn: MemoryTier | undefined = undefined

  constructor(session: H2Session, stream: ServerHttp2Stream) {
    super(session.worker, session.listener, stream)
    this.session = session
    this.startedMs = clock.monotonicMs
    ;(stream as OwnedStream).client = this
    stream.on('error', onError)
    stream.on('close', onClose)
  }

  get isSecure(): boolean {
    return this.session.isSecure
  }

  override get tls(): TlsFacts | undefined {
    return this.session.tls
  }

  get clientAddress(): string {
    return this.session.clientAddress
  }

  get clientPort(): number {
    return this.session.clientPort
  }

  get hasLostPeer(): boolean {
    return this.session.hasLostPeer
  }

  endAnswer(): void {
    this.#isBodyUnwanted = this.#hasBody
    this.#hasBody = false
    this.finishWriting()
  }

  endAnswerFrom(tier: MemoryTier, object: StoredObject): void {
    this.#pinned = object
    this.#pinnedIn = tier
    this.endAnswer()
  }

  truncate(): void {
    this.#reset(NGHTTP2_INTERNAL_ERROR)
  }

  abort(): void {
    this.#reset(NGHTTP2_CANCEL)
  }

  /** Destroyed too, since a reset alone would wait until a client that reads nothing has taken what was sent before. */
  #reset(code: number): void {
    this.stream.close(code)
    this.stream.destroy()
  }

  /** The stream is not ended: a body follows `head`. */
  openBody(head: RequestHead): void {
    this.#hasBody = head.hasBody
    this.#bodyLimit = this.listener.limits.bodyBytes
    // Where the body is short they come before anybody wants to read it.
    this.stream.on('trailers', (_: IncomingHttpHeaders, _flags: number, list: readonly string[]) => {
      this.#trailers = list
    })
    // An empty body ends without being read.
    this.stream.on('end', () => this.guard(() => this.#onEnd()))
  }

  get hasUnreadBody(): boolean {
    return this.#hasBody
  }

  limitBody(bytes: number): void {
    this.#bodyLimit = bytes
  }

  holdBody(): void {
    this.#isBodyHeld = true
    if (this.#isBodyRead) this.stream.pause()
  }

  releaseBody(): void {
    if (!this.#hasBody || !this.#isBodyHeld || this.isWhole) return
    this.#isBodyHeld = false
    this.#awaitBody()
    if (this.#isBodyRead) this.stream.resume()
    else this.#readBody()
  }

  override onTimeout(): void {
    if (this.#isStalled()) {
      this.abort()
      return
    }
    this.onProgress()
    const isWaiting = this.#hasBody && this.#isBodyRead && !this.#isBodyHeld
    // Behind the beginning of an answer the client may be silent for as long as the origin bears it.
    if (isWaiting && this.phase === 'idle') this.#failBody(408, 'the request body did not come in time')
  }

  protected onProgress(): void {
    this.worker.wheel.schedule(this, clock.monotonicMs + this.listener.limits.sendTimeoutMs)
  }

  /** What waits for the client has not become less since the last look. */
  #isStalled(): boolean {
    const isStalled = this.taken === this.#seenTaken && (this.unsentBytes > 0 || this.isWhole)
    this.#seenTaken = this.taken
    return isStalled
  }

  #awaitBody(): void {
    this.worker.wheel.schedule(this, clock.monotonicMs + this.listener.limits.bodyTimeoutMs)
  }

  #readBody(): void {
    const { stream } = this
    this.#isBodyRead = true
    stream.on('data', (bytes: Buffer) => this.guard(() => this.#onData(bytes)))
    if (this.#isBodyEmpty) process.nextTick(() => this.guard(() => this.#onEnd()))
  }

  #onData(bytes: Buffer): void {
    clock.update()
    this.session.noteData(bytes.length)
    if (!this.#hasBody || this.stream.closed) return
    this.#bodyBytes += bytes.length
    if (this.#bodyBytes > this.#bodyLimit) {
      this.#failBody(413, 'the request body is larger than the limit')
      return
    }
    this.#awaitBody()
    this.exchange?.onRequestData(bytes, 0, bytes.length)
  }

  #onEnd(): void {
    clock.update()
    // A reset ends what is read of the body too, without its having been complete.
    if (this.stream.closed || this.stream.destroyed) return
    if (!this.#isBodyRead) {
      this.#isBodyEmpty = true
      return
    }
    this.#isBodyUnwanted = false
    if (!this.#hasBody) return
    const trailers = this.#trailers === undefined ? undefined : readTrailers(this.#trailers)
    if (trailers === false) {
      this.#failBody(400, 'the request body has malformed trailers')
      return
    }
    this.#hasBody = false
    this.exchange?.onRequestEnd(trailers)
  }

  #failBody(status: number, message: string): void {
    this.stream.pause()
    this.exchange?.onRequestFailed(status, message)
  }

  /** RFC 9113 §8.1: what is left of the request is not wanted. Not before the end of the answer, which would get lost. */
  protected onHandedOver(): void {
    const { stream } = this
    if (!this.#isBodyUnwanted || stream.closed || stream.destroyed) return
    stream.close(NGHTTP2_NO_ERROR)
    // What lies in Node's buffer keeps the stream from closing until somebody has read it.
    if (this.#isBodyRead) stream.resume()
  }

  onClosed(): void {
    const { exchange, stream } = this
    ;(stream as OwnedStream).client = undefined
    const isFlushed = this.isWhole && stream.rstCode === NGHTTP2_NO_ERROR && stream.writableFinished
    this.worker.wheel.cancel(this)
    this.exchange = undefined
    if (this.#pinned !== undefined) this.#unpin(this.#pinned, isFlushed)
    this.dropWriting(isFlushed)
    if (!isFlushed && exchange !== undefined) {
      clock.update()
      exchange.onClientGone()
    }
    this.session.onStreamClosed(isFlushed)
  }

  #unpin(object: StoredObject, isFlushed: boolean): void {
    const tier = this.#pinnedIn!
    this.#pinned = undefined
    // The kernel may still be reading what a stream that ended early has given it; TLS has made its own copy of that.
    if (isFlushed || this.isSecure) tier.unpin(object)
    else this.session.unpinWhenWritten(tier, object)
  }

  // RFC 9113 §8.6: HTTP/2 has no Upgrade, so no request is ever one.

  openTunnel(): never {
    return noTunnel()
  }

  writeCopy(): never {
    return noTunnel()
  }

  pauseTunnel(): never {
    return noTunnel()
  }

  resumeTunnel(): never {
    return noTunnel()
  }

  touchTunnel(): never {
    return noTunnel()
  }

  boundTunnel(): never {
    return noTunnel()
  }

  endTunnel(): never {
    return noTunnel()
  }

  closeTunnel(): never {
    return noTunnel()
  }

  /** Bodies are framed by the stream. */
  writeChunk(): never {
    return noTunnel()
  }
}

/** The lines of trailers that go on; undefined: none do; false: they are refused. */
function readTrailers(list: readonly string[]): string | undefined | false {
  if (list.length === 0) return undefined
  let lines = ''
  for (let at = 0; at < list.length; at += 2) lines += `${list[at]}: ${list[at + 1]}\r\n`
  const text = Buffer.from(`${lines}\r\n`, 'latin1')
  const reader = new TrailerReader()
  return reader.read(text, 0, text.length) === text.length && reader.isComplete ? reader.forwardable() : false
}

function noTunnel(): never {
  assert(false, 'a stream of HTTP/2 is no tunnel and has no chunks')
}

/** `close` follows and tells all there is to know. */
function onError(): void {}

function onClose(this: OwnedStream): void {
  const { client } = this
  if (client === undefined) return
  try {
    client.onClosed()
  } catch (error) {
    client.worker.logFault(error)
  }
}
