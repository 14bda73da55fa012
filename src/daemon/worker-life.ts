/**
 * The life of one worker thread around its engine: follow the messages of the main thread, keep the pulse, own the
 * access log. An exception nobody catches ends the thread, and the main thread starts another: after an unknown
 * failure a fresh state is worth more than the connections of one worker.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { AccessLog } from '../log/access-log.ts'
import { C, Counters } from '../log/counters.ts'
import { describeError, errorCode } from '../log/errno.ts'
import type { BoundAddress } from '../net/listener.ts'
import { FleetPublisher } from '../proxy/fleet-publisher.ts'
import type { TlsMaterials } from '../tls/material.ts'
import { assert, unreachable } from '../util/assert.ts'
import type { FromWorker, Target, ToWorker, WorkerFacts, WorkerStart } from './messages.ts'

export type WorkerLog = (level: 'info' | 'warn' | 'error', message: string, fields: object) => void

export interface EngineOptions {
  readonly worker: number
  readonly workers: number
  readonly accessLog: AccessLog
  readonly counters: Counters
  readonly log: WorkerLog
  readonly fleet: FleetPublisher
}

/** What a worker wants of its engine; proxy/engine.ts is one. */
export interface WorkerEngine {
  /**
   * Rejects when a listener cannot be opened, and then has nothing open of the new Plan. Nothing changes for clients.
   * `sockets`: bound already, by address; those it does not use it closes.
   */
  prepare(target: Target, sockets: readonly BoundAddress[]): Promise<void>
  /** Serves what was prepared. */
  commit(): void
  /** Forgets what was prepared. */
  rollback(): void
  /** Other certificates for the listeners of what is served and of what is prepared. */
  renewCertificates(materials: TlsMaterials): void
  /** Resolves when no connection is left. */
  drain(): Promise<void>
  destroy(): void
  connections(): number
}

/** Twice as often as the main thread looks. */
const PULSE_MS = 500
/** A log line per failed request would let a stranger fill the disk of the daemon's log. */
const LOG_LINES_PER_SECOND = 50

export function runWorker(createEngine: (options: EngineOptions) => WorkerEngine): void {
  assert(parentPort !== null, 'a worker has a parent')
  const port = parentPort
  const start = workerData as WorkerStart
  const send = (message: FromWorker): void => port.postMessage(message)
  const log = createWorkerLog(send)
  const counters = new Counters(start.counters, start.worker)
  const accessLog = new AccessLog(undefined, {
    problem: (level, message, fields) => send({ type: 'log', level, message, fields, once: `${level} ${fields.file}` }),
    dropped: (lines) => counters.add(C.logLinesDropped, lines),
  })
  const fleet = new FleetPublisher((publication) => send({ type: 'publish', publication }))
  const options = { worker: start.worker, workers: start.workers, accessLog, counters, log, fleet }
  const life = new WorkerLife(createEngine(options), options, send)
  port.on('message', (message: ToWorker) => life.receive(message))
  process.on('exit', () => accessLog.flushSync())
  keepPulse(start)
}

class WorkerLife {
  readonly #engine: WorkerEngine
  readonly #accessLog: AccessLog
  readonly #fleet: FleetPublisher
  readonly #send: (message: FromWorker) => void
  readonly #log: WorkerLog
  #generation = 0
  #prepared: Target | undefined
  /** One after the other, in the order they came. */
  #last: Promise<void> = Promise.resolve()

  constructor(engine: WorkerEngine, { accessLog, fleet, log }: EngineOptions, send: (message: FromWorker) => void) {
    this.#engine = engine
    this.#accessLog = accessLog
    this.#fleet = fleet
    this.#log = log
    this.#send = send
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case 'prepare':
        this.#inTurn(message.sequence, () => this.#prepare(message.target, message.sockets))
        return
      case 'commit':
        this.#inTurn(message.sequence, () => this.#commit())
        return
      case 'rollback':
        this.#inTurn(message.sequence, () => this.#engine.rollback())
        return
      case 'facts':
        this.#send({ type: 'done', sequence: message.sequence, facts: this.#facts() })
        return
      case 'drain':
        this.#inTurn(message.sequence, () => this.#drain())
        return
      case 'reopen-logs':
        this.#accessLog.reopen()
        return
      case 'certificates':
        this.#renew(message.materials)
        return
      case 'published':
        this.#fleet.onState(message.number, message.state)
        return
      default:
        unreachable(message)
    }
  }

  async #prepare(target: Target, sockets: readonly BoundAddress[]): Promise<void> {
    // A first Plan's listeners accept as soon as they are open, and the first request is to be logged too.
    if (this.#generation === 0) this.#accessLog.configure(target.plan.logs.access)
    await this.#engine.prepare(target, sockets)
    this.#prepared = target
  }

  #commit(): void {
    const target = this.#prepared
    assert(target !== undefined, 'a commit follows a prepare')
    this.#engine.commit()
    this.#accessLog.configure(target.plan.logs.access)
    this.#generation = target.generation
  }

  /** Behind what came before: a worker that starts is preparing what it was given last. */
  #renew(materials: TlsMaterials): void {
    this.#last = this.#last.then(() => {
      try {
        this.#engine.renewCertificates(materials)
      } catch (error) {
        this.#log('error', 'certificates cannot be used', { error: describeError(error) })
      }
    })
  }

  async #drain(): Promise<void> {
    await this.#engine.drain()
    await this.#accessLog.flush()
  }

  #inTurn(sequence: number, work: () => void | Promise<void>): void {
    this.#last = this.#last.then(() => this.#answer(sequence, work))
  }

  /** Never rejects. */
  async #answer(sequence: number, work: () => void | Promise<void>): Promise<void> {
    try {
      await work()
      this.#send({ type: 'done', sequence, facts: this.#facts() })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      this.#send({ type: 'failed', sequence, error: { message, code: errorCode(error) } })
    }
  }

  #facts(): WorkerFacts {
    return {
      generation: this.#generation,
      connections: this.#engine.connections(),
      heapUsedBytes: process.memoryUsage().heapUsed,
    }
  }
}

/** Bounded: past the limit of a second lines are counted, and the next second begins with their number. */
function createWorkerLog(send: (message: FromWorker) => void): WorkerLog {
  let second = 0
  let lines = 0
  let suppressed = 0
  return (level, message, fields) => {
    const now = Math.trunc(performance.now() / 1000)
    if (now !== second) {
      if (suppressed > 0) {
        const text = 'more messages of a worker than are logged'
        send({ type: 'log', level: 'warn', message: text, fields: { suppressed }, once: undefined })
      }
      second = now
      lines = 0
      suppressed = 0
    }
    if (++lines > LOG_LINES_PER_SECOND) suppressed++
    else send({ type: 'log', level, message, fields, once: undefined })
  }
}

function keepPulse(start: WorkerStart): void {
  const pulse = new Int32Array(start.pulse)
  setInterval(() => Atomics.add(pulse, start.worker, 1), PULSE_MS).unref()
}
