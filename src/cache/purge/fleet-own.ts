/**
 * Purges that this machine has applied and not yet found in the fleet's log. Each of them will get a greater fleet number
 * than any that is known; so no row (fleet-rows.ts) may be made meanwhile that leaves it out:
 *
 *     purging thread   O1 note the last number   O2 count + 1   O3 apply      main thread   M1 read the last number, n
 *     ... the main thread finds it in the fleet's log ... O4 count - 1                      M2 row: min(n, all that O1 noted)
 *
 * If n has what O3 did, M2 comes behind O2 and finds what O1 noted. One cell of counts and one number per thread:
 *
 *     cell 4i   purges of thread i on their way       cell 4i + 2, 3   the last number before the first of them
 *
 * The number is written only while the count is 0, by the thread itself. While the count does not reach 0 it stays the first
 * one's: rows then say too little, and a few objects of the shared tier are judged by more purges than necessary.
 */
import { OWN_CELLS } from './layout.ts'
import { Numbers } from './numbers.ts'

export class FleetOwn {
  readonly #cells: Int32Array
  readonly #numbers: Numbers
  readonly #threads: number

  /** `threads`: the workers, and behind them the main thread. */
  constructor(buffer: SharedArrayBuffer, atCell: number, threads: number) {
    this.#cells = new Int32Array(buffer, atCell * 4, threads * OWN_CELLS)
    this.#numbers = new Numbers(buffer, atCell, (threads * OWN_CELLS) / 2)
    this.#threads = threads
  }

  /** O1, O2. `last`: number of the last purge. */
  begin(thread: number, last: number): void {
    const at = thread * OWN_CELLS
    if (Atomics.load(this.#cells, at) === 0) this.#numbers.raise(at / 2 + 1, last)
    Atomics.add(this.#cells, at, 1)
  }

  /** O4, or what was begun has not been applied. Nothing when the thread has ended and was released. */
  end(thread: number): void {
    const at = thread * OWN_CELLS
    if (Atomics.load(this.#cells, at) > 0) Atomics.sub(this.#cells, at, 1)
  }

  /** Of a thread that has ended: only `count` of its purges can still be published. */
  keepOnly(thread: number, count: number): void {
    Atomics.store(this.#cells, thread * OWN_CELLS, count)
  }

  /** How many purges are on their way. */
  get count(): number {
    let count = 0
    for (let at = 0; at < this.#cells.length; at += OWN_CELLS) count += Atomics.load(this.#cells, at)
    return count
  }

  /** M2: no purge on its way has a number up to this one; `last` was read before. */
  bound(last: number): number {
    let bound = last
    for (let thread = 0; thread < this.#threads; thread++) {
      const at = thread * OWN_CELLS
      if (Atomics.load(this.#cells, at) > 0) bound = Math.min(bound, this.#numbers.get(at / 2 + 1))
    }
    return bound
  }
}
