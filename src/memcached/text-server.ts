/** One server that is spoken to in text: its connections, and what they need to know. */
import type { Resolver } from '../net/resolver.ts'
import { Failure, type FailureCode } from './failure.ts'
import { isCredibleNote, ReadNoteRequest, VersionRequest, WriteNoteRequest } from './greeting.ts'
import type { OutBuffer } from './out-buffer.ts'
import { type PoolServer, type ServerOwner, serverIdentity } from './pool-server.ts'
import { Age, Use } from './pool-state.ts'
import { type ConnectionHost, ServerConnection } from './server-connection.ts'
import type { ServerRequest } from './server-request.ts'

/** memcached keeps no larger item; `max-item` is said of the cache, and one client's large value must not cost all their connection. */
const LARGEST_ITEM_BYTES = 1024 * 1024 * 1024
/** Lines and keys around the value. */
const REPLY_OVERHEAD_BYTES = 64 * 1024

export class TextServer implements PoolServer, ConnectionHost {
  readonly server: number
  readonly identity: string
  readonly resolver: Resolver
  readonly address: ConnectionHost['address']
  readonly timeoutMs: number
  readonly keepAlive: boolean
  readonly maxBacklogBytes: number
  readonly maxReplyBytes = LARGEST_ITEM_BYTES + REPLY_OVERHEAD_BYTES
  readonly use: Float64Array
  readonly latencies: Float64Array
  readonly #owner: ServerOwner
  /** By slot; a closed one is taken out. */
  readonly #connections: (ServerConnection | undefined)[]
  /** Who has taken over the connections, and is told what greetings that were under way still bring. */
  #successor: TextServer | undefined = undefined
  /** Requests counted when `look` last ran. */
  #lookedAt = 0

  constructor(server: number, owner: ServerOwner) {
    const { plan, state, worker } = owner
    this.server = server
    this.identity = serverIdentity(plan.servers[server]!)
    this.resolver = owner.resolver
    this.address = plan.servers[server]!.address
    this.timeoutMs = plan.timeoutMs
    this.keepAlive = plan.keepAlive
    this.maxBacklogBytes = plan.maxBacklogBytes
    this.use = state.useOf(worker, server)
    this.latencies = state.latenciesOf(worker, server)
    this.#owner = owner
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
    connection.reliesOnModern ||= this.#isModern
    return connection
  }

  /** The OutBuffer of a connection, for the bytes of `request`; undefined: too much waits there. */
  begin(slot: number, request: ServerRequest): OutBuffer | undefined {
    request.server = this.server
    return this.connection(slot).begin(request)
  }

  preconnect(): void {
    this.connection(0)
  }

  look(): void {
    const slot = this.#connections.findIndex((connection) => connection?.isOpen)
    if (slot === -1 || this.use[Use.requests] === this.#lookedAt) return
    if (this.#owner.state.claimLook(this.server, Math.floor(Date.now() / 1000))) {
      this.#ask(slot, new ReadNoteRequest(this))
    }
    this.#lookedAt = this.use[Use.requests]!
  }

  writeNote(atMs: number, onDone: (hasAnswered: boolean) => void): void {
    this.#ask(0, new WriteNoteRequest(atMs, onDone))
  }

  /** Takes over what is open to the same server in a pool that this one's replaces. */
  takeOver(old: TextServer): void {
    // Threads may have learned it after this pool's state was copied from the old one.
    const age = old.#owner.state.age(old.server)
    if (age !== Age.unknown) this.onAge(age)
    old.#successor = this
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
    this.#owner.flushLater(connection)
  }

  greet(out: OutBuffer): ServerRequest[] {
    const version = new VersionRequest(this)
    const note = new ReadNoteRequest(this)
    version.write(out)
    note.write(out)
    return [version, note]
  }

  onAge(age: number): void {
    this.#owner.state.setAge(this.server, age)
    this.#successor?.onAge(age)
  }

  onReturnNote(atMs: number): void {
    if (isCredibleNote(atMs, Date.now())) this.#owner.state.noteReturn(this.server, atMs)
    this.#successor?.onReturnNote(atMs)
  }

  onGreeted(connection: ServerConnection): boolean {
    return !connection.reliesOnModern || this.#isModern
  }

  onReplies(): void {
    const { state } = this.#owner
    if (state.failures(this.server) !== 0) state.clearFailures(this.server)
  }

  onClosed(connection: ServerConnection, failure: FailureCode | undefined, blame: boolean): void {
    if (this.#connections[connection.slot] === connection) this.#connections[connection.slot] = undefined
    if (failure !== undefined && blame) this.#owner.onFailure(this.server, failure, connection.begunNs)
  }

  replace(connection: ServerConnection): ServerConnection | undefined {
    return this.#owner.isClosed ? undefined : this.connection(connection.slot)
  }

  onFault(error: unknown): void {
    this.#owner.onFault(error)
  }
  get #isModern(): boolean {
    return this.#owner.state.age(this.server) === Age.modern
  }

  #ask(slot: number, request: ServerRequest & { write(out: OutBuffer): void }): void {
    const out = this.begin(slot, request)
    if (out === undefined) request.onFailure(Failure.backlog)
    else request.write(out)
  }
}
