/**
 * Smooth weighted round-robin, the one nginx made known: in every round each server gains its weight, the one that has
 * gained most is selected and pays back what all gained together. Servers a, b with weights 2, 1:
 *
 *     gained (a b)    selected    left over
 *        2  1            a          -1  1
 *        1  2            b           1 -1
 *        3  0            a           0  0      and again
 *
 * Within sum(weights) selections every server comes up exactly weight times, and never more than one time too early.
 * Each worker counts for itself; they start at different servers, so that a fresh daemon does not send the first
 * request of every worker to the same one.
 */
import type { Policy } from './policy.ts'

export class RoundRobin implements Policy {
  readonly #weights: Int32Array
  readonly #gained: Int32Array

  /** `start`: how many selections to be ahead of another instance, such as the number of the worker. */
  constructor(weights: readonly number[], start: number) {
    this.#weights = Int32Array.from(weights)
    this.#gained = new Int32Array(weights.length)
    const all = new Uint8Array(weights.length).fill(1)
    for (let i = 0; i < start; i++) this.select(all)
  }

  select(candidates: Uint8Array): number {
    const gained = this.#gained
    let total = 0
    let best = -1
    for (let i = 0; i < gained.length; i++) {
      if (candidates[i] === 0) continue
      const weight = this.#weights[i]!
      total += weight
      gained[i] = gained[i]! + weight
      if (best === -1 || gained[i]! > gained[best]!) best = i
    }
    if (best !== -1) gained[best] = gained[best]! - total
    return best
  }
}
