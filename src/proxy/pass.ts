/**
 * A request whose response comes from an origin and does not come through the store: streamed both ways, nothing collected.
 * What it says of stored responses is taken notice of: an unsafe request invalidates, a POST may fill, a HEAD may update.
 *
 * Back-pressure has one owner per direction. Response: the link to the origin is paused while bytes of its own buffer wait
 * in the client's socket, so a slow client holds one buffer of 64 KiB. Request: the client connection holds its body back
 * while more than a window of bytes waits for the origin.
 */

import { forwardOf, forwardStatus } from '../cache/policy/cache-status.ts'
import { invalidatedRequests, isUnsafe } from '../cache/policy/invalidate.ts'
import { B } from '../http/body-kind.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { C } from '../log/counters.ts'
import type { Reason } from '../log/reasons.ts'
import { type OriginErrorCode, originErrors } from '../net/origin-error.ts'
import { clock } from '../util/clock.ts'
import { sendError } from './answer.ts'
import type { Client } from './client.ts'
import { Exchange } from './exchange.ts'
import { ResponseHeadFacts } from './facts.ts'
import { finish, Outcome } from './finish.ts'
import { OriginRequest, type OriginSink } from './origin-request.ts'
import { PostFill } from './post-fill.ts'
import type { RequestContext } from './request-context.ts'
import { framingLine, interimText, passFraming, passHeadText } from './response-out.ts'
import { ResponseWriter } from './response-writer.ts'
import type { RouteRuntime } from './route-runtime.ts'
import { SentFacts } from './sent-facts.ts'
import { Tunnel } from './tunnel.ts'
import { updateByHead } from './update-by-head.ts'

/** Request body bytes that wait for an origin from which on the client has to. */
const UPLOAD_WINDOW_BYTES = 256 * 1024

const outcome = new Outcome()

/** What did not fit the store, and why: `rest` comes behind what was stored, then `origin` goes on. */
export interface Overflow {
  readonly origin: OriginRequest
  readonly rest: Buffer
  readonly reason: Reason
}

export class Pass extends Exchange implements OriginSink {
  readonly #origin: OriginRequest
  readonly #reason: Reason
  readonly #writer: ResponseWriter
  #requestMs = clock.nowMs
  /** The purge log's `sequence` when the request came; 0 where nothing is cached. */
  readonly #purgeSequence: number
  /** The answer is stored too. */
  #fill: PostFill | undefined = undefined
  #done = false

  private constructor(
    client: Client,
    context: RequestContext,
    reason: Reason,
    writer: ResponseWriter,
    origin: OriginRequest | undefined,
    upgrade: string | undefined,
  ) {
    super(client, context)
    this.#reason = reason
    this.#writer = writer
    this.#purgeSequence = purgeSequenceOf(context)
    this.#origin = origin ?? new OriginRequest({ context, fills: false, validators: '', upgrade }, this)
    this.#origin.sink = this
  }

  /** Sends the request on. `upgrade` is the protocol to switch to, if any. */
  static start(client: Client, context: RequestContext, reason: Reason, upgrade?: string): void {
    new Pass(client, context, reason, new ResponseWriter(client), undefined, upgrade).#origin.start()
  }

  /** Takes over a fetch whose response, just received, cannot be stored; the caller goes on with `onHead`. */
  static adopt(client: Client, context: RequestContext, reason: Reason, origin: OriginRequest): Pass {
    return new Pass(client, context, reason, new ResponseWriter(client), origin, undefined)
  }

  /** Takes over a fetch whose response outgrew the store; `writer` has sent what was stored. */
  static resume(
    client: Client,
    context: RequestContext,
    { origin, rest, reason }: Overflow,
    writer: ResponseWriter,
  ): void {
    const pass = new Pass(client, context, reason, writer, origin, undefined)
    writer.write(rest)
    origin.link?.resume()
    pass.#applyBackPressure()
  }

  onRequestReady(): void {
    this.#requestMs = clock.nowMs
    this.client.releaseBody()
  }

  onInterim(head: ResponseHead): void {
    passInterim(this.client, this.context, head)
  }

  onHead(head: ResponseHead): void {
    const { client, context } = this
    const { method } = context.head
    const own = isUnsafe(method) ? invalidate(context, head) : 0
    if (method === 'POST') this.#fill = PostFill.open(context, head, this.#requestMs, (this.#purgeSequence + own) | 0)
    // Looked up, and not found fresh. An answer that is an error says nothing of what GET would give.
    const isRefresh = method === 'HEAD' && head.status === 200 && context.missReason !== 'none'
    if (isRefresh) updateByHead(client, context, head, this.#requestMs)
    const cacheStatus = forwardStatus({
      forward: forwardOf(context.missReason === 'none' ? this.#reason : context.missReason),
      status: head.status,
      stored: this.#fill !== undefined,
      collapsed: false,
      reason: this.#reason,
      refusal: context.refusal,
    })
    context.cacheWord = 'pass'
    const framing = passFraming(head, client.unsizedFraming)
    const text = passHeadText(head, context, cacheStatus) + bodilessLength(head, context)
    this.#writer.begin(head.status, text, framing, head.contentLength)
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#fill?.write(bytes, start, end) === false) this.#fill = undefined
    this.#writer.write(bytes.subarray(start, end))
    if (this.client.unsentBytes !== 0) this.#origin.link?.retain()
  }

  onPause(): void {
    this.#writer.flushHead()
    this.#applyBackPressure()
  }

  onEnd(trailers: string | undefined): void {
    if (this.#done) return
    this.#fill?.complete()
    this.#fill = undefined
    this.#writer.end(trailers)
    this.#finish()
    this.client.endAnswer()
  }

  onFail(code: OriginErrorCode): void {
    if (this.#done) return
    this.#giveUpFill('incomplete')
    const { client, context } = this
    const server = this.#origin.serverName
    context.worker.log('warn', 'origin failed', { backend: context.route.backend!.plan.name, server, code })
    if (this.#writer.isHeld) this.#writer.withdraw()
    if (this.#writer.started) {
      this.#breakOff()
      return
    }
    this.#done = true
    const { status, message } = originErrors[code]
    sendError(client, context.head, context.route, status, message, { reason: 'origin-error', server })
  }

  onUpgrade(head: ResponseHead, bytes: Buffer): void {
    this.#done = true
    Tunnel.open(this.client, this.context, this.#origin, head, bytes)
  }

  // A Tunnel takes these over with `origin.sink`.
  onTunnelData(): void {}
  onTunnelEnd(): void {}

  override onRequestData(bytes: Buffer, start: number, end: number): void {
    const { link } = this.#origin
    if (link === undefined || link.isOver) return
    const { output, counters } = this.context.worker
    this.#origin.bodyStarts()
    counters.add(C.originBytesOut, end - start)
    // The bytes are the worker's read buffer: they are copied, since the origin may take them later.
    link.writeBody(output, bytes, start, end)
    if (link.unsentBytes <= UPLOAD_WINDOW_BYTES) return
    this.client.holdBody()
    link.whenSent(output, () => this.client.releaseBody())
  }

  override onRequestEnd(trailers: string | undefined): void {
    const { link } = this.#origin
    if (link === undefined || link.isOver) return
    this.#origin.bodyStarts()
    link.endRequest(trailers)
  }

  override onRequestFailed(status: number, message: string): void {
    if (this.#done) return
    this.#giveUpFill('incomplete')
    this.#origin.cancel()
    this.client.keepAlive = false
    if (this.#writer.started) {
      this.#breakOff()
      return
    }
    this.#done = true
    sendError(this.client, this.context.head, this.context.route, status, message)
  }

  override onClientGone(): void {
    if (this.#done) return
    this.#giveUpFill('incomplete')
    if (this.#writer.started) this.#finish()
    this.#done = true
    this.context.worker.counters.add(C.clientAborts, 1)
    this.#origin.cancel()
  }

  /** The client has not taken all of the origin's buffer: the origin waits until it has. */
  #applyBackPressure(): void {
    const { link } = this.#origin
    if (this.#done || link === undefined || this.client.unsentBytes === 0) return
    // Those who read along would have to wait for this client.
    this.#giveUpFill('collapse-timeout')
    link.pause()
    this.client.whenFlushed(() => link.resume())
  }

  /** `reason`: why those who read along go on by themselves. */
  #giveUpFill(reason: Reason): void {
    this.#fill?.giveUp(reason)
    this.#fill = undefined
  }

  #breakOff(): void {
    this.#finish()
    this.#writer.truncate()
  }

  /** Counts and logs the answer, complete or not. */
  #finish(): void {
    this.#done = true
    const { client, context } = this
    outcome.status = this.#writer.status
    outcome.bytes = this.#writer.bytes
    outcome.word = 'pass'
    outcome.reason = this.#reason
    outcome.backend = context.route.backend!.plan.name
    outcome.server = this.#origin.serverName
    outcome.request = context
    finish(client, context.head, context.route, outcome)
  }
}

/** An interim response goes on to clients that can tell it from the final one; 100 only to those that asked for it. */
export function passInterim(client: Client, context: RequestContext, head: ResponseHead): void {
  const isAwaited = context.head.expectContinue && context.head.hasBody
  if (client.minor === 0 || (head.status === 100 && !isAwaited)) return
  if (head.status === 100) client.withholdsBody = false
  context.worker.counters.add(C.responses1xx, 1)
  client.writeText(interimText(head))
}

/**
 * Content-Length of a response without a body: to HEAD and of a 304 it tells the length of a body that is not there, as
 * the origin gave it (RFC 9110 §8.6).
 */
function bodilessLength(head: ResponseHead, context: RequestContext): string {
  if (head.bodyKind !== B.none || head.status === 204) return ''
  if (head.contentLength !== -1) return framingLine('sized', head.contentLength)
  return context.head.method === 'HEAD' || head.status === 304 ? '' : framingLine('sized', 0)
}

function purgeSequenceOf({ route }: RequestContext): number {
  return route.cache?.cache.purges.sequence ?? 0
}

/**
 * RFC 9111 §4.4: what an unsafe request may have changed is removed, under whatever route a GET would find it. Gives the
 * number of purges that this took of the request's own cache.
 */
function invalidate(context: RequestContext, head: ResponseHead): number {
  let own = 0
  for (const request of invalidatedRequests(context.facts, new ResponseHeadFacts(head))) {
    const entry = context.runtime.table.find(context.listenerName, request)
    const route = entry?.user as RouteRuntime | undefined
    const cache = route?.cache
    if (route === undefined || cache === undefined) continue
    const key = cache.keyOf(new SentFacts(request, route, context), request)
    cache.cache.remove(key)
    // Under this key lies all there is for the URL, unless the key has more than the URL in it (a cookie, a class).
    const url = cache.urlTextOf(request)
    const isWhole = key === url || key === `${request.scheme}|${url}`
    if (isWhole) continue
    cache.cache.removeUrl(url)
    if (cache.cache === context.route.cache?.cache) own++
  }
  return own
}
