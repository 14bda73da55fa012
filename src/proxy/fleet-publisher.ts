/**
 * Purges of a worker on their way into the log of the fleet, which the main thread writes. They have been obeyed here; who
 * sent them waits for a word of how far they came, and not for long.
 */
import type { FleetState } from '../cache/purge/fleet-purger.ts'
import type { PurgeOrder } from '../cache/purge/order.ts'

/** An order to be published. */
export interface Publication {
  /** Of this worker's publications. */
  readonly number: number
  readonly cacheName: string
  /** Identity of the cache's memory, in which the order was obeyed. */
  readonly cacheId: number
  readonly order: PurgeOrder
}

/** Publications that the main thread has not answered, forgotten ones included. */
const MAX_UNANSWERED = 1024

export class FleetPublisher {
  readonly #send: (publication: Publication) => void
  readonly #waiting = new Map<number, (state: FleetState) => void>()
  #last = 0
  #unanswered = 0

  /** `send`: to the main thread, which answers with `onState`. */
  constructor(send: (publication: Publication) => void) {
    this.#send = send
  }

  /** The main thread does not keep up, or hangs: whoever wants to purge has to come again. */
  get isFull(): boolean {
    return this.#unanswered >= MAX_UNANSWERED
  }

  /** `onState` is called once, unless it is forgotten by the number that this gives. */
  publish(publication: Omit<Publication, 'number'>, onState: (state: FleetState) => void): number {
    const number = ++this.#last
    this.#unanswered++
    this.#waiting.set(number, onState)
    this.#send({ ...publication, number })
    return number
  }

  forget(number: number): void {
    this.#waiting.delete(number)
  }

  onState(number: number, state: FleetState): void {
    this.#unanswered--
    const told = this.#waiting.get(number)
    this.#waiting.delete(number)
    told?.(state)
  }
}
