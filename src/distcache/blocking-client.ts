/**
 * The client as the original library has it: one operation at a time, each waited for, over a connection of its own unless
 * `persistent`. Its results are those of the library too: whatever goes wrong is a failed ADD or REMOVE and a missed GET;
 * only HAVE tells an error from an absent session.
 *
 *     temporary     connect, send, receive, close                   for each operation; safe with any server and any agent
 *     persistent    one connection, made by `open` (or, `late`, by the first operation)
 *       retry       an operation whose connection was lost is sent once more, with the same number, over a new one: for
 *                   agents that drop idle clients
 *       late        also makes a connection again where that failed before; without it, everything fails from then on
 *
 * Where the original waits for ever, or never recovers, this one does neither: `timeoutMs` bounds every operation, and what
 * is not the answer ends the connection.
 */
import type { ConnectionOptions } from 'node:tls'
import type { Address } from './address.ts'
import { linkTarget } from './client.ts'
import { ADD_PREFIX_BYTES, MESSAGE_BYTES } from './limits.ts'
import { Operation } from './message.ts'
import { MessageOutput } from './message-output.ts'
import { isFailure, type Outcome, outcomeOf, SessionServiceError } from './outcome.ts'
import { type LinkEnd, type LinkHandler, type LinkTarget, ServerLink } from './server-link.ts'
import { clientUids, type Uids } from './uids.ts'

export interface BlockingClientOptions {
  readonly connect: string | Address
  readonly persistent?: boolean
  /** With persistent. */
  readonly retry?: boolean
  readonly late?: boolean
  /** The longest wait for one operation, connecting included; default 10 seconds. */
  readonly timeoutMs?: number
  readonly tls?: ConnectionOptions | undefined
  readonly uids?: Uids
}

interface Asked {
  readonly uid: number
  readonly operation: number
  readonly id: Buffer
  readonly data: Buffer
  readonly lifeMs: number
  readonly done: (outcome: Outcome) => void
}

const TIMEOUT_MS = 10_000
const NOTHING: Buffer = Buffer.alloc(0)

export class BlockingClient implements LinkHandler {
  readonly #options: BlockingClientOptions
  readonly #target: LinkTarget
  readonly #uids: Uids
  readonly #output = new MessageOutput()
  #link: ServerLink | undefined = undefined
  /** Makes no connection again. */
  #isBroken = false
  #asked: Asked | undefined = undefined
  #onOpen: ((isOpen: boolean) => void) | undefined = undefined
  #lastData: Buffer = NOTHING

  private constructor(options: BlockingClientOptions) {
    this.#options = options
    this.#target = linkTarget(options.connect, options.tls)
    this.#uids = options.uids ?? clientUids
  }

  /**
   * A client; connected, if it is persistent and not late. Rejects with a SessionServiceError if it cannot be, and with a
   * TypeError for an address that is none.
   */
  static async open(options: BlockingClientOptions): Promise<BlockingClient> {
    const client = new BlockingClient(options)
    if (options.persistent !== true || options.late === true) return client
    const { promise, resolve } = Promise.withResolvers<boolean>()
    client.#onOpen = resolve
    client.#link = new ServerLink(client.#target, client.#output, client)
    if (await promise) return client
    throw new SessionServiceError('unreachable')
  }

  /** Whether it is stored now, which it is not when the id was stored already. */
  async add(id: Buffer, data: Buffer, lifeMs: number): Promise<boolean> {
    if (ADD_PREFIX_BYTES + id.length + data.length > MESSAGE_BYTES) return false
    return (await this.ask(Operation.add, id, data, lifeMs)) === 'ok'
  }

  /** The data, or undefined. */
  async get(id: Buffer): Promise<Buffer | undefined> {
    return (await this.ask(Operation.get, id)) === 'ok' ? this.#lastData : undefined
  }

  /** The data of the last GET again, without asking; undefined after any other operation, and after a miss. */
  reget(): Buffer | undefined {
    return this.#lastData.length === 0 ? undefined : this.#lastData
  }

  /** Whether there was one. */
  async remove(id: Buffer): Promise<boolean> {
    return (await this.ask(Operation.remove, id)) === 'ok'
  }

  /** Whether there is one. Rejects with a SessionServiceError when nobody said. */
  async have(id: Buffer): Promise<boolean> {
    const outcome = await this.ask(Operation.have, id)
    if (isFailure(outcome)) throw new SessionServiceError(outcome)
    return outcome === 'ok'
  }

  /**
   * One operation, for those who tell failures apart; `reget` has the data of a GET that is `ok`. Sent again where the
   * options say so. Rejects with an Error while another is under way.
   */
  async ask(operation: number, id: Buffer, data = NOTHING, lifeMs = 0): Promise<Outcome> {
    if (this.#asked !== undefined) throw new Error('one operation at a time: the last one has not ended')
    this.#lastData = NOTHING
    const { persistent = false, retry = false, timeoutMs = TIMEOUT_MS } = this.#options
    const untilMs = performance.now() + timeoutMs
    const message = { uid: this.#uids.next(), operation, id, data, lifeMs }
    const isNew = this.#link === undefined
    let outcome = await this.#send(message, untilMs)
    if (outcome === 'lost' && persistent && retry && !isNew) outcome = await this.#send(message, untilMs)
    if (!persistent) this.#link?.close()
    return outcome
  }

  /** Ends the connection of a persistent client. */
  close(): void {
    this.#isBroken = true
    this.#link?.close()
  }

  onOpen(): void {
    this.#onOpen?.(true)
  }

  onMessage(uid: number, operation: number, bytes: Buffer, start: number, end: number): boolean {
    const asked = this.#asked
    if (asked === undefined || asked.uid !== uid || asked.operation !== operation) return false
    const outcome = outcomeOf(operation, bytes, start, end)
    if (outcome === 'bad-response') return false
    if (operation === Operation.get && outcome === 'ok') this.#lastData = Buffer.from(bytes.subarray(start, end))
    this.#asked = undefined
    asked.done(outcome)
    return true
  }

  onClosed(end: LinkEnd): void {
    const { persistent = false, late = false } = this.#options
    if (end === 'unreachable' && persistent && !late) this.#isBroken = true
    this.#link = undefined
    this.#output.take().fill(0)
    this.#onOpen?.(false)
    const asked = this.#asked
    this.#asked = undefined
    asked?.done(end)
  }

  async #send(message: Omit<Asked, 'done'>, untilMs: number): Promise<Outcome> {
    const link = this.#link ?? this.#connect()
    if (link === undefined) return 'lost'
    this.#link = link
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.#asked = { ...message, done: resolve }
    const timer = setTimeout(() => this.#onTimeout(), Math.max(0, untilMs - performance.now()))
    const { uid, operation, id, data, lifeMs } = message
    if (operation === Operation.add) this.#output.add(uid, lifeMs, id, data)
    else this.#output.message(false, uid, operation, id, 0, id.length)
    link.flush()
    const outcome = await promise
    clearTimeout(timer)
    return outcome
  }

  /** An answer that comes later would be taken for that of the next operation: the connection ends. */
  #onTimeout(): void {
    const asked = this.#asked
    this.#asked = undefined
    this.#link?.close()
    asked?.done('timed-out')
  }

  #connect(): ServerLink | undefined {
    const { persistent = false, retry = false, late = false } = this.#options
    if (this.#isBroken || (persistent && !retry && !late)) return undefined
    return new ServerLink(this.#target, this.#output, this)
  }
}
