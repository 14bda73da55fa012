/**
 * How a thread numbers and judges objects of a tier that all nodes of the fleet share.
 *
 *     before the origin is asked          current()    goes into the entry with the object's labels; 0: do not share it
 *     beginFetch() of the purge log, then the entry is read, then judge(its number, ...)
 *
 * What judge finds holds for all purges up to the `number` of that ticket, so the object then lies in the memory tier with
 * this number, as if it had been fetched here: later purges find it by themselves.
 *
 * Never asks the network. An object from before what this machine knows of the fleet's purges is gone: it cannot be told
 * from one that was purged. doc/notes/fleet-purge.md says how far that reaches.
 */
import type { MemoryTierShared } from '../tiers/memory-tier.ts'
import { FleetRows } from './fleet-rows.ts'
import { purgeLayout } from './layout.ts'
import { type PurgeLog, Verdict } from './purge-log.ts'

/**
 * So far may another node be ahead of what is known here. What claims to be further is of a log that was lost, by a clock
 * that went wrong.
 */
const MAX_AHEAD = 4096

export class FleetNumbers {
  readonly #purges: PurgeLog
  readonly #rows: FleetRows

  /** `purges`: this thread's log of the same cache. */
  constructor(shared: MemoryTierShared, purges: PurgeLog) {
    const { fleetAt, fleetRows } = purgeLayout(shared.bytes, shared.pins.length)
    this.#purges = purges
    this.#rows = new FleetRows(shared.purges, fleetAt, fleetRows)
  }

  /** The fleet's last purge number known here; 0: none, so nothing from the shared tier can be judged. */
  current(): number {
    return this.#rows.known
  }

  /** True when there was no purge at all since a fetch that began at the fleet number; the quick way past `judge`. */
  isUntouched(fleetNumber: number): boolean {
    const known = this.#rows.known
    if (known === 0 || !(fleetNumber > 0) || fleetNumber > known + MAX_AHEAD) return false
    return this.#rows.since(fleetNumber) >= this.#purges.last
  }

  /**
   * What purges have done to an object whose fetch began, on whatever node, at the fleet number: a number of Verdict.
   * `labels`: from `hashLabels` of the purge log; `url`: the object's, as its labels say.
   */
  judge(fleetNumber: number, labels: Int32Array, url: string): number {
    const known = this.#rows.known
    if (known === 0 || !(fleetNumber > 0) || fleetNumber > known + MAX_AHEAD) return Verdict.gone
    const since = this.#rows.since(fleetNumber)
    if (since === -1) return Verdict.gone
    const verdict = this.#purges.verdict(labels, url, since)
    // Last: what gave its entry away meanwhile was noted here before.
    return since < this.#purges.forgotten ? Verdict.gone : verdict
  }
}
