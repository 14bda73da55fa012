/**
 * The servers of one memcached pool as one thread sees them: who owns a key, connections, and which servers are out.
 *
 *     key -> ownerOf (ring of the live servers) -> begin (a connection of the owner) -> request.onReply | onFailure
 *
 * Health is shared by all threads (see pool-state.ts); the ring is built again, by each thread for itself, when somebody
 * changed which servers are live.
 *
 *     live --failures in a row--> ejected --time is over--> probed by one thread --answer--> live
 *                                    ^                          |
 *                                    +------ no answer ---------+        drained: out until the operator says otherwise
 *
 * The probe is a write: the note that the server was taken back (see greeting.ts) has to be on it before anybody reads from
 * it again, and a server that takes it has proved more than one that says its version.
 */
import { Resolver } from '../net/resolver.ts'
import type { MemcachedPlan } from '../plan/memcached-plan.ts'
import { Placement, type Ring } from '../ring/placement.ts'
import { Failure, type FailureCode, failureTexts } from './failure.ts'
import type { ItemStore } from './item-store.ts'
import type { OutBuffer } from './out-buffer.ts'
import type { PoolServer, ServerOwner } from './pool-server.ts'
import { Age, PoolState } from './pool-state.ts'
import { SaslItems } from './sasl-items.ts'
import { SaslServer } from './sasl-server.ts'
import type { ServerConnection } from './server-connection.ts'
import type { ServerRequest } from './server-request.ts'
import { TextServer } from './text-server.ts'

/** What the thread gives its pools. */
export interface PoolContext {
  /** Number of the worker; MAIN_THREAD for the main thread. */
  readonly worker: number
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields: object) => void
  /** Told what an onReply or onFailure throws. */
  readonly onFault: (error: unknown) => void
  /** Shared by the pools of the thread; undefined: the pool has its own. */
  readonly resolver?: Resolver
}

/** Between looks whether another node took a server back; see `watchReturns`. */
const WATCH_MS = 1000
/** How long a server stays out that was ejected before a reload switched ejection off. */
const MAX_LEFT_OUT_MS = 1000
/** Shortest wait of the timer that looks for servers to be probed. */
const MIN_PROBE_WAIT_MS = 5

export class Pool implements ServerOwner {
  readonly plan: MemcachedPlan
  readonly name: string
  readonly state: PoolState
  readonly worker: number
  readonly resolver: Resolver
  /** For pools with `auth`, whose servers `begin` cannot speak to; undefined for all others. */
  readonly items: ItemStore | undefined
  /** Why `begin` returned undefined. */
  refusal: FailureCode = Failure.refused
  readonly #context: PoolContext
  readonly #placement: Placement
  readonly #servers: readonly PoolServer[]
  /** The servers again, if they speak text; else empty. */
  readonly #textServers: readonly TextServer[]
  /** The servers again, if they want user and password; else empty. */
  readonly #saslServers: readonly SaslServer[]
  readonly #dirty: ServerConnection[] = []
  readonly #flushAll = () => this.#flush()
  #ring: Ring
  #changes: number
  #turn = 0
  #isClosed = false
  #probeTimer: NodeJS.Timeout | undefined = undefined
  #watch: NodeJS.Timeout | undefined = undefined

  constructor(plan: MemcachedPlan, state: SharedArrayBuffer, context: PoolContext) {
    this.plan = plan
    this.name = plan.name
    this.state = new PoolState(state)
    this.#context = context
    this.#placement = new Placement(plan)
    this.worker = context.worker
    this.resolver = context.resolver ?? new Resolver()
    const numbers = plan.servers.map((_, server) => server)
    const { auth } = plan
    const saslServers = auth === undefined ? [] : numbers.map((server) => new SaslServer(server, this, auth))
    this.#saslServers = saslServers
    this.#textServers = auth === undefined ? numbers.map((server) => new TextServer(server, this)) : []
    this.#servers = auth === undefined ? this.#textServers : saslServers
    this.items = auth === undefined ? undefined : new SaslItems(saslServers, (key) => this.#ownerOfText(key))
    this.#changes = this.state.changes
    this.#ring = this.#buildRing()
  }

  /** Labels of the servers, by number. */
  get labels(): readonly string[] {
    return this.plan.servers.map(({ label }) => label)
  }

  /** The ring of the servers that are live now. */
  get ring(): Ring {
    if (this.#changes !== this.state.changes) this.#follow()
    return this.#ring
  }

  get placement(): Placement {
    return this.#placement
  }

  /** As `items`, for keys that lie on one server whoever owns them, ejected or not. */
  itemsAt(server: number): ItemStore | undefined {
    return this.items === undefined ? undefined : new SaslItems(this.#saslServers, () => server)
  }

  /** No request is queued or unanswered. */
  get isIdle(): boolean {
    return this.#servers.every((server) => server.isIdle)
  }

  /** Number of the live server that owns the key bytes[start, end); -1 when none is live. */
  ownerOf(bytes: Buffer, start: number, end: number): number {
    if (this.#changes !== this.state.changes) this.#follow()
    return this.#ring.ownerOf(bytes, start, end)
  }

  /**
   * Queues `request` for a server; the caller appends its bytes to what is returned before it begins another request or
   * returns to the event loop. Undefined: it is refused, `refusal` says why, and the request is told nothing. Requests
   * with the same `affinity` (such as the number of a client) go over one connection and keep their order. Not for pools
   * with `auth`.
   */
  begin(server: number, request: ServerRequest, affinity?: number): OutBuffer | undefined {
    if (server < 0 || this.#isClosed) {
      this.refusal = this.#isClosed ? Failure.closed : Failure.refused
      return undefined
    }
    const { connections } = this.plan
    const slot = connections === 1 ? 0 : (affinity ?? this.#turn++) % connections
    const out = this.#textServers[server]!.begin(slot, request)
    if (out === undefined) this.refusal = Failure.backlog
    return out
  }

  /** The server knows the meta commands, as far as anybody has seen; false until one connection was open. */
  isModern(server: number): boolean {
    return this.state.age(server) === Age.modern
  }

  /**
   * Wall clock, milliseconds: what the server holds from before was perhaps changed elsewhere, as it was out until then.
   * 0: it was never out, as far as any node said. Known at the latest when the first request to the server is answered.
   */
  returnedAtMs(server: number): number {
    return this.state.returnedAtMs(server)
  }

  /** Opens the first connection to every server; a failure is a line in the log. */
  preconnect(): void {
    for (const server of this.#servers) server.preconnect()
  }

  /** Looks once a second, as long as the pool is used, whether another node took a server back. For those who use `returnedAtMs`. */
  watchReturns(): void {
    if (this.#watch !== undefined || this.#isClosed) return
    this.#watch = setInterval(() => {
      for (const server of this.#servers) server.look()
    }, WATCH_MS)
    this.#watch.unref()
  }

  /** Routes around a server until `undrain`; true when that is new. What is queued for it is still answered. */
  drain(server: number): boolean {
    return this.state.setDrained(server, true)
  }

  /** Gives a drained server its keys back, with a note as after an ejection; true when it was drained. */
  undrain(server: number): boolean {
    if (!this.state.isDrained(server)) return false
    const nowMs = Date.now()
    this.state.noteReturn(server, nowMs)
    this.#servers[server]!.writeNote(nowMs, () => {})
    return this.state.setDrained(server, false)
  }

  /** Takes over the connections of a pool whose plan this one replaces, to servers that are the same; close that one next. */
  takeOver(previous: Pool): void {
    const byIdentity = new Map(previous.#textServers.map((server) => [server.identity, server]))
    for (const server of this.#textServers) {
      const old = byIdentity.get(server.identity)
      if (old !== undefined) server.takeOver(old)
    }
  }

  /** Begins nothing more; connections close when what is queued on them is answered. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#probeTimer)
    clearInterval(this.#watch)
    for (const server of this.#servers) server.drain()
  }

  /** Closes now; what is queued fails. */
  destroy(): void {
    this.close()
    for (const server of this.#servers) server.destroy()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Asks for `connection.flush()` in the check phase of this turn, after everything that was read in it (for hosts). */
  flushLater(connection: ServerConnection): void {
    if (connection.isDirty) return
    connection.isDirty = true
    if (this.#dirty.push(connection) === 1) setImmediate(this.#flushAll)
  }

  /** A failure of a server, which is to be counted if it says something new (for hosts). */
  onFailure(server: number, failure: FailureCode, begunNs: bigint): void {
    const { eject } = this.plan
    if (eject === undefined || this.state.isEjected(server)) return
    const failures = this.state.addFailure(server, begunNs, process.hrtime.bigint())
    if (failures < eject.afterFailures) return
    if (!this.state.eject(server, Date.now(), eject.forMs)) return
    this.#context.log('warn', `memcached ${this.name}: server ${this.labels[server]} is ejected`, {
      pool: this.name,
      server: this.labels[server],
      failure: failureTexts[failure],
      failures,
      forMs: eject.forMs,
    })
    this.#follow()
  }

  /** How long an ejected server is out; one that an earlier plan ejected, which this one would not, is soon taken back. */
  get #outMs(): number {
    return this.plan.eject?.forMs ?? MAX_LEFT_OUT_MS
  }

  warn(server: number, message: string): void {
    const label = this.labels[server]
    this.#context.log('warn', `memcached ${this.name}: server ${label} ${message}`, { pool: this.name, server: label })
  }

  onFault(error: unknown): void {
    this.#context.onFault(error)
  }

  #ownerOfText(key: string): number {
    const bytes = Buffer.from(key)
    return this.ownerOf(bytes, 0, bytes.length)
  }

  #flush(): void {
    const dirty = this.#dirty
    const { length } = dirty
    for (let i = 0; i < length; i++) {
      const connection = dirty[i]!
      connection.isDirty = false
      connection.flush()
    }
    if (dirty.length === length) {
      dirty.length = 0
      return
    }
    dirty.splice(0, length)
    setImmediate(this.#flushAll)
  }

  #follow(): void {
    this.#changes = this.state.changes
    this.#ring = this.#buildRing()
  }

  #buildRing(): Ring {
    this.#setProbeTimer()
    return this.#placement.build((server) => this.state.isLive(server))
  }

  #setProbeTimer(): void {
    clearTimeout(this.#probeTimer)
    if (this.#isClosed) return
    const untils = this.#servers
      .filter(({ server }) => this.state.isEjected(server))
      .map(({ server }) => this.state.ejectedUntilMs(server))
    if (untils.length === 0) return
    const waitMs = Math.min(Math.max(Math.min(...untils) - Date.now(), MIN_PROBE_WAIT_MS), this.#outMs)
    this.#probeTimer = setTimeout(() => this.#probe(), waitMs)
    this.#probeTimer.unref()
  }

  #probe(): void {
    for (const server of this.#servers) {
      const nowMs = Date.now()
      if (!this.state.claimProbe(server.server, nowMs, this.#outMs)) continue
      server.writeNote(nowMs, (hasAnswered) => this.#onProbed(server.server, nowMs, hasAnswered))
    }
    this.#setProbeTimer()
  }

  #onProbed(server: number, atMs: number, hasAnswered: boolean): void {
    if (!hasAnswered || !this.state.readmit(server, atMs)) return
    this.#context.log('info', `memcached ${this.name}: server ${this.labels[server]} is back`, {
      pool: this.name,
      server: this.labels[server],
    })
    this.#follow()
  }
}
