/** A worker's proxy: its listeners and the Plan they follow. The daemon's worker thread owns one and tells it what to do. */
import type { BoundSocket, Socket } from 'node:net'
import type { AccessLog } from '../log/access-log.ts'
import { C, type Counters } from '../log/counters.ts'
import type { PoolSet } from '../memcached/pool-set.ts'
import { addressText, type BoundAddress, Listener } from '../net/listener.ts'
import type { ListenAddress, ListenerPlan, Plan } from '../plan/plan.ts'
import { collectGarbageSoon } from '../util/collect-garbage.ts'
import { ClientConnection } from './client-connection.ts'
import type { FleetPublisher } from './fleet-publisher.ts'
import { ListenerRuntime } from './listener-runtime.ts'
import { Runtime, type SharedState } from './runtime.ts'
import { Worker, type WorkerLog } from './worker.ts'

export interface EngineOptions {
  /** 0-based. */
  readonly worker: number
  readonly accessLog: AccessLog
  readonly counters: Counters
  readonly log: WorkerLog
  readonly fleet: FleetPublisher
}

export class Engine {
  readonly #worker: Worker
  /** By address text. */
  readonly #listeners = new Map<string, ListenerRuntime>()
  #runtime: Runtime | undefined = undefined
  #prepared: { readonly runtime: Runtime; readonly opened: Map<string, ListenerRuntime> } | undefined = undefined

  constructor(options: EngineOptions) {
    this.#worker = new Worker(options)
  }

  /**
   * Builds the Plan and opens what it adds; nothing changes for anyone yet. Rejects with the system's error, its message
   * naming the address, when a listener cannot be opened; then nothing of it is left. `commit` or `rollback` follows.
   * `pools`: those of the Plan. `sockets`: addresses that are bound already and need only be listened on; what is not used of
   * them is closed.
   */
  async prepare(
    plan: Plan,
    generation: number,
    shared: SharedState,
    pools: PoolSet,
    sockets: readonly BoundAddress[] = [],
  ): Promise<void> {
    this.rollback()
    const bound = new Map(sockets.map(({ address, socket }) => [address, socket]))
    const runtime = new Runtime(plan, generation, shared, pools, this.#runtime, this.#worker)
    const opened = new Map<string, ListenerRuntime>()
    this.#prepared = { runtime, opened }
    try {
      for (const { address, listener } of addressesOf(plan)) {
        const name = addressText(address)
        if (this.#listeners.has(name) || !this.#isMine(address)) continue
        const socket = bound.get(name)
        bound.delete(name)
        opened.set(name, await this.#open(address, listener, runtime, socket))
      }
    } catch (error) {
      this.rollback()
      throw error
    } finally {
      for (const socket of bound.values()) socket.close()
    }
  }

  /** Requests that begin from now on follow the prepared Plan; listeners it does not have are closed. */
  commit(): void {
    const prepared = this.#prepared
    if (prepared === undefined) return
    const { runtime, opened } = prepared
    const before = this.#runtime
    this.#prepared = undefined
    this.#runtime = runtime
    const wanted = new Map(addressesOf(runtime.plan).map(({ address, listener }) => [addressText(address), listener]))
    for (const [name, listener] of opened) this.#listeners.set(name, listener)
    for (const [name, listener] of this.#listeners) {
      const plan = wanted.get(name)
      if (plan !== undefined) listener.follow(plan, runtime)
      else this.#closeListener(name, listener)
    }
    runtime.connectPools()
    if (before === undefined) return
    before.retire(runtime)
    if (before.losesCacheTo(runtime)) collectGarbageSoon()
  }

  /** Forgets the prepared Plan, if there is one. */
  rollback(): void {
    const prepared = this.#prepared
    if (prepared === undefined) return
    this.#prepared = undefined
    for (const listener of prepared.opened.values()) listener.socket?.close()
    if (this.#runtime !== undefined) prepared.runtime.retire(this.#runtime)
  }

  /** Accepts no more; idle connections close, requests in work finish. Resolves when no connection is left. */
  drain(): Promise<void> {
    const worker = this.#worker
    worker.draining = true
    for (const [name, listener] of this.#listeners) this.#closeListener(name, listener)
    return new Promise((resolve) => {
      worker.onIdle = resolve
      if (worker.connections.size === 0) resolve()
    })
  }

  /** Ends everything at once. */
  destroy(): void {
    for (const listener of this.#listeners.values()) listener.socket?.close()
    for (const connection of this.#worker.connections) connection.socket.destroy()
    for (const backend of this.#runtime?.backends.values() ?? []) backend.close()
    this.#worker.stop()
  }

  /** Open client connections. */
  connections(): number {
    return this.#worker.connections.size
  }

  /** A unix socket is one file, so one worker listens on it; a TCP port is shared by all (SO_REUSEPORT). */
  #isMine(address: ListenAddress): boolean {
    return address.kind === 'tcp' || this.#worker.index === 0
  }

  async #open(
    address: ListenAddress,
    plan: ListenerPlan,
    runtime: Runtime,
    bound: BoundSocket | undefined,
  ): Promise<ListenerRuntime> {
    const listener = new ListenerRuntime(address, plan, runtime)
    const attach = (socket: Socket): ClientConnection => this.#accept(socket, listener)
    listener.socket = await Listener.open(address, this.#worker.readBuffer, attach, { bound })
    return listener
  }

  #accept(socket: Socket, listener: ListenerRuntime): ClientConnection {
    const worker = this.#worker
    const connection = new ClientConnection(worker, listener, socket)
    worker.connections.add(connection)
    worker.counters.add(C.connections, 1)
    if (worker.connections.size > listener.runtime.plan.process.connections) {
      worker.counters.add(C.connectionsRefused, 1)
      socket.destroy()
    }
    return connection
  }

  #closeListener(name: string, listener: ListenerRuntime): void {
    this.#listeners.delete(name)
    listener.closed = true
    listener.socket?.close()
    for (const connection of this.#worker.connections) if (connection.listener === listener) connection.drain()
  }
}

function addressesOf(plan: Plan): { address: ListenAddress; listener: ListenerPlan }[] {
  return plan.listeners.flatMap((listener) => listener.addresses.map((address) => ({ address, listener })))
}
