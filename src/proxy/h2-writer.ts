/**
 * The writing half of a stream of HTTP/2: what the steps of a request write, in the order and the sizes that node:http2
 * wants.
 *
 *     idle --head--> held --more of the answer, or the end, or the turn is over--> open --end--> ended
 *
 * The head is held back for the rest of the turn, since only then it shows whether a body follows: a head without one ends the
 * stream itself (RFC 9113 §8.1), and a body that is whole goes out with it.
 *
 * Always true:
 * - pieces wait in `#queue` by reference; a slice of them is copied when it is handed on, since a stream that is reset closes
 *   before the kernel has read what it was given. Only the bodies of cached objects go on as they are: they stay pinned;
 * - at most SLICE_BYTES are under way, so that neither nghttp2 nor TLS holds more of a body than that.
 */
import type { ServerHttp2Stream, ServerStreamResponseOptions } from 'node:http2'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { latin1Text } from '../http/latin1.ts'
import { Client, type HeadAndBody } from './client.ts'
import { releaseHandle, respondShared, type SharedHead, type StreamHandle, sharedHead } from './h2-block.ts'
import { type H2Head, h2HeadOf, h2ObjectOf, h2TrailersOf, hasLength, isInterim } from './h2-response.ts'
import type { ListenerRuntime } from './listener-runtime.ts'
import type { UnsizedFraming } from './response-out.ts'
import { storedOf } from './stored.ts'
import type { Worker } from './worker.ts'

/** Given to the stream at a time. A client is stalled that takes less than this within the send timeout. */
const SLICE_BYTES = 32 * 1024

/** Date is in the heads already. */
const withBody = responseOptions({})
const withoutBody = responseOptions({ endStream: true })
const withTrailers = responseOptions({ waitForTrailers: true })

type Phase = 'idle' | 'held' | 'open' | 'ended' | 'closed'

export abstract class H2Writer extends Client {
  readonly stream: ServerHttp2Stream
  protected phase: Phase = 'idle'
  #head: H2Head | undefined = undefined
  /** In place of `#head`, where the answer comes from the cache. */
  #sharedHead: SharedHead | undefined = undefined
  #handle: StreamHandle | undefined = undefined
  #queue: Buffer[] | undefined = undefined
  #queuedBytes = 0
  /** What is queued stays as it is until the kernel has it, whatever becomes of the stream. */
  #isPinned = false
  /** Bytes of the slice under way. */
  #sentBytes = 0
  /** Slices taken so far. */
  protected taken = 0
  /** No more will be written. */
  protected isWhole = false
  #trailers: string | undefined = undefined
  /** They are asked for behind the body, and then end the stream, even where there are none. */
  #hasTrailers = false
  #hasTick = false
  #onTaken: (() => void) | undefined = undefined
  #waiting: ((isFlushed: boolean) => void)[] | undefined = undefined

  constructor(worker: Worker, listener: ListenerRuntime, stream: ServerHttp2Stream) {
    super(worker, listener)
    this.stream = stream
  }

  get protocol(): string {
    return 'HTTP/2.0'
  }

  get unsizedFraming(): UnsizedFraming {
    return 'stream'
  }

  get unsentBytes(): number {
    return this.#queuedBytes + this.#sentBytes
  }

  writeText(text: string): void {
    if (isInterim(text)) this.#writeInterim(text)
    else this.#hold(h2HeadOf(text))
  }

  writeHeadAndBody(head: string, body: Buffer): void {
    this.#hold(h2HeadOf(head))
    this.#enqueue(body)
  }

  writeHeadAndCopy(head: string, bytes: Buffer, start: number, end: number): void {
    this.writeHeadAndBody(head, Buffer.from(bytes.subarray(start, end)))
  }

  writeHeadAndPieces(head: string, pieces: readonly Buffer[]): void {
    this.#hold(h2HeadOf(head))
    for (const piece of pieces) this.#enqueue(piece)
  }

  writeStored(prefix: string, object: StoredObject, hasBody: boolean): void {
    this.#writeShared(storedOf(object).h2Head(prefix, undefined), object, hasBody)
  }

  writeEdited(prefix: string, lines: string, object: StoredObject): void {
    this.#writeShared(storedOf(object).h2Head(prefix, lines), object, true)
  }

  writePrefixAndCopy(prefix: string, { bytes, headStart, bodyStart, end }: HeadAndBody): void {
    this.writeHeadAndCopy(prefix + latin1Text(bytes, headStart, bodyStart), bytes, bodyStart, end)
  }

  write(data: Buffer): void {
    this.#enqueue(data)
    this.#flushSoon()
  }

  writeTrailers(lines: string): void {
    this.#trailers = lines
  }

  whenFlushed(done: (isFlushed: boolean) => void): void {
    if (this.phase === 'closed') process.nextTick(done, false)
    else if (this.unsentBytes === 0 && !this.isWhole) process.nextTick(done, true)
    else {
      this.#waiting ??= []
      this.#waiting.push(done)
    }
  }

  /** Nothing more will be written. */
  protected finishWriting(): void {
    this.isWhole = true
    this.#pump()
  }

  /** The stream has closed: whatever waits is told, and everything referenced is let go. */
  protected dropWriting(isFlushed: boolean): void {
    this.phase = 'closed'
    if (isFlushed && this.#handle !== undefined) releaseHandle(this.#handle)
    this.#handle = undefined
    this.#head = undefined
    this.#sharedHead = undefined
    this.#queue = undefined
    this.#queuedBytes = 0
    this.#sentBytes = 0
    this.#tell(isFlushed)
  }

  /** Bytes begin to wait for the client, or it has taken some. */
  protected abstract onProgress(): void

  /** The answer has been handed over whole, with its end. */
  protected abstract onHandedOver(): void

  /** Does what nobody else would catch the fault of; it costs this stream, not the worker. */
  protected guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.worker.logFault(error)
      this.abort()
    }
  }

  #writeShared(head: SharedHead, object: StoredObject, hasBody: boolean): void {
    this.#head = head.list
    if (hasBody) this.#sharedHead = head
    this.phase = 'held'
    this.#isPinned = true
    // The end of the answer follows at once.
    if (hasBody) for (const piece of object.body) this.#enqueue(piece)
  }

  #writeInterim(text: string): void {
    const { stream } = this
    if (this.phase === 'idle' && !stream.closed && !stream.destroyed)
      stream.additionalHeaders(h2ObjectOf(h2HeadOf(text)))
  }

  #hold(head: H2Head): void {
    this.#head = head
    this.phase = 'held'
    this.#flushSoon()
  }

  #enqueue(data: Buffer): void {
    if (data.length === 0 || this.phase === 'closed') return
    if (this.#queue === undefined) this.#queue = [data]
    else this.#queue.push(data)
    this.#queuedBytes += data.length
  }

  #flushSoon(): void {
    if (this.#hasTick || this.isWhole) return
    this.#hasTick = true
    process.nextTick(flush, this)
  }

  /** The turn in which trailers were sent is over. */
  onTrailersSent(): void {
    this.guard(() => this.onHandedOver())
  }

  /** The turn is over. */
  flush(): void {
    this.#hasTick = false
    if (!this.isWhole) this.guard(() => this.#pump())
  }

  /** Sends what may be sent. */
  #pump(): void {
    const { stream } = this
    if (stream.destroyed || stream.closed) return
    if (this.phase === 'held') this.#respond()
    if (this.phase !== 'open' || this.#sentBytes !== 0) return
    if (this.#queuedBytes !== 0) this.#send(this.#nextSlice())
    else if (this.isWhole) this.#endStream()
  }

  #respond(): void {
    const head = this.#head!
    this.#head = undefined
    if (this.isWhole && this.#queuedBytes === 0 && this.#trailers === undefined) {
      this.phase = 'ended'
      this.stream.respond(head, withoutBody)
      this.onHandedOver()
      return
    }
    this.phase = 'open'
    // Whether there will be trailers shows at the end; where the length is told, there are none.
    if (this.#sharedHead !== undefined) this.#handle = respondShared(this.stream, this.#sharedHead, withBody)
    // Node lets a 205 have no content, which is right, but whoever gave it one meant it (RFC 9110 §15.3.6).
    else if (head[1] === '205') respondShared(this.stream, sharedHead(head), withBody)
    else if (hasLength(head)) this.stream.respond(head, withBody)
    else {
      this.#hasTrailers = true
      this.stream.on('wantTrailers', () => this.#sendTrailers())
      this.stream.respond(head, withTrailers)
    }
  }

  #sendTrailers(): void {
    const { stream } = this
    if (stream.destroyed || stream.closed) return
    stream.sendTrailers(this.#trailers === undefined ? {} : h2TrailersOf(this.#trailers))
    // Not within this event, which comes while nghttp2 writes.
    setImmediate(handedOver, this)
  }

  #endStream(): void {
    this.phase = 'ended'
    this.stream.end()
    if (!this.#hasTrailers) this.onHandedOver()
  }

  #send(slice: Buffer): void {
    this.#sentBytes = slice.length
    if (this.isWhole && this.#queuedBytes === 0) {
      // It needs no word of its being taken: the stream closes behind it.
      this.phase = 'ended'
      this.stream.end(slice)
      if (!this.#hasTrailers) this.onHandedOver()
    } else {
      this.#onTaken ??= () => this.#take()
      this.stream.write(slice, this.#onTaken)
    }
    this.onProgress()
  }

  /** The slice under way has been handed to the kernel, or the stream is closing. */
  #take(): void {
    const { stream } = this
    if (stream.destroyed || stream.closed) return
    this.#sentBytes = 0
    this.taken++
    this.guard(() => {
      this.#pump()
      if (this.unsentBytes === 0 && !this.isWhole) this.#tell(true)
    })
  }

  #tell(isFlushed: boolean): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) for (const done of waiting) this.guard(() => done(isFlushed))
  }

  /** The next bytes of the queue, which are the stream's from now on; what is small goes together. */
  #nextSlice(): Buffer {
    const queue = this.#queue!
    const first = queue[0]!
    let slice = first
    if (first.length > SLICE_BYTES) {
      slice = first.subarray(0, SLICE_BYTES)
      queue[0] = first.subarray(SLICE_BYTES)
    } else if (queue.length === 1) {
      queue.length = 0
    } else {
      return this.#gather(queue)
    }
    this.#queuedBytes -= slice.length
    return this.#isPinned ? slice : Buffer.from(slice)
  }

  /** As many pieces as fit a slice, in one; at least the first. */
  #gather(queue: Buffer[]): Buffer {
    let count = 0
    let length = 0
    while (count < queue.length && length + queue[count]!.length <= SLICE_BYTES) length += queue[count++]!.length
    this.#queuedBytes -= length
    return Buffer.concat(queue.splice(0, count), length)
  }
}

/** `sendDate` is an option that the type definitions do not list. */
function responseOptions(options: ServerStreamResponseOptions): ServerStreamResponseOptions {
  return Object.assign(options, { sendDate: false })
}

function handedOver(writer: H2Writer): void {
  writer.onTrailersSent()
}

function flush(writer: H2Writer): void {
  writer.flush()
}
