/**
 * A server of sessions, which any number of agents and clients may be connected to. Usable alone:
 *
 *     const server = await DistcacheServer.open({ kind: 'unix', path: '/run/sessions.sock' }, { sessions: new SessionStore(512) })
 *     ...
 *     server.close()
 *
 * What a client sends can end its own connection and nothing else; what it asks and never reads is bounded.
 */
import type { TlsOptions } from 'node:tls'
import { Acceptor } from './acceptor.ts'
import type { Address } from './address.ts'
import { MemoryExecutor } from './memory-executor.ts'
import { OperationCount } from './operation-count.ts'
import { RemoteExecutor } from './remote-executor.ts'
import type { RemoteSessions } from './remote-sessions.ts'
import { type Executor, ServerConnection } from './server-connection.ts'
import { SessionStore } from './session-store.ts'

export interface ServerOptions {
  /** Where sessions are kept; it stays the caller's, who may share it. */
  readonly sessions: SessionStore | RemoteSessions
  /** Further connections are accepted and closed; less where the process may not have so many files. Default 16,384. */
  readonly maxConnections?: number
  /** TLS for whoever connects, with the certificates it asks for; undefined: plain. */
  readonly tls?: TlsOptions | undefined
  /** Of the file of a unix socket; default 0600. */
  readonly mode?: number | undefined
  /** Send the few responses that original programs misread in two pieces; see `needsCare`. */
  readonly careful?: boolean
  /** Milliseconds of a clock that never goes back; default performance.now. */
  readonly now?: () => number
  /** Where requests that were executed are counted, perhaps with those of other servers. */
  readonly count?: OperationCount | undefined
  /** Told of each connection that was closed since there are too many. */
  readonly onRefused?: () => void
}

const MAX_CONNECTIONS = 16_384

export class DistcacheServer {
  readonly #acceptor: Acceptor
  readonly #count: OperationCount

  private constructor(acceptor: Acceptor, count: OperationCount) {
    this.#acceptor = acceptor
    this.#count = count
  }

  /**
   * Listens; a name in `address` must have been looked up (`resolveAddress`). Rejects with an Error: of the system, or since
   * something is in the way of a unix socket.
   */
  static async open(address: Address, options: ServerOptions): Promise<DistcacheServer> {
    const { sessions, maxConnections = MAX_CONNECTIONS, tls, mode, careful = false, onRefused } = options
    const count = options.count ?? new OperationCount()
    const executor: Executor =
      sessions instanceof SessionStore
        ? new MemoryExecutor(sessions, count, options.now ?? (() => performance.now()))
        : new RemoteExecutor(sessions, count)
    const acceptor = await Acceptor.open(address, (socket) => new ServerConnection(socket, executor, careful), {
      maxConnections,
      tls,
      mode,
      onRefused,
    })
    return new DistcacheServer(acceptor, count)
  }

  /** Requests that were executed, whatever their answer. */
  get operations(): number {
    return this.#count.total
  }

  get connections(): number {
    return this.#acceptor.connections
  }

  /** The port that was given where the address said 0; 0 for a unix socket. */
  get port(): number {
    return this.#acceptor.port
  }

  /** Ends listening and all connections. */
  close(): void {
    this.#acceptor.close()
    this.#acceptor.destroyConnections()
  }
}
