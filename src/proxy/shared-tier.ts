/**
 * The tier of a cache that all machines share, as one worker uses it: entries in a memcached pool, and what the fleet's
 * purges mean for them. `pool-lookup.ts` and `pool-answer.ts` read it, `pool-write.ts` writes it, `fleet-lease.ts` and
 * `fleet-lead.ts` agree through it on who fetches.
 */

import type { FleetNumbers } from '../cache/purge/fleet-numbers.ts'
import { decodeLabels, sharedLabelTexts } from '../cache/purge/labels.ts'
import { type PurgeLog, Verdict } from '../cache/purge/purge-log.ts'
import type { Entry } from '../cache/tiers/pool/entry.ts'
import type { PoolItems } from '../cache/tiers/pool/items.ts'
import { type PoolCounts, PoolTier } from '../cache/tiers/pool/pool-tier.ts'
import { C, type Counters } from '../log/counters.ts'

export class SharedTier {
  readonly entries: PoolTier
  readonly #fleet: FleetNumbers
  readonly #purges: PurgeLog

  constructor(
    cacheName: string,
    items: PoolItems,
    purging: { readonly fleet: FleetNumbers; readonly purges: PurgeLog },
    counters: Counters,
  ) {
    this.entries = new PoolTier(cacheName, items, countsIn(counters))
    this.#fleet = purging.fleet
    this.#purges = purging.purges
  }

  /** The fleet's number for a fetch that begins now; 0: not known yet, and nothing is shared so far. */
  get fleetNumber(): number {
    return this.#fleet.current()
  }

  /**
   * What purges, or who marked its item as stale, have done to a response of `key`: a number of Verdict. It holds for all
   * purges up to the number of a ticket that was taken before the entry was asked for.
   */
  verdict(key: string, entry: Entry): number {
    const verdict = this.#judge(key, entry)
    return verdict === Verdict.untouched && entry.isMarkedStale ? Verdict.stale : verdict
  }

  #judge(key: string, entry: Entry): number {
    if (this.#fleet.isUntouched(entry.fleetNumber)) return Verdict.untouched
    const labels = decodeLabels(key, entry.labels)
    return this.#fleet.judge(entry.fleetNumber, this.#purges.hashLabels(sharedLabelTexts(labels)), labels.url)
  }
}

function countsIn(counters: Counters): PoolCounts {
  return {
    onHit: () => counters.add(C.poolHits, 1),
    onMiss: () => counters.add(C.poolMisses, 1),
    onError: () => counters.add(C.poolErrors, 1),
    onWrite: () => counters.add(C.poolWrites, 1),
    onDrop: () => counters.add(C.poolDropped, 1),
  }
}
