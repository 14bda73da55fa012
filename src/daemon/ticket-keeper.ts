/**
 * The ticket keys of one `tls-sessions` block in the main thread: asks the schedule what holds, looks at the pool in time, and puts
 * what follows on the board, where all workers see it.
 */
import type { PinnedItem } from '../memcached/pinned-item.ts'
import { openPinnedItems } from '../memcached/pinned-item.ts'
import type { Pool } from '../memcached/pool.ts'
import type { TlsSessionsPlan } from '../plan/tls-sessions-plan.ts'
import { TicketBoard } from '../tls/sessions/ticket-board.ts'
import { type FleetReach, TicketFleet } from '../tls/sessions/ticket-fleet.ts'
import { emptyRing, type Ring, RingSeal, ticketRingKey } from '../tls/sessions/ticket-ring.ts'
import { fleetRules, type Moment, machineRules, TicketSchedule } from '../tls/sessions/ticket-schedule.ts'
import { type TicketStatus, ticketStatus } from '../tls/sessions/ticket-status.ts'

export type KeeperLog = (level: 'info' | 'warn' | 'error', message: string, fields: object) => void

/** Looks in the time in which each node must look twice, and one more for those that take long. */
const LOOKS = 3
/** Between looks at keys that lie in no pool, at most: a change of keys is not urgent. */
const MOST_QUIET_MS = 60_000
const QUIET_LOOKS = 4
/** Looks in a row that fail before it is said: one may be a moment's matter. */
const FAILURES_TO_TELL = 2
/** How long the item stays when nobody is left to write it: periods, and what memcached takes for a time. */
const ITEM_PERIODS = 4
const MAX_ITEM_SEC = 30 * 86_400

export class TicketKeeper {
  readonly name: string
  /** Equal for two Plans that mean the same keys. */
  readonly identity: string
  readonly #plan: TlsSessionsPlan
  readonly #board: TicketBoard
  readonly #schedule: TicketSchedule
  readonly #log: KeeperLog
  #pool: Pool | undefined
  #fleet: TicketFleet | undefined = undefined
  #isLive = false
  #hasEnded = false
  #timer: NodeJS.Timeout | undefined = undefined
  #reach: FleetReach | undefined = undefined
  #reachedMs: number | undefined = undefined
  #failures = 0
  #failuresInRow = 0
  #told: FleetReach = 'shared'

  /** `known`: keys that the block had before. */
  constructor(
    plan: TlsSessionsPlan,
    board: SharedArrayBuffer,
    pool: Pool | undefined,
    { known = emptyRing, log }: { readonly known?: Ring | undefined; readonly log: KeeperLog },
  ) {
    const { rotateMs, accept } = plan.tickets
    this.name = plan.name
    this.identity = keeperIdentity(plan)
    this.#plan = plan
    this.#board = new TicketBoard(board)
    this.#log = log
    this.#pool = pool
    this.#schedule = new TicketSchedule(
      pool === undefined ? machineRules(rotateMs, accept) : fleetRules(rotateMs, accept),
    )
    if (known.length > 0) this.#schedule.confirm(known, now())
    this.#join()
  }

  get ring(): Ring {
    return this.#schedule.ring
  }

  /** Goes on over this pool, in which the keys lie where they were. */
  follow(pool: Pool | undefined): void {
    if (pool === this.#pool) return
    this.#pool = pool
    this.#join()
  }

  /** From now on the board is this keeper's, and it looks at the pool by itself. */
  start(): void {
    this.#isLive = true
    this.#show()
    this.#wait()
  }

  end(): void {
    this.#hasEnded = true
    clearTimeout(this.#timer)
  }

  /** One look. Never rejects. */
  async turn(): Promise<void> {
    if (this.#fleet === undefined) this.#schedule.confirm(this.#schedule.propose(emptyRing, now()), now())
    else this.#note(await this.#fleet.turn())
    if (this.#isLive && !this.#hasEnded) this.#show()
  }

  status(): TicketStatus {
    const seenMs = this.#reachedMs
    return ticketStatus(this.#schedule, now(), {
      pool: this.#pool?.name ?? null,
      reach: this.#reach ?? null,
      seenMs: seenMs === undefined ? null : Math.round(performance.now() - seenMs),
      failures: this.#failures,
    })
  }

  #join(): void {
    const pool = this.#pool
    if (pool === undefined) return
    const key = ticketRingKey(this.name)
    const ttlSec = Math.min(MAX_ITEM_SEC, Math.ceil(this.#ttlMs / 1000))
    const items: readonly PinnedItem[] = openPinnedItems(pool, key, ttlSec)
    const secrets = this.#plan.seals.map((seal) => Buffer.from(seal))
    this.#fleet = new TicketFleet(items, new RingSeal(secrets, key), this.#schedule, now)
  }

  get #ttlMs(): number {
    const { rotateMs, accept } = this.#plan.tickets
    return rotateMs * (accept + ITEM_PERIODS)
  }

  #wait(): void {
    const { settleMs, rotateMs } = this.#schedule.rules
    const waitMs = this.#fleet === undefined ? Math.min(MOST_QUIET_MS, rotateMs / QUIET_LOOKS) : settleMs / LOOKS
    this.#timer = setTimeout(() => void this.#look(), waitMs)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    try {
      await this.turn()
    } finally {
      if (!this.#hasEnded) this.#wait()
    }
  }

  #show(): void {
    const { keys, issuing } = this.#schedule.choose(now())
    const before = this.#board.read()
    const isSame =
      before !== undefined &&
      before.issuing === issuing &&
      before.keys.length === keys.length &&
      keys.every((key, index) => key.equals(before.keys[index]!))
    if (!isSame) this.#board.write(keys, issuing)
  }

  #note(reach: FleetReach): void {
    this.#reach = reach
    if (reach === 'shared') {
      this.#reachedMs = performance.now()
      this.#failuresInRow = 0
    } else {
      this.#failures++
      this.#failuresInRow++
    }
    if (reach === this.#told || (reach === 'unreachable' && this.#failuresInRow < FAILURES_TO_TELL)) return
    this.#told = reach
    this.#tell(reach)
  }

  #tell(reach: FleetReach): void {
    const fields = { sessions: this.name, pool: this.#pool?.name }
    const { isLone } = this.#schedule.choose(now())
    const whose = isLone ? 'tickets are issued under a key that no other machine knows' : 'they stay as they are'
    if (reach === 'shared') this.#log('info', 'ticket keys are shared over the pool', fields)
    else if (reach === 'unreachable') this.#log('warn', `the pool of the ticket keys does not answer: ${whose}`, fields)
    else {
      const help = 'give all machines the same "seal", or this fleet another name of the block'
      const message = `what lies in the pool for the ticket keys was sealed by others, and is left alone: ${whose}`
      this.#log('error', message, { ...fields, help })
    }
  }
}

/** Where the block stands makes no difference, nor does what is not about tickets. */
export function keeperIdentity({ tickets, seals }: TlsSessionsPlan): string {
  return JSON.stringify([tickets, tickets.pool === undefined ? [] : seals])
}

function now(): Moment {
  return { wallMs: Date.now(), monotonicMs: performance.now() }
}
