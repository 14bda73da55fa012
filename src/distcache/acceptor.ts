/**
 * The listening socket of a server or agent: TCP, unix, or TLS over either, with a bound on connections.
 *
 * The hard part is reading without allocating: net.Server gives its sockets a fresh 64 KiB buffer for every read, while `onread`
 * sockets can share one. Only net.connect offers `onread`, so the accepted handle is taken from the server before it makes a
 * socket of its own. TLS decrypts into buffers of its own and gains nothing from this.
 */
import { chmodSync, readFileSync } from 'node:fs'
import { createServer, type ListenOptions, type Server, Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { isMainThread } from 'node:worker_threads'
import { assert } from '../util/assert.ts'
import { type Address, socketOptions } from './address.ts'
import { clearUnixPath } from './unix-path.ts'

/** What a connection does with bytes: `bytes` belongs to the thread and is overwritten when the call returns. */
export interface PeerReader {
  /** False: stop reading until `socket.resume()`. */
  onBytes(bytes: Buffer, length: number): boolean
}

/** Called for each accepted connection, before anything is read from it. The socket stays open when its peer half-closes. */
export type Attach = (socket: Socket) => PeerReader

export interface AcceptorOptions {
  /** Further connections are accepted and closed at once. Less where the process may not have so many files. */
  readonly maxConnections: number
  /** Certificate, key and CA; undefined: plain. */
  readonly tls?: TlsOptions | undefined
  /** Of the file of a unix socket. */
  readonly mode?: number | undefined
  /** Told of each connection that was closed since there are too many. */
  readonly onRefused?: (() => void) | undefined
}

/** Sessions are secrets: who is not the owner may not ask. */
const SOCKET_MODE = 0o600
const BACKLOG = 511
const READ_BYTES = 64 * 1024
/** Descriptors for everything that is no connection; half of them where there are few. */
const RESERVED_FILES = 64
const HANDSHAKE_MS = 10_000
/** Before the kernel asks an idle peer whether it still lives; invisible to the protocol. */
const KEEP_ALIVE_MS = 60_000

interface AcceptingHandle {
  onconnection: (error: number, handle: object | undefined) => void
}

interface OnReadOptions {
  handle: object
  allowHalfOpen: boolean
  onread: { buffer: Buffer; callback: (length: number, bytes: Buffer) => boolean }
}

/** All plain connections of a thread read into this one. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)

export class Acceptor {
  readonly #server: Server
  readonly #attach: Attach
  readonly #options: AcceptorOptions
  readonly #sockets = new Set<Socket>()
  /** What this process can hold. */
  readonly maxConnections: number

  private constructor(attach: Attach, options: AcceptorOptions) {
    this.#attach = attach
    this.#options = options
    this.maxConnections = Math.max(1, Math.min(options.maxConnections, roomFor(fileLimit())))
    this.#server = options.tls === undefined ? createServer() : this.#createTlsServer(options.tls)
  }

  /**
   * Listens. Rejects with an Error: of the system (`code` EADDRINUSE, EACCES ...), or because a path is in use or no socket.
   * `address` holds no name any more that is to be looked up.
   */
  static async open(address: Address, attach: Attach, options: AcceptorOptions): Promise<Acceptor> {
    const acceptor = new Acceptor(attach, options)
    if (address.kind === 'unix') await clearUnixPath(address.path)
    await acceptor.#listen(address)
    if (options.tls === undefined) acceptor.#takeHandles()
    return acceptor
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** The port that was given where the address said 0; 0 for a unix socket. */
  get port(): number {
    const bound = this.#server.address()
    return bound !== null && typeof bound === 'object' ? bound.port : 0
  }

  /** Accepts no more, and removes the file of a unix socket; connections that are open stay open. */
  close(): void {
    this.#server.close()
  }

  /** Ends every connection at once. */
  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #listen(address: Address): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = this.#server
      server.once('error', reject)
      const mode = this.#options.mode ?? SOCKET_MODE
      // The file has its mode from the start, so that nobody slips in. A thread has no umask of its own; there it gets it later.
      const umask = address.kind === 'unix' && isMainThread ? process.umask(0o777 & ~mode) : undefined
      server.listen(listenOptions(address), () => {
        server.off('error', reject)
        server.on('error', () => {})
        try {
          if (address.kind === 'unix') chmodSync(address.path, mode)
          resolve()
        } catch (error) {
          server.close()
          reject(error as Error)
        }
      })
      if (umask !== undefined) process.umask(umask)
    })
  }

  #takeHandles(): void {
    const accepting = (this.#server as unknown as { _handle: AcceptingHandle | null })._handle
    assert(typeof accepting?.onconnection === 'function', 'net.Server accepts through a handle with onconnection')
    accepting.onconnection = (error, handle) => {
      // An error here (EMFILE) concerns a connection that was never made; the kernel's queue keeps the others.
      if (error === 0 && handle !== undefined) this.#accept(handle)
    }
  }

  #accept(handle: object): void {
    let reader: PeerReader | undefined
    const options: OnReadOptions = {
      handle,
      allowHalfOpen: true, // a client may shut its sending side down and still wait for the answer
      onread: { buffer: readBuffer, callback: (length, bytes) => reader!.onBytes(bytes, length) },
    }
    // `handle` is an option of net.Socket that the type definitions do not list.
    const socket = new Socket(options as ConstructorParameters<typeof Socket>[0])
    socket.setNoDelay(true)
    if (this.#sockets.size >= this.maxConnections) {
      socket.destroy()
      this.#options.onRefused?.()
      return
    }
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    this.#keep(socket)
    reader = this.#attach(socket)
  }

  #createTlsServer(tls: TlsOptions): Server {
    const options = {
      ...tls,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    }
    const server = createTlsServer({ handshakeTimeout: HANDSHAKE_MS, ...options }, (socket) => {
      socket.on('error', () => {})
      const reader = this.#attach(socket)
      socket.on('data', (bytes: Buffer) => {
        if (!reader.onBytes(bytes, bytes.length)) socket.pause()
      })
    })
    // Those that are still shaking hands count.
    server.on('connection', (socket: Socket) => this.#keep(socket))
    server.on('tlsClientError', (_, socket) => socket.destroy())
    server.maxConnections = this.maxConnections
    server.on('drop', () => this.#options.onRefused?.())
    return server
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}) // it closes next
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

function listenOptions(address: Address): ListenOptions {
  return { ...socketOptions(address), backlog: BACKLOG, exclusive: true }
}

/** Connections that a process of so many files can hold. */
function roomFor(files: number): number {
  return files - Math.min(RESERVED_FILES, Math.ceil(files / 2))
}

/** How many files the process may have open. */
function fileLimit(): number {
  try {
    const soft = /^Max open files\s+(\d{1,9})\s/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    return soft === undefined ? USUAL_FILES : Number(soft)
  } catch {
    return USUAL_FILES
  }
}

const USUAL_FILES = 1024
