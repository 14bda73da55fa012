/**
 * OpenSSL's question at every ticket, answered by one worker from the keys on the board.
 *
 * A context of Node has one ticket key (`ticketKeys`), for issuing and accepting; a fleet that changes keys needs several.
 * OpenSSL asks a callback instead where there is one, and Node hands the question on to `onticketkeycallback` of the context's
 * handle. That is no documented interface, but an old one with a test of its own in Node; the Node that comes with Shellac has it,
 * and one that has it not gets the issuing key alone (doc/notes/ticket-keys.md).
 *
 * It must not fail: an exception ends the connection, and an answer of another shape the process.
 */
import { randomFillSync } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import { type BoardKeys, TicketBoard } from './ticket-board.ts'
import { TICKET_KEY_BYTES, type TicketKeyParts, ticketKeyParts } from './ticket-key.ts'

/** What OpenSSL is told: `refuse` is a full handshake, or no ticket; `renew`: accepted, and the client gets a new one. */
const REFUSE = 0
const ISSUE = 1
const RENEW = 2

type Answer = readonly [code: number, hmac: Buffer, aes: Buffer, name: Buffer, iv: Buffer]

/** The native side of a SecureContext, as far as tickets go. */
interface TicketContext {
  enableTicketKeyCallback?(): void
  onticketkeycallback?: (name: Buffer, iv: Buffer, isIssuing: boolean) => Answer
  setTicketKeys?(keys: Buffer): void
}

/** How many tickets ended how; told of each. */
export interface TicketSink {
  issued(): void
  /** `isOlder`: under a key that does not issue any more, or not yet. */
  accepted(isOlder: boolean): void
  /** Under a key that is not known, or is no longer. */
  refused(): void
}

const IV_BYTES = 16
/** The random numbers of so many tickets are made at once: one call for each would cost 1 us. */
const IVS = 64

export class TicketKeys {
  readonly #board: TicketBoard
  readonly #sink: TicketSink
  #keys: readonly TicketKeyParts[] = []
  #issuing: TicketKeyParts | undefined = undefined
  #sequence = -1
  readonly #ivs = Buffer.alloc(IVS * IV_BYTES)
  #ivAt = IVS * IV_BYTES
  /** For an answer without a key, which must have secrets all the same. */
  readonly #none = ticketKeyParts(Buffer.alloc(TICKET_KEY_BYTES))

  constructor(shared: SharedArrayBuffer, sink: TicketSink) {
    this.#board = new TicketBoard(shared)
    this.#sink = sink
  }

  /** From now on the tickets of connections that begin with this context are sealed and opened by these keys. */
  attach(context: SecureContext): void {
    const native = context.context as TicketContext
    if (native.enableTicketKeyCallback === undefined) {
      this.#follow()
      const { name, hmac, aes } = this.#issuing ?? this.#none
      if (this.#issuing !== undefined) native.setTicketKeys?.(Buffer.concat([name, hmac, aes]))
      return
    }
    native.onticketkeycallback = this.#onTicket
    native.enableTicketKeyCallback()
  }

  readonly #onTicket = (name: Buffer, _iv: Buffer, isIssuing: boolean): Answer => {
    this.#follow()
    return isIssuing ? this.#issue() : this.#accept(name)
  }

  #issue(): Answer {
    const key = this.#issuing
    if (key === undefined) return this.#refusal()
    this.#sink.issued()
    return [ISSUE, key.hmac, key.aes, key.name, this.#nextIv()]
  }

  /**
   * Always with a new ticket: a TLS 1.3 client uses each once (RFC 8446 appendix C.4), and of an older key it is to get
   * away. In TLS 1.2, which the question does not tell apart, it costs 200 bytes.
   */
  #accept(name: Buffer): Answer {
    // Three keys, mostly: a Map would want a string of the name first.
    for (const key of this.#keys) {
      if (!key.name.equals(name)) continue
      this.#sink.accepted(key !== this.#issuing)
      return [RENEW, key.hmac, key.aes, key.name, key.name]
    }
    this.#sink.refused()
    return this.#refusal()
  }

  #refusal(): Answer {
    const { name, hmac, aes } = this.#none
    return [REFUSE, hmac, aes, name, name]
  }

  #follow(): void {
    if (this.#board.sequence === this.#sequence) return
    const read = this.#board.read()
    if (read !== undefined) this.#take(read)
  }

  #take({ sequence, keys, issuing }: BoardKeys): void {
    this.#sequence = sequence
    this.#keys = keys.map(ticketKeyParts)
    this.#issuing = this.#keys[issuing]
  }

  #nextIv(): Buffer {
    if (this.#ivAt === this.#ivs.length) {
      randomFillSync(this.#ivs)
      this.#ivAt = 0
    }
    const iv = this.#ivs.subarray(this.#ivAt, this.#ivAt + IV_BYTES)
    this.#ivAt += IV_BYTES
    return iv
  }
}
