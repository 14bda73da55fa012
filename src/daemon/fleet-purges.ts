/**
 * The caches that share a pool with other nodes, as members of their fleets: once a second each looks at its log, all of
 * them in one write per server, and at once when something was purged here.
 *
 *     prepare    before workers serve a Plan: caches that are new here read their logs, so that the first look-up in the
 *                pool can be judged
 *     commit     after they do: what is gone ends, what moved to another log goes on there
 *
 * A server that does not answer costs nothing but the news from it: what waits is published when it is back.
 */
import { randomBytes } from 'node:crypto'
import { FleetMember, type MemberStats } from '../cache/purge/fleet-member.ts'
import { FleetPurger, type FleetState } from '../cache/purge/fleet-purger.ts'
import { openFleetStores } from '../cache/purge/fleet-store.ts'
import type { PurgeOrder } from '../cache/purge/order.ts'
import { PurgeLog } from '../cache/purge/purge-log.ts'
import type { Pool } from '../memcached/pool.ts'
import type { PoolSet } from '../memcached/pool-set.ts'
import type { Plan } from '../plan/plan.ts'
import type { Publication } from '../proxy/fleet-publisher.ts'
import type { SharedState } from '../proxy/runtime.ts'

/** Half of the two seconds in which a purge is to be everywhere. */
const POLL_MS = 1000
/** So long may a server be out of reach without a line in the log; less than there is between two looks. */
const MOMENT_MS = 500
const NODE_BYTES = 8
/** Attached to without fetching. */
const MAIN_THREAD = -1

export interface FleetStatus extends MemberStats {
  readonly pool: string
}

export type FleetLogger = (level: 'info' | 'warn', message: string, fields: object) => void

interface Live {
  readonly plan: Plan
  readonly shared: SharedState
}

/** What becomes of the members when a Plan is live. */
export interface PreparedFleets {
  commit(): void
  rollback(): void
}

export class FleetPurges {
  readonly #log: FleetLogger
  /** By the name of the cache. */
  #fleets: ReadonlyMap<string, Fleet> = new Map()
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(log: FleetLogger) {
    this.#log = log
  }

  /** Never rejects. Ends when all new caches have read their logs, or have failed to. */
  async prepare({ plan, shared }: Live, pools: PoolSet): Promise<PreparedFleets> {
    const changes = plan.caches.flatMap((cache) => {
      if (cache.pool === undefined) return []
      const { id, value } = shared.caches.get(cache.name)!
      const pool = pools.get(cache.pool)
      const old = this.#fleets.get(cache.name)
      const before = old?.cacheId === id ? old : undefined
      const isSame = before?.isIn(pool) === true
      const fleet = isSame ? before : new Fleet({ name: cache.name, cacheId: id, memory: value }, pool, this.#log)
      return [{ fleet, pool, before }]
    })
    const joining = changes.filter(({ before }) => before === undefined)
    await Promise.all(joining.map(({ fleet }) => fleet.turn()))
    return {
      commit: () => {
        const fleets = new Map(changes.map(({ fleet }) => [fleet.name, fleet]))
        for (const old of this.#fleets.values()) {
          const next = fleets.get(old.name)
          if (next !== old) old.end(next)
        }
        this.#fleets = fleets
        for (const { fleet, pool } of changes) fleet.follow(pool)
        void this.poll()
      },
      rollback: () => {
        for (const { fleet, before } of changes) if (fleet !== before) fleet.end(undefined)
      },
    }
  }

  start(): void {
    this.#timer = setInterval(() => void this.poll(), POLL_MS).unref()
  }

  close(): void {
    clearInterval(this.#timer)
    for (const fleet of this.#fleets.values()) fleet.end(undefined)
  }

  async poll(): Promise<void> {
    await Promise.all([...this.#fleets.values()].map((fleet) => fleet.poll()))
  }

  /** Brings an order of a worker to the other nodes. */
  async publish(worker: number, { cacheName, cacheId, order }: Publication): Promise<FleetState> {
    const fleet = this.#fleets.get(cacheName)
    // A request that began under an earlier Plan has obeyed it in the memory of that.
    const state = fleet?.cacheId === cacheId ? fleet.publish(order, worker) : fleet?.purge(order)
    return state ?? 'pending'
  }

  /** Purges here and on all other nodes of the cache. undefined: it could not be done here. */
  purge(cacheName: string, order: PurgeOrder): Promise<FleetState> | undefined {
    return this.#fleets.get(cacheName)?.purge(order)
  }

  /** undefined: no other node shares the cache. */
  statusOf(cacheName: string): FleetStatus | undefined {
    return this.#fleets.get(cacheName)?.status()
  }

  /** Gives back what a worker held that has ended. */
  releaseWorker(worker: number): void {
    for (const fleet of this.#fleets.values()) fleet.member.releaseThread(worker)
  }
}

/** Who wants to know what becomes of an order. */
interface Waiter {
  tell(state: FleetState): void
}

/** One cache. */
class Fleet {
  readonly name: string
  readonly cacheId: number
  readonly member: FleetMember
  readonly #purger: FleetPurger
  readonly #log: FleetLogger
  #pool: Pool
  #waiting: Waiter[] = []
  #turning: Promise<void> | undefined = undefined
  #looking: Promise<boolean> | undefined = undefined
  #isAskedAgain = false
  /** Since when turns do not reach the log. */
  #missedSinceMs: number | undefined = undefined
  #isAway = false
  #hasEnded = false

  constructor(
    cache: { name: string; cacheId: number; memory: ConstructorParameters<typeof PurgeLog>[0] },
    pool: Pool,
    log: FleetLogger,
  ) {
    this.name = cache.name
    this.cacheId = cache.cacheId
    const purges = new PurgeLog(cache.memory, MAIN_THREAD)
    this.member = new FleetMember({
      shared: cache.memory,
      purges,
      stores: openFleetStores(pool, cache.name),
      node: randomBytes(NODE_BYTES).toString('hex'),
      nowMs: Date.now,
      onGap: (reason) => {
        const message = 'purges of other nodes may have been missed: everything in the cache is purged'
        log('warn', message, { ...this.#fields, reason })
      },
    })
    this.#purger = new FleetPurger(cache.memory, purges, MAIN_THREAD)
    this.#log = log
    this.#pool = pool
  }

  get #fields(): object {
    return { cache: this.name, pool: this.#pool.name, server: this.member.stats().server }
  }

  /** Whether the log goes on where it is when this is the pool. */
  isIn(pool: Pool): boolean {
    return openFleetStores(pool, this.name).some(({ place }) => place === this.member.place)
  }

  /** Goes on over this pool, in which the log lies where it was. */
  follow(pool: Pool): void {
    if (pool === this.#pool) return
    this.#pool = pool
    this.member.reopen(openFleetStores(pool, this.name))
  }

  /** No turn changes anything from now on; what waits moves to `next`. */
  end(next: Fleet | undefined): void {
    this.#hasEnded = true
    this.member.close()
    const { pending } = this.member.stats()
    if (next !== undefined) next.#takeOver(this)
    else if (pending > 0) {
      this.#log('warn', 'purges that other nodes have not heard of are lost', { cache: this.name, pending })
    }
    this.#tell(this.#waiting.length, 'pending')
  }

  /** In another memory the orders have not been obeyed. */
  #takeOver(old: Fleet): void {
    if (old.cacheId !== this.cacheId) {
      for (const { order } of old.member.queue.head(Number.POSITIVE_INFINITY)) void this.purge(order)
      return
    }
    this.member.queue.takeAll(old.member.queue, Date.now())
    // Behind the first turn, which purges everything: what others have stored under the new log is to outlive it.
    void this.turn().then(() => {
      for (const order of old.member.recent()) void this.purge(order)
    })
    this.#waiting.push(...old.#waiting)
    old.#waiting = []
  }

  purge(order: PurgeOrder): Promise<FleetState> | undefined {
    return this.#purger.obey(order) ? this.publish(order, this.#purger.thread) : undefined
  }

  /** `pending` as soon as it turned out that the log is out of reach. */
  publish(order: PurgeOrder, thread: number): Promise<FleetState> {
    return new Promise((resolve) => {
      const waiter = { tell: resolve }
      this.#waiting.push(waiter)
      this.member.publish(order, thread, () => resolve('published'))
      void this.turn()
    })
  }

  /** Looks at both places. The other one must not delay the turns of the one where the log lies. */
  async poll(): Promise<void> {
    const looking = this.#look()
    await this.turn()
    if (await looking) await this.turn()
  }

  #look(): Promise<boolean> {
    this.#looking ??= this.member.look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** Looks at the log; asked while it does, it looks again. Never rejects. */
  turn(): Promise<void> {
    this.#isAskedAgain = true
    this.#turning ??= this.#run().finally(() => {
      this.#turning = undefined
      if (this.#isAskedAgain && !this.#hasEnded) void this.turn() // asked when it had just ended
    })
    return this.#turning
  }

  async #run(): Promise<void> {
    while (this.#isAskedAgain && !this.#hasEnded) {
      this.#isAskedAgain = false
      const waiting = this.#waiting.length
      const { failures } = this.member.stats()
      await this.member.turn()
      if (this.#hasEnded) return
      this.#tellReach(this.member.stats().failures === failures)
      // Who was told that it is published does not hear this.
      this.#tell(waiting, 'pending')
    }
  }

  #tell(count: number, state: FleetState): void {
    for (const waiter of this.#waiting.splice(0, count)) waiter.tell(state)
  }

  #tellReach(isReached: boolean): void {
    const nowMs = performance.now()
    if (isReached) this.#missedSinceMs = undefined
    else this.#missedSinceMs ??= nowMs
    const isLong = this.#missedSinceMs !== undefined && nowMs - this.#missedSinceMs >= MOMENT_MS
    if (isReached !== this.#isAway || (!isReached && !isLong)) return
    this.#isAway = !isReached
    if (isReached) this.#log('info', 'purges go to other nodes again', this.#fields)
    else this.#log('warn', 'purges do not reach other nodes, nor theirs this one: they wait for the pool', this.#fields)
  }

  status(): FleetStatus {
    return { pool: this.#pool.name, ...this.member.stats() }
  }
}
