/**
 * The load of `dc-test`: operations at random on sessions of its own, every answer and every byte checked against a model that
 * knows neither expiry nor eviction. Several clients may share the work; each has a part of the sessions to itself, so that it
 * knows what it must be answered.
 */
import type { ConnectionOptions } from 'node:tls'
import { LatencyHistogram } from '../util/latency-histogram.ts'
import type { Address } from './address.ts'
import { linkTarget } from './client.ts'
import { operationName } from './message.ts'
import { type LaneOptions, PersistentLane, TemporaryLane } from './tester-lane.ts'
import { makeTestSession, type TestSession } from './tester-session.ts'

export interface TesterOptions {
  readonly connect: Address
  readonly tls?: ConnectionOptions | undefined
  readonly sessions: number
  /** Bytes of data: from, up to (exclusive, unless they are the same). */
  readonly dataBytes: readonly [from: number, to: number]
  /** Of an ADD: from, up to (exclusive), in milliseconds. */
  readonly lifeMs: readonly [from: number, to: number]
  readonly operations: number
  /** One connection for each client instead of one for each operation. */
  readonly persistent: boolean
  /** At most `sessions`. */
  readonly clients: number
  /** Operations that a persistent client has unanswered at a time. */
  readonly pipeline: number
  readonly timeoutMs?: number
  /** Called at every so many operations, with the number so far. */
  readonly progress?: { readonly every: number; readonly onEvery: (operations: number) => void } | undefined
}

export interface TesterReport {
  readonly sessions: number
  readonly clients: number
  readonly pipeline: number
  readonly persistent: boolean
  /** Operations that were answered as they should be. */
  readonly operations: number
  readonly seconds: number
  readonly perSecond: number
  readonly latencyMs: Readonly<Record<'p50' | 'p90' | 'p99' | 'p999' | 'max', number>>
  /** Right ones, by name: ADD, GET, REMOVE, HAVE. */
  readonly byOperation: Readonly<Record<string, number>>
  /** What ended the run; null: everything was right. */
  readonly failure: TesterFailure | null
}

export interface TesterFailure {
  /** ADD, GET, REMOVE, HAVE. */
  readonly operation: string
  /** `ok`, `absent`, `present`. */
  readonly expected: string
  /** One of those, `other data`, or why there was no answer. */
  readonly got: string
}

const TIMEOUT_MS = 10_000
const KINDS = 4

/** Resolves when all operations are done, or with the first that went wrong. Never rejects for what a server does. */
export async function runTester(options: TesterOptions): Promise<TesterReport> {
  const run = new Run(options)
  return await run.result
}

interface Lane {
  start(): void | Promise<void>
  stop(): void
}

class Run {
  readonly result: Promise<TesterReport>
  readonly #options: TesterOptions
  readonly #lanes: readonly Lane[]
  readonly #latencies = new LatencyHistogram()
  readonly #byOperation = new Array<number>(KINDS).fill(0)
  readonly #sinceMs: number
  #right = 0
  #running: number
  #finish: (report: TesterReport) => void = () => {}

  constructor(options: TesterOptions) {
    this.#options = options
    this.#lanes = Array.from({ length: options.clients }, (_, at) => this.#makeLane(at))
    this.#running = this.#lanes.length
    this.result = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.#sinceMs = performance.now()
    for (const lane of this.#lanes) lane.start()
  }

  onRight(operation: number, micros: number): void {
    this.#right++
    this.#byOperation[operation]!++
    this.#latencies.add(micros)
    const { progress } = this.#options
    if (progress !== undefined && progress.every > 0 && this.#right % progress.every === 0)
      progress.onEvery(this.#right)
  }

  onWrong(operation: number, expected: string, got: string): void {
    for (const lane of this.#lanes) lane.stop()
    this.#finish(this.#report({ operation: operationName(operation), expected, got }))
  }

  onDone(): void {
    this.#running--
    if (this.#running === 0) this.#finish(this.#report(null))
  }

  #makeLane(at: number): Lane {
    const { connect, tls, sessions, operations, clients, persistent, pipeline, lifeMs, dataBytes } = this.#options
    const [min, max] = dataBytes
    const own: TestSession[] = Array.from({ length: share(sessions, clients, at) }, () => makeTestSession(min, max))
    const lane: LaneOptions = {
      target: linkTarget(connect, tls),
      sessions: own,
      operations: share(operations, clients, at),
      lifeMs,
      timeoutMs: this.#options.timeoutMs ?? TIMEOUT_MS,
    }
    return persistent ? new PersistentLane(lane, this, pipeline) : new TemporaryLane(lane, this)
  }

  #report(failure: TesterFailure | null): TesterReport {
    const { sessions, clients, persistent, pipeline } = this.#options
    const seconds = (performance.now() - this.#sinceMs) / 1000
    const at = (part: number) => this.#latencies.microsAt(part) / 1000
    const counts = this.#byOperation.map((count, operation) => [operationName(operation), count])
    return {
      sessions,
      clients,
      pipeline: persistent ? pipeline : 1,
      persistent,
      operations: this.#right,
      seconds,
      perSecond: this.#right / seconds,
      latencyMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: this.#latencies.maxMicros / 1000 },
      byOperation: Object.fromEntries(counts),
      failure,
    }
  }
}

/** The part of `whole` that number `at` of `parts` gets. */
function share(whole: number, parts: number, at: number): number {
  return Math.floor(whole / parts) + (at < whole % parts ? 1 : 0)
}
