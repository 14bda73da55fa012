/**
 * A request that read along while another one's fetch filled the cache, until the object outgrew it. It has sent the
 * beginning of a body whose rest is nowhere, so it fetches the whole once more, for itself.
 *
 * The hard part is not to join halves of two bodies. What was sent still lies in the store, pinned by the reader: the new
 * body is compared with it byte for byte, and only behind its end does a Pass take over. Any difference ends the
 * connection, so that the client does not take what it has for complete.
 */
import { decodeMeta } from '../cache/policy/meta.ts'
import type { FillReader } from '../cache/tiers/fill-reader.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { type Reason, reasonOf } from '../log/reasons.ts'
import type { Client } from './client.ts'
import { Exchange } from './exchange.ts'
import { finish, Outcome } from './finish.ts'
import { OriginRequest, type OriginSink } from './origin-request.ts'
import { Pass } from './pass.ts'
import type { RequestContext } from './request-context.ts'
import type { ResponseWriter } from './response-writer.ts'

/** What was sent already: the first `sent` bytes of what `reader` holds, by `writer`. */
export interface Beginning {
  readonly reader: FillReader
  readonly writer: ResponseWriter
  readonly sent: number
}

const outcome = new Outcome()
outcome.word = 'collapsed'

export class Rejoin extends Exchange implements OriginSink {
  readonly #beginning: Beginning
  readonly #origin: OriginRequest
  /** Why the store could not take the rest. */
  readonly #reason: Reason
  #compared = 0

  /** The reader is closed when it is no longer needed. */
  constructor(client: Client, context: RequestContext, beginning: Beginning) {
    super(client, context)
    this.#beginning = beginning
    this.#reason = reasonOf(beginning.reader.cause)
    // As the fetch it replaces: the client's own conditions would bring an answer without the body.
    this.#origin = new OriginRequest({ context, fills: true, validators: '', upgrade: undefined }, this)
    this.#origin.start()
  }

  onHead(head: ResponseHead): void {
    const { reader } = this.#beginning
    const isAsAnnounced = reader.bodyBytes === -1 || reader.bodyBytes === head.contentLength
    // The client may have been promised a part of it, but what it reads from is the whole.
    if (head.status !== decodeMeta(reader.meta).status || !isAsAnnounced) this.#breakOff()
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const { reader, writer, sent } = this.#beginning
    let at = start
    while (at < end && this.#compared < sent) {
      const piece = reader.read(this.#compared, Math.min(end - at, sent - this.#compared))
      if (piece === undefined || bytes.compare(piece, 0, piece.length, at, at + piece.length) !== 0) {
        this.#breakOff()
        return
      }
      at += piece.length
      this.#compared += piece.length
    }
    if (this.#compared < sent) return
    // What was sent may still lie in the client's socket.
    this.client.whenFlushed(() => reader.close())
    const rest = Buffer.from(bytes.subarray(at, end))
    Pass.resume(this.client, this.context, { origin: this.#origin, rest, reason: this.#reason }, writer)
  }

  onEnd(): void {
    this.#breakOff()
  }

  onFail(): void {
    this.#breakOff()
  }

  override onClientGone(): void {
    this.#origin.cancel()
    this.#beginning.reader.close()
  }

  // The client has its head, and nothing to send.
  onInterim(): void {}
  onPause(): void {}
  onRequestReady(): void {}
  onUpgrade(): void {}
  onTunnelData(): void {}
  onTunnelEnd(): void {}

  /** The client's connection closes, which ends this too. */
  #breakOff(): void {
    const { client, context } = this
    const { writer } = this.#beginning
    this.#origin.cancel()
    outcome.reason = this.#reason
    outcome.status = writer.status
    outcome.bytes = writer.bytes
    outcome.backend = context.route.backend?.plan.name ?? ''
    outcome.request = context
    finish(client, context.head, context.route, outcome)
    writer.truncate()
  }
}
