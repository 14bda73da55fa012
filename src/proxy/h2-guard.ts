/**
 * What a client of HTTP/2 may spend of us without a request to show for it: frames that cost us work, streams that it resets,
 * pings and settings that we answer. nghttp2 bounds what lies in memory; this bounds what passes through.
 *
 * Bytes are the measure, since every frame has some: what came that is neither the head of a request nor a body must not
 * outrun BYTES_PER_SECOND for long. Each part of it is a bucket that fills with time and is emptied by what is spent.
 */

/** A bucket holds at most `size`, and gains `perSecond`. */
class Bucket {
  readonly #size: number
  readonly #perMs: number
  #left: number
  #atMs: number

  constructor(size: number, perSecond: number, nowMs: number) {
    this.#size = size
    this.#perMs = perSecond / 1000
    this.#left = size
    this.#atMs = nowMs
  }

  /** False: there is not enough left. */
  take(amount: number, nowMs: number): boolean {
    this.#left = Math.min(this.#size, this.#left + (nowMs - this.#atMs) * this.#perMs) - amount
    this.#atMs = nowMs
    return this.#left >= 0
  }
}

/** Resets in a row, and each second: a browser that leaves a page resets all that is not there yet. */
const RESETS = 256
const RESETS_PER_SECOND = 64
/** PING and SETTINGS: some clients measure the line with every message. */
const ANSWERS = 512
const ANSWERS_PER_SECOND = 128
/** Frames that carry nothing: PRIORITY, WINDOW_UPDATE, unknown ones. */
const IDLE_BYTES = 256 * 1024
const IDLE_BYTES_PER_SECOND = 32 * 1024
/** A frame and its padding, and the WINDOW_UPDATE that comes with it now and then. */
const BYTES_PER_FRAME = 300
/** What we send is answered by WINDOW_UPDATEs, 13 bytes for the stream and 13 for the session for a frame or two. */
const SENT_PER_RECEIVED = 64

export class H2Guard {
  readonly #resets: Bucket
  readonly #answers: Bucket
  readonly #idle: Bucket
  #seenReceived = 0
  #seenSent = 0
  /** Bytes that count for something since the last look. */
  #earned = 0

  /** `nowMs`: monotonic. */
  constructor(nowMs: number) {
    this.#resets = new Bucket(RESETS, RESETS_PER_SECOND, nowMs)
    this.#answers = new Bucket(ANSWERS, ANSWERS_PER_SECOND, nowMs)
    this.#idle = new Bucket(IDLE_BYTES, IDLE_BYTES_PER_SECOND, nowMs)
  }

  /** A request has begun; `headBytes`: the most that its head may have taken. */
  onStream(headBytes: number): void {
    this.#earned += headBytes
  }

  onData(bytes: number): void {
    this.#earned += bytes + BYTES_PER_FRAME
  }

  /** A stream ended without its answer. False: that has been too often. */
  onReset(nowMs: number): boolean {
    return this.#resets.take(1, nowMs)
  }

  /** A PING or SETTINGS. False: too many. */
  onAnswered(nowMs: number): boolean {
    return this.#answers.take(1, nowMs)
  }

  /** Looks at the bytes of the connection so far. False: too many of them were for nothing. */
  look(receivedBytes: number, sentBytes: number, nowMs: number): boolean {
    const earned = this.#earned + (sentBytes - this.#seenSent) / SENT_PER_RECEIVED
    const idle = Math.max(0, receivedBytes - this.#seenReceived - earned)
    this.#seenReceived = receivedBytes
    this.#seenSent = sentBytes
    this.#earned = 0
    return this.#idle.take(idle, nowMs)
  }
}
