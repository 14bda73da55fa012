/**
 * Which ticket key issues, which are accepted, and when the fleet needs another: the rules of one node, without clock, pool or
 * sockets. Nobody leads; whoever sees first that a key is missing makes it, and a race is decided by the pool or, if there
 * was none between the two, by the union of what both made (ticket-ring.ts).
 *
 *     period               |    0    |    1    |    2    |    3    |          accept 2
 *     key made at the      ^ 0,1     ^ 2       ^ 3       ^ 4
 *     key 1   in the pool  ├─────────┤
 *             issues                 ├─────────┤
 *             accepted     ├─────────────────────────────────────────┤ and some more
 *
 * R1  The next key is in the pool a whole period before it issues. So a node learns of it in time if it reaches the pool once a
 *     period, and what happens at its beginning needs no agreement of clocks: whoever begins early issues what all accept.
 * R2  A node issues under a key that it has seen in the pool for `settleMs`, in which every node looks at the pool twice, or that
 *     should have begun to issue so long ago that all have seen it. It matters for the first keys of a fleet alone.
 * R3  Under the newest of these, by `fromMs`, then by name; so all choose the same.
 * R4  A key is accepted as soon as it is known, until `accept` periods and some more after its successor began. One without
 *     successor stays, however old: in an outage of the pool nobody can know that others have gone on.
 * R5  A node without any of these issues under a key of its own, which it puts into the pool as soon as it can, for the others to
 *     accept (`lone`). Until then nobody else resumes its tickets, which is what would happen without tickets too.
 * R6  If the clocks of nodes differ by `skewMs` or less, all of this holds. A wilder clock costs its own node resumptions and
 *     makes a key too many.
 */
import { randomBytes } from 'node:crypto'
import { TICKET_KEY_BYTES } from './ticket-key.ts'
import { emptyRing, mergeRings, nameOf, type Ring, type RingKey } from './ticket-ring.ts'

export interface ScheduleRules {
  /** How long a key issues. */
  readonly rotateMs: number
  /** How many of these times it is accepted after that. */
  readonly accept: number
  /** By how much the clocks of two nodes may differ. */
  readonly skewMs: number
  /** In which every node that is well looks at the pool twice; 0: no other node knows the keys. */
  readonly settleMs: number
}

/** Wall clock for what nodes agree on, and one that never jumps. */
export interface Moment {
  readonly wallMs: number
  readonly monotonicMs: number
}

/** What a node does with tickets now. */
export interface TicketChoice {
  /** Those that are accepted, 48 bytes each. */
  readonly keys: readonly Buffer[]
  /** Index of the one that issues. */
  readonly issuing: number
  /** Only this node knows the one that issues (R5). */
  readonly isLone: boolean
}

const MAX_SKEW_MS = 5 * 60_000
const MAX_SETTLE_MS = 5000
const SHARE_OF_PERIOD = 4
/**
 * So many skews and settling times are added to the life of a key: a node that was started anew may issue under it for one more
 * (R2), and who accepts may have a clock that is ahead.
 */
const LATENESS = 2
/** A key is out of use everywhere this many skews after one node may think so; see `#isGone`. */
const GONE_AFTER_SKEWS = 2

/** Rules of keys that a pool shares. Clocks may differ by a quarter of the period, but not by more than five minutes. */
export function fleetRules(rotateMs: number, accept: number): ScheduleRules {
  const share = rotateMs / SHARE_OF_PERIOD
  return {
    rotateMs,
    accept,
    skewMs: Math.min(MAX_SKEW_MS, share),
    settleMs: Math.min(MAX_SETTLE_MS, share),
  }
}

/** Rules of keys that stay on this machine. */
export function machineRules(rotateMs: number, accept: number): ScheduleRules {
  return { rotateMs, accept, skewMs: 0, settleMs: 0 }
}

export class TicketSchedule {
  readonly rules: ScheduleRules
  readonly #makeKey: () => Buffer
  /** All that lies in the pool, or did. */
  #ring: Ring = emptyRing
  /** By name: when the key was first known to lie in the pool, on the clock that never jumps. */
  #seenMs = new Map<string, number>()
  /** R5. Made with the node, as its listeners may be open before the pool has answered. */
  readonly #lone: Buffer
  /** It has issued, and does not lie in the pool. */
  #isLoneWanted = false

  constructor(rules: ScheduleRules, makeKey: () => Buffer = () => randomBytes(TICKET_KEY_BYTES)) {
    this.rules = rules
    this.#makeKey = makeKey
    this.#lone = makeKey()
  }

  get ring(): Ring {
    return this.#ring
  }

  /** What should lie in the pool when `found` does: that, what this node knows, and what is missing by R1. */
  propose(found: Ring, moment: Moment): Ring {
    const { wallMs } = moment
    const known = mergeRings(this.#ring, found)
    const wanted = mergeRings(known, this.#missing(known, wallMs), this.#ownKey(moment))
    return wanted.filter((key) => !this.#isGone(key, wanted, wallMs))
  }

  /** Keys of `wanted` that somebody may still need. If the pool lacks one of them it must be written. */
  needed(wanted: Ring, { wallMs }: Moment): Ring {
    return wanted.filter((key) => wallMs <= this.#endMs(key, wanted))
  }

  /** These lie in the pool now. */
  confirm(ring: Ring, { wallMs, monotonicMs }: Moment): void {
    const merged = mergeRings(this.#ring, ring)
    this.#ring = merged.filter((key) => !this.#isGone(key, merged, wallMs))
    const seenMs = new Map<string, number>()
    for (const key of this.#ring) {
      const name = nameOf(key)
      seenMs.set(name, this.#seenMs.get(name) ?? monotonicMs)
    }
    this.#seenMs = seenMs
    if (seenMs.has(nameOf(this.#loneKey(wallMs)))) this.#isLoneWanted = false
  }

  choose(moment: Moment): TicketChoice {
    const issuing = this.#issuing(moment)
    const accepted = this.#ring.filter((key) => moment.wallMs <= this.#endMs(key, this.#ring))
    const lone = this.#loneKey(moment.wallMs)
    const isLone = issuing === undefined
    const isLoneKnown = accepted.some((key) => nameOf(key) === nameOf(lone))
    if (isLone && !isLoneKnown) this.#isLoneWanted = true
    const keys = this.#isLoneWanted ? [...accepted, lone] : accepted
    const name = nameOf(issuing ?? lone)
    return { keys: keys.map(({ key }) => key), issuing: keys.findIndex((key) => nameOf(key) === name), isLone }
  }

  /** R2, R3. */
  #issuing({ wallMs, monotonicMs }: Moment): RingKey | undefined {
    const { skewMs, settleMs } = this.rules
    return this.#ring.findLast((key) => {
      if (key.kind !== 'fleet' || key.fromMs > wallMs) return false
      const seenMs = this.#seenMs.get(nameOf(key)) ?? monotonicMs
      return monotonicMs - seenMs >= settleMs || wallMs - key.fromMs >= skewMs + settleMs
    })
  }

  /** R5: the own key, if it has issued, or is about to. */
  #ownKey(moment: Moment): Ring {
    const { settleMs } = this.rules
    const isWanted = this.#isLoneWanted || (settleMs > 0 && this.#issuing(moment) === undefined)
    return isWanted ? [this.#loneKey(moment.wallMs + settleMs)] : emptyRing
  }

  /** R1, and the first keys of a fleet. */
  #missing(known: Ring, wallMs: number): Ring {
    const { rotateMs, skewMs, settleMs } = this.rules
    const fleet = known.filter(({ kind }) => kind === 'fleet')
    const begun = fleet.findLast(({ fromMs }) => fromMs <= wallMs)
    // What lies farther in the future was made by a wild clock, or for longer periods: it is nobody's next key yet.
    const next = fleet.find(({ fromMs }) => fromMs > wallMs && fromMs <= wallMs + rotateMs + skewMs)
    if (begun === undefined && next === undefined) {
      const firstMs = wallMs + settleMs
      return [this.#newKey(firstMs), this.#newKey(firstMs + rotateMs)]
    }
    if (begun === undefined || next !== undefined) return emptyRing
    // Without outages it begins when the time of the other is over.
    return [this.#newKey(Math.max(begun.fromMs, wallMs - skewMs) + rotateMs)]
  }

  #newKey(fromMs: number): RingKey {
    return { kind: 'fleet', fromMs: Math.round(fromMs), key: this.#makeKey() }
  }

  #loneKey(fromMs: number): RingKey {
    return { kind: 'lone', fromMs: Math.round(fromMs), key: this.#lone }
  }

  /** R4: until when a key of `ring` is accepted. */
  #endMs(key: RingKey, ring: Ring): number {
    const { rotateMs, accept, skewMs, settleMs } = this.rules
    const endsMs =
      key.kind === 'lone'
        ? key.fromMs
        : ring.find(({ kind, fromMs }) => kind === 'fleet' && fromMs > key.fromMs)?.fromMs
    return endsMs === undefined ? Number.POSITIVE_INFINITY : endsMs + accept * rotateMs + LATENESS * (skewMs + settleMs)
  }

  /** So long after its end that every node thinks so: before, one would take out of the pool what another puts in again. */
  #isGone(key: RingKey, ring: Ring, wallMs: number): boolean {
    return wallMs > this.#endMs(key, ring) + GONE_AFTER_SKEWS * this.rules.skewMs
  }
}
