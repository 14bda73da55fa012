/**
 * A worker's memcached proxies: their listeners and the Plan they follow. The daemon's worker thread owns one and tells it
 * what to do, as it does proxy/engine.ts.
 */
import type { BoundSocket, Socket } from 'node:net'
import {
  type AcceptedHandle,
  addressText,
  type BoundAddress,
  Listener,
  openSocket,
  type Reader,
} from '../net/listener.ts'
import type { ListenAddress, Plan } from '../plan/plan.ts'
import { assert } from '../util/assert.ts'
import { ClientConnection } from './client-connection.ts'
import { ProxyListener } from './proxy-listener.ts'
import { type Pools, ProxyRuntime } from './proxy-runtime.ts'
import { Tally } from './proxy-state.ts'
import { ProxyWorker, type WorkerLog } from './proxy-worker.ts'
import { statisticsJson } from './statistics-json.ts'
import { statisticsText } from './statistics-text.ts'

export interface MemcachedEngineOptions {
  /** 0-based. */
  readonly worker: number
  /** Of Shellac, for its statistics. */
  readonly version: string
  readonly log: WorkerLog
}

/** States of proxies by the names of the Plan, as `createProxyState` makes them. */
export type ProxyStates = ReadonlyMap<string, SharedArrayBuffer>

/** What one generation runs on. */
interface Generation {
  readonly plan: Plan
  readonly pools: Pools
  readonly runtimes: ReadonlyMap<string, ProxyRuntime>
}

/** What an address is for. */
interface Purpose {
  readonly address: ListenAddress
  readonly proxy: string
  readonly isStats: boolean
}

const KEEP_ALIVE_DELAY_MS = 60_000
/** A collector that does not take its statistics by then is disconnected. */
const STATS_LINGER_MS = 2000

export class MemcachedProxyEngine {
  readonly #worker: ProxyWorker
  readonly #version: string
  /** By address text. */
  readonly #listeners = new Map<string, ProxyListener>()
  #live: Generation | undefined = undefined
  #prepared: { readonly generation: Generation; readonly opened: Map<string, ProxyListener> } | undefined = undefined

  constructor(options: MemcachedEngineOptions) {
    this.#version = options.version
    this.#worker = new ProxyWorker(options.worker, options.log, (proxy) => this.#statistics(proxy))
  }

  /**
   * Builds the proxies of the Plan and opens the addresses it adds; nothing changes for anyone yet. Rejects with the system's
   * error when one cannot be opened; then nothing of it is left. `commit` or `rollback` follows. `sockets`: addresses that
   * are bound already; what is not used of them is closed.
   */
  async prepare(plan: Plan, states: ProxyStates, pools: Pools, sockets: readonly BoundAddress[] = []): Promise<void> {
    this.rollback()
    const bound = new Map(sockets.map(({ address, socket }) => [address, socket]))
    const opened = new Map<string, ProxyListener>()
    try {
      const generation = this.#build(plan, states, pools)
      this.#prepared = { generation, opened }
      for (const purpose of purposesOf(plan)) {
        const name = addressText(purpose.address)
        if (this.#listeners.get(name)?.isStats === purpose.isStats || !this.#isMine(purpose.address)) continue
        const socket = bound.get(name)
        bound.delete(name)
        opened.set(name, await this.#open(purpose, generation, socket))
      }
    } catch (error) {
      this.rollback()
      throw error
    } finally {
      for (const socket of bound.values()) socket.close()
    }
  }

  /** Requests that are read from now on follow the prepared Plan; listeners that it does not have are closed. */
  commit(): void {
    const prepared = this.#prepared
    if (prepared === undefined) return
    const { generation, opened } = prepared
    this.#prepared = undefined
    this.#live = generation
    const wanted = new Map(purposesOf(generation.plan).map((purpose) => [addressText(purpose.address), purpose]))
    for (const [name, listener] of this.#listeners) {
      const purpose = wanted.get(name)
      if (purpose === undefined || opened.has(name)) this.#close(name, listener)
      else listener.runtime = generation.runtimes.get(purpose.proxy)!
    }
    for (const [name, listener] of opened) this.#listeners.set(name, listener)
    this.#countListeners()
  }

  /** Forgets the prepared Plan, if there is one. */
  rollback(): void {
    const prepared = this.#prepared
    if (prepared === undefined) return
    this.#prepared = undefined
    for (const listener of prepared.opened.values()) listener.socket?.close()
  }

  /** Accepts no more; what has come is answered, then clients are disconnected. Resolves when none is left. */
  drain(): Promise<void> {
    for (const [name, listener] of this.#listeners) this.#close(name, listener)
    this.#countListeners()
    return new Promise((resolve) => {
      this.#worker.onIdle = resolve
      if (this.#worker.connections.size === 0) resolve()
    })
  }

  /** Ends everything at once. */
  destroy(): void {
    this.rollback()
    for (const listener of this.#listeners.values()) listener.socket?.close()
    for (const connection of this.#worker.connections) connection.socket.destroy()
  }

  /** Open client connections. */
  connections(): number {
    return this.#worker.connections.size
  }

  #build(plan: Plan, states: ProxyStates, pools: Pools): Generation {
    const runtimes = plan.memcachedProxies.map((proxy): [string, ProxyRuntime] => {
      const state = states.get(proxy.name)
      assert(state !== undefined, `proxy ${proxy.name} has shared state`)
      return [proxy.name, new ProxyRuntime(proxy, pools, state, this.#worker.index)]
    })
    return { plan, pools, runtimes: new Map(runtimes) }
  }

  /** A unix socket is one file, so one worker listens on it; a TCP port is shared by all (SO_REUSEPORT). */
  #isMine(address: ListenAddress): boolean {
    return address.kind === 'tcp' || this.#worker.index === 0
  }

  async #open(
    { address, proxy, isStats }: Purpose,
    generation: Generation,
    bound: BoundSocket | undefined,
  ): Promise<ProxyListener> {
    const listener = new ProxyListener(address, isStats, generation.runtimes.get(proxy)!)
    const attach = isStats
      ? (socket: Socket) => this.#tellStatistics(socket)
      : (socket: Socket) => this.#accept(socket, listener)
    const { backlog } = listener.runtime.plan
    const accept = (handle: AcceptedHandle) => openSocket(handle, this.#worker.readBuffer, attach)
    listener.socket = await Listener.open(address, accept, { bound, backlog })
    return listener
  }

  #accept(socket: Socket, listener: ProxyListener): ClientConnection {
    const { plan, tallies, access } = listener.runtime
    const connection = new ClientConnection(this.#worker, listener, socket)
    tallies[Tally.accepted]! += 1
    const isWelcome = listener.address.kind === 'unix' || access.isEmpty || access.admits(socket.remoteAddress)
    if (!isWelcome || tallies[Tally.clientConnections]! > plan.connections) {
      tallies[Tally.turnedAway]! += 1
      socket.destroy()
    } else if (plan.keepAlive) {
      socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS)
    }
    return connection
  }

  /** One JSON object, and the connection ends; whatever is asked is not read. */
  #tellStatistics(socket: Socket): Reader {
    const { pools, runtimes } = this.#live ?? this.#prepared!.generation
    const timer = setTimeout(() => socket.destroy(), STATS_LINGER_MS)
    socket.on('error', () => {})
    socket.on('close', () => clearTimeout(timer))
    socket.end(statisticsJson([...runtimes.values()], pools, this.#version))
    return { onBytes: () => true }
  }

  #statistics(proxy: ProxyRuntime): Buffer {
    return statisticsText(proxy, this.#version)
  }

  #close(name: string, listener: ProxyListener): void {
    this.#listeners.delete(name)
    listener.socket?.close()
    for (const connection of this.#worker.connections) if (connection.listener === listener) connection.drain()
  }

  #countListeners(): void {
    for (const runtime of this.#live?.runtimes.values() ?? []) {
      const own = [...this.#listeners.values()].filter((listener) => listener.runtime === runtime)
      runtime.tallies[Tally.listening] = own.length
    }
  }
}

function purposesOf(plan: Plan): Purpose[] {
  return plan.memcachedProxies.flatMap(({ name, addresses, statsAddresses }) => [
    ...addresses.map((address) => ({ address, proxy: name, isStats: false })),
    ...statsAddresses.map((address) => ({ address, proxy: name, isStats: true })),
  ])
}
