/**
 * The ticket keys of one `tls-sessions` block in its pool: reads what lies there, puts in what is missing, and tells the schedule
 * what lies there then. In the main thread, once every few seconds; no handshake knows of it.
 *
 *     T1 read all places         nobody answers: the keys stay as they are, and it is said
 *     T2 one set of all of them  (ticket-ring.ts)
 *     T3 what should lie there   (TicketSchedule.propose)
 *     T4 to each place that lacks a key of it, over what was read; somebody was faster: again from T1
 *
 * Both places of the item are written, so either server may be lost or emptied. What lies there and cannot be opened belongs to
 * a fleet with another seal, or to a later version: it is never overwritten, as two fleets that replaced each other's keys would
 * both go without.
 */
import type { ItemState, PinnedItem } from '../../memcached/pinned-item.ts'
import { includesRing, mergeRings, type Ring, type RingSeal } from './ticket-ring.ts'
import type { Moment, TicketSchedule } from './ticket-schedule.ts'

/**
 * `shared`: the keys lie in the pool. `unreachable`: no place answers. `foreign`: a place answers, and what it holds was
 * sealed by others.
 */
export type FleetReach = 'shared' | 'unreachable' | 'foreign'

/** Lost races before the rest waits for the next turn. */
const MAX_ROUNDS = 8

export class TicketFleet {
  readonly #places: readonly Place[]
  readonly #seal: RingSeal
  readonly #schedule: TicketSchedule
  readonly #now: () => Moment

  constructor(items: readonly PinnedItem[], seal: RingSeal, schedule: TicketSchedule, now: () => Moment) {
    this.#places = items.map((item) => new Place(item))
    this.#seal = seal
    this.#schedule = schedule
    this.#now = now
  }

  /** Never rejects. */
  async turn(): Promise<FleetReach> {
    let reach: FleetReach = 'unreachable'
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await Promise.all(this.#places.map((place) => place.read(this.#seal)))
      reach = this.#reach()
      if (reach !== 'shared' || !(await this.#write())) break
    }
    return reach
  }

  #reach(): FleetReach {
    if (this.#places.some(({ state }) => state === 'ours')) return 'shared'
    return this.#places.some(({ state }) => state === 'foreign') ? 'foreign' : 'unreachable'
  }

  /** True when somebody else has changed a place since it was read. */
  async #write(): Promise<boolean> {
    const ours = this.#places.filter(({ state }) => state === 'ours')
    const found = mergeRings(...ours.map(({ ring }) => ring))
    this.#schedule.confirm(found, this.#now())
    const wanted = this.#schedule.propose(found, this.#now())
    const needed = this.#schedule.needed(wanted, this.#now())
    const lacking = ours.filter(({ ring }) => !includesRing(ring, needed))
    if (lacking.length === 0) return false
    const outcomes = await Promise.all(lacking.map((place) => place.write(this.#seal.seal(wanted))))
    if (outcomes.includes('stored')) this.#schedule.confirm(wanted, this.#now())
    return outcomes.includes('changed')
  }
}

/** One place of the item, and what was seen there last. */
class Place {
  readonly #item: PinnedItem
  #stamp: string | undefined = undefined
  #cas: string | undefined = undefined
  state: 'ours' | 'foreign' | 'unreachable' = 'unreachable'
  ring: Ring = []

  constructor(item: PinnedItem) {
    this.#item = item
  }

  async read(seal: RingSeal): Promise<void> {
    const found = await this.#item.read(this.#stamp)
    if (found === 'unreachable') this.#forget('unreachable')
    else if (found === 'absent') this.#forget('ours')
    else if (found !== 'same') this.#note(found, seal)
  }

  #forget(state: 'ours' | 'unreachable'): void {
    this.state = state
    this.ring = []
    this.#stamp = undefined
    this.#cas = undefined
  }

  #note({ stamp, cas, value }: ItemState, seal: RingSeal): void {
    const ring = seal.open(value)
    this.state = ring === undefined ? 'foreign' : 'ours'
    this.ring = ring ?? []
    this.#stamp = stamp
    this.#cas = cas
  }

  write(sealed: Buffer): Promise<'stored' | 'changed' | 'unreachable'> {
    // The salt is another one each time.
    const mark = sealed.readUInt32BE(SALT_AT)
    this.#stamp = undefined
    return this.#item.write(sealed, mark, this.#cas)
  }
}

/** See distcache/sealed.ts. */
const SALT_AT = 2
