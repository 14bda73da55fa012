/**
 * One client: keeps so many requests unanswered, and sends as many anew as a read has answered, in one write. Lost, it connects
 * again after a while. No promise and no closure per request.
 */
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { McBenchOptions, OperationKind } from './options.ts'
import { Outstanding } from './outstanding.ts'
import { ReplyChecker, type Shared } from './reply-checker.ts'
import { RequestWriter } from './request-writer.ts'

/** More is not written before the socket has taken some: bounds what large values may occupy. */
const MAX_UNSENT_BYTES = 256 * 1024
const RECONNECT_MS = 100

/** What a connection asks whoever leads the load. */
export interface LoadLeader {
  /** Kind of the next operation of this connection; undefined: nothing is to be sent now. */
  next(connection: LoadConnection): OperationKind | undefined
  /** Its next key, of those it owns. */
  nextKey(connection: LoadConnection): number
  /** It has nothing unanswered. */
  onIdle(): void
}

export class LoadConnection {
  readonly number: number
  /** Keys it has set, or tried to, before the load counts. */
  preloaded = 0
  readonly #options: McBenchOptions
  readonly #shared: Shared
  readonly #leader: LoadLeader
  readonly #outstanding: Outstanding
  readonly #checker: ReplyChecker
  readonly #writer: RequestWriter
  readonly #nextKey: () => number
  /** Reads of all connections go into one buffer: what is left over is copied. */
  readonly #input: Buffer
  #socket: Socket | undefined
  #isOpen = false
  #isClosed = false
  /** The beginning of a reply that is not complete: the first `#restBytes` of it. */
  #rest = Buffer.alloc(0)
  #restBytes = 0
  #reconnectTimer: NodeJS.Timeout | undefined

  constructor(number: number, options: McBenchOptions, shared: Shared, leader: LoadLeader, input: Buffer) {
    this.number = number
    this.#options = options
    this.#shared = shared
    this.#leader = leader
    this.#input = input
    this.#outstanding = new Outstanding(options.pipeline, options.multiKeys)
    this.#checker = new ReplyChecker(shared, this.#outstanding, options.protocol)
    this.#writer = new RequestWriter(shared, this.#outstanding, options.protocol)
    this.#nextKey = () => this.#leader.nextKey(this)
  }

  get unanswered(): number {
    return this.#outstanding.count
  }

  open(): void {
    const onread = { buffer: this.#input, callback: (bytes: number) => this.#received(bytes) }
    const socket = connect({ ...this.#options.target, noDelay: true, onread } satisfies NetConnectOpts)
    this.#socket = socket
    socket.on('connect', () => {
      this.#isOpen = true
      this.fill()
    })
    socket.on('drain', () => this.fill())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!this.#isClosed) this.#shared.tally.addBroken(error.code ?? error.message)
    })
    socket.on('end', () => {
      if (!this.#isClosed) this.#shared.tally.addBroken('closed by the server')
    })
    socket.on('close', () => this.#lost())
  }

  /** Sends what may be sent. */
  fill(): void {
    const socket = this.#socket
    if (!this.#isOpen || socket === undefined) return
    const nowMs = performance.now()
    while (!this.#outstanding.isFull && socket.writableLength + this.#writer.length < MAX_UNSENT_BYTES) {
      const kind = this.#leader.next(this)
      if (kind === undefined) break
      this.#writer.write(kind, kind === 'multi' ? this.#options.multiKeys : 1, this.#nextKey, nowMs)
    }
    if (this.#writer.length > 0) {
      socket.write(this.#writer.take())
      if (socket.writableLength > 0) this.#writer.abandon()
    }
    if (this.#outstanding.count === 0) this.#leader.onIdle()
  }

  close(): void {
    this.#isClosed = true
    this.#dropUnanswered()
    clearTimeout(this.#reconnectTimer)
    this.#socket?.destroy()
  }

  #received(bytes: number): boolean {
    const nowMs = performance.now()
    if (this.#restBytes === 0) this.#take(this.#input, bytes, nowMs)
    else {
      this.#keep(this.#input, 0, bytes)
      this.#take(this.#rest, this.#restBytes, nowMs)
    }
    return true
  }

  #take(bytes: Buffer, end: number, nowMs: number): void {
    const done = this.#checker.read(bytes, end, nowMs)
    if (done === -1) {
      this.#socket?.destroy()
      return
    }
    if (bytes === this.#rest) {
      bytes.copyWithin(0, done, end)
      this.#restBytes = end - done
    } else if (done < end) this.#keep(bytes, done, end)
    this.fill()
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const needed = this.#restBytes + end - start
    if (needed > this.#rest.length) {
      const larger = Buffer.allocUnsafeSlow(2 * needed)
      this.#rest.copy(larger, 0, 0, this.#restBytes)
      this.#rest = larger
    }
    bytes.copy(this.#rest, this.#restBytes, start, end)
    this.#restBytes = needed
  }

  #lost(): void {
    this.#isOpen = false
    if (this.#isClosed) return
    this.#dropUnanswered()
    this.#leader.onIdle()
    this.#reconnectTimer = setTimeout(() => this.open(), RECONNECT_MS)
  }

  #dropUnanswered(): void {
    this.#shared.tally.lost += this.#outstanding.count
    this.#outstanding.clear()
    this.#checker.reset()
    this.#writer.clear()
    this.#writer.abandon()
    this.#restBytes = 0
  }
}
