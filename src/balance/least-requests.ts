/**
 * The server with the fewest requests in flight for its weight, counted over all workers. Where several have equally
 * few (all of them, on an idle machine) they take turns by weight.
 */
import type { BackendState } from './backend-state.ts'
import type { Policy } from './policy.ts'

export class LeastRequests implements Policy {
  readonly #weights: readonly number[]
  readonly #state: BackendState
  readonly #turns: Policy
  /** Filled by each selection: the candidates that share the lowest load. */
  readonly #lowest: Uint8Array

  /** `turns` decides between equals. */
  constructor(weights: readonly number[], state: BackendState, turns: Policy) {
    this.#weights = weights
    this.#state = state
    this.#turns = turns
    this.#lowest = new Uint8Array(weights.length)
  }

  select(candidates: Uint8Array): number {
    const lowest = this.#lowest
    let best = -1
    let bestInFlight = 0
    for (let i = 0; i < lowest.length; i++) {
      lowest[i] = 0
      if (candidates[i] === 0) continue
      const inFlight = this.#state.inFlight(i)
      // Loads inFlight / weight are compared crosswise, which keeps them whole numbers.
      const difference = best === -1 ? -1 : inFlight * this.#weights[best]! - bestInFlight * this.#weights[i]!
      if (difference > 0) continue
      if (difference < 0) {
        lowest.fill(0, 0, i)
        best = i
        bestInFlight = inFlight
      }
      lowest[i] = 1
    }
    return best === -1 ? -1 : this.#turns.select(lowest)
  }
}
