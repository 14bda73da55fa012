/**
 * A request that is answered with what a fill brings, its own fetch's or another's, while it grows in the store.
 *
 *     head --> streaming --all that is wanted is written--------------> complete
 *                        --its own fetch outgrew the store------------> Pass
 *                        --another's did------------------------------> Rejoin
 *                        --the fetch failed---------------------------> broken off
 *
 * Always true: `#reader` is closed exactly once, when what was read from it is flushed or the client is gone.
 */
import type { FillReader } from '../cache/tiers/fill-reader.ts'
import { C } from '../log/counters.ts'
import type { Reason } from '../log/reasons.ts'
import { clock } from '../util/clock.ts'
import type { Client } from './client.ts'
import { Exchange } from './exchange.ts'
import type { Fetch } from './fetch.ts'
import type { Fill, FillListener } from './fetch-owner.ts'
import { beginFillAnswer } from './fill-answer.ts'
import { type CacheWord, finish, Outcome } from './finish.ts'
import type { OriginRequest } from './origin-request.ts'
import { type Overflow, Pass } from './pass.ts'
import { Rejoin } from './rejoin.ts'
import type { RequestContext } from './request-context.ts'
import { ResponseWriter } from './response-writer.ts'

/** Bytes in the client's socket from which on nothing more is read from the store. */
const WINDOW_BYTES = 256 * 1024

const outcome = new Outcome()

/** What is being stored, and what it has to do with the request. */
export interface FillSource {
  /** The fill is streaming or complete. The reader passes to the stream. */
  readonly reader: FillReader
  /** The request's own fetch, while it runs, and what that brings; both undefined: another request fetches. */
  readonly fetch: Fetch | undefined
  readonly fill: Fill | undefined
  /** The rest, where the request's own fetch has outgrown the store already. */
  readonly overflow: Overflow | undefined
  /** Why what was stored before did not answer. */
  readonly reason: Reason
}

export class FillStream extends Exchange implements FillListener {
  readonly #reader: FillReader
  readonly #writer: ResponseWriter
  readonly #word: CacheWord
  readonly #reason: Reason
  #fetch: Fetch | undefined
  #overflow: Overflow | undefined
  /** Bytes of the body that have been read. */
  #offset = 0
  #flushing = false
  #done = false

  private constructor(client: Client, context: RequestContext, source: FillSource) {
    super(client, context)
    const { reader, fetch, fill, overflow, reason } = source
    this.#reader = reader
    this.#fetch = fetch
    this.#overflow = overflow
    this.#reason = reason
    this.#word = fill === undefined ? 'collapsed' : 'miss'
    this.#writer = new ResponseWriter(client)
    fetch?.tell(this)
    beginFillAnswer({
      context,
      writer: this.#writer,
      unsized: client.unsizedFraming,
      reader,
      fill,
      reason,
      word: this.#word,
    })
  }

  static start(client: Client, context: RequestContext, source: FillSource): void {
    new FillStream(client, context, source).#pump()
  }

  onFillProgress(): void {
    this.#pump()
  }

  onOverflow(origin: OriginRequest, rest: Buffer, reason: Reason): void {
    this.#overflow = { origin, rest, reason }
    this.#pump()
  }

  onFailed(): void {
    this.#fetch = undefined
    this.#pump()
  }

  override onClientGone(): void {
    if (this.#done) return
    this.#count(this.#reason)
    this.context.worker.counters.add(C.clientAborts, 1)
    this.#fetch?.tell(undefined)
    this.#reader.close()
    this.#overflow?.origin.cancel()
  }

  /** Moves what the store holds into the client's socket, as long as that takes it. */
  #pump(): void {
    if (this.#done || this.#flushing) return
    const { client } = this
    const reader = this.#reader
    const { state } = reader // before `available`: what is complete now grows no more
    while (client.unsentBytes < WINDOW_BYTES && !this.#writer.isSatisfied) {
      const piece = reader.read(this.#offset, WINDOW_BYTES)
      if (piece === undefined) break
      this.#writer.write(piece)
      this.#offset += piece.length
    }
    if (this.#writer.isSatisfied) this.#complete()
    else if (this.#offset < reader.available) this.#pumpWhenFlushed()
    else if (this.#overflow !== undefined) this.#goDirect(this.#overflow)
    else if (state === 'complete') this.#complete()
    else if (state === 'streaming') this.#awaitMore()
    else if (state === 'declined') this.#rejoin()
    else this.#breakOff()
  }

  #awaitMore(): void {
    this.#writer.flushHead()
    if (this.#fetch !== undefined) return // which says when there is more
    this.#reader.onChange(() =>
      this.guard(() => {
        clock.update()
        this.#pump()
      }),
    )
  }

  #pumpWhenFlushed(): void {
    this.#flushing = true
    this.client.whenFlushed(() => {
      this.#flushing = false
      this.#pump()
    })
  }

  #complete(): void {
    this.#writer.end(undefined)
    this.#fetch?.tell(undefined)
    this.#overflow?.origin.cancel() // a range may be complete before the body is
    this.#count(this.#reason)
    this.#closeWhenFlushed()
    this.client.endAnswer()
  }

  /** What is stored has been written; the rest, which was not stored, comes from the origin. */
  #goDirect(overflow: Overflow): void {
    this.#done = true
    this.#closeWhenFlushed()
    Pass.resume(this.client, this.context, overflow, this.#writer)
  }

  /** Another request's fetch outgrew the store: its rest goes to that request alone. */
  #rejoin(): void {
    this.#done = true
    new Rejoin(this.client, this.context, { reader: this.#reader, writer: this.#writer, sent: this.#offset })
  }

  /** The body broke off: the client must not take it for complete. */
  #breakOff(): void {
    this.#count('incomplete')
    this.#writer.truncate()
    this.#closeWhenFlushed()
  }

  #closeWhenFlushed(): void {
    const reader = this.#reader
    if (this.client.unsentBytes === 0) reader.close()
    else this.client.whenFlushed(() => reader.close())
  }

  /** Counts and logs the answer. */
  #count(reason: Reason): void {
    this.#done = true
    const { client, context } = this
    outcome.status = this.#writer.status
    outcome.bytes = this.#writer.bytes
    outcome.word = this.#word
    outcome.reason = reason
    outcome.backend = context.route.backend?.plan.name ?? ''
    outcome.request = context
    finish(client, context.head, context.route, outcome)
  }
}
