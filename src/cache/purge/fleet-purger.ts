/** Purges by one thread in a cache whose nodes purge together: obeyed here, and counted until the fleet's log has them. */
import type { MemoryTierShared } from '../tiers/memory-tier.ts'
import { FleetOwn } from './fleet-own.ts'
import { purgeLayout } from './layout.ts'
import { obeyOrder, type PurgeOrder } from './order.ts'
import type { PurgeLog } from './purge-log.ts'

/** How far a purge has come: `pending` is in the log of the fleet as soon as its pool answers again. */
export type FleetState = 'published' | 'pending'

export class FleetPurger {
  /** Number of the thread, for `FleetMember.publish`. */
  readonly thread: number
  readonly #purges: PurgeLog
  readonly #own: FleetOwn

  /** `purges`: the thread's own; `worker` as for that. */
  constructor(shared: MemoryTierShared, purges: PurgeLog, worker: number) {
    const workers = shared.pins.length
    this.thread = worker < 0 ? workers : worker
    this.#purges = purges
    this.#own = new FleetOwn(shared.purges, purgeLayout(shared.bytes, workers).ownAt, workers + 1)
  }

  /** As `obeyOrder`. What was obeyed has to be published, by the main thread. */
  obey(order: PurgeOrder): boolean {
    this.#own.begin(this.thread, this.#purges.last)
    if (obeyOrder(this.#purges, order)) return true
    this.#own.end(this.thread)
    return false
  }
}
