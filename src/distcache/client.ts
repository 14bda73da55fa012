/**
 * A client of a session server, or of the agent in front of it: one connection that carries the operations of everybody in
 * this thread at once, made when the first is begun and made again when it is lost.
 *
 * Two forms. `add`, `get`, `remove` and `have` return promises. `begin` and `beginAdd` take an object that is told the
 * outcome, and allocate nothing: for those who ask for every handshake.
 *
 *     asked, in order   [ gave up waiting | gave up waiting | waits | waits | waits ]
 *                         ↑ the next response answers this    ↑ times out next
 *
 * Responses come in the order of requests, and every operation may take the same time, so both ends of what can happen next
 * stand in one queue. The hard part is the operation that times out: its response may still come, and must be read as its
 * own. It stays in the queue, with nobody to tell. A server that says nothing at all for `silenceMs` is lost: the connection
 * is closed, all that wait are told, and for a while (`retryMs`, doubled each time up to `mostRetryMs`) nothing is begun.
 */
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { type Address, parseAddress } from './address.ts'
import { AskedQueue } from './asked-queue.ts'
import { ADD_PREFIX_BYTES, MESSAGE_BYTES } from './limits.ts'
import { Operation } from './message.ts'
import { MessageOutput } from './message-output.ts'
import { type Answer, isFailure, type Outcome, outcomeOf, SessionServiceError } from './outcome.ts'
import { type LinkEnd, type LinkHandler, type LinkTarget, ServerLink } from './server-link.ts'
import { clientUids, type Uids } from './uids.ts'

export interface ClientOptions {
  /** `UNIX:/run/shellac/dc.sock`, `IP:host:port`, `IP:[::1]:port`, or such an address read. */
  readonly connect: string | Address
  /** The longest wait for an answer, connecting included, what this thread is busy with not; default 1000. */
  readonly timeoutMs?: number
  /** A server that owes answers and says nothing for so long is lost; default 5000, and at least timeoutMs. */
  readonly silenceMs?: number
  /** The wait after a lost connection before the next, doubled from the first to the most; default 50 to 2000. */
  readonly retryMs?: number
  readonly mostRetryMs?: number
  /** Certificates and keys, where the server wants TLS: options of tls.connect. */
  readonly tls?: ConnectionOptions | undefined
  /** Whether the connection keeps the process alive; default true. */
  readonly ref?: boolean
  /** Where numbers of requests come from; default: one counter for all clients of the thread. */
  readonly uids?: Uids
}

/** Whoever began an operation. Told exactly once, and never before `begin` has returned. */
export interface SessionRequest {
  /** The payload of the response is bytes[start, end), data of a GET that is `ok`; empty for a Failure. Copy what is kept. */
  onDone(outcome: Outcome, bytes: Buffer, start: number, end: number): void
}

const TIMEOUT_MS = 1000
const SILENCE_MS = 5000
const RETRY_MS = 50
const MOST_RETRY_MS = 2000
/** Operations without an answer; a server that is so far behind will not answer in time. */
const MAX_ASKED = 4096
/** Bytes that wait to be written, as MAX_ASKED. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

const NOTHING = Buffer.alloc(0)

export class SessionClient implements LinkHandler {
  readonly #target: LinkTarget
  readonly #timeoutMs: number
  readonly #silenceMs: number
  readonly #firstRetryMs: number
  readonly #mostRetryMs: number
  readonly #isRef: boolean
  readonly #uids: Uids
  readonly #asked = new AskedQueue()
  readonly #output = new MessageOutput()
  #link: ServerLink | undefined = undefined
  #retryMs: number
  /** Nothing is begun before; performance.now(). */
  #retryAtMs = 0
  /** When the last response came. */
  #heardAtMs = 0
  #timer: NodeJS.Timeout | undefined = undefined
  /** When it fires; Infinity: there is none. */
  #timerAtMs = Number.POSITIVE_INFINITY
  #isClosed = false

  /** Throws a TypeError for an address that is none. Does not connect. */
  constructor(options: ClientOptions) {
    this.#target = linkTarget(options.connect, options.tls)
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS
    this.#silenceMs = Math.max(options.silenceMs ?? SILENCE_MS, this.#timeoutMs)
    this.#firstRetryMs = options.retryMs ?? RETRY_MS
    this.#mostRetryMs = Math.max(options.mostRetryMs ?? MOST_RETRY_MS, this.#firstRetryMs)
    this.#retryMs = this.#firstRetryMs
    this.#isRef = options.ref ?? true
    this.#uids = options.uids ?? clientUids
  }

  /** Operations that have no answer yet, those included that nobody waits for any more. */
  get asked(): number {
    return this.#asked.length
  }

  /** Whether there is a connection now. */
  get isConnected(): boolean {
    return this.#link?.isOpen === true
  }

  /**
   * Stores `data` under `id` for `lifeMs` milliseconds; an id that is stored already is left as it is: `present`. Rejects with
   * a RangeError what no message can hold.
   */
  add(id: Buffer, data: Buffer, lifeMs: number): Promise<Exclude<Answer, 'absent'>> {
    if (!canBeAdded(id, data, lifeMs)) return Promise.reject(new RangeError('no message can hold this session'))
    return this.#promise((request) => this.beginAdd(request, id, data, lifeMs), readOutcome<Exclude<Answer, 'absent'>>)
  }

  /** A copy of the data; undefined when there is none (or fewer than 5 bytes, which the protocol cannot tell from none). */
  get(id: Buffer): Promise<Buffer | undefined> {
    return this.#promise((request) => this.begin(request, Operation.get, id), readData)
  }

  /** Whether there was one. */
  remove(id: Buffer): Promise<boolean> {
    return this.#promise((request) => this.begin(request, Operation.remove, id), isOk)
  }

  /** Whether there is one. */
  have(id: Buffer): Promise<boolean> {
    return this.#promise((request) => this.begin(request, Operation.have, id), isOk)
  }

  /** Begins a GET, REMOVE or HAVE. False, and `request` is told nothing: there is no server now, or it is too far behind. */
  begin(request: SessionRequest, operation: number, id: Buffer): boolean {
    const link = this.#ready()
    if (link === undefined) return false
    this.#output.message(false, this.#ask(request, operation), operation, id, 0, id.length)
    link.flushSoon()
    return true
  }

  /** As `begin`, for an ADD; false, too, when no message can hold it. */
  beginAdd(request: SessionRequest, id: Buffer, data: Buffer, lifeMs: number): boolean {
    if (!canBeAdded(id, data, lifeMs)) return false
    const link = this.#ready()
    if (link === undefined) return false
    this.#output.add(this.#ask(request, Operation.add), lifeMs, id, data)
    link.flushSoon()
    return true
  }

  /** Connects if there is no connection, so that the first operation need not wait for it. */
  preconnect(): void {
    this.#ready()
  }

  /** Ends the connection; whoever waits is told `closed`, and nothing can be begun again. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#link?.close()
  }

  /** A server that accepts connections may still be of no use; only an answer says that it is back. */
  onOpen(): void {}

  /** A busy thread writes long after it was asked, which is not the server's time. */
  onFlushed(): void {
    const nowMs = performance.now()
    if (this.#asked.markSent(nowMs) === this.#asked.length) this.#heardAtMs = nowMs
  }

  onMessage(uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean {
    const asked = this.#asked
    if (!asked.isFirst(uid, operation)) return false
    const request = asked.shift()
    this.#heardAtMs = performance.now()
    this.#retryMs = this.#firstRetryMs
    const outcome = outcomeOf(operation, bytes, start, end)
    request?.onDone(outcome, bytes, start, end)
    return outcome !== 'bad-response'
  }

  onClosed(end: LinkEnd): void {
    this.#link = undefined
    this.#output.take().fill(0)
    this.#heardAtMs = performance.now()
    // A connection that was idle may have been closed for that: nothing failed, and the next may be made at once.
    const wasIdle = end === 'lost' && this.#asked.length === 0
    if (end !== 'closed' && !wasIdle) {
      this.#retryAtMs = this.#heardAtMs + this.#retryMs
      this.#retryMs = Math.min(2 * this.#retryMs, this.#mostRetryMs)
    }
    // Those who are told may begin others, which have no place among these.
    for (let left = this.#asked.length; left > 0; left--) this.#asked.shift()?.onDone(end, NOTHING, 0, 0)
  }

  /** The link that takes one more operation. */
  #ready(): ServerLink | undefined {
    const link = this.#link
    if (link !== undefined) {
      return this.#asked.length < MAX_ASKED && link.waitingBytes < MAX_WAITING_BYTES ? link : undefined
    }
    if (this.#isClosed || performance.now() < this.#retryAtMs) return undefined
    this.#link = new ServerLink(this.#target, this.#output, this)
    this.#link.setRef(this.#isRef)
    return this.#link
  }

  #ask(request: SessionRequest, operation: number): number {
    const asked = this.#asked
    const nowMs = performance.now()
    if (asked.length === 0) this.#heardAtMs = nowMs
    if (this.#timerAtMs > nowMs + this.#timeoutMs) this.#startTimer(nowMs, nowMs + this.#timeoutMs)
    let uid = this.#uids.next()
    while (asked.has(uid)) uid = this.#uids.next()
    asked.push(request, operation, uid, nowMs, this.#link?.isOpen === true)
    return uid
  }

  /** One timer for all, for what is due first: usually it is there already, and looks for the next when it fires. */
  #startTimer(nowMs: number, atMs: number): void {
    clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(1, atMs - nowMs))
    if (!this.#isRef) this.#timer.unref()
  }

  /** In a thread that was busy, answers may have come in time that nobody has read yet: those are read before anybody is given up. */
  #onTimer(): void {
    const nowMs = performance.now()
    const look = setImmediate(() => this.#look(nowMs))
    if (!this.#isRef) look.unref()
  }

  /** `nowMs`: when the timer fired. */
  #look(nowMs: number): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY
    if (this.#isClosed) return
    const asked = this.#asked
    if (asked.length > 0 && nowMs - this.#heardAtMs >= this.#silenceMs) this.#link?.close('lost')
    for (let left = asked.length; left > 0; left--) {
      asked.giveUp(nowMs - this.#timeoutMs)?.onDone('timed-out', NOTHING, 0, 0)
    }
    if (asked.length === 0) return
    const nextMs = Math.min(asked.waitsSinceMs() + this.#timeoutMs, this.#heardAtMs + this.#silenceMs)
    if (this.#timerAtMs > nextMs) this.#startTimer(performance.now(), nextMs)
  }

  #promise<T>(begin: (request: SessionRequest) => boolean, read: Reading<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const isBegun = begin({
        onDone: (outcome, bytes, start, end) => {
          if (isFailure(outcome)) reject(new SessionServiceError(outcome))
          else resolve(read(outcome, bytes, start, end))
        },
      })
      if (!isBegun) reject(new SessionServiceError(this.#isClosed ? 'closed' : 'unreachable'))
    })
  }
}

type Reading<T> = (outcome: Answer, bytes: Buffer, start: number, end: number) => T

function readOutcome<T extends Answer>(outcome: Answer): T {
  return outcome as T
}

function readData(outcome: Answer, bytes: Buffer, start: number, end: number): Buffer | undefined {
  return outcome === 'ok' ? Buffer.from(bytes.subarray(start, end)) : undefined
}

function isOk(outcome: Answer): boolean {
  return outcome === 'ok'
}

function canBeAdded(id: Buffer, data: Buffer, lifeMs: number): boolean {
  return ADD_PREFIX_BYTES + id.length + data.length <= MESSAGE_BYTES && lifeMs >>> 0 === lifeMs
}

/** Where to connect. Throws a TypeError for an address that is none, and what node:tls throws for bad keys. */
export function linkTarget(connect: string | Address, tls: ConnectionOptions | undefined): LinkTarget {
  const secured = tls && { ...tls, secureContext: tls.secureContext ?? createSecureContext(tls) }
  if (typeof connect !== 'string') return { address: connect, tls: secured }
  const read = parseAddress(connect, 'connect')
  if (!read.ok) throw new TypeError(read.message)
  return { address: read.address, tls: secured }
}
