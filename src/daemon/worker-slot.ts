/**
 * One place in the pool and the thread that fills it at the moment. The thread may end at any time; whoever waits for an
 * answer of it is then told so, and the pool decides what comes next.
 */
import type { BoundSocket } from 'node:net'
import { type Transferable, Worker } from 'node:worker_threads'
import type { FleetState } from '../cache/purge/fleet-purger.ts'
import type { BoundAddress } from '../net/listener.ts'
import type { Publication } from '../proxy/fleet-publisher.ts'
import type { TlsMaterials } from '../tls/material.ts'
import type { FromWorker, Target, ToWorker, WorkerError, WorkerFacts, WorkerStart } from './messages.ts'

/** Why a worker did not do what it was asked: its own words, or its end. */
export class WorkerFailure extends Error {
  override readonly name = 'WorkerFailure'
  readonly code: string | undefined
  /** The thread ended; else it said no and lives on. */
  readonly died: boolean

  constructor(message: string, code: string | undefined, died: boolean) {
    super(message)
    this.code = code
    this.died = died
  }
}

export interface SlotOptions {
  readonly start: WorkerStart
  /** The module a worker thread runs. */
  readonly entry: URL
  readonly heapBytes: number
  readonly onLog: (message: FromWorker & { type: 'log' }) => void
  readonly publish: (publication: Publication) => Promise<FleetState>
  /** The thread has ended and none of its code runs any more; `error` is what it threw. */
  readonly onExit: (slot: WorkerSlot, exitCode: number, error: unknown) => void
}

interface Waiter {
  readonly resolve: (facts: WorkerFacts) => void
  readonly reject: (failure: WorkerFailure) => void
}

const BYTES_PER_MEBIBYTE = 1024 * 1024
/** Short-lived objects of some thousand requests; the default of 16 collects too often under full load. */
const YOUNG_GENERATION_MEBIBYTES = 64

export class WorkerSlot {
  readonly index: number
  /** Monotonic time at which the thread was started; deaths soon after it are met with patience. */
  startedMs = 0
  /** The newest generation posted to this thread; 0: none. */
  postedGeneration = 0
  readonly #options: SlotOptions
  #worker: Worker | undefined
  #sequence = 0
  #error: unknown
  readonly #waiters: Map<number, Waiter> = new Map()

  constructor(options: SlotOptions) {
    this.#options = options
    this.index = options.start.worker
  }

  get isAlive(): boolean {
    return this.#worker !== undefined
  }

  /** Starts a thread; there must be none. */
  spawn(): void {
    const worker = new Worker(this.#options.entry, {
      name: `worker-${this.index}`,
      workerData: this.#options.start,
      resourceLimits: {
        maxOldGenerationSizeMb: Math.ceil(this.#options.heapBytes / BYTES_PER_MEBIBYTE),
        maxYoungGenerationSizeMb: YOUNG_GENERATION_MEBIBYTES,
      },
    })
    this.#worker = worker
    this.startedMs = performance.now()
    this.postedGeneration = 0
    this.#error = undefined
    worker.on('message', (message: FromWorker) => this.#receive(worker, message))
    worker.on('error', (error) => {
      this.#error = error
    })
    worker.on('exit', (exitCode) => this.#ended(exitCode))
  }

  /** Resolves when nothing can hinder a `commit` any more; rejects with a WorkerFailure, and then nothing was prepared. */
  prepare(target: Target, sockets: readonly BoundAddress[] = []): Promise<WorkerFacts> {
    this.postedGeneration = target.generation
    const moved = sockets.map(({ socket }) => socket)
    return this.#ask((sequence) => ({ type: 'prepare', sequence, target, sockets }), moved)
  }

  commit(): Promise<WorkerFacts> {
    return this.#ask((sequence) => ({ type: 'commit', sequence }))
  }

  rollback(): Promise<WorkerFacts> {
    return this.#ask((sequence) => ({ type: 'rollback', sequence }))
  }

  /** Both steps, for a worker alone; `sockets` are the thread's from now on. */
  async apply(target: Target, sockets: readonly BoundAddress[] = []): Promise<void> {
    await this.prepare(target, sockets)
    await this.commit()
  }

  facts(): Promise<WorkerFacts> {
    return this.#ask((sequence) => ({ type: 'facts', sequence }))
  }

  /** Resolves when the last request has been answered. */
  drain(): Promise<WorkerFacts> {
    return this.#ask((sequence) => ({ type: 'drain', sequence }))
  }

  reopenLogs(): void {
    this.#worker?.postMessage({ type: 'reopen-logs' } satisfies ToWorker)
  }

  renewCertificates(materials: TlsMaterials): void {
    this.#worker?.postMessage({ type: 'certificates', materials } satisfies ToWorker)
  }

  /** Ends the thread wherever it is. */
  async terminate(): Promise<void> {
    await this.#worker?.terminate()
  }

  #ask(message: (sequence: number) => ToWorker, moved: readonly BoundSocket[] = []): Promise<WorkerFacts> {
    const worker = this.#worker
    if (worker === undefined) return Promise.reject(new WorkerFailure(`worker ${this.index} is down`, undefined, true))
    const sequence = ++this.#sequence
    return new Promise((resolve, reject) => {
      this.#waiters.set(sequence, { resolve, reject })
      // The type definitions do not list bound sockets among what can be moved.
      worker.postMessage(message(sequence), moved as unknown as Transferable[])
    })
  }

  #receive(worker: Worker, message: FromWorker): void {
    if (message.type === 'log') {
      this.#options.onLog(message)
      return
    }
    if (message.type === 'publish') {
      void this.#publish(worker, message.publication)
      return
    }
    const waiter = this.#waiters.get(message.sequence)
    this.#waiters.delete(message.sequence)
    if (message.type === 'done') waiter?.resolve(message.facts)
    else waiter?.reject(failureOf(message.error))
  }

  /** The word is for the thread that asked: its successor counts from 1 again. */
  async #publish(worker: Worker, publication: Publication): Promise<void> {
    const state = await this.#options.publish(publication)
    worker.postMessage({ type: 'published', number: publication.number, state } satisfies ToWorker)
  }

  #ended(exitCode: number): void {
    const error = this.#error
    this.#worker = undefined
    const waiters = [...this.#waiters.values()]
    this.#waiters.clear()
    const reason =
      error === undefined ? `exit code ${exitCode}` : error instanceof Error ? error.message : String(error)
    for (const waiter of waiters) {
      waiter.reject(new WorkerFailure(`worker ${this.index} ended: ${reason}`, undefined, true))
    }
    this.#options.onExit(this, exitCode, error)
  }
}

function failureOf(error: WorkerError): WorkerFailure {
  return new WorkerFailure(error.message, error.code, false)
}
