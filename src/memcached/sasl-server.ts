/**
 * One server that wants user and password: spoken to through memjs, in the binary protocol with SASL PLAIN.
 *
 * The hard part is what memjs 1.3.2 does not do, so that all of it is bounded from outside:
 *
 * - what is queued on a connection that the server closes in order is never answered: every call has its deadline here, and
 *   the close of the socket is watched;
 * - after a failure the `close` event of the old socket takes the new one away: so a memjs client is never used again after
 *   anything went wrong on it, but replaced by another;
 * - it repeats what failed and may ask another server of its own choice: it is given one server and no repetition;
 * - it takes any number of requests, and collects whatever length a reply announces: calls that wait are bounded by their
 *   bytes, replies by the largest value;
 * - its sequence numbers become negative after 2^31 requests, and then it throws: they are counted here.
 *
 * Always true: `#link` is the one client in use, or undefined; the calls of a link that has ended have all been told.
 */
import type { Socket } from 'node:net'
import memjs, { type Client, type Response, type Server } from 'memjs'
import { clock } from '../util/clock.ts'
import { isLocalShortage, socketFailure } from './connect-failure.ts'
import { Failure, type FailureCode } from './failure.ts'
import { isCredibleNote, NOTE_KEY } from './greeting.ts'
import { latencyBucket } from './latency.ts'
import { type PoolServer, type ServerOwner, serverIdentity } from './pool-server.ts'
import { Use } from './pool-state.ts'

export const Opcode = { get: 0x00, set: 0x01, add: 0x02, remove: 0x04, increment: 0x05, touch: 0x1c } as const
export const Status = {
  ok: 0x00,
  notFound: 0x01,
  exists: 0x02,
  notStored: 0x05,
  /** Also: authentication failed, which memjs tells as a failure. */
  internal: 0x84,
} as const

export interface BinaryRequest {
  readonly opcode: number
  readonly key: string
  readonly extras: Buffer
  readonly value: Buffer
  /** As a reply gave it; undefined: whatever lies there. */
  readonly cas: string | undefined
}
export interface BinaryReply {
  readonly status: number
  /** Good during the call only. */
  readonly value: Buffer
  /** Sixteen hexadecimal digits. */
  readonly cas: string
}
/** Exactly one of the two is called, once. */
export interface BinaryCall {
  onBinaryReply(reply: BinaryReply): void
  onFailure(failure: FailureCode): void
}

const HEADER_BYTES = 24
/** Where the CAS value stands in the header. */
const CAS_AT = 16
const MAX_SEQUENCE = 2 ** 31 - 1
/** memjs's own timeouts only clean up behind ours. */
const MEMJS_TIMEOUT_FACTOR = 2
const KEEP_ALIVE_DELAY_SEC = 60
const WATCH_MS = 1000
/** Of a reply, beside its value. */
const REPLY_OVERHEAD_BYTES = 64 * 1024
const NOTHING = Buffer.alloc(0)

export class SaslServer implements PoolServer {
  readonly server: number
  readonly identity: string
  readonly #owner: ServerOwner
  readonly #auth: { readonly user: string; readonly password: string }
  readonly #use: Float64Array
  readonly #latencies: Float64Array
  #link: Link | undefined = undefined
  #isDraining = false
  #lookedAt = 0
  /** So that a wrong password is one line in the log, and not one for each attempt. */
  #hasWarned = false

  constructor(server: number, owner: ServerOwner, auth: { readonly user: string; readonly password: string }) {
    this.server = server
    this.identity = serverIdentity(owner.plan.servers[server]!)
    this.#owner = owner
    this.#auth = auth
    this.#use = owner.state.useOf(owner.worker, server)
    this.#latencies = owner.state.latenciesOf(owner.worker, server)
  }

  get isIdle(): boolean {
    return this.#link === undefined || this.#link.isIdle
  }

  /** False: refused, too much waits already; the call is told nothing. */
  send(request: BinaryRequest, call: BinaryCall): boolean {
    if (this.#owner.isClosed) return false
    clock.update() // not everybody who asks came from a socket
    const link = this.#open()
    const bytes = HEADER_BYTES + request.key.length + request.extras.length + request.value.length
    if (link.bytes > 0 && link.bytes + bytes > this.#owner.plan.maxBacklogBytes) return false
    link.send(request, call, bytes)
    return true
  }

  preconnect(): void {
    this.#open()
  }

  look(): void {
    const requests = this.#use[Use.requests]!
    if (requests === this.#lookedAt || this.#link === undefined) return
    if (this.#owner.state.claimLook(this.server, Math.floor(Date.now() / WATCH_MS))) this.#link.readNote()
    this.#lookedAt = this.#use[Use.requests]!
  }

  writeNote(atMs: number, onDone: (hasAnswered: boolean) => void): void {
    const call = { onBinaryReply: () => onDone(true), onFailure: () => onDone(false) }
    const value = Buffer.from(`${atMs}`)
    const request = { opcode: Opcode.set, key: NOTE_KEY, extras: Buffer.alloc(8), value, cas: undefined }
    if (!this.send(request, call)) onDone(false)
  }

  drain(): void {
    this.#isDraining = true
    if (this.isIdle) this.#link?.end(undefined, false)
  }

  destroy(): void {
    this.#link?.end(Failure.closed, false)
  }

  #open(): Link {
    if (this.#link !== undefined) return this.#link
    clock.update()
    const { plan } = this.#owner
    const { address } = plan.servers[this.server]!
    const seconds = (plan.timeoutMs * MEMJS_TIMEOUT_FACTOR) / 1000
    const options = {
      timeout: seconds,
      conntimeout: seconds,
      keepAlive: plan.keepAlive,
      keepAliveDelay: KEEP_ALIVE_DELAY_SEC,
    }
    const host = address.kind === 'unix' ? 'localhost' : address.host
    const port = address.kind === 'unix' ? address.path : address.port
    const server = new memjs.Server(host, port, this.#auth.user, this.#auth.password, options)
    const link = new Link(server, {
      timeoutMs: plan.timeoutMs,
      maxReplyBytes: plan.maxItemBytes + REPLY_OVERHEAD_BYTES,
      use: this.#use,
      latencies: this.#latencies,
      onNote: (atMs) => {
        if (isCredibleNote(atMs, Date.now())) this.#owner.state.noteReturn(this.server, atMs)
      },
      onReply: () => this.#onReply(),
      onEnd: (failure, blame, error) => this.#onEnd(link, failure, blame, error),
      onFault: (error) => this.#owner.onFault(error),
    })
    this.#link = link
    link.readNote()
    return link
  }

  #onReply(): void {
    this.#hasWarned = false
    if (this.#owner.state.failures(this.server) !== 0) this.#owner.state.clearFailures(this.server)
    if (this.#isDraining && this.isIdle) this.#link?.end(undefined, false)
  }

  #onEnd(link: Link, failure: FailureCode | undefined, blame: boolean, error: unknown): void {
    if (this.#link === link) this.#link = undefined
    if (failure === undefined || !blame) return
    // memjs tells it as a text, and everything else as an Error.
    if (typeof error === 'string' && !this.#hasWarned) {
      this.#hasWarned = true
      this.#owner.warn(this.server, 'refuses the user or the password')
    }
    this.#owner.onFailure(this.server, failure, link.begunNs)
  }
}

interface LinkOwner {
  readonly timeoutMs: number
  readonly maxReplyBytes: number
  readonly use: Float64Array
  readonly latencies: Float64Array
  onNote(atMs: number): void
  onReply(): void
  onEnd(failure: FailureCode | undefined, blame: boolean, error: unknown): void
  onFault(error: unknown): void
}

/** A call that is not answered yet. */
interface Waiting {
  readonly call: BinaryCall
  readonly queuedMs: number
  readonly bytes: number
  /** Of the pool itself: not counted. */
  readonly isOwn: boolean
}

/** One memjs client with its one connection, from the first call until the first thing goes wrong. */
class Link {
  /** Of the machine's monotonic clock, nanoseconds. */
  readonly begunNs = process.hrtime.bigint()
  /** Of the calls that are unanswered. */
  bytes = 0
  readonly #owner: LinkOwner
  readonly #server: Server
  readonly #client: Client
  /** In the order in which they were made. */
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0
  #sequence = 0
  #socket: Socket | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined
  #hasEnded = false
  #hasAnswered = false
  /** When it was begun; once it has answered anything, when it first did. */
  #readyMs = clock.monotonicMs

  constructor(server: Server, owner: LinkOwner) {
    this.#owner = owner
    this.#server = server
    // What memjs would print is told to the calls.
    this.#client = new memjs.Client([server], { retries: 1, failover: false, logger: { log: () => {} } })
    owner.use[Use.serverConnections]! += 1
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0
  }

  send(request: BinaryRequest, call: BinaryCall, bytes: number): void {
    const { use } = this.#owner
    use[Use.requests]! += 1
    use[Use.requestBytes]! += bytes
    use[Use.outQueue]! += 1
    use[Use.outQueueBytes]! += bytes
    this.#calls++
    this.bytes += bytes
    this.#perform(request, { call, queuedMs: clock.monotonicMs, bytes, isOwn: false })
  }

  /** Reads the note of the server's last return. */
  readNote(): void {
    const call = {
      onBinaryReply: ({ status, value }: BinaryReply) => {
        const text = value.toString('latin1')
        if (status === Status.ok && /^\d{1,15}$/.test(text)) this.#owner.onNote(Number(text))
      },
      onFailure: () => {},
    }
    const request = { opcode: Opcode.get, key: NOTE_KEY, extras: NOTHING, value: NOTHING, cas: undefined }
    this.#perform(request, { call, queuedMs: clock.monotonicMs, bytes: 0, isOwn: true })
  }

  /** Closes; whoever waits is told `failure`, in order. `blame`: it is a failure of the server, if somebody waited. */
  end(failure: FailureCode | undefined, blame: boolean, error?: unknown): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    clearTimeout(this.#timer)
    this.#socket?.destroy()
    const { use } = this.#owner
    use[Use.serverConnections]! -= 1
    use[Use.outQueue]! -= this.#calls
    use[Use.outQueueBytes]! -= this.bytes
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    this.#owner.onEnd(failure, blame && this.#calls > 0, error)
    for (const { call } of waiting) this.#guard(() => call.onFailure(failure ?? Failure.closed))
  }

  #perform({ opcode, key, extras, value, cas }: BinaryRequest, waiting: Waiting): void {
    this.#sequence = this.#sequence === MAX_SEQUENCE ? 1 : this.#sequence + 1
    const sequence = this.#sequence
    const bytes = memjs.Utils.makeRequestBuffer(opcode, key, extras, value, sequence)
    if (cas !== undefined) bytes.write(cas, CAS_AT, 'hex')
    this.#waiting.set(sequence, waiting)
    this.#timer ??= this.#setTimer()
    this.#client.perform(key, bytes, sequence, (error, response) => this.#onAnswer(sequence, error, response))
    if (this.#socket === undefined) this.#watch(this.#server._socket!)
  }

  /** memjs forgets its calls when the socket closes, and collects whatever comes. */
  #watch(socket: Socket): void {
    this.#socket = socket
    socket.on('close', () => {
      if (!this.#hasEnded) this.#owner.use[Use.serverEof]! += 1
      this.end(Failure.reset, true)
    })
    socket.on('data', () => {
      if (this.#server.responseBuffer.length > this.#owner.maxReplyBytes) this.end(Failure.badReply, true)
    })
  }

  #onAnswer(sequence: number, error: unknown, response: Response | null): void {
    clock.update()
    const waiting = this.#waiting.get(sequence)
    if (waiting === undefined) return // it has been told
    if (response === null) {
      const cause = error instanceof Error ? error : new Error('memjs')
      const failure = typeof error === 'string' ? Failure.refused : socketFailure(cause)
      this.#owner.use[Use.serverErr]! += 1
      this.end(failure, !isLocalShortage(cause), error)
      return
    }
    if (!this.#hasAnswered) {
      this.#hasAnswered = true
      this.#readyMs = clock.monotonicMs
    }
    this.#waiting.delete(sequence)
    if (!waiting.isOwn) this.#count(waiting, response)
    const { header, val } = response
    const reply = { status: header.status, value: val, cas: header.cas.toString('hex') }
    this.#guard(() => waiting.call.onBinaryReply(reply))
    if (!this.#hasEnded) this.#owner.onReply()
  }

  #count({ queuedMs, bytes }: Waiting, { val }: Response): void {
    const { use, latencies } = this.#owner
    this.#calls--
    this.bytes -= bytes
    use[Use.outQueue]! -= 1
    use[Use.outQueueBytes]! -= bytes
    use[Use.responses]! += 1
    use[Use.responseBytes]! += HEADER_BYTES + val.length
    latencies[latencyBucket(clock.monotonicMs - queuedMs)]! += 1
  }

  #setTimer(): NodeJS.Timeout {
    return setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(this.#restMs())))
  }

  #onTimer(): void {
    clock.update()
    this.#timer = undefined
    if (this.isIdle || this.#hasEnded) return
    // What came while this thread was busy is read first.
    if (this.#restMs() <= 0) setImmediate(() => this.#onOverdue())
    else this.#timer = this.#setTimer()
  }

  #onOverdue(): void {
    if (this.isIdle || this.#hasEnded || this.#timer !== undefined) return
    if (this.#restMs() > 0) {
      this.#timer = this.#setTimer()
      return
    }
    this.#owner.use[Use.serverTimedOut]! += 1
    this.end(Failure.timedOut, true)
  }

  /** How long the oldest call may still wait; connecting and authenticating have the whole time for themselves. */
  #restMs(): number {
    const oldest = this.#waiting.values().next()
    const sinceMs = oldest.done === true ? clock.monotonicMs : Math.max(oldest.value.queuedMs, this.#readyMs)
    return sinceMs + this.#owner.timeoutMs - clock.monotonicMs
  }

  #guard(tell: () => void): void {
    try {
      tell()
    } catch (error) {
      this.#owner.onFault(error)
    }
  }
}
