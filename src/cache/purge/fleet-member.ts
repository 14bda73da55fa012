/**
 * One cache of one node as a member of the fleet: follows the log that all nodes share, obeys what others have purged, and
 * adds what was purged here. Lives in the main thread; the log lies in a pool, reached through a FleetStore.
 *
 * A turn reads and then, if something of our own waits, writes:
 *
 *     T1 look: is the log as we know it?    T2 if not, read it    T3 follow what is new (fleet-rules.ts)
 *     T4 write it back with our orders behind it, over the CAS value read; somebody was faster: again from T1
 *
 * An order of our own was applied when it was given, before it came here. It is found again in the log, or was seen to be
 * written there: then it gets its row (fleet-rows.ts), and is not applied again, as that would hit what was fetched since.
 * Whether a write that timed out has happened needs no answer: the next turn reads.
 *
 * When the log is lost purges may be lost with it. All that is stored here may then be older than a hard purge, so it
 * goes: `purgeAll`, hard. What lies in the pool is judged by the same purge, except what is younger than the new log.
 */
import type { MemoryTierShared } from '../tiers/memory-tier.ts'
import { appendOrders, decodeLog, emptyLog, encodeLog, type FleetLog, type FleetOrder, lastOf } from './fleet-log.ts'
import { FleetOwn } from './fleet-own.ts'
import { FleetQueue, type Queued } from './fleet-queue.ts'
import { FleetRows } from './fleet-rows.ts'
import { compareLog, type GapReason } from './fleet-rules.ts'
import { purgeLayout } from './layout.ts'
import { obeyOrder, type PurgeOrder } from './order.ts'
import type { PurgeLog } from './purge-log.ts'

/** What a server says of the item: `stamp` is another one after every change. */
export interface FleetItem {
  readonly stamp: string
  readonly value: Buffer
  /** For `write`. */
  readonly cas: string
}

/** Where the log lies. Nothing here rejects; a server that does not answer in time is `unreachable`. */
export interface FleetStore {
  /** Most bytes the item may have. */
  readonly maxBytes: number
  /** `known`: the stamp of what was read before; `same`: it still is that. */
  read(known: string | undefined): Promise<FleetItem | 'same' | 'absent' | 'unreachable'>
  /** Over the item with this CAS value, or undefined: only if there is none. `last`: changes with every new log. */
  write(value: Buffer, last: number, over: string | undefined): Promise<'stored' | 'changed' | 'unreachable'>
}

export interface MemberStats {
  /** The fleet's last number applied here; 0: none yet. */
  readonly sequence: number
  /** Objects of the pool from before this number are not used; see fleet-numbers.ts. */
  readonly reach: number
  /** Purges of this node that are not in the log yet. */
  readonly pending: number
  /** Purges of other nodes that were applied here. */
  readonly applied: number
  /** How often purges may have been missed, and everything was purged. */
  readonly gaps: number
  /** Turns that did not reach the log. */
  readonly failures: number
  /** Time since a turn last reached it; null: none has. */
  readonly lagMs: number | null
}

export interface MemberContext {
  readonly shared: MemoryTierShared
  /** The main thread's. */
  readonly purges: PurgeLog
  readonly store: FleetStore
  /** 16 hexadecimal digits that no other member has. */
  readonly node: string
  readonly nowMs: () => number
  readonly onGap: (reason: GapReason) => void
}

/** `changed`: the log is not as it was read; `busy`: the purge log is held by a thread that has died. */
type Outcome = 'done' | 'changed' | 'busy' | 'unreachable'

/** At least so many orders have room in a log; larger ones are cut. */
const MIN_ORDERS = 8
/** Lost races for the CAS value before the rest waits for the next turn. */
const MAX_ROUNDS = 16

export class FleetMember {
  readonly queue: FleetQueue
  readonly #purges: PurgeLog
  #store: FleetStore
  readonly #rows: FleetRows
  readonly #own: FleetOwn
  readonly #nowMs: () => number
  readonly #onGap: (reason: GapReason) => void
  /** It follows a log; before that the rows are those of another one. */
  #isAttached = false
  #isClosed = false
  #turns = 0
  /** Everything was purged because the log was lost, and no new one has been found or begun since. */
  #isLost = false
  /** The log as it was read last; `stamp` undefined: it has to be read whatever it is, as it was written since, or is none. */
  #stamp: string | undefined = undefined
  #log: FleetLog | undefined = undefined
  #cas: string | undefined = undefined
  #applied = 0
  #gaps = 0
  #failures = 0
  #reachedMs: number | null = null

  constructor({ shared, purges, store, node, nowMs, onGap }: MemberContext) {
    const workers = shared.pins.length
    const { fleetAt, fleetRows, ownAt } = purgeLayout(shared.bytes, workers)
    this.queue = new FleetQueue(node, store.maxBytes / MIN_ORDERS)
    this.#purges = purges
    this.#store = store
    this.#rows = new FleetRows(shared.purges, fleetAt, fleetRows)
    this.#own = new FleetOwn(shared.purges, ownAt, workers + 1)
    this.#nowMs = nowMs
    this.#onGap = onGap
  }

  /**
   * T1 to T4. Whether the log was reached and nothing waits any more; never rejects. One at a time. The first is to have
   * ended before anything is stored that purges of other nodes may concern.
   */
  async turn(): Promise<boolean> {
    this.#turns++
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const isRead = await this.#refresh()
      if (this.#isClosed) return false
      const outcome = isRead ? await this.#exchange() : 'unreachable'
      if (outcome === 'unreachable') {
        this.#failures++
        this.#stamp = undefined
        return false
      }
      this.#reachedMs = this.#nowMs()
      if (outcome === 'done') return true
      if (outcome === 'busy') return false
      this.#stamp = undefined
    }
    return false
  }

  /** Adds an order of this node, which a FleetPurger has obeyed. `published` is called when it is in the log. */
  publish(order: PurgeOrder, thread: number, published: () => void): void {
    this.queue.add(order, thread, this.#nowMs(), published)
  }

  /** Goes on over another way to the same log. */
  reopen(store: FleetStore): void {
    this.#store = store
    this.#stamp = undefined
    this.queue.fit(store.maxBytes / MIN_ORDERS, this.#nowMs())
  }

  /** A turn that runs changes nothing here any more. */
  close(): void {
    this.#isClosed = true
  }

  /** Gives back what a thread held that has ended. */
  releaseThread(thread: number): void {
    this.#own.keepOnly(thread, this.queue.countOf(thread))
  }

  stats(): MemberStats {
    return {
      sequence: this.#isAttached ? this.#rows.known : 0,
      reach: this.#isAttached ? this.#rows.reach : 0,
      pending: this.queue.length,
      applied: this.#applied,
      gaps: this.#gaps,
      failures: this.#failures,
      lagMs: this.#reachedMs === null ? null : Math.max(0, this.#nowMs() - this.#reachedMs),
    }
  }

  /** T1, T2. */
  async #refresh(): Promise<boolean> {
    const item = await this.#store.read(this.#stamp)
    if (item === 'unreachable') return false
    if (item === 'absent') this.#note(undefined, undefined, undefined)
    else if (item !== 'same') this.#note(item.stamp, decodeLog(item.value), item.cas)
    return true
  }

  #note(stamp: string | undefined, log: FleetLog | undefined, cas: string | undefined): void {
    this.#stamp = stamp
    this.#log = log
    this.#cas = cas
  }

  /** T3, T4. */
  async #exchange(): Promise<Outcome> {
    const step = compareLog(this.#isAttached ? this.#rows.known : 0, this.#log)
    if (step.kind === 'begin') {
      if (step.reason !== undefined && !this.#isLost && !this.#purgeAll(step.reason)) return 'busy'
      return this.#begin(step.reason)
    }
    const log = this.#log!
    if (!this.#isAttached && !this.#attach(log.base)) return 'busy'
    if (step.kind === 'gap' && !this.#adopt(log, step.reason)) return 'busy'
    this.#isLost = false
    if (!this.#apply(log)) return 'busy'
    return this.queue.length === 0 ? 'done' : this.#write(log, () => true)
  }

  /** Begins a log of our own, with what waits here as its first orders. */
  #begin(reason: GapReason | undefined): Promise<Outcome> {
    const log = emptyLog(this.#nowMs(), this.#rows.known, Math.random())
    return this.#write(log, () => {
      if (!(reason === undefined ? this.#attach(log.base) : this.#adopt(log, reason))) return false
      this.#isLost = false
      return true
    })
  }

  /** T4. `onWritten` is called when it is done, before our orders get their rows; false: the purge log could not be had. */
  async #write(log: FleetLog, onWritten: () => boolean): Promise<Outcome> {
    const { maxBytes } = this.#store
    // At most half of it, lest the orders of others are gone before everybody has read them.
    const ours = this.queue.head(maxBytes / 2)
    const after = appendOrders(log, ours, maxBytes)
    const outcome = await this.#store.write(encodeLog(after), lastOf(after), this.#cas)
    if (outcome !== 'stored') return outcome
    if (this.#isClosed) return 'unreachable'
    this.#stamp = undefined
    if (!onWritten()) return 'busy'
    const published = this.#settle(ours, after)
    if (!this.#apply(after)) return 'busy'
    for (const one of published) one.published()
    return this.queue.length === 0 ? 'done' : 'changed'
  }

  /** Of our orders, which have been written, takes out those that others of them repeat: they are in no log. */
  #settle(ours: readonly FleetOrder[], { orders }: FleetLog): Queued[] {
    const written = new Set(orders.flatMap(({ node, id }) => (node === this.queue.node ? [id] : [])))
    const repeated = ours.filter(({ id }) => !written.has(id)).flatMap(({ id }) => this.queue.take(id) ?? [])
    for (const { threads } of repeated) for (const thread of threads) this.#own.end(thread)
    return repeated
  }

  // Here. False: the purge log could not be had.

  /** Begins with a log of this base. */
  #attach(base: number): boolean {
    const reason = this.#rows.known > 0 ? 'log moved' : this.#turns > 1 ? 'log found late' : undefined
    if (reason !== undefined && !this.#purgeAll(reason)) return false
    this.#rows.restart(base, this.#own.bound(this.#purges.last))
    this.#isAttached = true
    return true
  }

  /**
   * Goes on with a log in place of the one that is known. Between the two others may have been, with purges that nobody can
   * find any more; so everything is purged although it was when the loss was seen.
   */
  #adopt(log: FleetLog, reason: GapReason): boolean {
    if (!this.#purgeAll(reason)) return false
    this.#addRow(log.base)
    return true
  }

  /** One loss is one gap, until there is a log again. */
  #purgeAll(reason: GapReason): boolean {
    if (!this.#purges.purgeAll(true)) return false
    if (this.#isLost) return true
    this.#isLost = true
    this.#gaps++
    this.#onGap(reason)
    return true
  }

  /** What is not known yet. */
  #apply({ orders }: FleetLog): boolean {
    const { known } = this.#rows
    for (const { number, node, id, order } of orders) {
      if (number <= known) continue
      const queued = node === this.queue.node ? this.queue.take(id) : undefined
      if (node !== this.queue.node) {
        if (!obeyOrder(this.#purges, order)) return false
        this.#applied++
      }
      for (const thread of queued?.threads ?? []) this.#own.end(thread)
      this.#addRow(number)
      queued?.published()
    }
    return true
  }

  #addRow(fleet: number): void {
    this.#rows.add(fleet, this.#own.bound(this.#purges.last))
  }
}
