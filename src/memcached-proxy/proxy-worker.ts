/** What all client connections of one worker share: buffers, the parser, free slots, and the end of the turn. */

import type { ClientConnection } from './client-connection.ts'
import { ClientOutput } from './client-output.ts'
import type { ProxyRuntime } from './proxy-runtime.ts'
import { ReplyArena } from './reply-arena.ts'
import { RequestParser } from './request-parser.ts'
import { type Part, Slot, Turn } from './slot.ts'
import { ValueLine } from './value-line.ts'

export type WorkerLog = (level: 'info' | 'warn' | 'error', message: string, fields: object) => void

/** Many requests, or a good part of a large value, in one read. */
const READ_BYTES = 64 * 1024
/** Slots kept for later: what a thousand busy clients have in work. */
const SPARE_SLOTS = 16 * 1024

export class ProxyWorker {
  /** 0-based. */
  readonly index: number
  /** What any client connection reads; valid until its reader returns. */
  readonly readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly parser = new RequestParser()
  readonly arena = new ReplyArena()
  readonly output = new ClientOutput()
  readonly valueLine = new ValueLine()
  /** Parts of the multi-get that is being dispatched. */
  readonly parts: Part[] = []
  readonly connections = new Set<ClientConnection>()
  /** The answer to `stats`. */
  readonly statistics: (proxy: ProxyRuntime) => Buffer
  /** Called when the last connection has closed. */
  onIdle: (() => void) | undefined = undefined
  readonly #log: WorkerLog
  /** Clients that have something to be delivered in this turn. */
  #dirty: ClientConnection[] = []
  #delivering: ClientConnection[] = []
  #isScheduled = false
  #spare: Slot | undefined = undefined
  #spares = 0
  #lastNumber = 0

  constructor(index: number, log: WorkerLog, statistics: (proxy: ProxyRuntime) => Buffer) {
    this.index = index
    this.statistics = statistics
    this.#log = log
  }

  /** A number for a connection. */
  nextNumber(): number {
    this.#lastNumber = (this.#lastNumber + 1) & 0x3fffffff
    return this.#lastNumber
  }

  /** Has `client.deliver()` called at the end of this turn, when all that the turn brings has come. */
  deliverLater(client: ClientConnection): void {
    if (client.isDirty) return
    client.isDirty = true
    this.#dirty.push(client)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#deliver)
  }

  takeSlot(): Slot {
    const slot = this.#spare
    if (slot === undefined) return new Slot()
    this.#spare = slot.nextSlot
    this.#spares--
    slot.nextSlot = undefined
    return slot
  }

  /** `slot` is delivered or dropped, and waits at no server. */
  recycle(slot: Slot): void {
    if (this.#spares >= SPARE_SLOTS) return
    slot.client = undefined
    slot.turn = Turn.pass
    slot.group = undefined
    slot.part = undefined
    slot.nextInPart = undefined
    slot.replies = 1
    slot.mayRepeat = false
    slot.isRepeated = false
    slot.endsValues = false
    slot.isFilled = false
    slot.chunk = undefined
    slot.start = 0
    slot.end = 0
    slot.body = undefined
    slot.bodyStart = 0
    slot.bodyEnd = 0
    slot.hasEnd = false
    slot.nextSlot = this.#spare
    this.#spare = slot
    this.#spares++
  }

  /** A fault of ours that one request met. */
  logFault(error: unknown): void {
    this.#log('error', 'request failed', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }

  forget(connection: ClientConnection): void {
    if (this.connections.delete(connection) && this.connections.size === 0) this.onIdle?.()
  }

  readonly #deliver = (): void => {
    this.#isScheduled = false
    const clients = this.#dirty
    this.#dirty = this.#delivering
    this.#delivering = clients
    for (const client of clients) {
      client.isDirty = false
      try {
        client.deliver()
      } catch (error) {
        this.logFault(error)
        client.socket.destroy()
      }
    }
    clients.length = 0
  }
}
