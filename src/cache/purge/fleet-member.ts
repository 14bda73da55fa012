/**
 * One cache of one node as a member of the fleet: follows the log that all nodes share, obeys what others have purged, and
 * adds what was purged here. Lives in the main thread; the log lies in a pool, reached through FleetStores.
 *
 * A turn reads and then, if something of our own waits, writes:
 *
 *     T1 is the log as we know it? if not, read it    T2 which log is it that the fleet follows?
 *     T3 follow what is new (fleet-rules.ts)
 *     T4 write it back with our orders behind it, over the CAS value read; somebody was faster: again from T1
 *
 * An order of our own was applied when it was given, before it came here. It is found again in the log, or was seen to be
 * written there: then it gets its row (fleet-rows.ts), and is not applied again, as that would hit what was fetched since.
 * Whether a write that timed out has happened needs no answer: the next turn reads.
 *
 * When the log is lost purges may be lost with it. All that is stored here may then be older than a hard purge, so it
 * goes: `purgeAll`, hard. What lies in the pool is judged by the same purge, except what is younger than the new log.
 *
 * The log has two places, and the fleet follows the one with the highest numbers. A node that has not reached the log for a
 * while begins another in the other place, above all numbers it knows; everybody sees that and comes after:
 *
 *     L1 in the old log may be orders that nobody has read: everything is purged, as with a lost log
 *     L2 in the old log may be orders of ours that those did not read who had moved before: they are given once more. Not
 *        those from before we saw both places, and ours the newest: whoever moved, moved after that, and purged everything
 *     L3 who starts, and does not see both places, cannot know which log is the newest: it takes nothing for known that is
 *        older than itself. So it makes a mark, an order without targets, and begins with the number of that
 *
 * To move is dear, so it is done seldom, and ever more seldom.
 */
import type { MemoryTierShared } from '../tiers/memory-tier.ts'
import { appendOrders, emptyLog, encodeLog, type FleetLog, type FleetOrder, lastOf } from './fleet-log.ts'
import { FleetOwn } from './fleet-own.ts'
import { FleetQueue, type Queued } from './fleet-queue.ts'
import { FleetRows } from './fleet-rows.ts'
import { compareLog, type GapReason } from './fleet-rules.ts'
import { type FleetStore, FleetView } from './fleet-view.ts'
import { purgeLayout } from './layout.ts'
import { obeyOrder, type PurgeOrder } from './order.ts'
import type { PurgeLog } from './purge-log.ts'

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
  /** Label of the server where the log lies. */
  readonly server: string
}

export interface MemberContext {
  readonly shared: MemoryTierShared
  /** The main thread's. */
  readonly purges: PurgeLog
  /** The places of the log, the first choice first; at least one. */
  readonly stores: readonly FleetStore[]
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
/**
 * A log that was out of reach for so long is begun in its other place: longer than a server hangs that swaps, shorter than
 * anybody waits for a purge. Twice as long after each time, up to the most; and as at first when that was long ago.
 */
const LEAST_PATIENCE_MS = 3000
const MOST_PATIENCE_MS = 600_000
/** Orders that are kept to be given once more; as in the queue, more become one. */
const MAX_UNSETTLED = 1024
/** So long may it take until all nodes have the same configuration. */
const RECENT_MS = 600_000
/** Id of a mark: the queue counts from 1. */
const MARK = 0
const NOTHING: PurgeOrder = { scope: 'url', isHard: false, targets: [] }

export class FleetMember {
  readonly queue: FleetQueue
  readonly #purges: PurgeLog
  readonly #rows: FleetRows
  /** Number of the main thread among those that purge. */
  readonly #thread: number
  readonly #own: FleetOwn
  readonly #nowMs: () => number
  readonly #onGap: (reason: GapReason) => void
  #views: readonly FleetView[]
  /** Where the log lies. */
  #current: FleetView
  /** It follows a log; before that the rows are those of another one. */
  #isAttached = false
  #isClosed = false
  #turns = 0
  /** Everything was purged because the log was lost, and no new one has been found or begun since. */
  #isLost = false
  /** Since when the log is out of reach; undefined: it is not. */
  #awaySinceMs: number | undefined = undefined
  #joiningSinceMs: number | undefined = undefined
  #patienceMs = LEAST_PATIENCE_MS
  #movedMs = Number.NEGATIVE_INFINITY
  /** What was purged here and may have to be given once more (L2), and how much of it was there before the last look. */
  #unsettled: PurgeOrder[] = []
  #unsettledBeforeLook = 0
  #recent: { readonly order: PurgeOrder; readonly atMs: number }[] = []
  #applied = 0
  #gaps = 0
  #failures = 0
  #reachedMs: number | null = null

  constructor({ shared, purges, stores, node, nowMs, onGap }: MemberContext) {
    const workers = shared.pins.length
    const { fleetAt, fleetRows, ownAt } = purgeLayout(shared.bytes, workers)
    this.queue = new FleetQueue(node, leastBytes(stores) / MIN_ORDERS)
    this.#purges = purges
    this.#rows = new FleetRows(shared.purges, fleetAt, fleetRows)
    this.#thread = workers
    this.#own = new FleetOwn(shared.purges, ownAt, workers + 1)
    this.#nowMs = nowMs
    this.#onGap = onGap
    this.#views = stores.map((store) => new FleetView(store))
    this.#current = this.#views[0]!
  }

  /** Where the log lies, as its store says. */
  get place(): string {
    return this.#current.store.place
  }

  /**
   * T1 to T4. Whether the log was reached and nothing waits any more; never rejects. One at a time. The first is to have
   * ended before anything is stored that purges of other nodes may concern.
   */
  async turn(): Promise<boolean> {
    this.#turns++
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const read = this.#current
      await Promise.all([read.refresh(), this.#isAttached ? undefined : this.look()])
      if (this.#isClosed) return false
      this.#noteReach(read)
      const outcome = await this.#exchange()
      if (outcome === 'unreachable') {
        this.#failures++
        read.forget()
        return false
      }
      this.#reachedMs = this.#nowMs()
      if (outcome === 'done') {
        this.#settle()
        return true
      }
      if (outcome === 'busy') return false
      if (this.#current.isReached) this.#current.forget()
      else await this.look() // whoever was faster was so in the other place
    }
    return false
  }

  /** Looks at the other place, which takes no part in turns but by what was seen last. Whether a turn would find something there. */
  async look(): Promise<boolean> {
    const others = this.#views.filter((view) => view !== this.#current)
    const unsettled = this.#unsettled.length
    this.#unsettledBeforeLook = 0
    await Promise.all(others.map((view) => view.refresh()))
    if (others.every((view) => view.isReached)) this.#unsettledBeforeLook = unsettled
    return others.some((view) => view.isReached && view.last > this.#rows.known)
  }

  /** What was purged here in the last minutes: if the log moves by configuration, other nodes may have moved before. */
  recent(): PurgeOrder[] {
    const sinceMs = this.#nowMs() - RECENT_MS
    return this.#recent.filter(({ atMs }) => atMs >= sinceMs).map(({ order }) => order)
  }

  /** Whether all places answered when they were read last. */
  get seesAll(): boolean {
    return this.#views.every((view) => view.isReached)
  }

  /** Adds an order of this node, which a FleetPurger has obeyed. `published` is called when it is in the log. */
  publish(order: PurgeOrder, thread: number, published: () => void): void {
    this.queue.add(order, thread, this.#nowMs(), published)
  }

  /** Goes on over other ways to its places; one of them is where the log lies. */
  reopen(stores: readonly FleetStore[]): void {
    const { place } = this
    this.#views = stores.map((store) => new FleetView(store))
    this.#current = this.#views.find(({ store }) => store.place === place) ?? this.#views[0]!
    this.queue.fit(leastBytes(stores) / MIN_ORDERS, this.#nowMs())
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
      server: this.#current.store.server,
    }
  }

  /** The log that we follow was there and is the newest: everybody will follow it, or a newer one from now on. */
  #settle(): void {
    if (this.#views.some(({ last }) => last > this.#rows.known)) return
    this.#unsettled.splice(0, this.#unsettledBeforeLook)
    this.#unsettledBeforeLook = 0
  }

  #notePublished(order: PurgeOrder): void {
    const atMs = this.#nowMs()
    this.#recent.push({ order, atMs })
    if (this.#recent.length > MAX_UNSETTLED) this.#recent = [{ order: sumOf(this.#recent), atMs }]
    this.#unsettled.push(order)
    if (this.#unsettled.length <= MAX_UNSETTLED) return
    this.#unsettled = [sumOf(this.#unsettled.map((one) => ({ order: one })))]
    this.#unsettledBeforeLook = 0
  }

  #noteReach(view: FleetView): void {
    if (view.isReached) this.#awaySinceMs = undefined
    else this.#awaySinceMs ??= this.#nowMs()
  }

  /** T2 to T4. */
  async #exchange(): Promise<Outcome> {
    const current = this.#current
    const best = this.#views.reduce((one, other) => (other.isReached && other.last > one.last ? other : one), current)
    if (!this.#isAttached) return this.#join(best)
    if (best !== current && best.last > this.#rows.known) return this.#follow(best, 'log moved')
    if (!current.isReached) return this.#leave()
    const step = compareLog(this.#rows.known, current.log)
    if (step.kind === 'gap') return this.#follow(current, step.reason)
    if (step.kind === 'apply') return this.#goOn(current)
    if (!this.#isLost && !this.#purgeAll(step.reason)) return 'busy'
    return this.#begin(current, step.reason)
  }

  /** The first log, or the first after one that is no concern of ours any more. */
  async #join(best: FleetView): Promise<Outcome> {
    const nowMs = this.#nowMs()
    this.#joiningSinceMs ??= nowMs
    if (!this.seesAll && nowMs - this.#joiningSinceMs < LEAST_PATIENCE_MS) return 'unreachable'
    const { log } = best
    if (!best.isReached || log === undefined) {
      const free = this.#views.find(({ isReached }) => isReached)
      return free === undefined ? 'unreachable' : this.#begin(free, undefined)
    }
    if (!this.seesAll) return this.#joinByMark(best, log)
    return this.#attach(best, log.base) ? this.#goOn(best) : 'busy'
  }

  /** L3. */
  async #joinByMark(view: FleetView, log: FleetLog): Promise<Outcome> {
    const { store, cas } = view
    const mark = { node: this.queue.node, id: MARK, atMs: this.#nowMs(), order: NOTHING }
    const after = appendOrders(log, [mark], store.maxBytes)
    const outcome = await store.write(encodeLog(after), lastOf(after), cas)
    view.forget()
    if (this.#isClosed || outcome === 'unreachable') return 'unreachable'
    if (outcome === 'stored' && !this.#attach(view, lastOf(after))) return 'busy'
    return 'changed'
  }

  /** The log is out of reach: after a while it is begun in the other place. */
  async #leave(): Promise<Outcome> {
    const other = this.#otherPlace()
    return other === undefined ? 'unreachable' : this.#begin(other, 'log out of reach')
  }

  /** Undefined: it is out of reach, too, or it is too early for it. */
  #otherPlace(): FleetView | undefined {
    const nowMs = this.#nowMs()
    if (nowMs - this.#movedMs > MOST_PATIENCE_MS) this.#patienceMs = LEAST_PATIENCE_MS
    if (nowMs - (this.#awaySinceMs ?? nowMs) < this.#patienceMs) return undefined
    return this.#views.find((view) => view !== this.#current && view.isReached)
  }

  async #goOn(view: FleetView): Promise<Outcome> {
    this.#isLost = false
    const log = view.log!
    if (!this.#apply(log)) return 'busy'
    this.#sharpen()
    return this.queue.length === 0 ? 'done' : this.#write(view, log, () => true)
  }

  /** Goes on with a log that does not continue what is known. */
  async #follow(view: FleetView, reason: GapReason): Promise<Outcome> {
    if (!this.#adopt(view, view.log!.base, reason)) return 'busy'
    return this.#goOn(view)
  }

  /** Begins a log of our own, with what waits here as its first orders. `reason`: why the one before ends, if there was one. */
  #begin(view: FleetView, reason: GapReason | undefined): Promise<Outcome> {
    const known = Math.max(this.#rows.known, ...this.#views.map(({ last }) => last))
    const log = emptyLog(this.#nowMs(), known, Math.random())
    return this.#write(view, log, () => {
      const isOurs = reason === undefined ? this.#attach(view, log.base) : this.#adopt(view, log.base, reason)
      if (!isOurs) return false
      this.#isLost = false
      if (reason !== 'log out of reach') return true
      this.#movedMs = this.#nowMs()
      this.#patienceMs = Math.min(2 * this.#patienceMs, MOST_PATIENCE_MS)
      return true
    })
  }

  /** T4. `onWritten` is called when it is done, before our orders get their rows; false: the purge log could not be had. */
  async #write(view: FleetView, log: FleetLog, onWritten: () => boolean): Promise<Outcome> {
    const { store, cas } = view
    // At most half of it, lest the orders of others are gone before everybody has read them.
    const ours = this.queue.head(store.maxBytes / 2)
    const after = appendOrders(log, ours, store.maxBytes)
    const outcome = await store.write(encodeLog(after), lastOf(after), cas)
    view.forget()
    if (this.#isClosed) return 'unreachable'
    if (outcome !== 'stored') return outcome
    if (!onWritten()) return 'busy'
    const published = this.#takeRepeated(ours, after)
    if (!this.#apply(after)) return 'busy'
    for (const one of published) one.published()
    return this.queue.length === 0 ? 'done' : 'changed'
  }

  /** Of our orders, which have been written, takes out those that others of them repeat: they are in no log. */
  #takeRepeated(ours: readonly FleetOrder[], { orders }: FleetLog): Queued[] {
    const written = new Set(orders.flatMap(({ node, id }) => (node === this.queue.node ? [id] : [])))
    const repeated = ours.filter(({ id }) => !written.has(id)).flatMap(({ id }) => this.queue.take(id) ?? [])
    for (const { threads, order } of repeated) {
      for (const thread of threads) this.#own.end(thread)
      this.#notePublished(order.order)
    }
    return repeated
  }

  // Here. False: the purge log could not be had.

  /** Begins with a log of this base. */
  #attach(view: FleetView, base: number): boolean {
    const reason = this.#rows.known > 0 ? 'log moved' : this.#turns > 1 ? 'log found late' : undefined
    if (reason !== undefined && !this.#purgeAll(reason)) return false
    this.#rows.restart(base, this.#own.bound(this.#purges.last))
    this.#isAttached = true
    this.#settleAt(view)
    return true
  }

  /**
   * Goes on with a log of this base in place of the one that is known. Between the two others may have been, with purges
   * that nobody can find any more; so everything is purged although it was when the loss was seen.
   */
  #adopt(view: FleetView, base: number, reason: GapReason): boolean {
    if (!this.#purgeAll(reason)) return false
    if (view !== this.#current && !this.#repeatUnsettled()) return false
    const number = this.#own.bound(this.#purges.last)
    if (base > this.#rows.known) this.#rows.add(base, number)
    else this.#rows.restart(base, number)
    this.#settleAt(view)
    return true
  }

  /** L2. They are obeyed once more here, too, so that they have a number above what follows. */
  #repeatUnsettled(): boolean {
    for (const order of [...this.#unsettled]) {
      this.#own.begin(this.#thread, this.#purges.last)
      if (!obeyOrder(this.#purges, order)) {
        this.#own.end(this.#thread)
        return false
      }
      this.publish(order, this.#thread, () => {})
      this.#unsettled.shift()
    }
    this.#unsettledBeforeLook = 0
    return true
  }

  #settleAt(view: FleetView): void {
    this.#current = view
    this.#awaySinceMs = undefined
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

  /**
   * Everything of the fleet is applied, so what was purged since, and is not on its way, this machine has purged for itself.
   * Once entries of that are given away it would keep out all that the pool has.
   */
  #sharpen(): void {
    const number = this.#own.bound(this.#purges.last)
    const { lastNumber } = this.#rows
    if (this.#purges.forgotten > lastNumber && number > lastNumber) this.#rows.sharpen(number)
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
      if (queued !== undefined) this.#notePublished(order)
      this.#rows.add(number, this.#own.bound(this.#purges.last))
      queued?.published()
    }
    return true
  }
}

/** One order in place of many. */
function sumOf(orders: readonly { readonly order: PurgeOrder }[]): PurgeOrder {
  return { scope: 'all', isHard: orders.some(({ order }) => order.isHard), targets: [] }
}

function leastBytes(stores: readonly FleetStore[]): number {
  return Math.min(...stores.map(({ maxBytes }) => maxBytes))
}
