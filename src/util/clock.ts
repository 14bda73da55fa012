/**
 * The coarse clock of one thread: two numbers that are read many times per event and measured once.
 *
 * The engine calls `update()` at the start of every socket event and `synchronise()` at every tick of its timer; between
 * two updates time stands still, so all decisions about one request see the same moment. Reading a field replaces a call
 * of Date.now() at every place that asks.
 */
export class Clock {
  /** Wall clock, milliseconds since 1970; may jump when the machine's clock is set. For dates, ages and logs. */
  nowMs = 0
  /** Milliseconds since the thread began; never goes back. For timeouts and durations. */
  monotonicMs = 0
  /** Wall clock minus monotonic clock, as they were when last compared. */
  #wallOffsetMs = 0

  constructor() {
    this.synchronise()
  }

  /** Both times, from one look at the monotonic clock: half the price of two looks (40 ns each, per socket event). */
  update(): void {
    const monotonicMs = performance.now()
    this.monotonicMs = monotonicMs
    this.nowMs = Math.floor(this.#wallOffsetMs + monotonicMs)
  }

  /** Follows the machine's wall clock where it was set, or drifts from the monotonic one; called a few times a second. */
  synchronise(): void {
    this.#wallOffsetMs = Date.now() - performance.now()
    this.update()
  }
}

/** The clock of this thread (modules are loaded once per worker). Code under test is handed a Clock of its own. */
export const clock = new Clock()
