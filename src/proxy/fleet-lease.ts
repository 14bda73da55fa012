/**
 * This node fetches for the whole fleet, and says so in the pool as long as it does. Nobody tells the others that a node
 * has died; its lease runs out, and whoever asks next wins it.
 *
 * The lease is the empty item under the entry's own key where nothing lay there, and ends when an entry takes its place; or
 * an item beside the entry, while what lies there is stale.
 */
import type { PoolTier } from '../cache/tiers/pool/pool-tier.ts'

/** For how long the others wait for a node that has died. memcached counts whole seconds, of which the first may be short. */
export const LEASE_SEC = 3
/** A thread that is busy for a second more does not lose it. */
const EXTEND_MS = 1000
/** No fetch takes an hour. One that has been lost must not keep the fleet from fetching. */
const MAX_EXTENSIONS = 3600

export class FleetLease {
  /** What is fetched. */
  readonly key: string
  /** Something lies under the key, so the lease is beside it. */
  readonly isBeside: boolean
  readonly #entries: PoolTier
  readonly #timer: NodeJS.Timeout
  #extensions = 0
  #hasEnded = false

  /** The lease has been won. */
  constructor(entries: PoolTier, key: string, isBeside: boolean) {
    this.key = key
    this.isBeside = isBeside
    this.#entries = entries
    this.#timer = setInterval(() => this.#extend(), EXTEND_MS)
    this.#timer.unref()
  }

  #extend(): void {
    if (this.#extensions++ < MAX_EXTENSIONS) this.#entries.extendLease(this.key, LEASE_SEC, this.isBeside)
    else this.end(false)
  }

  /** `isReplaced`: an entry of this node lies under the key by now. */
  end(isReplaced: boolean): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    clearInterval(this.#timer)
    if (this.isBeside) this.#entries.removeLease(this.key)
    else if (!isReplaced) this.#entries.remove(this.key)
  }
}
