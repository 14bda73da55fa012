/** A worker's proxy: its listeners and the Plan they follow. The daemon's worker thread owns one and tells it what to do. */
import type { BoundSocket, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { AccessLog } from '../log/access-log.ts'
import { C, type Counters } from '../log/counters.ts'
import type { PoolSet } from '../memcached/pool-set.ts'
import {
  type AcceptedHandle,
  addressText,
  type BoundAddress,
  Listener,
  openSocket,
  type Reader,
} from '../net/listener.ts'
import type { ListenAddress, ListenerPlan, Plan } from '../plan/plan.ts'
import type { TlsMaterials } from '../tls/material.ts'
import { collectGarbageSoon } from '../util/collect-garbage.ts'
import { ClientConnection } from './client-connection.ts'
import type { ClientSession } from './client-session.ts'
import type { FleetPublisher } from './fleet-publisher.ts'
import { H2Preface } from './h2-preface.ts'
import { H2Session } from './h2-session.ts'
import { Handshake } from './handshake.ts'
import { ListenerRuntime } from './listener-runtime.ts'
import { Runtime, type SharedState } from './runtime.ts'
import { createTlsServers, type TlsServers, type TlsSupply } from './tls-listeners.ts'
import { Worker, type WorkerLog } from './worker.ts'

export interface EngineOptions {
  /** 0-based. */
  readonly worker: number
  readonly accessLog: AccessLog
  readonly counters: Counters
  readonly log: WorkerLog
  readonly fleet: FleetPublisher
}

/** What a Plan brings beside itself. */
export interface Provisions {
  readonly shared: SharedState
  /** Of the Plan. */
  readonly pools: PoolSet
  readonly tls: TlsSupply
  /** Addresses that are bound already and need only be listened on; what is not used of them is closed. */
  readonly sockets: readonly BoundAddress[]
}

type Connection = Reader & ClientSession

interface Prepared {
  readonly runtime: Runtime
  readonly opened: Map<string, ListenerRuntime>
  readonly tls: TlsServers
  readonly origins: TlsMaterials['origins']
}

export class Engine {
  readonly #worker: Worker
  /** By address text. */
  readonly #listeners = new Map<string, ListenerRuntime>()
  #runtime: Runtime | undefined = undefined
  #tls: TlsServers = new Map()
  #prepared: Prepared | undefined = undefined

  constructor(options: EngineOptions) {
    this.#worker = new Worker(options)
  }

  /**
   * Builds the Plan and opens what it adds; nothing changes for anyone yet. Rejects with the system's error, its message
   * naming the address, when a listener cannot be opened, or what OpenSSL says of a certificate; then nothing of it is left.
   * `commit` or `rollback` follows.
   */
  async prepare(plan: Plan, generation: number, { shared, pools, tls, sockets }: Provisions): Promise<void> {
    this.rollback()
    const bound = new Map(sockets.map(({ address, socket }) => [address, socket]))
    const { origins } = tls.materials
    const runtime = new Runtime(plan, generation, { shared, pools, origins }, this.#runtime, this.#worker)
    const opened = new Map<string, ListenerRuntime>()
    try {
      const prepared = { runtime, opened, tls: createTlsServers(plan, tls), origins }
      this.#prepared = prepared
      for (const { address, listener } of addressesOf(plan)) {
        const name = addressText(address)
        if (this.#listeners.has(name) || !this.#isMine(address)) continue
        const socket = bound.get(name)
        bound.delete(name)
        opened.set(name, await this.#open(address, listener, prepared, socket))
      }
    } catch (error) {
      if (this.#prepared !== undefined) this.rollback()
      else if (this.#runtime !== undefined) runtime.retire(this.#runtime)
      throw error
    } finally {
      for (const socket of bound.values()) socket.close()
    }
  }

  /** Requests that begin from now on follow the prepared Plan; listeners it does not have are closed. */
  commit(): void {
    const prepared = this.#prepared
    if (prepared === undefined) return
    const { runtime, opened, tls, origins } = prepared
    const before = this.#runtime
    this.#prepared = undefined
    this.#runtime = runtime
    this.#tls = tls
    const wanted = new Map(addressesOf(runtime.plan).map(({ address, listener }) => [addressText(address), listener]))
    for (const [name, listener] of opened) this.#listeners.set(name, listener)
    for (const [name, listener] of this.#listeners) {
      const plan = wanted.get(name)
      if (plan !== undefined) listener.follow(plan, runtime, tls.get(plan.name))
      else this.#closeListener(name, listener)
    }
    runtime.renewOrigins(origins) // of backends that live on, which may have been given others since
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

  /** Other certificates for the listeners and backends that run or will. Throws what OpenSSL says of one; its owner keeps what it has. */
  renewCertificates(materials: TlsMaterials): void {
    for (const [name, server] of [...this.#tls, ...(this.#prepared?.tls ?? [])]) {
      const material = materials.listeners.get(name)
      if (material !== undefined) server.update(material)
    }
    for (const runtime of [this.#runtime, this.#prepared?.runtime]) runtime?.renewOrigins(materials.origins)
  }

  /** Accepts no more; idle connections close, requests in work finish. Resolves when no connection is left. */
  drain(): Promise<void> {
    const worker = this.#worker
    worker.draining = true
    for (const handshake of worker.handshakes) handshake.destroy()
    for (const [name, listener] of this.#listeners) this.#closeListener(name, listener)
    return new Promise((resolve) => {
      worker.onIdle = resolve
      if (worker.connections.size === 0) resolve()
    })
  }

  /** Ends everything at once. */
  destroy(): void {
    for (const listener of this.#listeners.values()) listener.socket?.close()
    for (const connection of this.#worker.connections) connection.destroy()
    for (const handshake of this.#worker.handshakes) handshake.destroy()
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
    { runtime, tls }: Prepared,
    bound: BoundSocket | undefined,
  ): Promise<ListenerRuntime> {
    const listener = new ListenerRuntime(address, plan, runtime, tls.get(plan.name))
    const attach = (socket: Socket): Reader => this.#greet(socket, listener)
    const established = (socket: TLSSocket): Reader => this.#serve(socket, listener, true, socket.alpnProtocol === 'h2')
    const accept = (handle: AcceptedHandle): void => {
      this.#worker.counters.add(C.connections, 1)
      if (listener.tls === undefined) openSocket(handle, this.#worker.readBuffer, attach)
      else new Handshake(this.#worker, listener, listener.tls, handle, established).start()
    }
    listener.socket = await Listener.open(address, accept, { bound })
    return listener
  }

  /** A client without TLS: where HTTP/2 is spoken so, its first bytes tell which it speaks. */
  #greet(socket: Socket, listener: ListenerRuntime): Reader {
    const { protocols } = listener
    if (!protocols.includes('h2c')) return this.#serve(socket, listener, false, false)
    const chosen = (isHttp2: boolean): Connection => this.#serve(socket, listener, false, isHttp2)
    return this.#admit(new H2Preface(this.#worker, listener, socket, !protocols.includes('h1'), chosen))
  }

  #serve(socket: Socket, listener: ListenerRuntime, isSecure: boolean, isHttp2: boolean): Connection {
    const Kind = isHttp2 ? H2Session : ClientConnection
    return this.#admit(new Kind(this.#worker, listener, socket, isSecure))
  }

  #admit(connection: Connection): Connection {
    const worker = this.#worker
    worker.connections.add(connection)
    if (worker.connections.size > connection.listener.runtime.plan.process.connections) {
      worker.counters.add(C.connectionsRefused, 1)
      connection.destroy()
    }
    return connection
  }

  #closeListener(name: string, listener: ListenerRuntime): void {
    this.#listeners.delete(name)
    listener.closed = true
    listener.socket?.close()
    for (const connection of this.#worker.connections) if (connection.listener === listener) connection.drain()
    for (const handshake of this.#worker.handshakes) if (handshake.listener === listener) handshake.destroy()
  }
}

function addressesOf(plan: Plan): { address: ListenAddress; listener: ListenerPlan }[] {
  return plan.listeners.flatMap((listener) => listener.addresses.map((address) => ({ address, listener })))
}
