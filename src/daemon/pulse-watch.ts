/**
 * Notices a worker whose event loop no longer turns: an endless loop answers nobody and never throws.
 *
 * Each worker counts up one cell; the main thread looks once a second. When the main thread itself was late (the machine
 * slept, the process was stopped), nothing is concluded from the silence.
 */

const LOOK_MS = 1000
/** Far beyond any garbage collection; short enough that clients have not all given up. */
const SILENT_MS = 15_000
/** A look that came later than this says more about the machine than about the worker. */
const LATE_MS = 3000

export class PulseWatch {
  /** One Int32 per worker. */
  readonly shared: SharedArrayBuffer
  readonly #cells: Int32Array
  readonly #lastCounts: Int32Array
  readonly #lastBeatMs: Float64Array
  readonly #onSilent: (worker: number, silentMs: number) => void
  #timer: NodeJS.Timeout | undefined
  #lastLookMs = 0

  constructor(workers: number, onSilent: (worker: number, silentMs: number) => void) {
    this.shared = new SharedArrayBuffer(workers * Int32Array.BYTES_PER_ELEMENT)
    this.#cells = new Int32Array(this.shared)
    this.#lastCounts = new Int32Array(workers)
    this.#lastBeatMs = new Float64Array(workers)
    this.#onSilent = onSilent
  }

  start(): void {
    const nowMs = performance.now()
    this.#lastLookMs = nowMs
    this.#lastBeatMs.fill(nowMs)
    this.#timer = setInterval(() => this.look(performance.now()), LOOK_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** A worker was started anew: its silence begins now. */
  reset(worker: number): void {
    this.#lastBeatMs[worker] = performance.now()
  }

  /** `nowMs` is monotonic. */
  look(nowMs: number): void {
    const late = nowMs - this.#lastLookMs > LATE_MS
    this.#lastLookMs = nowMs
    for (let worker = 0; worker < this.#cells.length; worker++) {
      const count = Atomics.load(this.#cells, worker)
      if (late || count !== this.#lastCounts[worker]) {
        this.#lastCounts[worker] = count
        this.#lastBeatMs[worker] = nowMs
        continue
      }
      const silentMs = nowMs - this.#lastBeatMs[worker]!
      if (silentMs < SILENT_MS) continue
      this.#lastBeatMs[worker] = nowMs
      this.#onSilent(worker, Math.round(silentMs))
    }
  }
}
