/**
 * A request that waits for a fetch, its own or another's, and is answered from what the store holds of it so far.
 *
 *     start --leads--> Fetch tells --> onFill      --> #pump until complete
 *           --follows- reader tells -> streaming   --> #pump until complete; outgrows the store --> Rejoin
 *                                      declined    --> Pass
 *                                      left        --> look again
 *           --cannot wait-----------------------------> Pass
 *
 * Always true: `#reader` is closed exactly once, when what was read from it is flushed or the client is gone.
 */

import type { RequestDirectives } from '../cache/policy/cache-control.ts'
import { forwardOf, forwardStatus } from '../cache/policy/cache-status.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { decodeMeta, type StoredMeta } from '../cache/policy/meta.ts'
import { selectBytes } from '../cache/policy/partial.ts'
import { canServeStaleOnError, decideReuse, isServed, Reuse, reuseReasons } from '../cache/policy/reuse.ts'
import type { FillReader } from '../cache/tiers/fill-reader.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { C } from '../log/counters.ts'
import { type Reason, reasonOf } from '../log/reasons.ts'
import { type OriginErrorCode, originErrors } from '../net/origin-error.ts'
import { TimerEntry } from '../net/timer-wheel.ts'
import { clock } from '../util/clock.ts'
import { sendError } from './answer.ts'
import { cacheStatusLine } from './cache-status-line.ts'
import type { ClientConnection } from './client-connection.ts'
import { type Delivery, deliverAs, deliverStored, isConditional } from './deliver.ts'
import { Exchange } from './exchange.ts'
import { isUnanswered, statusOfCause } from './failure-cause.ts'
import { Fetch, type FetchOwner, type Fill } from './fetch.ts'
import { type FetchPlan, planFetch } from './fetch-plan.ts'
import { beginFillAnswer, selectOfFill } from './fill-answer.ts'
import { type Found, findStored } from './find-stored.ts'
import { type CacheWord, finish, Outcome } from './finish.ts'
import type { OriginRequest } from './origin-request.ts'
import { type Overflow, Pass, passInterim } from './pass.ts'
import { covers } from './ranges.ts'
import { Rejoin } from './rejoin.ts'
import type { RequestContext } from './request-context.ts'
import { ResponseWriter } from './response-writer.ts'
import type { RouteCache } from './route-runtime.ts'
import { isMarker, responsePrefix, staleStatus, storedOf } from './stored.ts'
import { fillSurvivesPurges } from './survives-purges.ts'

/** Bytes in the client's socket from which on nothing more is read from the store. */
const WINDOW_BYTES = 256 * 1024
/** How often a request that waited looks again before it goes to the origin itself. */
const MAX_LOOKS = 8

const outcome = new Outcome()

/** The time a Miss may wait for another request's fetch. */
class WaitTimer extends TimerEntry {
  readonly #miss: Miss

  constructor(miss: Miss) {
    super()
    this.#miss = miss
  }

  override onTimeout(): void {
    this.#miss.onWaitedTooLong()
  }
}

export class Miss extends Exchange implements FetchOwner {
  readonly #cache: RouteCache
  readonly #directives: RequestDirectives | undefined
  readonly #writer: ResponseWriter
  readonly #timer: WaitTimer
  readonly #reason: Reason
  /** Stored, but not to be sent unasked; may bridge an outage. Not pinned. */
  #stale: StoredObject | undefined = undefined
  /** The key whose queue it waits in; undefined: none. */
  #queuedFor: string | undefined = undefined
  #fetch: Fetch | undefined = undefined
  #reader: FillReader | undefined = undefined
  #offset = 0
  /** What its own fetch brings. */
  #fill: Fill | undefined = undefined
  #overflow: Overflow | undefined = undefined
  #flushing = false
  #looks = 0
  #word: CacheWord = 'miss'
  #done = false

  private constructor(
    connection: ClientConnection,
    context: RequestContext,
    cache: RouteCache,
    reason: Reason,
    directives: RequestDirectives | undefined,
  ) {
    super(connection, context)
    this.#cache = cache
    this.#directives = directives
    this.#writer = new ResponseWriter(connection)
    this.#timer = new WaitTimer(this)
    this.#reason = reason
    context.missReason = reason
  }

  /** `found`: what `findStored` says now; read during the call only. `reason`: why it does not answer. */
  static start(
    connection: ClientConnection,
    context: RequestContext,
    cache: RouteCache,
    found: Found,
    reason: Reason,
    directives: RequestDirectives | undefined,
  ): void {
    new Miss(connection, context, cache, reason, directives).#start(found)
  }

  #start(found: Found): void {
    const { tier } = this.#cache.cache
    const { key } = found
    this.context.key = key
    const plan = planFetch(this.context, this.#cache, found)
    this.#stale = plan.stale
    if (this.#bridge(found)) return
    // What the client wants unstored is not shared with one who waits.
    if (this.#directives?.noStore === true) {
      this.#pass('request-no-store')
      return
    }
    this.context.refusal = reasonOf(tier.hitForMissReason(key, clock.nowMs))
    if (this.context.refusal !== 'none') {
      this.#fetchAlone(found, plan)
      return
    }
    // The answer to HEAD has no body to store, so it leads no one; it may follow.
    if (this.#isHead && tier.state(key, clock.nowMs) !== 'filling') {
      this.#pass(this.#reason)
      return
    }
    if (this.#isTooRare(found)) {
      this.#pass('min-uses')
      return
    }
    if (plan.kind === 'range' && this.#joinRunning(key)) return
    if (this.#isHead || !this.#lead(found, plan)) this.#queue(plan.kind === 'range' ? plan.rangeKey : key, plan)
  }

  /** Waits for the fetch that another request leads under `key`. */
  #queue(key: string, plan: FetchPlan): void {
    const { collapse } = this.#cache.settings
    const { tier } = this.#cache.cache
    if (!collapse.enabled) {
      this.#pass(this.#reason)
      return
    }
    // A fetch of the whole or of other bytes, which may take its time until it comes to these.
    if (plan.kind === 'range' && tier.state(key, clock.nowMs) !== 'filling') {
      this.#pass('range')
      return
    }
    if (!this.#cache.cache.joinQueue(key, collapse.waiters)) {
      this.#pass('collapse-full')
      return
    }
    this.#queuedFor = key
    this.#follow(key, collapse.waitMs)
  }

  get #isHead(): boolean {
    return this.context.head.method === 'HEAD'
  }

  /** False: another request is fetching already. */
  #lead(found: Found, plan: FetchPlan): boolean {
    const { context } = this
    this.#fetch = Fetch.lead({ context, cache: this.#cache, found, plan, directives: this.#directives, owner: this })
    if (this.#fetch === undefined) return false
    this.context.worker.wheel.cancel(this.#timer) // its own fetch has the time limits of the backend
    this.#fetch.start()
    return true
  }

  /**
   * RFC 5861 §4: while fetches of the object fail, what is stale answers at once, and when it is time one request tries
   * again behind its answer. Not for a client with wishes of its own, which may forbid that.
   */
  #bridge(found: Found): boolean {
    const object = this.#stale
    const { nowMs } = clock
    if (object === undefined || this.#directives !== undefined) return false
    const retryAtMs = this.#cache.cache.tier.retryAtMs(found.key, nowMs)
    if (retryAtMs === 0) return false
    const unanswered = this.#cache.cache.tier.wasUnanswered(found.key)
    if (!canServeStaleOnError(storedOf(object).meta, object.softPurged, undefined, nowMs, unanswered)) return false
    if (nowMs >= retryAtMs && !this.#isHead) Fetch.refreshBehind(this.context, this.#cache, found)
    return this.#deliverStale(object)
  }

  /**
   * Answers to the key could not be shared lately: one request at a time sees whether that has changed, and nobody waits
   * for it. A client's own condition reaches the origin only on a pass; and what was too large, which may show only when
   * it has taken space from others, is not tried again as long as that is remembered.
   */
  #fetchAlone(found: Found, plan: FetchPlan): void {
    const { head, refusal } = this.context
    const mayLead = !this.#isHead && !isConditional(head) && refusal !== 'too-large'
    if (!mayLead || !this.#lead(found, plan)) this.#pass('hit-for-miss')
  }

  /** Counts the request, once, and says whether the key is not yet worth storing. */
  #isTooRare(found: Found): boolean {
    const { minUses } = this.#cache.settings
    if (minUses === 1 || found.object !== undefined || this.#looks > 0) return false
    return this.#cache.cache.tier.countUse(found.primaryKey) < minUses
  }

  /** Reads along where a running fetch has come to the bytes that are wanted; false: there is none. */
  #joinRunning(key: string): boolean {
    if (!this.#cache.settings.collapse.enabled) return false
    const reader = this.#cache.cache.tier.follow(key)
    if (reader === undefined) return false
    const isCurrent = fillSurvivesPurges(this.#cache, reader, key, this.context.facts)
    const isStreaming = isCurrent && reader.state === 'streaming' && !isMarker(reader.meta)
    const selection = isStreaming ? selectOfFill(this.context.facts, reader) : undefined
    const isAnswered =
      selection?.kind === 'ranges' &&
      selection.ranges[0]!.first - decodeMeta(reader.meta).partFirst <= reader.available &&
      isServed(decideReuse(decodeMeta(reader.meta), false, this.#directives, clock.nowMs))
    if (!isAnswered) {
      reader.close()
      return false
    }
    this.#reader = reader
    this.#word = 'collapsed'
    this.#pump()
    return true
  }

  #follow(key: string, waitMs: number): void {
    const reader = this.#cache.cache.tier.follow(key)
    if (reader === undefined) {
      this.#lookAgain()
      return
    }
    this.#reader = reader
    if (!this.#timer.isScheduled) this.context.worker.wheel.schedule(this.#timer, clock.monotonicMs + waitMs)
    this.#onReader()
  }

  /** The fetch it follows takes too long (called by the timer wheel). */
  onWaitedTooLong(): void {
    if (!this.#done && !this.#writer.started) this.#pass('collapse-timeout')
  }

  onInterim(head: ResponseHead): void {
    passInterim(this.connection, this.context, head)
  }

  onFill(fill: Fill): void {
    this.#reader = fill.reader
    this.#fill = fill
  }

  onFillProgress(): void {
    this.#pump()
  }

  onDeclined(origin: OriginRequest, head: ResponseHead, reason: Reason): void {
    this.#fetch = undefined
    this.#end()
    const wasRefused = this.context.refusal !== 'none'
    if (wasRefused) this.context.refusal = reason
    Pass.adopt(this.connection, this.context, wasRefused ? 'hit-for-miss' : reason, origin).onHead(head)
  }

  onOverflow(origin: OriginRequest, rest: Buffer, reason: Reason): void {
    this.#overflow = { origin, rest, reason }
    this.#pump()
  }

  onConfirmed(object: StoredObject, meta: StoredMeta, fields: readonly string[], stored: boolean): void {
    this.#fetch = undefined
    const etag = new FlatFacts(meta.status, fields).header('etag')
    // With another Last-Modified or Date, If-Range may have become false, and what is stored is a part.
    if (selectBytes(this.context.facts, meta, etag, object.bodyBytes).kind === 'missing') {
      this.#cache.cache.tier.unpin(object)
      this.#lookAgain()
      return
    }
    this.#end()
    const reason = this.#reason
    const cacheStatus = forwardStatus({ forward: forwardOf(reason), status: 304, stored, collapsed: false, reason })
    const statusLine = cacheStatusLine(this.context.route, cacheStatus, object.key)
    const prefix = responsePrefix(meta, object.bodyBytes, clock.nowMs, statusLine)
    deliverAs(this.#delivery(), { object, meta, fields, etag, prefix, word: 'revalidated', reason })
  }

  onGone(): void {
    this.#fetch = undefined
    this.#lookAgain()
  }

  onFailed(origin: OriginRequest, code: OriginErrorCode | undefined): void {
    this.#fetch = undefined
    if (this.#writer.started) {
      this.#pump()
      return
    }
    this.#leaveReader()
    const failure = code === undefined ? waitedInVain(0) : originErrors[code]
    this.#answerFailure(failure, code !== undefined, origin.serverName)
  }

  override onClientGone(): void {
    if (this.#done) return
    if (this.#writer.started) this.#count()
    else this.#end()
    this.context.worker.counters.add(C.clientAborts, 1)
    if (this.#fetch !== undefined) this.#fetch.owner = undefined
    this.#reader?.close()
    this.#overflow?.origin.cancel()
  }

  /** Stale where it may be, else an error. */
  #answerFailure({ status, message }: { status: number; message: string }, unanswered: boolean, server: string): void {
    const stale = this.#stale
    if (stale !== undefined) {
      const { meta } = storedOf(stale)
      const isAllowed = canServeStaleOnError(meta, stale.softPurged, this.#directives, clock.nowMs, unanswered)
      if (isAllowed && this.#deliverStale(stale)) return
    }
    this.#end()
    const { head, route } = this.context
    sendError(this.connection, head, route, status, message, { reason: 'origin-error', server })
  }

  /** Sends a stored object in place of an origin that fails; false when it has gone. */
  #deliverStale(object: StoredObject): boolean {
    const stored = storedOf(object)
    const { nowMs } = clock
    const status = staleStatus(stored.meta, nowMs, 'stale-if-error')
    return this.#deliver(object, 'stale', stored.prefix(nowMs, status, this.context.route))
  }

  /** Sends a stored object; false when it has gone. */
  #deliver(object: StoredObject, word: CacheWord, prefix: string): boolean {
    if (!this.#cache.cache.tier.pin(object)) return false
    this.#end()
    const reason = word === 'stale' ? 'stale-if-error' : this.#reason
    deliverStored(this.#delivery(), object, storedOf(object), prefix, word, reason)
    return true
  }

  #delivery(): Delivery {
    const { connection, context } = this
    const { head, facts, route } = context
    return { connection, head, facts, route, tier: this.#cache.cache.tier }
  }

  /** Goes on when the fetch it reads has changed. A fault then costs this connection, not the worker. */
  #await(reader: FillReader): void {
    reader.onChange(() => {
      try {
        this.#onReader()
      } catch (error) {
        this.context.worker.logFault(error)
        this.connection.socket.destroy()
      }
    })
  }

  /** Another request's fetch has changed. */
  #onReader(): void {
    const reader = this.#reader
    if (this.#done || reader === undefined) return
    clock.update()
    if (this.#writer.started) {
      this.#pump()
      return
    }
    if (!fillSurvivesPurges(this.#cache, reader, this.context.key, this.context.facts)) {
      reader.disown()
      this.#lookAgain()
      return
    }
    switch (reader.state) {
      case 'pending':
        this.#await(reader)
        break
      case 'streaming':
      case 'complete':
        if (isMarker(reader.meta)) this.#lookAgain()
        else this.#join(reader)
        break
      case 'declined':
        this.#onRefused(reasonOf(reader.cause))
        break
      case 'left':
        this.#lookAgain()
        break
      case 'aborted': {
        // A beginning may have been kept, to be completed.
        if (reader.available > 0 && decodeMeta(reader.meta).status === 206) {
          this.#lookAgain()
          break
        }
        const { cause } = reader
        this.#leaveReader()
        this.#answerFailure(waitedInVain(cause), isUnanswered(cause), '')
      }
    }
  }

  /** What another request's fetch brought cannot be shared. */
  #onRefused(reason: Reason): void {
    // RFC 9111 §3.5: for the sake of that request's credentials. Without any the response may be one for all.
    if (reason === 'authorization' && this.context.facts.header('authorization') === undefined) {
      this.#lookAgain()
      return
    }
    this.context.refusal = reason
    this.#pass('hit-for-miss')
  }

  /** RFC 9111 §4: one response may answer all who waited, if each may be answered from the cache. */
  #join(reader: FillReader): void {
    const meta = decodeMeta(reader.meta)
    if (meta.status === 206 && selectOfFill(this.context.facts, reader).kind === 'missing') {
      // A part is coming, of which the request may want more: once it is stored, only the rest need be fetched.
      if (reader.state === 'streaming') this.#await(reader)
      else this.#lookAgain()
      return
    }
    const reuse = decideReuse(meta, false, this.#directives, clock.nowMs)
    if (!isServed(reuse)) {
      this.#pass(reuseReasons[reuse]!)
      return
    }
    this.#word = 'collapsed'
    this.#stopWaiting()
    this.#pump()
  }

  /** The store may now hold the answer. */
  #lookAgain(): void {
    this.#leaveReader()
    this.#looks++
    if (this.#looks > MAX_LOOKS) {
      this.#pass('collapse-timeout')
      return
    }
    const found = findStored(this.#cache, this.context.facts, this.context.route, this.connection)
    const { object } = found
    if (object !== undefined && covers(this.#cache.cache.tier, this.context.facts, object)) {
      const reuse = decideReuse(storedOf(object).meta, object.softPurged, this.#directives, clock.nowMs)
      const prefix = this.#collapsedPrefix(object)
      if (reuse === Reuse.fresh && this.#deliver(object, 'collapsed', prefix)) return
    }
    this.#leaveQueue()
    this.#start(found)
  }

  /** Start line to Cache-Status of an object that another request's fetch has just brought or confirmed. */
  #collapsedPrefix(object: StoredObject): string {
    const reason = this.#reason
    const { status } = storedOf(object).meta
    const text = forwardStatus({ forward: forwardOf(reason), status, stored: true, collapsed: true, reason })
    return storedOf(object).prefix(clock.nowMs, text, this.context.route)
  }

  /** Goes on without the cache. */
  #pass(reason: Reason): void {
    this.#leaveReader()
    this.#end()
    Pass.start(this.connection, this.context, reason)
  }

  #begin(reader: FillReader): void {
    const { context, connection } = this
    beginFillAnswer({
      context,
      writer: this.#writer,
      minor: connection.minor,
      reader,
      fill: this.#fill,
      reason: this.#reason,
      word: this.#word,
    })
  }

  /** Moves what the store holds into the client's socket, as long as that takes it. */
  #pump(): void {
    const reader = this.#reader
    if (this.#done || reader === undefined || this.#flushing) return
    if (!this.#writer.started) this.#begin(reader)
    if (this.#writer.isSatisfied) {
      this.#complete(reader)
      return
    }
    const { socket } = this.connection
    const { state } = reader // before `available`: what is complete now grows no more
    while (socket.writableLength < WINDOW_BYTES && !this.#writer.isSatisfied) {
      const piece = reader.read(this.#offset, WINDOW_BYTES)
      if (piece === undefined) break
      this.#writer.write(piece)
      this.#offset += piece.length
    }
    if (this.#writer.isSatisfied) this.#complete(reader)
    else if (this.#offset < reader.available) this.#pumpWhenFlushed()
    else if (this.#overflow !== undefined) this.#goDirect(reader, this.#overflow)
    else if (state === 'complete') this.#complete(reader)
    else if (state === 'streaming') this.#awaitMore(reader)
    else if (state === 'declined') this.#rejoin(reader)
    else this.#breakOff(reader)
  }

  #awaitMore(reader: FillReader): void {
    this.#writer.flushHead()
    if (this.#fetch === undefined) this.#await(reader)
  }

  #pumpWhenFlushed(): void {
    this.#flushing = true
    this.context.worker.output.whenFlushed(this.connection.socket, () => {
      this.#flushing = false
      this.#pump()
    })
  }

  #complete(reader: FillReader): void {
    this.#writer.end(undefined)
    if (this.#fetch !== undefined) this.#fetch.owner = undefined
    this.#overflow?.origin.cancel() // a range may be complete before the body is
    this.#count()
    this.#closeWhenFlushed(reader)
    this.connection.endAnswer()
  }

  /** What is stored has been written; the rest, which was not stored, comes from the origin. */
  #goDirect(reader: FillReader, overflow: Overflow): void {
    this.#end()
    this.#closeWhenFlushed(reader)
    Pass.resume(this.connection, this.context, overflow, this.#writer)
  }

  /** Another request's fetch outgrew the store: its rest goes to that request alone. */
  #rejoin(reader: FillReader): void {
    this.#end()
    new Rejoin(this.connection, this.context, { reader, writer: this.#writer, sent: this.#offset })
  }

  /** The body broke off: the client must not take it for complete. */
  #breakOff(reader: FillReader): void {
    this.#count('incomplete')
    this.#writer.truncate()
    this.#closeWhenFlushed(reader)
  }

  #closeWhenFlushed(reader: FillReader): void {
    const { socket } = this.connection
    if (socket.writableLength === 0) reader.close()
    else if (socket.writableEnded || socket.destroyed) socket.once('close', () => reader.close())
    else this.context.worker.output.whenFlushed(socket, () => reader.close())
  }

  #count(reason: Reason = this.#reason): void {
    this.#end()
    outcome.status = this.#writer.status
    outcome.bytes = this.#writer.bytes
    outcome.word = this.#word
    outcome.reason = reason
    outcome.backend = this.context.route.backend?.plan.name ?? ''
    outcome.request = this.context
    finish(this.connection, this.context.head, this.context.route, outcome)
  }

  #end(): void {
    this.#done = true
    this.#stopWaiting()
  }

  #leaveReader(): void {
    this.#reader?.close()
    this.#reader = undefined
  }

  #leaveQueue(): void {
    if (this.#queuedFor === undefined) return
    this.#cache.cache.leaveQueue(this.#queuedFor)
    this.#queuedFor = undefined
  }

  #stopWaiting(): void {
    this.context.worker.wheel.cancel(this.#timer)
    this.#leaveQueue()
  }
}

/** What those are told who waited for another request's fetch. */
function waitedInVain(cause: number): { status: number; message: string } {
  return { status: statusOfCause(cause), message: 'the fetch this request waited for failed' }
}
