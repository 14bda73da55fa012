/**
 * One connection to one server: writes requests, many at a time, and hands each the reply that is its own by counting.
 *
 *     connecting -> greeting -> open           any -> closed
 *
 * In `greeting` the server is asked for its version and for the note of its last return (see greeting.ts); what is queued
 * meanwhile is written when both are answered, one round trip later than it could be, so that nobody sends the meta
 * commands to a server that was replaced by one too old for them.
 *
 * The hard part is to end well. A connection is closed by the server, by an error, by a timeout, by a reply that cannot be;
 * what was on it is in one list in the order in which it was queued:
 *
 *     first -> ... -> firstUnwritten -> ... -> last
 *     written and unanswered    |    waiting in `out`, or to be written in this turn
 *
 * and each request of it is told exactly once, in order; except that when the server closed a connection that had nothing to
 * do, what was queued or just sent may go to a new one (`#carryOver`): unwritten requests always, written ones only if they
 * say so, if not a byte came back, and once.
 *
 * Always true: what is before `firstUnwritten` was written, in this order; `parser` is fed only in greeting and open; the
 * timer runs whenever a request is queued or the connection is not open yet.
 */
import { connect, type Socket } from 'node:net'
import type { Resolver } from '../net/resolver.ts'
import type { ListenAddress } from '../plan/plan.ts'
import { clock } from '../util/clock.ts'
import { isLocalShortage, socketFailure } from './connect-failure.ts'
import { Failure, type FailureCode } from './failure.ts'
import { latencyBucket } from './latency.ts'
import { OutBuffer } from './out-buffer.ts'
import { Use } from './pool-state.ts'
import { Found, ReplyParser } from './reply-parser.ts'
import type { ServerRequest } from './server-request.ts'

/** What a connection needs to know of its pool, and tells it. */
export interface ConnectionHost {
  readonly address: ListenAddress
  readonly timeoutMs: number
  readonly keepAlive: boolean
  readonly maxBacklogBytes: number
  readonly maxReplyBytes: number
  readonly resolver: Resolver | undefined
  /** Of this thread and server: see Use and `latencyBucket`. */
  readonly use: Float64Array
  readonly latencies: Float64Array
  /** Asks for `connection.flush()` at the end of this turn. */
  flushLater(connection: ServerConnection): void
  /** Requests that are sent first on a new connection, written by `write`. */
  greet(out: OutBuffer): ServerRequest[]
  /** All greetings are answered. False: what was queued meanwhile must not be sent to this server. */
  onGreeted(connection: ServerConnection): boolean
  /** Requests were answered: the server is well. */
  onReplies(): void
  /** It is closed. `blame`: a failure of the server, to be counted against it. */
  onClosed(connection: ServerConnection, failure: FailureCode | undefined, blame: boolean): void
  /** A new connection in place of `connection`; undefined: there is to be none. */
  replace(connection: ServerConnection): ServerConnection | undefined
  onFault(error: unknown): void
}

type State = 'connecting' | 'greeting' | 'open' | 'closed'

/** Large values come in fewer pieces: 15 us of CPU for one of 100 KB, 21 with 64 KiB. */
const READ_BYTES = 256 * 1024
const KEEP_ALIVE_DELAY_MS = 60_000
const NOTHING = Buffer.alloc(0)

/** All connections of a thread read into one buffer, since what is read is used up before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)

export class ServerConnection {
  host: ConnectionHost
  /** Which of its server's connections it is (the host's own). */
  readonly slot: number
  /** Something was queued before it was open that only a modern server understands (the host's own). */
  reliesOnModern = false
  /** Waits for `flush` in this turn (the host's own). */
  isDirty = false
  /** Of the machine's monotonic clock, nanoseconds. */
  readonly begunNs = process.hrtime.bigint()
  readonly #socket: Socket
  readonly #parser: ReplyParser
  #state: State = 'connecting'
  #out = new OutBuffer()
  #first: ServerRequest | undefined = undefined
  #last: ServerRequest | undefined = undefined
  #firstUnwritten: ServerRequest | undefined = undefined
  #written = 0
  #unwritten = 0
  /** Greetings that are unanswered; they stand before everything else. */
  #greetings = 0
  /** Length of `#out` when the last request was begun, whose bytes are not known before somebody asks. */
  #beginLength = 0
  #isMeasured = true
  /** Bytes of `#out` that the gauge knows. */
  #countedBytes = 0
  #writtenBytes = 0
  /** When the server was last given something to do: it is not to blame for what this thread did before. */
  #progressMs: number
  /** Something came since the connection last had nothing to do. */
  #hasHeard = true
  /** The last flush is kept in `#out` until something comes. */
  #isKeeping = false
  /** Some request was answered, so that the next one finds a connection that was in order. */
  #hasServed = false
  #isDrainAwaited = false
  #timer: NodeJS.Timeout | undefined = undefined
  #isTimerSet = false
  #isDraining = false

  constructor(host: ConnectionHost, slot: number) {
    clock.update()
    this.#progressMs = clock.monotonicMs
    this.host = host
    this.slot = slot
    this.#parser = new ReplyParser(host.maxReplyBytes)
    this.#socket = openSocket(host, (length, bytes) => this.#onBytes(bytes, length))
    this.#socket.on('connect', () => this.#onConnect())
    this.#socket.on('end', () => this.#onEnd())
    this.#socket.on('error', (error) => this.#onError(error))
    this.#socket.on('close', () => this.#onEnd())
    this.#count(1)
    this.#setTimer()
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Nothing is queued and nothing unanswered. */
  get isIdle(): boolean {
    return this.#first === undefined
  }

  /** Queues `request`, whose bytes the caller appends next to what is returned; undefined: too much waits already. */
  begin(request: ServerRequest): OutBuffer | undefined {
    if (!this.isDirty) clock.update() // once a turn: not everybody who asks came from a socket
    this.#measure()
    const out = this.#out
    const waiting = out.length + this.#socket.writableLength
    if (waiting > 0 && waiting >= this.host.maxBacklogBytes) return undefined
    request.queuedMs = clock.monotonicMs
    this.#append(request)
    this.#beginLength = out.length
    this.#isMeasured = false
    const { use } = this.host
    use[Use.requests]! += 1
    use[Use.inQueue]! += 1
    this.host.flushLater(this)
    if (!this.#isTimerSet) this.#setTimer()
    return out
  }

  /** Writes what waits, if the connection can take it. Called once in each turn in which something was begun. */
  flush(): void {
    if (this.#state === 'closed') return
    this.#measure()
    this.#countWaiting()
    if (this.#state !== 'open' || this.#unwritten === 0) return
    if (this.#socket.writableLength > 0) {
      this.#awaitDrain()
      return
    }
    const { use } = this.host
    const bytes = this.#out.length
    if (this.#written === 0) {
      clock.update()
      this.#progressMs = clock.monotonicMs
      this.#isKeeping = this.#hasServed && this.#out.keep()
      this.#hasHeard = false
    }
    use[Use.requestBytes]! += bytes
    use[Use.inQueue]! -= this.#unwritten
    use[Use.inQueueBytes]! -= bytes
    use[Use.outQueue]! += this.#unwritten
    use[Use.outQueueBytes]! += bytes
    this.#countedBytes = 0
    this.#written += this.#unwritten
    this.#writtenBytes += bytes
    this.#unwritten = 0
    this.#firstUnwritten = undefined
    this.#out.flush(this.#socket)
    if (this.#socket.writableLength > 0) this.#awaitDrain()
  }

  /** Gives the connection, with all that is on it, to another pool that knows the same server. */
  moveTo(host: ConnectionHost): void {
    this.#measure()
    this.#count(-1)
    this.host = host
    this.#count(1)
    if (this.#first !== undefined) host.flushLater(this)
  }

  /** Closes as soon as everything queued is answered. */
  drain(): void {
    this.#isDraining = true
    if (this.isIdle) this.#lose(undefined, false)
  }

  /** Closes now; what is queued fails. */
  destroy(): void {
    this.#lose(Failure.closed, false)
  }

  #onConnect(): void {
    clock.update()
    if (this.#state !== 'connecting') return
    this.#state = 'greeting'
    this.#progressMs = clock.monotonicMs
    const out = new OutBuffer()
    const greetings = this.host.greet(out)
    this.#prepend(greetings)
    out.flush(this.#socket)
    if (greetings.length === 0) this.#onGreeted()
  }

  #onGreeted(): void {
    this.#state = 'open'
    if (this.host.onGreeted(this)) this.flush()
    else this.#lose(Failure.reset, false)
  }

  #awaitDrain(): void {
    if (this.#isDrainAwaited) return
    this.#isDrainAwaited = true
    this.#socket.write(NOTHING, () => this.#onDrained())
  }

  #onDrained(): void {
    this.#isDrainAwaited = false
    if (this.#state === 'closed') return
    this.#out.onDrained()
    this.flush()
  }

  #onBytes(bytes: Buffer, length: number): boolean {
    clock.update()
    if (this.#state === 'closed') return false
    if (!this.#hasHeard) this.#hear()
    this.#parser.feed(bytes, length)
    for (;;) {
      try {
        this.#readReplies()
        return true
      } catch (error) {
        this.host.onFault(error) // one request's fault; the replies behind it are others'
      }
    }
  }

  /** The server lives: what was sent last is not sent again. */
  #hear(): void {
    this.#hasHeard = true
    if (!this.#isKeeping) return
    this.#isKeeping = false
    this.#out.forget()
    if (this.#socket.writableLength === 0) this.#out.onDrained()
  }

  #readReplies(): void {
    let replies = 0
    while (this.#written > 0) {
      const request = this.#first!
      const found = this.#parser.next(request.expect)
      if (found !== Found.reply) {
        if (found === Found.bad) this.#lose(Failure.badReply, true)
        break
      }
      if (this.#greetings === 0) replies++ // who greets and then answers nothing is not well
      this.#answer(request)
      if (this.#state === 'closed') return
    }
    if (replies > 0) this.host.onReplies()
    if (this.#written === 0 && this.#parser.hasRest)
      this.#lose(Failure.badReply, true) // nobody asked for it
    else if (this.#isDraining && this.isIdle) this.#lose(undefined, false)
  }

  #answer(request: ServerRequest): void {
    const { reply } = this.#parser
    if (request.replies > 1) {
      request.replies--
      this.#hasServed = true
      this.host.use[Use.responseBytes]! += reply.end - reply.start
      request.onReply(reply)
      return
    }
    this.#first = request.next
    request.next = undefined
    if (this.#first === undefined) this.#last = undefined
    this.#written--
    if (this.#greetings > 0) {
      this.#greetings--
      request.onReply(reply)
      if (this.#greetings === 0) this.#onGreeted()
      return
    }
    const { use, latencies } = this.host
    this.#hasServed = true
    this.#writtenBytes -= request.bytes
    use[Use.outQueue]! -= 1
    use[Use.outQueueBytes]! -= request.bytes
    use[Use.responses]! += 1
    use[Use.responseBytes]! += reply.end - reply.start
    latencies[latencyBucket(clock.monotonicMs - request.queuedMs)]! += 1
    request.onReply(reply)
  }

  #onEnd(): void {
    clock.update()
    if (this.#state === 'closed') return
    this.host.use[Use.serverEof]! += 1
    this.#lose(Failure.reset, true)
  }

  #onError(error: NodeJS.ErrnoException): void {
    clock.update()
    if (this.#state === 'closed') return
    this.host.use[Use.serverErr]! += 1
    this.#lose(socketFailure(error), !isLocalShortage(error))
  }

  /**
   * Closes; everything queued is told `failure`, or goes on on another connection. `blame`: it is a failure of the server,
   * if somebody waited for it.
   */
  #lose(failure: FailureCode | undefined, blame: boolean): void {
    if (this.#state === 'closed') return
    this.#measure()
    const wasOpen = this.#state === 'open'
    const first = this.#first
    const written = this.#written - this.#greetings
    const isBroken = written > 0 || (!wasOpen && first !== undefined) || failure === Failure.badReply
    this.#state = 'closed'
    this.#clearTimer()
    this.#socket.destroy()
    this.#count(-1)
    this.#first = undefined
    this.#last = undefined
    const isGone = blame && (failure === Failure.reset || failure === Failure.brokenPipe)
    const mayCarry = wasOpen && isGone && first !== undefined && (written === 0 || this.#isKeeping)
    const isHarmless = mayCarry && (written === 0 || this.#mayAllRepeat(first))
    this.host.onClosed(this, failure, blame && isBroken && !isHarmless)
    const successor = mayCarry ? this.host.replace(this) : undefined
    if (successor !== undefined) this.#carryOver(first!, successor)
    else this.#failAll(first, failure ?? Failure.closed)
  }

  #failAll(first: ServerRequest | undefined, failure: FailureCode): void {
    for (let request = first; request !== undefined; ) {
      const { next } = request
      request.next = undefined
      this.#fail(request, failure)
      request = next
    }
  }

  #fail(request: ServerRequest, failure: FailureCode): void {
    // What it met first is why it failed; that the server has not come back since is the news of the next request.
    const reason = request.isRepeated && failure === Failure.refused ? Failure.reset : failure
    try {
      request.onFailure(reason)
    } catch (error) {
      this.host.onFault(error)
    }
  }

  /** Whether all written requests, from `first` on, may be sent again. */
  #mayAllRepeat(first: ServerRequest | undefined): boolean {
    let bytes = 0
    for (let request = first; request !== undefined && request !== this.#firstUnwritten; request = request.next) {
      if (!request.mayRepeat) return false
      bytes += request.bytes
    }
    return bytes <= (this.#out.kept?.length ?? 0)
  }

  /** The server closed a connection that had nothing to do: the requests from `first` on go to `successor`, if they may. */
  #carryOver(first: ServerRequest, successor: ServerConnection): void {
    const kept = this.#out.kept ?? NOTHING
    let at = 0
    let isWritten = this.#written > 0
    for (let request: ServerRequest | undefined = first; request !== undefined; ) {
      const next: ServerRequest | undefined = request.next
      if (request === this.#firstUnwritten) isWritten = false
      const end = at + request.bytes
      if (!isWritten) {
        successor.#take(request)
      } else if (request.mayRepeat && end <= kept.length) {
        request.mayRepeat = false
        request.isRepeated = true
        successor.#take(request)
        successor.#out.bytes(kept, at, end)
      } else {
        request.next = undefined
        this.#fail(request, Failure.reset)
      }
      at = end
      request = next
    }
    successor.#out.takeOver(this.#out)
  }

  /** Queues a request of another connection; its bytes follow. */
  #take(request: ServerRequest): void {
    this.#measure()
    this.#append(request)
    this.host.use[Use.inQueue]! += 1
    this.host.flushLater(this)
  }

  #append(request: ServerRequest): void {
    request.next = undefined
    if (this.#last === undefined) this.#first = request
    else this.#last.next = request
    this.#last = request
    this.#firstUnwritten ??= request
    this.#unwritten++
  }

  #prepend(greetings: ServerRequest[]): void {
    for (const request of greetings.toReversed()) {
      request.queuedMs = this.#progressMs
      request.next = this.#first
      this.#first = request
      this.#last ??= request
      this.#written++
      this.#greetings++
    }
  }

  /** The bytes of the last request are those that came into `#out` since it was begun. */
  #measure(): void {
    if (this.#isMeasured) return
    this.#isMeasured = true
    this.#last!.bytes = this.#out.length - this.#beginLength
  }

  #countWaiting(): void {
    this.host.use[Use.inQueueBytes]! += this.#out.length - this.#countedBytes
    this.#countedBytes = this.#out.length
  }

  /** Adds to the gauges what this connection has in them, or with -1 takes it out. */
  #count(sign: 1 | -1): void {
    const { use } = this.host
    use[Use.serverConnections]! += sign
    use[Use.inQueue]! += sign * this.#unwritten
    use[Use.inQueueBytes]! += sign * this.#countedBytes
    use[Use.outQueue]! += sign * (this.#written - this.#greetings)
    use[Use.outQueueBytes]! += sign * this.#writtenBytes
  }

  /** Sets the timer for the request that waits longest, if there is one. */
  #setTimer(): void {
    const since = this.#waitsSinceMs()
    this.#isTimerSet = since !== undefined
    if (since === undefined) return
    const waitMs = Math.max(1, Math.ceil(since + this.host.timeoutMs - clock.monotonicMs))
    this.#timer = setTimeout(() => this.#onTimer(), waitMs)
  }

  #clearTimer(): void {
    clearTimeout(this.#timer)
    this.#isTimerSet = false
  }

  #onTimer(): void {
    clock.update()
    this.#isTimerSet = false
    // What came while this thread was busy is read first: the server is not to blame for that.
    if (this.#isOverdue()) setImmediate(() => this.#onOverdue())
    else this.#setTimer()
  }

  #onOverdue(): void {
    if (this.#state === 'closed' || this.#isTimerSet) return
    if (!this.#isOverdue()) {
      this.#setTimer()
      return
    }
    this.host.use[Use.serverTimedOut]! += 1
    this.#lose(Failure.timedOut, true)
  }

  #isOverdue(): boolean {
    const since = this.#waitsSinceMs()
    return since !== undefined && clock.monotonicMs - since >= this.host.timeoutMs
  }

  /**
   * Since when the oldest request waits, or the connection to be open; undefined: nobody waits. It counts from queueing, but
   * no server is blamed for what a busy thread did in between, such as taking a thousand clients in one turn: so each step
   * that the server has to take (connect, greet, answer) has the whole time.
   */
  #waitsSinceMs(): number | undefined {
    if (this.#state === 'closed') return undefined
    if (this.#state !== 'open') return this.#progressMs
    return this.#first === undefined ? undefined : Math.max(this.#first.queuedMs, this.#progressMs)
  }
}

function openSocket(host: ConnectionHost, onBytes: (length: number, bytes: Buffer) => boolean): Socket {
  const onread = {
    buffer: readBuffer,
    callback: (length: number, bytes: Uint8Array) => onBytes(length, bytes as Buffer),
  }
  const { address } = host
  if (address.kind === 'unix') return connect({ path: address.path, onread })
  return connect({
    host: address.host,
    port: address.port,
    autoSelectFamily: true,
    noDelay: true,
    keepAlive: host.keepAlive,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    onread,
    ...(host.resolver === undefined ? {} : { lookup: host.resolver.lookup }),
  })
}
