/**
 * Who waits for the answer to one request: a connection of HTTP/1.1, which serves one request after the other, or a
 * stream of HTTP/2. The steps of a request know nothing else of how its client is spoken to.
 *
 * Heads are told as the text of HTTP/1.1, which is what stored objects hold; a stream makes its own fields of them. Every
 * answer is `write...`, perhaps many, and then one of `endAnswer`, `endAnswerFrom`, `truncate` and `abort`.
 */
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { TimerEntry } from '../net/timer-wheel.ts'
import type { TlsFacts } from '../plan/tls-facts.ts'
import type { Exchange } from './exchange.ts'
import type { ListenerRuntime } from './listener-runtime.ts'
import type { Framing, UnsizedFraming } from './response-out.ts'
import type { Worker } from './worker.ts'

/** A head and a body in somebody else's buffer: bytes[headStart, end), where the head ends at bodyStart. */
export interface HeadAndBody {
  readonly bytes: Buffer
  readonly headStart: number
  readonly bodyStart: number
  readonly end: number
}

export abstract class Client extends TimerEntry {
  readonly worker: Worker
  readonly listener: ListenerRuntime
  /** The request in work, unless it is answered within one turn. */
  exchange: Exchange | undefined = undefined
  /** Whether the connection outlives the current answer; the answer says so in Connection. Means nothing to a stream. */
  keepAlive = true
  /** HTTP/1.x of the current request; 1 for a stream. */
  minor: 0 | 1 = 1
  /** Monotonic, of the current request. */
  startedMs = 0
  /**
   * The client waits for 100 before it sends the body. Answered without one it may send the body or not, so what comes
   * next cannot be told, and the connection ends with the answer (RFC 9110 §10.1.1).
   */
  withholdsBody = false

  constructor(worker: Worker, listener: ListenerRuntime) {
    super()
    this.worker = worker
    this.listener = listener
  }

  /** The request came over TLS. */
  abstract readonly isSecure: boolean
  /** What is known of its TLS, made when first asked for; undefined: it came without. */
  get tls(): TlsFacts | undefined {
    return undefined
  }
  /** For the access log: `HTTP/1.1`, `HTTP/2.0`. */
  abstract readonly protocol: string
  /** Textual IP address of the peer; empty for a unix socket, and where `hasLostPeer`. */
  abstract readonly clientAddress: string
  abstract readonly clientPort: number
  /**
   * True when a rule asked for the address and the peer had reset the connection by then: the kernel still gives what it
   * sent, but no longer tells who it was.
   */
  abstract readonly hasLostPeer: boolean
  /** How a body is framed whose length is not known when it begins. */
  abstract readonly unsizedFraming: UnsizedFraming

  /** Bytes written that the client has not been given yet; above 0 whoever writes more should wait for `whenFlushed`. */
  abstract readonly unsentBytes: number
  /** A head alone, a complete generated answer, or the last chunk. `text` is latin1. */
  abstract writeText(text: string): void
  /** `head` (latin1) and a body that does not change until it is flushed. */
  abstract writeHeadAndBody(head: string, body: Buffer): void
  /** `head` (latin1) and a body, bytes[start, end), which the caller overwrites as soon as this returns. */
  abstract writeHeadAndCopy(head: string, bytes: Buffer, start: number, end: number): void
  /** `head` (latin1) and a body in several pieces, which do not change until they are flushed. */
  abstract writeHeadAndPieces(head: string, pieces: readonly Buffer[]): void
  /** `prefix` (latin1) is the beginning of a head whose rest, blank line included, is stored in `object`, which is pinned. */
  abstract writeStored(prefix: string, object: StoredObject, hasBody: boolean): void
  /** As writeStored, with `lines`, blank line included, in place of the stored fields. */
  abstract writeEdited(prefix: string, lines: string, object: StoredObject): void
  /** As writeStored, out of bytes that the caller overwrites as soon as this returns. */
  abstract writePrefixAndCopy(prefix: string, rest: HeadAndBody): void
  /** The next bytes of a body, which do not change until they are flushed. */
  abstract write(data: Buffer): void
  /** The next bytes of a chunked body; `prefix` ends with their size line, and may begin with the head. */
  abstract writeChunk(prefix: string, data: Buffer): void
  /** Complete lines, behind a body of framing `stream`. */
  abstract writeTrailers(lines: string): void
  /** Calls `done` when all that was written has been handed to the kernel, or, with false, will never be. */
  abstract whenFlushed(done: (isFlushed: boolean) => void): void

  /** The answer is written whole; when it is flushed the next request may be served. */
  abstract endAnswer(): void
  /** As endAnswer, for an answer whose body lies in `object`: it stays pinned until it is flushed. */
  abstract endAnswerFrom(tier: MemoryTier, object: StoredObject): void
  /** The body cannot be completed: ends the answer so that the client does not take it for complete. */
  abstract truncate(framing: Framing): void
  /** Gives the client up, in the middle of whatever it is told. */
  abstract abort(): void

  /** True while bytes of the request body are still to come. */
  abstract readonly hasUnreadBody: boolean
  /** A body larger than this is refused with 413; set by the route. */
  abstract limitBody(bytes: number): void
  /** The request body may be given to the exchange. */
  abstract releaseBody(): void
  /** The taker of the request body is full. */
  abstract holdBody(): void

  /** 101 was sent: bytes go to the exchange as they come. Returns what had come already. */
  abstract openTunnel(): Buffer | undefined
  /** Bytes of a tunnel, which the caller overwrites as soon as this returns. */
  abstract writeCopy(bytes: Buffer, start: number, end: number): void
  /** Stops and starts reading in a tunnel. */
  abstract pauseTunnel(): void
  abstract resumeTunnel(): void
  /** Bytes went through the tunnel. */
  abstract touchTunnel(): void
  /** One direction of the tunnel has ended: from now on the other one must not be silent for longer than an idle client. */
  abstract boundTunnel(): void
  /** The origin sends no more: the client is told behind what is written. */
  abstract endTunnel(): void
  /** The other side of the tunnel has gone: what is written still goes out, what comes is not wanted. */
  abstract closeTunnel(): void
}
