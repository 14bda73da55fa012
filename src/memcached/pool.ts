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
import { ReadNoteRequest, VersionRequest, WriteNoteRequest } from './greeting.ts'
import type { OutBuffer } from './out-buffer.ts'
import { Age, type CommandName, commandNames, PoolState, serverIdentity, Use } from './pool-state.ts'
import { type ConnectionHost, ServerConnection } from './server-connection.ts'
import type { ServerRequest } from './server-request.ts'

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

/** One reply may be larger than `max-item`, as it is said of the cache tier and not of every client: as large as a value may be in the proxy. */
const MIN_MAX_REPLY_BYTES = 128 * 1024 * 1024
/** Lines and keys around the value. */
const REPLY_OVERHEAD_BYTES = 64 * 1024
/** Between looks whether another node took a server back; see `watchReturns`. */
const WATCH_MS = 1000
/** How long a server stays out that was ejected before a reload switched ejection off. */
const MAX_LEFT_OUT_MS = 1000
/** Shortest wait of the timer that looks for servers to be probed. */
const MIN_PROBE_WAIT_MS = 5

const commandIndex = Object.fromEntries(commandNames.map((name, i) => [name, i])) as Record<CommandName, number>

export class Pool {
  readonly plan: MemcachedPlan
  readonly name: string
  readonly state: PoolState
  /** Why `begin` returned undefined. */
  refusal: FailureCode = Failure.refused
  readonly #context: PoolContext
  readonly #placement: Placement
  readonly #hosts: ServerHost[]
  readonly #commands: Float64Array
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
    this.#commands = this.state.commandsOf(context.worker)
    const resolver = context.resolver ?? new Resolver()
    this.#hosts = plan.servers.map((_, server) => new ServerHost(this, server, context, resolver))
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

  /** No request is queued or unanswered. */
  get isIdle(): boolean {
    return this.#hosts.every((host) => host.isIdle)
  }

  /** Number of the live server that owns the key bytes[start, end); -1 when none is live. */
  ownerOf(bytes: Buffer, start: number, end: number): number {
    if (this.#changes !== this.state.changes) this.#follow()
    return this.#ring.ownerOf(bytes, start, end)
  }

  /**
   * Queues `request` for a server; the caller appends its bytes to what is returned before it begins another request or
   * returns to the event loop. Undefined: it is refused, `refusal` says why, and the request is told nothing. Requests
   * with the same `affinity` (such as the number of a client) go over one connection and keep their order.
   */
  begin(server: number, request: ServerRequest, affinity?: number): OutBuffer | undefined {
    if (server < 0 || this.#isClosed) {
      this.refusal = this.#isClosed ? Failure.closed : Failure.refused
      return undefined
    }
    const { connections } = this.plan
    const slot = connections === 1 ? 0 : (affinity ?? this.#turn++) % connections
    request.server = server
    const out = this.#hosts[server]!.connection(slot).begin(request)
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

  /** Counts a client's command. */
  count(command: CommandName): void {
    this.#commands[commandIndex[command]]! += 1
  }

  /** Opens the first connection to every server; a failure is a line in the log. */
  preconnect(): void {
    for (const host of this.#hosts) host.connection(0)
  }

  /** Looks once a second, as long as the pool is used, whether another node took a server back. For those who use `returnedAtMs`. */
  watchReturns(): void {
    if (this.#watch !== undefined || this.#isClosed) return
    this.#watch = setInterval(() => {
      for (const host of this.#hosts) host.look()
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
    this.#hosts[server]!.ask(new WriteNoteRequest(nowMs, () => {}))
    return this.state.setDrained(server, false)
  }

  /** Takes over the connections of a pool whose plan this one replaces, to servers that are the same; close that one next. */
  takeOver(previous: Pool): void {
    const byIdentity = new Map(previous.#hosts.map((host) => [host.identity, host]))
    for (const host of this.#hosts) {
      const old = byIdentity.get(host.identity)
      if (old !== undefined) host.takeOver(old)
    }
  }

  /** Begins nothing more; connections close when what is queued on them is answered. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#probeTimer)
    clearInterval(this.#watch)
    for (const host of this.#hosts) host.drain()
  }

  /** Closes now; what is queued fails. */
  destroy(): void {
    this.close()
    for (const host of this.#hosts) host.destroy()
  }

  /** @internal */
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
    const untils = this.#hosts
      .filter(({ server }) => this.state.isEjected(server))
      .map(({ server }) => this.state.ejectedUntilMs(server))
    if (untils.length === 0) return
    const waitMs = Math.min(Math.max(Math.min(...untils) - Date.now(), MIN_PROBE_WAIT_MS), this.#outMs)
    this.#probeTimer = setTimeout(() => this.#probe(), waitMs)
    this.#probeTimer.unref()
  }

  #probe(): void {
    for (const host of this.#hosts) {
      const nowMs = Date.now()
      if (this.state.claimProbe(host.server, nowMs, this.#outMs)) {
        host.ask(new WriteNoteRequest(nowMs, (hasAnswered) => this.#onProbed(host.server, nowMs, hasAnswered)))
      }
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

/** One server: its connections, and what they need to know. */
class ServerHost implements ConnectionHost {
  readonly server: number
  readonly identity: string
  readonly resolver: Resolver
  readonly address: ConnectionHost['address']
  readonly timeoutMs: number
  readonly keepAlive: boolean
  readonly maxBacklogBytes: number
  readonly maxReplyBytes: number
  readonly use: Float64Array
  readonly latencies: Float64Array
  readonly #pool: Pool
  readonly #context: PoolContext
  /** By slot; a closed one is taken out. */
  readonly #connections: (ServerConnection | undefined)[]
  /** Requests counted when `look` last ran. */
  #lookedAt = 0

  constructor(pool: Pool, server: number, context: PoolContext, resolver: Resolver) {
    const { plan, state } = pool
    this.server = server
    this.identity = serverIdentity(plan.servers[server]!)
    this.resolver = resolver
    this.address = plan.servers[server]!.address
    this.timeoutMs = plan.timeoutMs
    this.keepAlive = plan.keepAlive
    this.maxBacklogBytes = plan.maxBacklogBytes
    this.maxReplyBytes = Math.max(plan.maxItemBytes, MIN_MAX_REPLY_BYTES) + REPLY_OVERHEAD_BYTES
    this.use = state.useOf(context.worker, server)
    this.latencies = state.latenciesOf(context.worker, server)
    this.#pool = pool
    this.#context = context
    this.#connections = new Array<ServerConnection | undefined>(plan.connections).fill(undefined)
  }

  get isIdle(): boolean {
    return this.#connections.every((connection) => connection === undefined || connection.isIdle)
  }

  /** The connection of a slot, opened if it is not there. */
  connection(slot: number): ServerConnection {
    const known = this.#connections[slot]
    if (known?.isOpen) return known
    const connection = known ?? new ServerConnection(this, slot)
    this.#connections[slot] = connection
    connection.reliesOnModern ||= this.#pool.isModern(this.server)
    return connection
  }

  /** Sends a request of the pool's own over the first connection. */
  ask(request: ServerRequest & { write(out: OutBuffer): void }): void {
    const out = this.#pool.begin(this.server, request, 0)
    if (out === undefined) request.onFailure(this.#pool.refusal)
    else request.write(out)
  }

  /** Reads the note of the last return, if the server was used since the last time and no other thread does it. */
  look(): void {
    const requests = this.use[Use.requests]!
    if (requests === this.#lookedAt || !this.#connections[0]?.isOpen) return
    if (this.#pool.state.claimLook(this.server, Math.floor(Date.now() / WATCH_MS))) this.ask(new ReadNoteRequest(this))
    this.#lookedAt = this.use[Use.requests]!
  }

  takeOver(old: ServerHost): void {
    for (const [slot, connection] of old.#connections.entries()) {
      if (connection === undefined || slot >= this.#connections.length || this.#connections[slot] !== undefined)
        continue
      old.#connections[slot] = undefined
      this.#connections[slot] = connection
      connection.moveTo(this)
    }
  }

  drain(): void {
    for (const connection of this.#connections) connection?.drain()
  }

  destroy(): void {
    for (const connection of this.#connections) connection?.destroy()
  }

  flushLater(connection: ServerConnection): void {
    this.#pool.flushLater(connection)
  }

  greet(out: OutBuffer): ServerRequest[] {
    const version = new VersionRequest(this)
    const note = new ReadNoteRequest(this)
    version.write(out)
    note.write(out)
    return [version, note]
  }

  onAge(age: number): void {
    this.#pool.state.setAge(this.server, age)
  }

  onReturnNote(atMs: number): void {
    this.#pool.state.noteReturn(this.server, atMs)
  }

  onGreeted(connection: ServerConnection): boolean {
    return !connection.reliesOnModern || this.#pool.isModern(this.server)
  }

  onReplies(): void {
    const { state } = this.#pool
    if (state.failures(this.server) !== 0) state.clearFailures(this.server)
  }

  onClosed(connection: ServerConnection, failure: FailureCode | undefined, blame: boolean): void {
    if (this.#connections[connection.slot] === connection) this.#connections[connection.slot] = undefined
    if (failure !== undefined && blame) this.#pool.onFailure(this.server, failure, connection.begunNs)
  }

  replace(connection: ServerConnection): ServerConnection | undefined {
    return this.#pool.isClosed ? undefined : this.connection(connection.slot)
  }

  onFault(error: unknown): void {
    this.#context.onFault(error)
  }
}
