/**
 * One client of a tester: its own sessions, one connection or one for each operation, and so many operations unanswered at a
 * time. The server executes the requests of a connection in order, so what each must be answered is known when it is asked.
 */
import { BlockingClient } from './blocking-client.ts'
import { SessionClient, type SessionRequest } from './client.ts'
import { Operation } from './message.ts'
import type { Outcome } from './outcome.ts'
import type { LinkTarget } from './server-link.ts'
import { expectAnswer, QuickRandom, type TestSession } from './tester-session.ts'

/** What a lane tells. */
export interface LaneObserver {
  /** An operation was answered as it should be, after so long. */
  onRight(operation: number, micros: number): void
  /** The first that was not; the lane has stopped. */
  onWrong(operation: number, expected: string, got: string): void
  /** All its operations are done. */
  onDone(): void
}

export interface LaneOptions {
  readonly target: LinkTarget
  readonly sessions: readonly TestSession[]
  readonly operations: number
  /** Of an ADD: from, and up to (exclusive), in milliseconds. */
  readonly lifeMs: readonly [from: number, to: number]
  /** The longest wait for an answer. */
  readonly timeoutMs: number
}

const KINDS = 4
/** What is got where the data is not what was stored. */
const OTHER_DATA = 'other data'

/** Over one connection. */
export class PersistentLane implements SessionRequest {
  readonly #options: LaneOptions
  readonly #observer: LaneObserver
  readonly #client: SessionClient
  readonly #random = new QuickRandom()
  /** Unanswered, oldest first: a ring. */
  readonly #sessions: (TestSession | undefined)[]
  readonly #operations: Uint8Array
  readonly #expected: string[]
  readonly #askedAtMs: Float64Array
  #first = 0
  #unanswered = 0
  #left: number
  #isStopped = false

  constructor(options: LaneOptions, observer: LaneObserver, pipeline: number) {
    this.#options = options
    this.#observer = observer
    const { address, tls } = options.target
    this.#client = new SessionClient({ connect: address, tls, timeoutMs: options.timeoutMs })
    this.#sessions = new Array(pipeline).fill(undefined)
    this.#operations = new Uint8Array(pipeline)
    this.#expected = new Array(pipeline).fill('')
    this.#askedAtMs = new Float64Array(pipeline)
    this.#left = options.operations
  }

  start(): void {
    if (this.#left === 0) this.#end()
    else this.#ask()
  }

  stop(): void {
    this.#isStopped = true
    this.#client.close()
  }

  onDone(outcome: Outcome, bytes: Buffer, start: number, end: number): void {
    if (this.#isStopped) return
    const at = this.#first
    const session = this.#sessions[at]!
    const operation = this.#operations[at]!
    const expected = this.#expected[at]!
    this.#first = (at + 1) % this.#expected.length
    this.#unanswered--
    const isRight = outcome === expected
    if (
      !isRight ||
      (operation === Operation.get && outcome === 'ok' && session.data.compare(bytes, start, end) !== 0)
    ) {
      this.stop()
      this.#observer.onWrong(operation, expected, isRight ? OTHER_DATA : outcome)
      return
    }
    this.#observer.onRight(operation, (performance.now() - this.#askedAtMs[at]!) * 1000)
    if (this.#isStopped) return
    if (this.#left > 0) this.#ask()
    else if (this.#unanswered === 0) this.#end()
  }

  #ask(): void {
    const nowMs = performance.now()
    const { sessions, lifeMs } = this.#options
    const [from, to] = lifeMs
    while (this.#left > 0 && this.#unanswered < this.#expected.length) {
      const session = sessions[this.#random.below(sessions.length)]!
      const operation = this.#random.below(KINDS)
      const isBegun =
        operation === Operation.add
          ? this.#client.beginAdd(this, session.id, session.data, from + this.#random.below(to - from))
          : this.#client.begin(this, operation, session.id)
      if (!isBegun) {
        this.stop()
        this.#observer.onWrong(operation, 'an answer', 'unreachable')
        return
      }
      const at = (this.#first + this.#unanswered) % this.#expected.length
      this.#sessions[at] = session
      this.#operations[at] = operation
      this.#expected[at] = expectAnswer(session, operation)
      this.#askedAtMs[at] = nowMs
      this.#unanswered++
      this.#left--
    }
  }

  #end(): void {
    this.#isStopped = true
    this.#client.close()
    this.#observer.onDone()
  }
}

/** A connection for each operation. */
export class TemporaryLane {
  readonly #options: LaneOptions
  readonly #observer: LaneObserver
  readonly #random = new QuickRandom()
  #isStopped = false

  constructor(options: LaneOptions, observer: LaneObserver) {
    this.#options = options
    this.#observer = observer
  }

  /** Resolves when the lane has ended. */
  async start(): Promise<void> {
    const { target, sessions, operations, timeoutMs } = this.#options
    const client = await BlockingClient.open({ connect: target.address, tls: target.tls, timeoutMs })
    for (let left = operations; left > 0 && !this.#isStopped; left--) {
      const session = sessions[this.#random.below(sessions.length)]!
      const operation = this.#random.below(KINDS)
      const expected = expectAnswer(session, operation)
      const sinceMs = performance.now()
      const got = await this.#run(client, session, operation)
      if (this.#isStopped) return
      if (got === expected) this.#observer.onRight(operation, (performance.now() - sinceMs) * 1000)
      else {
        this.#isStopped = true
        this.#observer.onWrong(operation, expected, got)
        return
      }
    }
    if (!this.#isStopped) this.#observer.onDone()
  }

  stop(): void {
    this.#isStopped = true
  }

  async #run(client: BlockingClient, session: TestSession, operation: number): Promise<string> {
    const { id, data } = session
    if (operation === Operation.add) {
      const [from, to] = this.#options.lifeMs
      return await client.ask(operation, id, data, from + this.#random.below(to - from))
    }
    const outcome = await client.ask(operation, id)
    if (operation === Operation.get && outcome === 'ok' && client.reget()?.equals(data) !== true) return OTHER_DATA
    return outcome
  }
}
