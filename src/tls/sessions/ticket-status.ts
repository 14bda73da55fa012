/** What people are shown of ticket keys: names and times, never the keys. */
import type { FleetReach } from './ticket-fleet.ts'
import type { RingKey } from './ticket-ring.ts'
import type { Moment, TicketSchedule } from './ticket-schedule.ts'

export interface TicketKeyStatus {
  /** The first 8 bytes of the name that every ticket bears, hexadecimal. */
  readonly id: string
  /** `issues`: tickets are given under it; `next`: it will issue; `accepted`: it did, here or on another machine. */
  readonly state: 'issues' | 'next' | 'accepted'
  /** Wall clock, ISO 8601: since when or from when it issues; of a key of one machine, until when it did. */
  readonly from: string
}

export interface TicketStatus {
  /** null: the keys are this machine's. */
  readonly pool: string | null
  /** How the last look at the pool ended; null: there was none. */
  readonly reach: FleetReach | null
  /** Since the last look that was answered; null: there was none. */
  readonly seenMs: number | null
  /** Looks that were not. */
  readonly failures: number
  /** Only this machine knows the key that issues, although there is a pool. */
  readonly isLone: boolean
  /** Wall clock, ISO 8601: when another key issues; null: none is known yet. */
  readonly nextChange: string | null
  /** The newest first. */
  readonly keys: readonly TicketKeyStatus[]
}

const ID_BYTES = 8

export function ticketStatus(
  schedule: TicketSchedule,
  moment: Moment,
  reach: Pick<TicketStatus, 'pool' | 'reach' | 'seenMs' | 'failures'>,
): TicketStatus {
  const choice = schedule.choose(moment)
  const issuing = choice.keys[choice.issuing]
  const stateOf = ({ kind, fromMs, key }: RingKey): TicketKeyStatus['state'] => {
    if (issuing?.equals(key) === true) return 'issues'
    return kind === 'fleet' && fromMs > moment.wallMs ? 'next' : 'accepted'
  }
  const ring = schedule.ring.filter(({ key }) => choice.keys.some((one) => one.equals(key)))
  const next = schedule.ring.find((key) => stateOf(key) === 'next')
  return {
    ...reach,
    isLone: choice.isLone,
    nextChange: next === undefined ? null : new Date(next.fromMs).toISOString(),
    keys: ring.toReversed().map((key) => ({
      id: key.key.toString('hex', 0, ID_BYTES),
      state: stateOf(key),
      from: new Date(key.fromMs).toISOString(),
    })),
  }
}
