/**
 * One listening socket of one worker. Every worker opens its own on the same port (SO_REUSEPORT), so the kernel spreads
 * connections and no worker waits for another.
 *
 * The hard part is reading without allocating: net.Server gives its sockets a fresh 64 KiB buffer for every read, while
 * `onread` sockets read into one buffer that all connections of a worker share (5 µs per request instead of 6). Only
 * net.connect offers `onread`, so the accepted handle is taken from the server before it makes a socket of its own.
 */
import { chmodSync } from 'node:fs'
import { type BoundSocket, createServer, type ListenOptions, type Server, Socket } from 'node:net'
import type { ListenAddress } from '../plan/plan.ts'
import { assert } from '../util/assert.ts'

/** What a connection does with bytes: `bytes` belongs to the worker and is overwritten when the call returns. */
export interface Reader {
  /** False: stop reading until `socket.resume()`. */
  onBytes(bytes: Buffer, length: number): boolean
}

/** A socket that is bound already, not listened on. */
export interface BoundAddress {
  /** As `addressText` writes it. */
  readonly address: string
  readonly socket: BoundSocket
}

export interface ListenerOptions {
  /** A socket that has the address already, and that belongs to the listener from now on. */
  readonly bound?: BoundSocket | undefined
  /** Connections the kernel holds until they are accepted; it cuts this down to net.core.somaxconn. */
  readonly backlog?: number
}

interface AcceptingHandle {
  onconnection: (error: number, handle: AcceptedHandle | undefined) => void
}

interface OnReadOptions {
  handle: AcceptedHandle
  allowHalfOpen: boolean
  onread: { buffer: Buffer; callback: (length: number, bytes: Buffer) => boolean }
}

/** A connection that was accepted, before there is a socket for it; of a class that Node keeps to itself. */
export type AcceptedHandle = object

/** A socket on an accepted handle that reads into `buffer` and hands what came to the Reader that `attach` makes. */
export function openSocket(handle: AcceptedHandle, buffer: Buffer, attach: (socket: Socket) => Reader): void {
  let reader: Reader | undefined
  const options: OnReadOptions = {
    handle,
    allowHalfOpen: true, // a client may shut its sending side down and still wait for the answer
    onread: { buffer, callback: (length, bytes) => reader!.onBytes(bytes, length) },
  }
  // `handle` is an option of net.Socket that the type definitions do not list.
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0])
  socket.setNoDelay(true)
  reader = attach(socket)
}

export class Listener {
  readonly address: ListenAddress
  readonly #server: Server

  private constructor(address: ListenAddress, server: Server) {
    this.address = address
    this.#server = server
  }

  /**
   * Listens, or rejects with the system's error (`code` EADDRINUSE, EACCES, EADDRNOTAVAIL ...).
   * `accept` is called for each connection: `openSocket` or `openTlsSocket` makes a socket of it.
   */
  static async open(
    address: ListenAddress,
    accept: (handle: AcceptedHandle) => void,
    { bound, backlog = BACKLOG }: ListenerOptions = {},
  ): Promise<Listener> {
    const server = createServer()
    await listen(server, address, bound, backlog)
    const accepting = (server as unknown as { _handle: AcceptingHandle | null })._handle
    assert(typeof accepting?.onconnection === 'function', 'net.Server accepts through a handle with onconnection')
    accepting.onconnection = (error, handle) => {
      // An error here (EMFILE) concerns a connection that was never made; the kernel's queue keeps the others.
      if (error === 0 && handle !== undefined) accept(handle)
    }
    return new Listener(address, server)
  }

  /** The port that was given when the configuration said 0; 0 for a unix socket. */
  get port(): number {
    const bound = this.#server.address()
    return bound !== null && typeof bound === 'object' ? bound.port : 0
  }

  /** Accepts no more; connections that are open stay open. */
  close(): void {
    this.#server.close()
  }
}

/** Comes back in the turn of the event loop in which the socket began to listen, before it can accept anybody. */
function listen(
  server: Server,
  address: ListenAddress,
  bound: BoundSocket | undefined,
  backlog: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(bound === undefined ? listenOptions(address, backlog) : { handle: bound, backlog }, () => {
      server.off('error', reject)
      server.on('error', () => {})
      try {
        if (address.kind === 'unix') chmodSync(address.path, address.mode)
        resolve()
      } catch (error) {
        server.close()
        reject(error as Error)
      }
    })
  })
}

function listenOptions(address: ListenAddress, backlog: number): ListenOptions {
  if (address.kind === 'unix') return { path: address.path, backlog }
  return { port: address.port, ...hostOption(address.host), reusePort: true, exclusive: true, backlog }
}

/** `*` listens on every address of both families, as Node does when no host is given. */
function hostOption(host: string): { host?: string } {
  return host === '*' ? {} : { host }
}

/** Of whoever does not say. */
const BACKLOG = 4096

/** `127.0.0.1:80`, `[::1]:80`, `*:80`, `unix:/run/x.sock`: as messages and status print an address. */
export function addressText(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
