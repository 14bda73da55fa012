/**
 * The coarse clock of one thread: two numbers that are read many times per event and measured once.
 *
 * The engine calls `update()` at the start of every socket event and at every tick of its timer; between two updates
 * time stands still, so all decisions about one request see the same moment. Reading a field replaces a call of
 * Date.now() at every place that asks.
 */
export class Clock {
  /** Wall clock, milliseconds since 1970; may jump when the machine's clock is set. For dates, ages and logs. */
  nowMs = 0
  /** Milliseconds since the thread began; never goes back. For timeouts and durations. */
  monotonicMs = 0

  constructor() {
    this.update()
  }

  update(): void {
    this.nowMs = Date.now()
    this.monotonicMs = performance.now()
  }
}

/** The clock of this thread (modules are loaded once per worker). Code under test is handed a Clock of its own. */
export const clock = new Clock()
