/**
 * The beginning of a connection without TLS on a listener that speaks HTTP/2 too: the first bytes say which it is. A client of
 * HTTP/2 begins with a preface that no request of HTTP/1.1 is (RFC 9113 §3.4); there is no other way in, Upgrade least of all.
 */
import type { Socket } from 'node:net'
import type { Reader } from '../net/listener.ts'
import { TimerEntry } from '../net/timer-wheel.ts'
import { clock } from '../util/clock.ts'
import type { ClientSession } from './client-session.ts'
import type { ListenerRuntime } from './listener-runtime.ts'
import type { Worker } from './worker.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
const NOTHING = Buffer.alloc(0)

/** Takes a connection over whose protocol is known. */
export type Chosen = (isHttp2: boolean) => Reader & ClientSession

export class H2Preface extends TimerEntry implements Reader, ClientSession {
  readonly listener: ListenerRuntime
  readonly #worker: Worker
  readonly #socket: Socket
  readonly #chosen: Chosen
  readonly #isHttp2Only: boolean
  /** The part of a preface that has come. */
  #received: Buffer = NOTHING
  #reader: Reader | undefined = undefined

  constructor(worker: Worker, listener: ListenerRuntime, socket: Socket, isHttp2Only: boolean, chosen: Chosen) {
    super()
    this.listener = listener
    this.#worker = worker
    this.#socket = socket
    this.#isHttp2Only = isHttp2Only
    this.#chosen = chosen
    socket.on('error', ignore) // 'close' follows
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onClose)
    worker.wheel.schedule(this, clock.monotonicMs + listener.limits.headerTimeoutMs)
  }

  onBytes(bytes: Buffer, length: number): boolean {
    if (this.#reader !== undefined) return this.#reader.onBytes(bytes, length)
    // Who reads on knows the worker's buffer by its identity, and copies what it keeps of that.
    if (this.#received.length === 0) return this.#choose(bytes, length)
    const received = Buffer.concat([this.#received, bytes.subarray(0, length)])
    return this.#choose(received, received.length)
  }

  override onTimeout(): void {
    this.#socket.destroy()
  }

  drain(): void {
    this.#socket.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #choose(bytes: Buffer, length: number): boolean {
    const compared = Math.min(length, PREFACE.length)
    const isPreface = PREFACE.compare(bytes, 0, compared, 0, compared) === 0
    if (isPreface && compared < PREFACE.length) {
      this.#received = Buffer.from(bytes.subarray(0, length))
      return true
    }
    if (isPreface || !this.#isHttp2Only) return this.#hand(bytes, length, isPreface)
    this.#socket.destroy()
    return true
  }

  #hand(bytes: Buffer, length: number, isHttp2: boolean): boolean {
    const socket = this.#socket
    socket.off('error', ignore)
    socket.off('end', this.#onEnd)
    socket.off('close', this.#onClose)
    this.#worker.wheel.cancel(this)
    this.#received = NOTHING
    try {
      this.#reader = this.#chosen(isHttp2)
      return this.#reader.onBytes(bytes, length)
    } catch (error) {
      this.#worker.logFault(error)
      socket.destroy()
      return true
    } finally {
      this.#worker.forget(this)
    }
  }

  readonly #onEnd = (): void => {
    this.#socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#worker.wheel.cancel(this)
    this.#worker.forget(this)
  }
}

function ignore(): void {}
