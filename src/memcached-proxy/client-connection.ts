/**
 * One client: reads its requests, keeps the order of its answers, writes them.
 *
 *     bytes -> requests -> slots: first -> ... -> last        filled ones at the front leave in one write per turn
 *
 * Reading has one owner of its back-pressure, `#isPaused`: set when more requests are unanswered than may be, or more bytes
 * wait, as data for servers and as answers that the client has not taken; cleared when half of that is left. What was read
 * and not yet parsed waits in `#pending`. Servers are never held up by a client, so what can pile up for one is what its
 * unanswered requests bring. How much that is nobody knows before; `#window` expects more of what came last, and begins
 * small, lest the first packet of a stranger ask for gigabytes. Whoever gets past that, as with one request for a thousand
 * large values, is disconnected at `#mostWaiting`: one client is not worth the memory of all.
 *
 * Always true:
 * - `onBytes` gets the worker's buffer: whatever outlives the call is copied;
 * - `#isEnding`: no further request is read; when the last slot is delivered the connection is closed behind it;
 * - a slot of this client that waits at a server comes back through `onAnswered`, also when the client is gone.
 */
import type { Socket } from 'node:net'
import type { Reader } from '../net/listener.ts'
import { clock } from '../util/clock.ts'
import { dispatch } from './dispatch.ts'
import type { ProxyListener } from './proxy-listener.ts'
import type { ProxyRuntime } from './proxy-runtime.ts'
import { Tally } from './proxy-state.ts'
import type { ProxyWorker } from './proxy-worker.ts'
import { Outcome, type RequestParser } from './request-parser.ts'
import { type Slot, Turn } from './slot.ts'
import { endOfValues } from './value-line.ts'

/** After our FIN: how long the client may take to send his. */
const LINGER_MS = 2000
/** Before it: how long the client may leave its last answers untouched. */
const STALL_MS = 30_000
/** Requests that a new client may have in work; each answer allows one more. */
const FIRST_WINDOW = 64
/** What the answers to a new client are taken to be long, before any has come: 16 of them fill the usual backlog. */
const FIRST_MEAN_BYTES = 256 * 1024
/** Backlogs that may wait beside one value; room for a window of large values whose client has only just begun to read. */
const MOST_BACKLOGS = 16
/** Of an answer's length in the mean length of answers: one in so many. */
const MEAN_WEIGHT = 8
/** What a request whose data is still to come is given at first; a length alone must not cost memory. */
const FIRST_PENDING_BYTES = 4096
/** A larger one, grown for a large value, is not kept for what comes behind it. */
const MAX_KEPT_BYTES = 64 * 1024
const NOTHING = Buffer.alloc(0)
const CR = 0x0d
const LF = 0x0a

export class ClientConnection implements Reader {
  readonly worker: ProxyWorker
  readonly listener: ProxyListener
  readonly socket: Socket
  /** Among the connections of the worker: chooses the connection to a server, so that requests keep their order. */
  readonly number: number
  /** Where the connection itself is counted, whatever proxy a reload gives its listener to. */
  readonly #tallies: Float64Array
  /** Nobody hears the answers any more. */
  isGone = false
  /** Waits for `deliver` in this turn (the worker's own). */
  isDirty = false
  first: Slot | undefined = undefined
  #last: Slot | undefined = undefined
  /** Requests (keys, of multi-gets) without a delivered answer, those with `noreply` included. */
  #outstanding = 0
  /** Bytes of filled slots. */
  #heldBytes = 0
  /** Bytes of data given to servers by requests that are unanswered. */
  #sentBytes = 0
  #answered = 0
  #meanBytes = FIRST_MEAN_BYTES
  #isPaused = false
  #isEnding = false
  /** The client sends no more. */
  #hasEnded = false
  #hasSaidEnd = false
  #failed = false
  #isConsuming = false
  #awaitsFlush = false
  #pending: Buffer = NOTHING
  #pendingBytes = 0
  /** Of `#pending`, from the front, holds no line end. */
  #seen = 0
  /** `#pending` is no whole request before it has so many bytes. */
  #needed = 0
  /** `#pending` was given to a server as it is. */
  #isGivenAway = false
  #isPendingInWork = false
  /** Of a refused request's data, line end included, so much is still to be thrown away. */
  #skip = 0
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(worker: ProxyWorker, listener: ProxyListener, socket: Socket) {
    this.worker = worker
    this.listener = listener
    this.socket = socket
    this.number = worker.nextNumber()
    this.#tallies = listener.runtime.tallies
    this.#tallies[Tally.clientConnections]! += 1
    worker.connections.add(this)
    socket.on('end', () => this.#onEnd())
    socket.on('error', () => {
      this.#failed = true // 'close' follows
    })
    socket.on('close', () => this.#onClose())
  }

  get proxy(): ProxyRuntime {
    return this.listener.runtime
  }

  onBytes(bytes: Buffer, length: number): boolean {
    clock.update()
    this.proxy.tallies[Tally.bytesIn]! += length
    if (this.#isEnding) return true
    if (this.#pendingBytes === 0) {
      this.#process(bytes, length)
    } else {
      this.#append(bytes, length)
      if (this.#pendingBytes >= this.#needed) this.#processPending()
    }
    return !this.#isPaused
  }

  /** A new place at the end of the client's order. */
  newSlot(command: number): Slot {
    const slot = this.looseSlot(command)
    if (this.isGone) return slot
    if (this.#last === undefined) this.first = slot
    else this.#last.nextSlot = slot
    this.#last = slot
    return slot
  }

  /** A request that nobody is told about; it has no place in the order. */
  looseSlot(command: number): Slot {
    const slot = this.worker.takeSlot()
    slot.client = this
    slot.command = command
    slot.startedMs = clock.monotonicMs
    this.#outstanding++
    return slot
  }

  /** `slot` has given `bytes` of data to a server. */
  countSent(slot: Slot, bytes: number): void {
    slot.sentBytes = bytes
    this.#sentBytes += bytes
  }

  /** The bytes of the request being dispatched lie in a Buffer that the connection can spare from now on. */
  get canGiveAway(): boolean {
    return this.#isPendingInWork
  }

  giveAway(): void {
    this.#isGivenAway = true
  }

  /** Behind the answers of what came before, the connection closes; what still comes is not looked at. */
  endInput(): void {
    this.#isEnding = true
    this.#dropPending()
    if (this.first === undefined) this.worker.deliverLater(this)
  }

  /** The answer of `slot` is known, or nobody wants it. */
  onAnswered(slot: Slot): void {
    this.#sentBytes -= slot.sentBytes
    slot.sentBytes = 0
    this.#answered++
    if (slot.turn === Turn.swallow || this.isGone) {
      this.#outstanding--
      this.#count(slot)
      this.worker.recycle(slot)
      if (this.#isPaused) this.worker.deliverLater(this)
      return
    }
    slot.isFilled = true
    const { length } = slot
    this.#heldBytes += length
    this.#meanBytes += (length - this.#meanBytes) / MEAN_WEIGHT
    if (this.#heldBytes > this.#mostWaiting) this.#giveUp()
    const { group } = slot
    if (group !== undefined && --group.pending > 0) return
    this.#count(slot)
    if (this.first === slot || this.first!.isFilled) this.worker.deliverLater(this)
  }

  /** A request of this client failed for want of a server. */
  countFailure(): void {
    this.proxy.tallies[Tally.forwardError]! += 1
  }

  /** Writes the answers at the front of the order, and goes on reading if there is room now. Called once per turn. */
  deliver(): void {
    if (this.isGone) return
    const { output } = this.worker
    for (let slot = this.first; slot?.isFilled; slot = this.first) {
      if (slot.group !== undefined && slot.group.pending > 0) break
      this.#emit(slot)
    }
    this.proxy.tallies[Tally.bytesOut]! += output.length
    output.write(this.socket)
    if (this.socket.writableLength + this.#heldBytes > this.#mostWaiting) this.#giveUp()
    if (this.#isPaused) this.#tryResume()
    this.#settle()
  }

  /** Serves what has come already, then closes. */
  drain(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#pause()
    this.worker.deliverLater(this)
  }

  /** Moves the first slot into the output. */
  #emit(slot: Slot): void {
    const { output, arena } = this.worker
    this.first = slot.nextSlot
    if (this.first === undefined) this.#last = undefined
    const error = slot.group?.error
    if (error === undefined) {
      if (slot.chunk !== undefined) output.copy(slot.chunk.bytes, slot.start, slot.end)
      if (slot.body !== undefined) output.attach(slot.body, slot.bodyStart, slot.bodyEnd)
      if (slot.hasEnd) output.copy(endOfValues, 0, endOfValues.length)
    } else if (slot.endsValues) {
      output.copy(error, 0, error.length)
    }
    this.#heldBytes -= slot.length
    this.#outstanding--
    if (slot.chunk !== undefined) arena.release(slot.chunk)
    this.worker.recycle(slot)
  }

  #count(slot: Slot): void {
    this.proxy.latency(slot.command, clock.monotonicMs - slot.startedMs)
  }

  /** Reads requests from bytes[0, end); what cannot be used now becomes pending. */
  #process(bytes: Buffer, end: number): void {
    const at = this.#guard(bytes, end)
    if (at < end && !this.#isEnding) this.#keep(bytes, at, end)
    this.#settle()
  }

  #processPending(): void {
    const bytes = this.#pending
    const end = this.#pendingBytes
    this.#isPendingInWork = true
    const at = this.#guard(bytes, end)
    this.#isPendingInWork = false
    if (this.#isEnding || at === end) this.#dropPending()
    else if (at > 0 || this.#isGivenAway) this.#keep(bytes, at, end)
    this.#settle()
  }

  /** A fault of ours costs this connection, not the worker. */
  #guard(bytes: Buffer, end: number): number {
    this.#isConsuming = true
    try {
      return this.#consume(bytes, end)
    } catch (error) {
      this.worker.logFault(error)
      this.socket.destroy()
      return end
    } finally {
      this.#isConsuming = false
    }
  }

  /** Returns how far it came. */
  #consume(bytes: Buffer, end: number): number {
    const { parser } = this.worker
    let at = 0
    let seen = this.#seen
    this.#seen = 0
    this.#needed = 0
    while (at < end && !this.#isEnding) {
      if (this.#skip > 0) {
        at = this.#skipData(bytes, at, end)
        continue
      }
      if (this.#isFull()) {
        this.#pause()
        return at
      }
      const outcome = parser.parse(bytes, at, end, Math.max(seen, at), this.proxy.limits)
      if (outcome === Outcome.incomplete) {
        this.#needed = parser.needed
        this.#seen = parser.needed > 0 ? 0 : end - at
        return at
      }
      seen = 0
      this.#take(outcome, parser, bytes)
      at = parser.next
    }
    return at
  }

  #take(outcome: number, parser: RequestParser, bytes: Buffer): void {
    if (outcome === Outcome.request) {
      // Who leaves behind a packet full of gets of large values would else have all of them fetched at once, for nobody.
      if (!this.isGone || parser.changesSomething) dispatch(this, parser, bytes)
      return
    }
    const { tallies } = this.proxy
    tallies[Tally.refused]! += 1
    if (outcome === Outcome.binary) {
      this.#failed = true
      this.endInput()
      return
    }
    this.proxy.countCommand(parser.command)
    this.#skip = parser.skipBytes
    if (!parser.isNoreply) this.newSlot(parser.command).answer(Buffer.from(`${parser.error}\r\n`))
    if (parser.closes) {
      this.#failed = true
      this.endInput()
    }
  }

  /** The data of a refused request; it must end as it said, else what follows could be anything. Returns where to go on. */
  #skipData(bytes: Buffer, at: number, end: number): number {
    const taken = Math.min(this.#skip, end - at)
    for (let i = Math.max(0, this.#skip - 2); i < taken; i++) {
      if (bytes[at + i] === (this.#skip - i === 2 ? CR : LF)) continue
      this.#failed = true
      this.endInput()
      return end
    }
    this.#skip -= taken
    return at + taken
  }

  #isFull(): boolean {
    if (this.isGone) return false // what came whole is done, but for reads, and nobody is told
    const waiting = this.#waitingBytes()
    return this.#outstanding >= this.#window(waiting) || waiting > this.proxy.limits.clientBacklogBytes
  }

  /** Of answers. */
  get #mostWaiting(): number {
    const { clientBacklogBytes, valueBytes } = this.proxy.limits
    return MOST_BACKLOGS * clientBacklogBytes + valueBytes
  }

  #giveUp(): void {
    this.#failed = true
    this.socket.destroy()
  }

  #waitingBytes(): number {
    return this.#heldBytes + this.#sentBytes + this.socket.writableLength
  }

  /** Requests that may be unanswered while `waiting` bytes wait; at least one. */
  #window(waiting: number): number {
    const { outstanding, clientBacklogBytes } = this.proxy.limits
    const known = Math.min(outstanding, FIRST_WINDOW + this.#answered)
    const expected = (clientBacklogBytes - waiting) / Math.max(1, this.#meanBytes)
    return Math.max(1, Math.min(known, expected))
  }

  #keep(bytes: Buffer, at: number, end: number): void {
    const length = end - at
    const isFitting = bytes === this.#pending && !this.#isGivenAway && bytes.length <= MAX_KEPT_BYTES
    const target = isFitting ? bytes : Buffer.allocUnsafeSlow(this.#pendingSize(length))
    bytes.copy(target, 0, at, end)
    this.#pending = target
    this.#pendingBytes = length
    this.#isGivenAway = false
  }

  #append(bytes: Buffer, length: number): void {
    const wanted = this.#pendingBytes + length
    if (wanted > this.#pending.length) {
      const larger = Buffer.allocUnsafeSlow(this.#pendingSize(wanted))
      this.#pending.copy(larger, 0, 0, this.#pendingBytes)
      this.#pending = larger
    }
    bytes.copy(this.#pending, this.#pendingBytes, 0, length)
    this.#pendingBytes = wanted
  }

  /** Doubles, but not past what the request needs. */
  #pendingSize(bytes: number): number {
    const doubled = Math.max(FIRST_PENDING_BYTES, 2 * bytes)
    return this.#needed >= bytes ? Math.min(doubled, this.#needed) : doubled
  }

  #dropPending(): void {
    this.#pending = NOTHING
    this.#pendingBytes = 0
    this.#seen = 0
    this.#needed = 0
    this.#isGivenAway = false
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.socket.pause()
  }

  /** Half of the limits must be free, so that a client at its limit is not stopped and started for every answer. */
  #tryResume(): void {
    const waiting = this.#waitingBytes()
    if (2 * waiting > this.proxy.limits.clientBacklogBytes) {
      if (this.socket.writableLength > 0) this.#resumeWhenFlushed() // else an answer will come
    } else if (2 * this.#outstanding <= this.#window(waiting)) {
      this.#resume()
    }
  }

  #resumeWhenFlushed(): void {
    if (this.#awaitsFlush) return
    this.#awaitsFlush = true
    this.socket.write(NOTHING, () => {
      this.#awaitsFlush = false
      if (!this.isGone) this.worker.deliverLater(this)
    })
  }

  #resume(): void {
    if (this.#isConsuming || this.socket.destroyed) return // what is pending is looked at once more when it has closed
    clock.update()
    this.#isPaused = false
    if (this.#pendingBytes > 0 && !this.#isEnding) this.#processPending()
    if (!this.#isPaused) this.socket.resume()
  }

  /** After all that could change it: whether the connection is over. */
  #settle(): void {
    if (this.isGone) return
    if (this.#hasEnded && !this.#isEnding && !(this.#isPaused && this.#pendingBytes > 0)) this.endInput()
    if (this.#isEnding && this.first === undefined && !this.#hasSaidEnd) this.#sayEnd()
  }

  /** Everything is answered: FIN behind it, and some patience for the client's. */
  #sayEnd(): void {
    this.#hasSaidEnd = true
    this.#isPaused = false
    this.socket.resume()
    this.#watchStall(0)
    this.socket.end(() => this.#setTimer(LINGER_MS, () => this.socket.destroy()))
  }

  /** The last answers may take the client as long as it likes, if only it takes some; `queued`: bytes at the last look. */
  #watchStall(queued: number): void {
    this.#setTimer(STALL_MS, () => {
      const now = (this.socket as unknown as { _handle?: { writeQueueSize?: number } })._handle?.writeQueueSize ?? 0
      if (now > 0 && now === queued) this.socket.destroy()
      else this.#watchStall(now)
    })
  }

  #setTimer(ms: number, act: () => void): void {
    clearTimeout(this.#timer)
    if (!this.isGone) this.#timer = setTimeout(act, ms)
  }

  #onEnd(): void {
    clock.update()
    this.#hasEnded = true
    this.#settle()
  }

  #onClose(): void {
    clearTimeout(this.#timer)
    this.isGone = true
    this.#tallies[this.#failed ? Tally.clientErr : Tally.clientEof]! += 1
    this.#tallies[Tally.clientConnections]! -= 1
    this.#dropAnswers()
    if (this.#pendingBytes > 0 && !this.#isEnding) this.#processPending()
    this.#isEnding = true
    this.#dropPending()
    this.worker.forget(this)
  }

  /** Slots that wait at a server come back by themselves. */
  #dropAnswers(): void {
    const { arena } = this.worker
    for (let slot = this.first; slot !== undefined; ) {
      const next: Slot | undefined = slot.nextSlot
      slot.nextSlot = undefined
      if (slot.isFilled) {
        this.#outstanding--
        if (slot.chunk !== undefined) arena.release(slot.chunk)
        this.worker.recycle(slot)
      }
      slot = next
    }
    this.first = undefined
    this.#last = undefined
  }
}
