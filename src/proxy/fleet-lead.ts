/**
 * The election of the node that fetches (`collapse { scope cluster; }`), between a look-up in the pool that brought nothing
 * and the origin:
 *
 *     looked up --nothing lay there, and we made the item--> lead
 *               --another node has made it-----------------> wait, look up again, with longer and longer pauses
 *               --something stale lies there---------------> ask for the lease beside it
 *                                                              --won: once more, as it may be new by now--> lead
 *                                                              --another node's-------------------------> wait
 *               --no answer--------------------------------> again, a few times; then lead, without a lease
 *     time is over (`collapse { wait TIME; }`)-------------> lead, without a lease
 *
 * One request of each node takes part, the leader of its local fill; the others wait for that. What the other node brings is
 * found by the next look-up. This is the one place where a pool that did not answer is asked again: the burst of requests
 * that an election is for makes answers late, too, and a server that is gone is soon ejected and then costs nothing.
 */
import { ItemRead, Lease } from '../cache/tiers/pool/items.ts'
import type { Reason } from '../log/reasons.ts'
import { clock } from '../util/clock.ts'
import { FleetLease, LEASE_SEC } from './fleet-lease.ts'
import { type LeaseOutcome, PoolLookup, type PoolQuestion, type PoolSink } from './pool-lookup.ts'

/** Pauses between look-ups: short, since most origins answer soon, and then doubled. */
const [FIRST_PAUSE_MS, LAST_PAUSE_MS] = [8, 200]

/** So often in a row the pool may fail to answer before this node goes by itself. */
const MAX_FAILURES = 3

/** Exactly one is called, once. */
export interface LeadSink {
  /** This node fetches. */
  onLead(lease: FleetLease | undefined): void
  onPoolFilled(): void
  onPoolRefused(reason: Reason): void
}

export class FleetLead implements PoolSink {
  readonly #question: PoolQuestion
  readonly #sink: LeadSink
  readonly #untilMs: number
  #pauseMs = FIRST_PAUSE_MS
  #hasLeaseBeside = false
  /** In a row. */
  #failures = 0

  constructor(question: PoolQuestion, sink: LeadSink) {
    this.#question = question
    this.#sink = sink
    this.#untilMs = clock.monotonicMs + question.cache.settings.collapse.waitMs
  }

  /** `outcome`: of the look-up before. */
  start(outcome: LeaseOutcome): void {
    this.onPoolMiss(outcome)
  }

  onPoolMiss(outcome: LeaseOutcome): void {
    if (outcome !== 'failed') this.#failures = 0
    if (this.#hasLeaseBeside) this.#lead(true)
    else if (outcome === 'won') this.#lead(false)
    else if (outcome === 'failed') this.#onNoLease()
    else if (outcome === 'taken') this.#wait()
    else this.#askBeside()
  }

  onPoolFilled(): void {
    this.#giveUpLease()
    this.#sink.onPoolFilled()
  }

  onPoolRefused(reason: Reason): void {
    this.#giveUpLease()
    this.#sink.onPoolRefused(reason)
  }

  onLease(lease: number): void {
    this.#guard(() => this.#onLease(lease))
  }

  #onLease(lease: number): void {
    if (lease !== Lease.won) {
      this.#wait()
      return
    }
    this.#hasLeaseBeside = true
    new PoolLookup({ ...this.#question, leaseSec: 0 }, this).start()
  }

  onNoLease(): void {
    this.#guard(() => this.#onNoLease())
  }

  #onNoLease(): void {
    if (++this.#failures < MAX_FAILURES) this.#wait()
    else this.#sink.onLead(undefined)
  }

  #askBeside(): void {
    const { shared, key } = this.#question
    if (!shared.entries.readLease(key, LEASE_SEC, new LeaseRead(this))) this.#onNoLease()
  }

  #lead(isBeside: boolean): void {
    const { shared, key } = this.#question
    this.#sink.onLead(new FleetLease(shared.entries, key, isBeside))
  }

  #wait(): void {
    if (clock.monotonicMs >= this.#untilMs) {
      this.#sink.onLead(undefined)
      return
    }
    setTimeout(() => this.#guard(() => this.#lookAgain()), this.#pauseMs)
    this.#pauseMs = Math.min(2 * this.#pauseMs, LAST_PAUSE_MS)
  }

  #lookAgain(): void {
    clock.update()
    new PoolLookup(this.#question, this).start()
  }

  /** Does what no request of the client has brought about. */
  #guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#giveUpLease()
      this.#question.onFault(error)
    }
  }

  #giveUpLease(): void {
    const { shared, key } = this.#question
    if (this.#hasLeaseBeside) shared.entries.removeLease(key)
  }
}

class LeaseRead extends ItemRead {
  readonly #lead: FleetLead

  constructor(lead: FleetLead) {
    super()
    this.#lead = lead
  }

  override onItem(_bytes: Buffer, _start: number, _end: number, lease: number): void {
    clock.update()
    this.#lead.onLease(lease)
  }

  override onAbsent(): void {
    this.onItemFailed()
  }

  override onItemFailed(): void {
    clock.update()
    this.#lead.onNoLease()
  }
}
