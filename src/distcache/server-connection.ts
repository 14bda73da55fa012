/**
 * One client of a server: requests in, responses out in the same order, all that one read asked for in one write.
 *
 * The hard part is a client that asks and does not read. 64 KiB of requests may ask for 45 MB of sessions, so answering stops
 * when BATCH_BYTES wait, the rest of the read is kept, nothing more is read, and the client goes on when the kernel has taken
 * everything:
 *
 *     reading ──too much waits, too much is under way, care──> stopped (#rest) ──drained, answered, time──> reading
 *        │ enough for one turn                                    │ the next turn
 *        │ <──────────────────────────────────────────────────────┤
 *        │ end of the client's stream                             │ the same, later
 *        └──────────────────> what was asked is answered, then the connection ends <─────┘
 *        │ corruption
 *        └──────────────────> earlier answers are flushed, then it ends; what still comes is not looked at
 */
import type { Socket } from 'node:net'
import type { PeerReader } from './acceptor.ts'
import { CARE_MS, FRAME_DATA_BYTES, FRAME_HEADER_BYTES, needsCare } from './limits.ts'
import { CORRUPT, MessageDecoder, type MessageHandler } from './message-decoder.ts'
import type { MessageOutput } from './message-output.ts'

/** Answers requests, now into `output` or later. */
export interface Executor {
  /** Shared by all connections: whatever is put in during `execute` is written for that connection. */
  readonly output: MessageOutput
  /** The last response that was put in has so much payload, if that is known; 0 else. */
  readonly lastPayloadBytes: number
  /** A turn of the event loop begins: time may have passed. */
  beginTurn(): void
  /** So many requests of the connection are under way that no more may begin; its `goOn` is called when they are fewer. */
  isFull(connection: ServerConnection): boolean
  /** The payload of the request is bytes[start, end), which is valid until this returns. False: it is no request. */
  execute(
    connection: ServerConnection,
    uid: number,
    operation: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean
}

/** Answers that wait in memory before they are written: a few of the largest. */
const BATCH_BYTES = 128 * 1024
/** How long a peer that was misunderstood may go on sending before the connection is cut. */
const LINGER_MS = 1000
const NOTHING = Buffer.alloc(0)

export class ServerConnection implements PeerReader, MessageHandler {
  readonly #executor: Executor
  readonly #isCareful: boolean
  readonly #socket: Socket
  readonly #decoder = new MessageDecoder('server', this)
  /** Of a read: what was not taken yet. */
  #rest: Buffer = NOTHING
  #isStopped = false
  /** Something came that is no request. */
  #isCorrupt = false
  /** Requests that were executed and are not answered. */
  #unanswered = 0
  /** The last frame of a response, that is sent later; undefined: none. */
  #tail: Buffer | undefined = undefined
  /** The client will send nothing more. */
  #hasEnded = false
  /** Nothing more is answered. */
  #isEnding = false

  constructor(socket: Socket, executor: Executor, isCareful: boolean) {
    this.#socket = socket
    this.#executor = executor
    this.#isCareful = isCareful
    socket.on('drain', () => this.goOn())
    socket.on('end', () => this.#onEnd())
    socket.on('close', () => this.#onClose())
  }

  onBytes(bytes: Buffer, length: number): boolean {
    if (this.#isEnding) return true
    this.#executor.beginTurn()
    return this.#take(bytes, 0, length)
  }

  onMessage(uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean {
    const executor = this.#executor
    if (!executor.execute(this, uid, operation, bytes, start, end)) {
      this.#isCorrupt = true
      return false
    }
    if (executor.output.length >= BATCH_BYTES || executor.isFull(this)) return false
    return !this.#isCareful || !needsCare(executor.lastPayloadBytes)
  }

  /** A request will be answered later. */
  expectAnswer(): void {
    this.#unanswered++
  }

  /** One that was expected has been put into the output, which is the caller's to `flush`. */
  onAnswered(): void {
    this.#unanswered--
  }

  get unanswered(): number {
    return this.#unanswered
  }

  /** Nothing more can be said. */
  get isClosed(): boolean {
    return !this.#socket.writable
  }

  /** Writes what is in the output. */
  flush(): void {
    this.#executor.output.write(this.#socket)
  }

  /** Something that was waited for has come about: takes what was kept, and reads on. */
  goOn(): void {
    if (!this.#isStopped || this.#isEnding || this.isClosed) {
      this.#endWhenDone()
      return
    }
    if (this.#mustWait) return
    this.#isStopped = false
    const rest = this.#rest
    this.#rest = NOTHING
    this.#executor.beginTurn()
    const reads = this.#take(rest, 0, rest.length)
    rest.fill(0)
    if (!reads) return
    if (this.#hasEnded) this.#endWhenDone()
    else this.#socket.resume()
  }

  /** Whether to read on. */
  #take(bytes: Buffer, start: number, end: number): boolean {
    const at = this.#decoder.push(bytes, start, end)
    const isCorrupt = at === CORRUPT || this.#isCorrupt
    if (this.#isCareful && !isCorrupt) this.#cutTail()
    if (this.#executor.output.length > 0) this.flush()
    if (isCorrupt) {
      this.#endCorrupt()
      return true
    }
    if (at === end && !this.#mustWait) return true
    if (at < end) this.#rest = Buffer.from(bytes.subarray(at, end))
    this.#isStopped = true
    // A client that takes what it is sent is not waited for, but others have their turn.
    if (!this.#mustWait) setImmediate(() => this.goOn())
    return false
  }

  get #mustWait(): boolean {
    return this.#socket.writableNeedDrain || this.#tail !== undefined || this.#executor.isFull(this)
  }

  /** Keeps the last frame of a response that original programs would misread in one piece. */
  #cutTail(): void {
    const payloadBytes = this.#executor.lastPayloadBytes
    if (this.#executor.output.length === 0 || !needsCare(payloadBytes)) return
    this.#tail = this.#executor.output.takeTail(FRAME_HEADER_BYTES + (payloadBytes % FRAME_DATA_BYTES))
    setTimeout(() => {
      const tail = this.#tail!
      this.#tail = undefined
      if (!this.isClosed) this.#socket.write(tail)
      this.goOn()
    }, CARE_MS)
  }

  #onEnd(): void {
    this.#hasEnded = true
    this.#endWhenDone()
  }

  /** A client that has sent all it will is answered all it has asked. */
  #endWhenDone(): void {
    if (!this.#hasEnded || this.#isEnding || this.#isStopped || this.#unanswered > 0) return
    this.#isEnding = true
    this.#socket.destroySoon()
  }

  /**
   * Closing with bytes unread would reset the connection, and the peer might lose the answers to what it asked before: so the
   * stream is ended, what still comes is dropped, and the connection is cut when the peer ends it, or after LINGER_MS.
   */
  #endCorrupt(): void {
    this.#isEnding = true
    this.#decoder.wipe()
    const socket = this.#socket
    socket.end()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('end', () => socket.destroySoon())
    socket.once('close', () => clearTimeout(timer))
  }

  #onClose(): void {
    this.#isEnding = true
    this.#decoder.wipe()
    this.#rest.fill(0)
    this.#rest = NOTHING
  }
}
