/** Runs the sweeps of all caches in the main thread, a little at a time. */
import { PurgeLog } from '../cache/purge/purge-log.ts'
import { Sweep, type SweepState } from '../cache/purge/sweep.ts'
import { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { SharedState } from '../proxy/runtime.ts'

/** Attached to without fetching or pinning. */
const MAIN_THREAD = -1

/** Until the next step. `idle`: the least; after a long sweep more, so that sweeping stays below a fifth of the time. */
const DELAY_MS: Readonly<Record<SweepState, number>> = { idle: 1000, waiting: 200, visiting: 5 }
const REST_PER_WORK = 4

/** One cache as it is swept. */
interface Swept {
  readonly sweep: Sweep
  readonly log: PurgeLog
  /** Of `PurgeLogStats`, when last looked at. */
  folds: number
}

export class PurgeSweeper {
  readonly #shared: () => SharedState
  /** By the identity of the cache's memory. */
  readonly #sweeps: Map<number, Swept> = new Map()
  readonly #onFold: (cache: string, folds: number) => void
  #timer: NodeJS.Timeout | undefined = undefined
  #beganMs = 0

  /** `shared`: what is live now. `onFold`: so many purges of a cache had to make everything older stale for want of room. */
  constructor(shared: () => SharedState, onFold: (cache: string, folds: number) => void) {
    this.#shared = shared
    this.#onFold = onFold
  }

  start(): void {
    this.#schedule(DELAY_MS.idle)
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => this.#turn(), delayMs).unref()
  }

  #turn(): void {
    const states = [...this.#liveSweeps()].map(({ sweep }) => sweep.step())
    const nowMs = performance.now()
    if (states.every((state) => state === 'idle')) {
      const workMs = this.#beganMs === 0 ? 0 : nowMs - this.#beganMs
      this.#beganMs = 0
      this.#schedule(Math.max(DELAY_MS.idle, REST_PER_WORK * workMs))
      return
    }
    if (this.#beganMs === 0) this.#beganMs = nowMs
    this.#schedule(states.includes('visiting') ? DELAY_MS.visiting : DELAY_MS.waiting)
  }

  *#liveSweeps(): Iterable<Swept> {
    const live = [...this.#shared().caches]
    for (const id of this.#sweeps.keys()) if (!live.some(([, cache]) => cache.id === id)) this.#sweeps.delete(id)
    for (const [name, { id, value }] of live) {
      let swept = this.#sweeps.get(id)
      if (swept === undefined) {
        const log = new PurgeLog(value, MAIN_THREAD)
        swept = { sweep: new Sweep(new MemoryTier(value, MAIN_THREAD), log), log, folds: log.stats().folds }
        this.#sweeps.set(id, swept)
      }
      this.#tellFolds(name, swept)
      yield swept
    }
  }

  #tellFolds(name: string, swept: Swept): void {
    const { folds } = swept.log.stats()
    if (folds !== swept.folds) this.#onFold(name, folds - swept.folds)
    swept.folds = folds
  }
}
