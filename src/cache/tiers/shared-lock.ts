/**
 * One lock for all changes of a store, across threads. The word holds its owner, so that a lock whose owner died is
 * known for what it is and can be taken over.
 *
 * Held for microseconds: a thread that finds it taken spins a little before it sleeps. Sleepers wake up by themselves
 * from time to time, so that neither a lost wake-up nor a sleeper's death leaves anyone asleep.
 */
import { Control } from './layout.ts'

const SPINS = 200
const SLEEP_MS = 5
/** Worker -1 (the main thread) owns as 1, worker 0 as 2. */
const OWNER_BASE = 2
const MAIN_THREAD = -1
/** Longer than any change takes; past it the owner has died. */
const MAIN_THREAD_PATIENCE_MS = 100

export class SharedLock {
  readonly #control: Int32Array
  readonly #owner: number
  readonly #patienceMs: number

  constructor(control: Int32Array, worker: number) {
    this.#control = control
    this.#owner = worker + OWNER_BASE
    this.#patienceMs = worker === MAIN_THREAD ? MAIN_THREAD_PATIENCE_MS : Number.POSITIVE_INFINITY
  }

  /**
   * Blocks this thread until it owns the lock. Not re-entrant. Throws in the main thread, when the lock could not be had: it
   * is the one that takes locks from the dead, and must not wait for itself.
   */
  acquire(): void {
    if (!this.acquireWithin(this.#patienceMs)) throw new Error('held up by a thread that has just died; try again')
  }

  /** False when the lock could not be had within about `limitMs`. */
  acquireWithin(limitMs: number): boolean {
    if (Atomics.compareExchange(this.#control, Control.lock, 0, this.#owner) === 0) return true
    return this.#wait(limitMs)
  }

  #wait(limitMs: number): boolean {
    const control = this.#control
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(control, Control.lock) === 0 && this.#try() === 0) return true
    }
    Atomics.add(control, Control.lockWaiters, 1)
    let waitedMs = 0
    let owner = this.#try()
    for (; owner !== 0 && waitedMs < limitMs; owner = this.#try()) {
      if (Atomics.wait(control, Control.lock, owner, SLEEP_MS) === 'timed-out') waitedMs += SLEEP_MS
    }
    Atomics.sub(control, Control.lockWaiters, 1)
    return owner === 0
  }

  /** The owner found, 0 when that was nobody and now is this thread. */
  #try(): number {
    return Atomics.compareExchange(this.#control, Control.lock, 0, this.#owner)
  }

  release(): void {
    Atomics.store(this.#control, Control.lock, 0)
    if (Atomics.load(this.#control, Control.lockWaiters) > 0) Atomics.notify(this.#control, Control.lock, 1)
  }

  /** Takes the lock from a worker that has ended; false when that worker does not own it. */
  takeOverFrom(worker: number): boolean {
    const dead = worker + OWNER_BASE
    return Atomics.compareExchange(this.#control, Control.lock, dead, this.#owner) === dead
  }
}
