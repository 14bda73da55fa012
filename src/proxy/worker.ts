/** What all connections of one worker share: buffers, clock, timers, counters, logs. Lives as long as the worker. */

import { RequestHead } from '../http/request-head.ts'
import type { AccessLog } from '../log/access-log.ts'
import type { Counters } from '../log/counters.ts'
import { Output } from '../net/output.ts'
import { Resolver } from '../net/resolver.ts'
import { SecureScratch } from '../net/secure-output.ts'
import { TimerWheel } from '../net/timer-wheel.ts'
import { clock } from '../util/clock.ts'
import type { ClientSession } from './client-session.ts'
import { HeadFacts } from './facts.ts'
import type { FleetPublisher } from './fleet-publisher.ts'
import type { Handshake } from './handshake.ts'

export type WorkerLog = (level: 'info' | 'warn' | 'error', message: string, fields: object) => void

/** Large enough for any head and for uploads in few reads; one per worker, not per connection. */
const READ_BYTES = 64 * 1024
/** Timeouts are as exact as this; the shortest default is a second. */
const TICK_MS = 100

export class Worker {
  /** 0-based. */
  readonly index: number
  readonly counters: Counters
  readonly accessLog: AccessLog
  readonly log: WorkerLog
  readonly fleet: FleetPublisher
  readonly wheel: TimerWheel
  readonly resolver: Resolver
  readonly output = new Output((error) => this.logFault(error))
  readonly secureScratch = new SecureScratch()
  /** What any client connection reads; valid until its reader returns. */
  readonly readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  /** The head of the request being received; whoever needs it longer calls detach(). */
  readonly head = new RequestHead()
  /** The facts of the request being received. */
  readonly facts: HeadFacts
  readonly connections = new Set<ClientSession>()
  /** Clients of TLS that are not connections yet, in the order in which they began. */
  readonly handshakes = new Set<Handshake>()
  /** No connection is kept any more. */
  draining = false
  /** Called when the last connection closed while draining. */
  onIdle: (() => void) | undefined = undefined
  readonly #ticker: NodeJS.Timeout
  #requestNumber = 0

  constructor(options: {
    worker: number
    counters: Counters
    accessLog: AccessLog
    log: WorkerLog
    fleet: FleetPublisher
  }) {
    this.index = options.worker
    this.counters = options.counters
    this.accessLog = options.accessLog
    this.log = options.log
    this.fleet = options.fleet
    this.wheel = new TimerWheel(clock.monotonicMs, TICK_MS, (error) => this.logFault(error))
    this.resolver = new Resolver()
    this.facts = new HeadFacts(this.head, { clientAddress: '', isSecure: false, tls: undefined })
    this.#ticker = setInterval(() => {
      clock.synchronise()
      this.wheel.advance(clock.monotonicMs)
    }, TICK_MS)
  }

  /** Unique within the machine's run: time, worker, number. */
  nextRequestId(): string {
    this.#requestNumber++
    return `${clock.nowMs.toString(36)}-${this.index.toString(36)}-${this.#requestNumber.toString(36)}`
  }

  /** A fault of ours that one request met. */
  logFault(error: unknown): void {
    this.log('error', 'request failed', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }

  /** A connection has closed. */
  forget(connection: ClientSession): void {
    this.connections.delete(connection)
    if (this.draining && this.connections.size === 0) this.onIdle?.()
  }

  stop(): void {
    clearInterval(this.#ticker)
  }
}
