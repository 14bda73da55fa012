/**
 * The beginning of a connection of TLS: its handshake, and before it, where the listener's sessions or its names want that, a
 * look at the ClientHello. What becomes of it is decided by ALPN.
 *
 *     hello --read whole, or no hello--> tls --'secure'--> whoever speaks what was agreed on
 *       |                                 |
 *       '------ time, error, too many ----'--> closed
 *
 * A handshake costs a stranger nothing and us a context of OpenSSL, so their number and their time are bounded
 * (`tls { handshakes N; handshake-timeout T; }`), apart from the connections that serve.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { MAX_CLIENT_HELLO_BYTES, readClientHello } from '../distcache/client-hello.ts'
import { C } from '../log/counters.ts'
import { type AcceptedHandle, openSocket, type Reader } from '../net/listener.ts'
import { TimerEntry } from '../net/timer-wheel.ts'
import { endHandshake, openTlsSocket, takeHandle } from '../net/tls-socket.ts'
import { isClientWelcome } from '../tls/client-certificate.ts'
import { type TlsServer, type TlsSocketOptions, UNRECOGNIZED_NAME } from '../tls/tls-server.ts'
import { clock } from '../util/clock.ts'
import type { ListenerRuntime } from './listener-runtime.ts'
import type { Worker } from './worker.ts'

/** What may come decrypted before the handshake is told to be done; more, and it waits in the kernel. */
const EARLY_BYTES = 64 * 1024

/** Takes over a socket whose handshake is done; what it gives reads from now on. */
export type Established = (socket: TLSSocket) => Reader | undefined

export class Handshake extends TimerEntry implements Reader {
  readonly listener: ListenerRuntime
  readonly #worker: Worker
  readonly #server: TlsServer
  readonly #established: Established
  #handle: AcceptedHandle | undefined
  /** Of TCP while the hello is read, of TLS behind it. */
  #socket: Socket | undefined = undefined
  #isReadingHello = false
  /** The beginning of a hello, or decrypted bytes before `secure`. */
  #received: Buffer | undefined = undefined
  #reader: Reader | undefined = undefined

  constructor(
    worker: Worker,
    listener: ListenerRuntime,
    server: TlsServer,
    handle: AcceptedHandle,
    established: Established,
  ) {
    super()
    this.listener = listener
    this.#worker = worker
    this.#server = server
    this.#established = established
    this.#handle = handle
  }

  start(): void {
    const { handshakes, wheel } = this.#worker
    if (handshakes.size >= this.#server.plan.handshakes) this.#makeRoom()
    handshakes.add(this)
    wheel.schedule(this, clock.monotonicMs + this.#server.plan.handshakeTimeoutMs)
    if (!this.#server.wantsHello) {
      this.#secure(this.#server.options, undefined)
      return
    }
    this.#isReadingHello = true
    openSocket(this.#handle!, this.#worker.readBuffer, (socket) => {
      this.#socket = socket
      socket.on('error', () => {}) // 'close' follows
      socket.on('end', () => socket.destroy())
      socket.on('close', this.#onClosed)
      return this
    })
  }

  /** Who began first has had the longest time: honest clients need milliseconds. */
  #makeRoom(): void {
    const [first] = this.#worker.handshakes
    this.#worker.counters.add(C.tlsCrowdedOut, 1)
    first?.destroy()
    if (first !== undefined) this.#worker.handshakes.delete(first)
  }

  onBytes(bytes: Buffer, length: number): boolean {
    if (this.#reader !== undefined) return this.#reader.onBytes(bytes, length)
    clock.update()
    try {
      if (this.#isReadingHello) this.#readHello(bytes, length)
      else return this.#keepEarly(bytes, length)
    } catch (error) {
      this.#worker.logFault(error)
      this.destroy()
    }
    return true
  }

  override onTimeout(): void {
    this.#worker.counters.add(C.tlsTimeouts, 1)
    this.destroy()
  }

  destroy(): void {
    this.#socket?.destroy()
  }

  #readHello(bytes: Buffer, length: number): void {
    const part = bytes.subarray(0, length)
    const received = this.#received === undefined ? Buffer.from(part) : Buffer.concat([this.#received, part])
    this.#received = received
    const hello = readClientHello(received, 0, received.length)
    if (hello === 'more' && received.length <= MAX_CLIENT_HELLO_BYTES) return
    const serverName = typeof hello === 'object' ? hello.serverName : undefined
    if (mayBeHello(received) && !this.#server.isServed(serverName)) {
      this.#worker.counters.add(C.tlsUnknownNames, 1)
      this.#socket?.end(UNRECOGNIZED_NAME)
      this.#socket?.destroySoon()
      return
    }
    if (typeof hello === 'object') this.#server.noteHello(hello)
    this.#socket?.off('close', this.#onClosed)
    this.#handle = takeHandle(this.#socket as unknown as { _handle?: AcceptedHandle | null })
    this.#isReadingHello = false
    this.#received = undefined
    this.#secure(this.#server.optionsFor(serverName), received)
  }

  #secure(options: TlsSocketOptions, received: Buffer | undefined): void {
    const handle = this.#handle!
    this.#handle = undefined
    const socket = openTlsSocket(handle, options, this.#worker.readBuffer, this, received)
    this.#socket = socket
    this.#server.guard(socket, () => this.#refuse(socket))
    socket.on('error', () => {}) // 'close' follows
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onClosed)
    socket.on('secure', () => this.#onSecure(socket))
  }

  readonly #onEnd = (): void => {
    this.destroy()
  }

  readonly #onClosed = (): void => {
    if (this.#reader === undefined) this.#worker.counters.add(C.tlsFailures, 1)
    this.#leave()
  }

  #onSecure(socket: TLSSocket): void {
    clock.update()
    this.#detach(socket)
    if (socket.destroyed) return
    endHandshake(socket)
    if (!isClientWelcome(socket, this.#server.plan)) {
      this.#refuse(socket)
      return
    }
    const isResumed = socket.isSessionReused()
    this.#worker.counters.add(isResumed ? C.tlsResumed : C.tlsHandshakes, 1)
    this.#server.onHandshake(isResumed)
    try {
      this.#reader = this.#established(socket)
      const early = this.#received
      this.#received = undefined
      if (early !== undefined && this.#reader?.onBytes(early, early.length) !== false) socket.resume()
    } catch (error) {
      this.#worker.logFault(error)
      socket.destroy()
    }
  }

  /** What the client shows is not what the listener wants. */
  #refuse(socket: TLSSocket): void {
    this.#detach(socket)
    this.#worker.counters.add(C.tlsClientsRefused, 1)
    socket.destroy()
  }

  #detach(socket: TLSSocket): void {
    this.#leave()
    socket.off('end', this.#onEnd)
    socket.off('close', this.#onClosed)
  }

  /** Decrypted before the handshake is told to be done: TLS 1.3 clients speak as soon as they have sent theirs. */
  #keepEarly(bytes: Buffer, length: number): boolean {
    const part = bytes.subarray(0, length)
    this.#received = this.#received === undefined ? Buffer.from(part) : Buffer.concat([this.#received, part])
    return this.#received.length < EARLY_BYTES
  }

  #leave(): void {
    this.#worker.handshakes.delete(this)
    this.#worker.wheel.cancel(this)
  }
}

/** OpenSSL may understand what is not read here: a hello that is too long, or the form that SSL 2 had, which has no name. */
function mayBeHello(bytes: Buffer): boolean {
  const first = bytes[0] ?? 0
  return first === HANDSHAKE_RECORD || first >= SSL2_RECORD
}

const HANDSHAKE_RECORD = 22
const SSL2_RECORD = 0x80
