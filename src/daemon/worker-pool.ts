/**
 * The worker threads as one: all of them serve the same generation, and each that ends is replaced.
 *
 * The hard part is the change of generations while threads come and go. Always true:
 * - `#current` is what every worker serves, or is on its way to; it moves on only when all of them have said yes.
 * - A worker that starts gets `#current` first, so it can never be older than that.
 * - A new generation comes in two steps. All workers prepare it: they open what it adds, and clients notice nothing. Only
 *   when every one of them has said yes do they commit, which cannot fail; else all of them forget it.
 */
import { availableParallelism } from 'node:os'
import type { FleetState } from '../cache/purge/fleet-purger.ts'
import { describeError } from '../log/errno.ts'
import type { BoundAddress } from '../net/listener.ts'
import type { Publication } from '../proxy/fleet-publisher.ts'
import { CrashBackoff } from './crash-backoff.ts'
import type { FromWorker, Target, WorkerFacts } from './messages.ts'
import { PulseWatch } from './pulse-watch.ts'
import { WorkerFailure, WorkerSlot } from './worker-slot.ts'

export type PoolLog = (level: 'info' | 'warn' | 'error', message: string, fields: object) => void

export interface PoolOptions {
  readonly workers: number
  readonly counters: SharedArrayBuffer
  readonly heapBytes: number
  /** The module a worker thread runs; tests bring their own. */
  readonly entry: URL
  readonly log: PoolLog
  /** Frees what a dead worker held in shared memory, before its replacement starts. */
  readonly release: (worker: number) => void
  /** Brings a worker's purge to the other nodes; resolves with how far it came. */
  readonly publish: (worker: number, publication: Publication) => Promise<FleetState>
  /** Sockets for a worker that replaces another, out of what the main thread holds for that; see held-sockets.ts. */
  readonly takeSockets: () => readonly BoundAddress[]
  /** Every worker is down and none could be started again. */
  readonly onHopeless: () => void
}

/** After this many replacements in a row that never served, with no other worker alive, the daemon gives up. */
const HOPELESS_AFTER = 5
const SAME_MESSAGE_MS = 60_000

export class WorkerPool {
  readonly #options: PoolOptions
  readonly #slots: WorkerSlot[] = []
  readonly #backoff: CrashBackoff[] = []
  readonly #pulse: PulseWatch
  readonly #restartTimers: Set<NodeJS.Timeout> = new Set()
  /** Last time of each message that several workers send. */
  readonly #saidMs: Map<string, number> = new Map()
  #current: Target | undefined
  #stopping = false
  restarts = 0

  constructor(options: PoolOptions) {
    this.#options = options
    this.#pulse = new PulseWatch(options.workers, (worker, silentMs) => this.#stuck(worker, silentMs))
    for (let worker = 0; worker < options.workers; worker++) {
      this.#backoff.push(new CrashBackoff())
      this.#slots.push(
        new WorkerSlot({
          start: { worker, workers: options.workers, counters: options.counters, pulse: this.#pulse.shared },
          entry: options.entry,
          heapBytes: options.heapBytes,
          onLog: (message) => this.#log(worker, message),
          publish: (publication) => options.publish(worker, publication),
          onExit: (slot, exitCode, error) => this.#exited(slot, exitCode, error),
        }),
      )
    }
  }

  /** Starts every worker on the target. Rejects with the WorkerFailure of the first that cannot; then none is left. */
  async start(target: Target): Promise<void> {
    for (const slot of this.#slots) slot.spawn()
    try {
      await Promise.all(this.#slots.map((slot) => slot.prepare(target)))
      await Promise.all(this.#slots.map((slot) => slot.commit()))
    } catch (error) {
      await this.terminate()
      throw error
    }
    this.#current = target
    this.#pulse.start()
  }

  /** Moves every worker to the target, or none: rejects with a WorkerFailure and the old generation goes on. */
  async apply(target: Target): Promise<void> {
    const slots = this.#slots.filter((slot) => slot.isAlive)
    const results = await Promise.allSettled(slots.map((slot) => slot.prepare(target)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) {
      const prepared = slots.filter((_, at) => results[at]!.status === 'fulfilled')
      await Promise.all(prepared.map((slot) => this.#orReplace(slot, slot.rollback())))
      throw failed.reason
    }
    this.#current = target
    await Promise.all(slots.map((slot) => this.#orReplace(slot, slot.commit())))
    // A worker that was started meanwhile got the old generation.
    const late = this.#slots.filter((slot) => slot.isAlive && slot.postedGeneration !== target.generation)
    await Promise.all(late.map((slot) => this.#orReplace(slot, slot.apply(target))))
  }

  /** What the workers say of themselves, in their order; undefined for one that is down or does not answer in time. */
  async facts(timeoutMs: number): Promise<readonly (WorkerFacts | undefined)[]> {
    return Promise.all(this.#slots.map((slot) => within(slot.facts(), timeoutMs)))
  }

  reopenLogs(): void {
    for (const slot of this.#slots) slot.reopenLogs()
  }

  /** The target that is served, with other certificates. A worker that starts gets them with the rest. */
  renewCertificates(target: Target): void {
    this.#current = target
    for (const slot of this.#slots) slot.renewCertificates(target.materials)
  }

  /** True when every worker answered its last request within the deadline. No worker is replaced from here on. */
  async drain(deadlineMs: number): Promise<boolean> {
    this.#stop()
    const ends = this.#slots.filter((slot) => slot.isAlive).map((slot) => slot.drain().catch(() => undefined))
    return (await within(Promise.all(ends), deadlineMs)) !== undefined
  }

  async terminate(): Promise<void> {
    this.#stop()
    await Promise.all(this.#slots.map((slot) => slot.terminate()))
  }

  #stop(): void {
    this.#stopping = true
    this.#pulse.stop()
    for (const timer of this.#restartTimers) clearTimeout(timer)
    this.#restartTimers.clear()
  }

  /** A worker that cannot do what the others did is ended; its replacement starts on the generation that is live. */
  async #orReplace(slot: WorkerSlot, work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (error instanceof WorkerFailure && error.died) return
      const fields = { worker: slot.index, error: describeError(error) }
      this.#options.log('error', 'a worker cannot follow the others and is replaced', fields)
      await slot.terminate()
    }
  }

  #exited(slot: WorkerSlot, exitCode: number, error: unknown): void {
    this.#options.release(slot.index)
    if (this.#stopping || this.#current === undefined) return
    const backoff = this.#backoff[slot.index]!
    const delayMs = backoff.died(performance.now() - slot.startedMs)
    this.#options.log('error', 'worker ended and is replaced', {
      worker: slot.index,
      exitCode,
      error: error === undefined ? undefined : describeError(error),
      stack: error instanceof Error ? error.stack : undefined,
      delayMs,
    })
    if (backoff.deaths >= HOPELESS_AFTER && this.#slots.every((other) => !other.isAlive)) {
      this.#options.onHopeless()
      return
    }
    const timer = setTimeout(() => {
      this.#restartTimers.delete(timer)
      void this.#restart(slot)
    }, delayMs)
    this.#restartTimers.add(timer)
  }

  async #restart(slot: WorkerSlot): Promise<void> {
    const target = this.#current!
    this.#pulse.reset(slot.index)
    slot.spawn()
    try {
      await slot.apply(target, this.#options.takeSockets())
    } catch (error) {
      // One that died is counted by its own exit; one that said no (its port is gone) has nothing to serve.
      if (error instanceof WorkerFailure && error.died) return
      const fields = { worker: slot.index, error: describeError(error) }
      this.#options.log('error', 'the replacement of a worker cannot open its listeners', fields)
      await slot.terminate()
      return
    }
    this.restarts++
    this.#options.log('info', 'worker replaced', { worker: slot.index, generation: target.generation })
  }

  #stuck(worker: number, silentMs: number): void {
    if (!this.#slots[worker]!.isAlive) return
    const message = 'worker does not turn its event loop any more and is ended'
    this.#options.log('error', message, { worker, silentMs })
    void this.#slots[worker]!.terminate()
  }

  #log(worker: number, message: FromWorker & { type: 'log' }): void {
    if (message.once !== undefined) {
      const nowMs = performance.now()
      const before = this.#saidMs.get(message.once)
      if (before !== undefined && nowMs - before < SAME_MESSAGE_MS) return
      this.#saidMs.set(message.once, nowMs)
    }
    this.#options.log(message.level, message.message, { worker, ...message.fields })
  }
}

/** `auto` is one worker per core this process may use. */
export function resolveWorkers(configured: number): number {
  return configured > 0 ? configured : availableParallelism()
}

/** The value of the promise, or undefined when it rejects or takes longer. */
function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), timeoutMs)
    promise.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      () => {
        clearTimeout(timer)
        resolve(undefined)
      },
    )
  })
}
