/**
 * One local client of an agent. One request of it is under way at a time, so that its responses keep the order of its
 * requests; what it has sent behind that waits here, and is at most what one read brings.
 *
 *             whole request                              response written
 *     reading ─────────────> busy: held, or with the server ─────────────> reading: first what waits, then the socket
 *                              │ more bytes come
 *                              └> kept, and the socket is not read from
 *
 * The hard part is that all of this ends at any time: the client half-closes (and still gets its answer), goes, or sends what
 * is not the protocol, while its request is with the server.
 */
import type { Socket } from 'node:net'
import type { PeerReader } from './acceptor.ts'
import { ADD_PREFIX_BYTES, CARE_MS, FRAME_DATA_BYTES, FRAME_HEADER_BYTES, needsCare } from './limits.ts'
import { Operation } from './message.ts'
import { CORRUPT, MessageDecoder, type MessageHandler } from './message-decoder.ts'
import type { MessageOutput } from './message-output.ts'

/** Who takes the requests of all clients. */
export interface RequestTaker {
  /**
   * Takes the request of `client`, whose payload is bytes[start, end) until this returns. False: it will be answered, by
   * `answer`. True: there is no server, and `output` has the answer.
   */
  take(client: AgentClient, uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean
  /** `client` has gone. */
  onGone(client: AgentClient): void
}

/** How long a client that was misunderstood may go on sending before the connection is cut. */
const LINGER_MS = 1000
const NOTHING: Buffer = Buffer.alloc(0)

export class AgentClient implements PeerReader, MessageHandler {
  /** Of the request under way. */
  uid = 0
  operation = 0
  /** A copy of the payload of a request that waits for its turn; else empty. */
  held: Buffer = NOTHING
  /** When it was accepted, or when its last request went to the server; performance.now(). */
  activeAtMs: number
  readonly #taker: RequestTaker
  readonly #output: MessageOutput
  readonly #socket: Socket
  readonly #decoder = new MessageDecoder('server', this)
  readonly #isCareful: boolean
  #isBusy = false
  #isGone = false
  #hasEnded = false
  #isPaused = false
  #isCorrupt = false
  /** Came behind the request under way; the next begins at `#restAt`. */
  #rest: Buffer = NOTHING
  #restAt = 0

  /**
   * `output`: shared by all clients, and empty between two calls of any of them. `isCareful`: responses that original clients
   * misread in one piece (`needsCare`) are sent in two.
   */
  constructor(socket: Socket, taker: RequestTaker, output: MessageOutput, isCareful: boolean) {
    this.#socket = socket
    this.#taker = taker
    this.#output = output
    this.#isCareful = isCareful
    this.activeAtMs = performance.now()
    socket.once('end', () => {
      this.#hasEnded = true
      this.#endIfDone()
    })
    socket.once('close', () => this.#leave())
    socket.on('drain', () => this.#goOn())
  }

  /** A request of it has no answer yet. */
  get isBusy(): boolean {
    return this.#isBusy
  }

  get isGone(): boolean {
    return this.#isGone
  }

  onBytes(bytes: Buffer, length: number): boolean {
    if (this.#isGone) return true
    if (this.#isBusy || this.#rest.length > 0) {
      this.#rest = Buffer.concat([this.#rest.subarray(this.#restAt), bytes.subarray(0, length)])
      this.#restAt = 0
      this.#isPaused = true
      return false
    }
    const taken = this.#push(bytes, 0, length)
    if (taken === CORRUPT || taken === length) return true
    this.#rest = Buffer.from(bytes.subarray(taken, length))
    this.#restAt = 0
    this.#isPaused = true
    return false
  }

  onMessage(uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean {
    if (operation === Operation.add && end - start < ADD_PREFIX_BYTES) {
      // The server would end its connection for it, which is everybody's.
      this.#isCorrupt = true
      return false
    }
    this.#isBusy = !this.#taker.take(this, uid, operation, bytes, start, end)
    return !this.#isBusy
  }

  /** Keeps the request until its turn comes. */
  hold(uid: number, operation: number, bytes: Buffer, start: number, end: number): void {
    this.uid = uid
    this.operation = operation
    this.held = Buffer.from(bytes.subarray(start, end))
  }

  /** Overwrites what was held. */
  letGo(): void {
    this.held.fill(0)
    this.held = NOTHING
  }

  /** The response to the request under way is bytes[start, end). A client that has gone gets none. */
  answer(bytes: Buffer, start: number, end: number): void {
    this.#isBusy = false
    if (this.#isGone) return
    this.#output.message(true, this.uid, this.operation, bytes, start, end)
    if (this.#isCareful && needsCare(end - start)) this.#answerInTwo(end - start)
    else {
      this.#output.write(this.#socket)
      this.#goOn()
    }
  }

  /** The last frame of the response follows when the client has read the others. */
  #answerInTwo(payloadBytes: number): void {
    const tail = this.#output.takeTail(FRAME_HEADER_BYTES + (payloadBytes % FRAME_DATA_BYTES))
    this.#isBusy = true
    this.#output.write(this.#socket)
    setTimeout(() => {
      this.#isBusy = false
      if (this.#isGone) return
      this.#socket.write(tail)
      this.#goOn()
    }, CARE_MS)
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy()
    this.#leave()
  }

  /** As MessageDecoder.push; a client that sends what is no request is gone when this returns. */
  #push(bytes: Buffer, start: number, end: number): number {
    const taken = this.#decoder.push(bytes, start, end)
    // What was answered on the spot, which also goes out when bytes behind it are corrupt.
    this.#output.write(this.#socket)
    if (taken !== CORRUPT && !this.#isCorrupt) return taken
    this.#endCorrupt()
    return CORRUPT
  }

  /** As ServerConnection: closed with bytes unread, the connection would be reset, and earlier answers might be lost. */
  #endCorrupt(): void {
    this.#leave()
    const socket = this.#socket
    socket.end()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('end', () => socket.destroySoon())
    socket.once('close', () => clearTimeout(timer))
  }

  /** Takes the next request of what has come already, then lets the socket bring more. */
  #goOn(): void {
    // A client that does not read its answers gets no more of them.
    if (this.#isBusy || this.#isGone || this.#socket.writableNeedDrain) return
    if (this.#rest.length > 0) {
      const rest = this.#rest
      const taken = this.#push(rest, this.#restAt, rest.length)
      if (taken === CORRUPT) return
      this.#restAt = taken
      if (taken === rest.length) this.#forgetRest()
      if (this.#isBusy) return
    }
    this.#endIfDone()
    if (this.#isPaused && !this.#isGone) {
      this.#isPaused = false
      this.#socket.resume()
    }
  }

  #forgetRest(): void {
    this.#rest.fill(0)
    this.#rest = NOTHING
  }

  /** RFC 9293 §3.6: the other direction of a half-closed connection is still open. */
  #endIfDone(): void {
    if (this.#hasEnded && !this.#isBusy && this.#rest.length === 0) this.#socket.destroySoon()
  }

  #leave(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#decoder.wipe()
    this.#forgetRest()
    this.letGo()
    this.#taker.onGone(this)
  }
}
