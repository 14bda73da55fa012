/**
 * A request that what is stored does not answer: it leads a fetch, waits for another request's, or passes.
 *
 *     start --leads--------> Fetch --brings what is stored--> FillStream
 *                                  --confirms---------------> delivered
 *                                  --may not be stored------> Pass
 *                                  --fails------------------> stale where that may answer, else an error
 *           --follows------> FillWait --may answer----------> FillStream
 *                                     --gone----------------> start, with what is stored now
 *                                     --cannot be shared----> Pass
 *                                     --fails---------------> as above
 *           --may not wait-> Pass
 */

import type { RequestDirectives } from '../cache/policy/cache-control.ts'
import { forwardOf, forwardStatus, hitStatus } from '../cache/policy/cache-status.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { remainingMs, type StoredMeta } from '../cache/policy/meta.ts'
import { selectBytes } from '../cache/policy/partial.ts'
import { canServeStaleOnError, decideReuse, isServed, Reuse, reuseReasons } from '../cache/policy/reuse.ts'
import type { FillReader } from '../cache/tiers/fill-reader.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { C } from '../log/counters.ts'
import { type Reason, reasonOf } from '../log/reasons.ts'
import { type OriginErrorCode, originErrors } from '../net/origin-error.ts'
import { clock } from '../util/clock.ts'
import { sendError } from './answer.ts'
import { cacheStatusLine } from './cache-status-line.ts'
import type { Client } from './client.ts'
import { type Delivery, deliverAs, deliverStored, isConditional } from './deliver.ts'
import { Exchange } from './exchange.ts'
import { isUnanswered, statusOfCause } from './failure-cause.ts'
import { Fetch } from './fetch.ts'
import type { FetchOwner, Fill } from './fetch-owner.ts'
import { type FetchPlan, planFetch } from './fetch-plan.ts'
import { FillStream } from './fill-stream.ts'
import { FillWait, type FillWaiter, followToRange } from './fill-wait.ts'
import { type Found, findStored } from './find-stored.ts'
import type { CacheWord } from './finish.ts'
import type { OriginRequest } from './origin-request.ts'
import { notCached } from './own-answers.ts'
import { type Overflow, Pass, passInterim } from './pass.ts'
import { PoolAnswer } from './pool-answer.ts'
import { covers } from './ranges.ts'
import type { RequestContext } from './request-context.ts'
import type { RouteCache } from './route-runtime.ts'
import { responsePrefix, staleStatus, storedOf } from './stored.ts'

/** How often a request that waited looks again before it goes to the origin itself. */
const MAX_LOOKS = 8

export class Miss extends Exchange implements FetchOwner, FillWaiter {
  readonly #cache: RouteCache
  readonly #directives: RequestDirectives | undefined
  readonly #wait: FillWait
  /** Stored, but not to be sent unasked; may bridge an outage. Not pinned. */
  #stale: StoredObject | undefined = undefined
  #fetch: Fetch | undefined = undefined
  /** What its own fetch brings. */
  #fill: Fill | undefined = undefined
  #looks = 0
  /** See `#whyNotFetched`. */
  #notFetched: Reason = 'none'
  #isFollower = false
  /** By itself; what is left is flushing. */
  #isAnswered = false

  private constructor(
    client: Client,
    context: RequestContext,
    cache: RouteCache,
    reason: Reason,
    directives: RequestDirectives | undefined,
  ) {
    super(client, context)
    this.#cache = cache
    this.#directives = directives
    this.#wait = new FillWait(this, cache, directives)
    context.missReason = reason
  }

  /** `found`: what `findStored` says now; read during the call only. `reason`: why it does not answer. */
  static start(
    client: Client,
    context: RequestContext,
    cache: RouteCache,
    found: Found,
    reason: Reason,
    directives: RequestDirectives | undefined,
  ): void {
    new Miss(client, context, cache, reason, directives).#start(found)
  }

  /** Why what is stored does not answer. */
  get #reason(): Reason {
    return this.context.missReason
  }

  #start(found: Found): void {
    const { tier } = this.#cache.cache
    const { key } = found
    this.context.key = key
    this.#notFetched = 'none'
    this.#isFollower = false
    const plan = planFetch(this.context, this.#cache, found)
    this.#stale = plan.stale
    if (this.#bridge(found)) return
    // What the client wants unstored is not shared with one who waits.
    if (this.#directives?.noStore === true) {
      this.onPass('request-no-store')
      return
    }
    this.context.refusal = reasonOf(tier.hitForMissReason(key, clock.nowMs))
    if (this.context.refusal !== 'none') {
      this.#fetchAlone(found, plan)
      return
    }
    this.#notFetched = this.#whyNotFetched(found)
    if (this.#notFetched !== 'none' && this.#cache.cache.shared === undefined) {
      this.onNotInPool()
      return
    }
    const running = plan.kind === 'range' ? followToRange(this.#cache, key, this.context, this.#directives) : undefined
    if (running !== undefined) this.onJoined(running)
    else if (this.#isFollower || !this.#lead(found, plan))
      this.#follow(plan.kind === 'range' ? plan.rangeKey : key, plan)
  }

  /**
   * Why the request leads no fetch, though the pool may be asked for it; `none`: it may lead, or follows. The answer to HEAD
   * has no body to store, so it leads no one; it may follow.
   */
  #whyNotFetched(found: Found): Reason {
    if (this.#directives?.onlyIfCached === true) return 'only-if-cached'
    this.#isFollower = this.#isHead && this.#cache.cache.tier.state(found.key, clock.nowMs) === 'filling'
    if (this.#isHead) return this.#isFollower ? 'none' : this.#reason
    return this.#isTooRare(found) ? 'min-uses' : 'none'
  }

  get #isHead(): boolean {
    return this.context.head.method === 'HEAD'
  }

  /** False: another request is fetching already. */
  #lead(found: Found, plan: FetchPlan): boolean {
    const { context } = this
    const isPoolOnly = this.#notFetched !== 'none'
    const request = { context, cache: this.#cache, found, plan, directives: this.#directives, isPoolOnly, owner: this }
    this.#fetch = Fetch.lead(request)
    if (this.#fetch === undefined) return false
    this.#wait.end() // its own fetch has the time limits of the backend
    this.#fetch.start()
    return true
  }

  /** Waits for the fetch that another request leads under `key`, if it may. */
  #follow(key: string, plan: FetchPlan): void {
    const { cache, settings } = this.#cache
    if (!settings.collapse.enabled) this.#goAlone(plan)
    // A fetch of the whole or of other bytes, which may take its time until it comes to these.
    else if (plan.kind === 'range' && cache.tier.state(key, clock.nowMs) !== 'filling') this.onPass('range')
    else this.#wait.begin(key)
  }

  /** Nobody waits for anybody here, but the pool may have the answer. */
  #goAlone({ kind }: FetchPlan): void {
    const { context, client } = this
    const { shared } = this.#cache.cache
    const pass = (): void => this.onPass(this.#reason)
    if (shared === undefined || shared.fleetNumber === 0 || kind !== 'whole' || context.poolKey === context.key) pass()
    else {
      this.#isAnswered = true
      const search = { cache: this.#cache, shared, key: context.key }
      new PoolAnswer(client, context, search, this.#directives, pass).start()
    }
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
    if (!mayLead || !this.#lead(found, plan)) this.onPass('hit-for-miss')
  }

  /** Counts the request, once, and says whether the key is not yet worth storing. */
  #isTooRare(found: Found): boolean {
    const { minUses } = this.#cache.settings
    if (minUses === 1 || found.object !== undefined || this.#looks > 0) return false
    return this.#cache.cache.tier.countUse(found.primaryKey) < minUses
  }

  // What becomes of its own fetch

  onInterim(head: ResponseHead): void {
    passInterim(this.client, this.context, head)
  }

  onFill(fill: Fill): void {
    this.#fill = fill
  }

  onFillProgress(): void {
    this.#stream(this.#fill!.reader, undefined)
  }

  onOverflow(origin: OriginRequest, rest: Buffer, reason: Reason): void {
    this.#stream(this.#fill!.reader, { origin, rest, reason })
  }

  onDeclined(origin: OriginRequest, head: ResponseHead, reason: Reason): void {
    const wasRefused = this.context.refusal !== 'none'
    if (wasRefused) this.context.refusal = reason
    Pass.adopt(this.client, this.context, wasRefused ? 'hit-for-miss' : reason, origin).onHead(head)
  }

  onConfirmed(object: StoredObject, meta: StoredMeta, fields: readonly string[], stored: boolean): void {
    const etag = new FlatFacts(meta.status, fields).header('etag')
    // With another Last-Modified or Date, If-Range may have become false, and what is stored is a part.
    if (selectBytes(this.context.facts, meta, etag, object.bodyBytes).kind === 'missing') {
      this.#cache.cache.tier.unpin(object)
      this.onLookAgain()
      return
    }
    const reason = this.#reason
    const cacheStatus = forwardStatus({ forward: forwardOf(reason), status: 304, stored, collapsed: false, reason })
    const statusLine = cacheStatusLine(this.context.route, cacheStatus, object.key)
    const prefix = responsePrefix(meta, object.bodyBytes, clock.nowMs, statusLine)
    this.#isAnswered = true
    deliverAs(this.#delivery(), { object, meta, fields, etag, prefix, word: 'revalidated', reason })
  }

  onGone(): void {
    this.onLookAgain()
  }

  onRefused(reason: Reason): void {
    this.context.refusal = reason
    this.onPass('hit-for-miss')
  }

  onNotInPool(): void {
    if (this.#notFetched !== 'only-if-cached') {
      this.onPass(this.#notFetched)
      return
    }
    this.#wait.end()
    this.#isAnswered = true
    const { status, message, reason } = notCached
    sendError(this.client, this.context.head, this.context.route, status, message, { reason })
  }

  onFault(): void {
    this.client.abort()
  }

  onFailed(origin: OriginRequest, code: OriginErrorCode | undefined): void {
    this.#fill?.reader.close()
    if (code === undefined) this.onFetchFailed(0)
    else this.#answerFailure(originErrors[code], true, origin.serverName)
  }

  // What becomes of its wait for another's

  onJoined(reader: FillReader): void {
    // It may have waited for another fetch before, whose time must not run out on the answered request.
    this.#wait.end()
    this.#stream(reader, undefined)
  }

  onLookAgain(): void {
    this.#fetch = undefined
    this.#looks++
    if (this.#looks > MAX_LOOKS) {
      this.onPass('collapse-timeout')
      return
    }
    const found = findStored(this.#cache, this.context.facts, this.context.route, this.client)
    const { object } = found
    if (object !== undefined && covers(this.#cache.cache.tier, this.context.facts, object)) {
      const reuse = decideReuse(storedOf(object).meta, object.softPurged, this.#directives, clock.nowMs)
      if (storedOf(object).isFromPool) {
        if (this.#deliverFromPool(found, object, reuse)) return
      } else if (reuse === Reuse.fresh && this.#deliver(object, 'collapsed', this.#collapsedPrefix(object))) return
    }
    this.#start(found)
  }

  /** Goes on without the cache. */
  onPass(reason: Reason): void {
    this.#wait.end()
    Pass.start(this.client, this.context, reason)
  }

  onFetchFailed(cause: number): void {
    const message = 'the fetch this request waited for failed'
    this.#answerFailure({ status: statusOfCause(cause), message }, isUnanswered(cause), '')
  }

  override onClientGone(): void {
    if (this.#isAnswered) return
    this.context.worker.counters.add(C.clientAborts, 1)
    this.#wait.end()
    this.#fetch?.tell(undefined)
    this.#fill?.reader.close()
  }

  #stream(reader: FillReader, overflow: Overflow | undefined): void {
    const fetch = this.#fetch
    FillStream.start(this.client, this.context, { reader, fetch, fill: this.#fill, overflow, reason: this.#reason })
  }

  /** Stale where it may be, else an error. */
  #answerFailure({ status, message }: { status: number; message: string }, unanswered: boolean, server: string): void {
    const stale = this.#stale
    if (stale !== undefined) {
      const { meta } = storedOf(stale)
      const isAllowed = canServeStaleOnError(meta, stale.softPurged, this.#directives, clock.nowMs, unanswered)
      if (isAllowed && this.#deliverStale(stale)) return
    }
    this.#isAnswered = true
    const { head, route } = this.context
    sendError(this.client, head, route, status, message, { reason: 'origin-error', server })
  }

  /** Sends a stored object in place of an origin that fails; false when it has gone. */
  #deliverStale(object: StoredObject): boolean {
    const stored = storedOf(object)
    const { nowMs } = clock
    const status = staleStatus(stored.meta, nowMs, 'stale-if-error')
    return this.#deliver(object, 'stale', stored.prefix(nowMs, status, this.context.route), 'stale-if-error')
  }

  /** Sends what has just come from the pool, if it may answer; false: it may not, or has gone. */
  #deliverFromPool(found: Found, object: StoredObject, reuse: number): boolean {
    const { nowMs } = clock
    const { context } = this
    const stored = storedOf(object)
    const leftMs = remainingMs(stored.meta, nowMs)
    if (reuse === Reuse.fresh) {
      const prefix = stored.prefix(nowMs, hitStatus(leftMs, 'memcached'), context.route)
      return this.#deliver(object, 'hit', prefix, 'memcached')
    }
    context.missReason = reuseReasons[reuse]!
    if (!isServed(reuse)) return false
    if (reuse === Reuse.staleWhileRevalidate && !this.#isHead) Fetch.refreshBehind(context, this.#cache, found)
    const reason = object.softPurged ? 'purged' : 'expired'
    return this.#deliver(
      object,
      'stale',
      stored.prefix(nowMs, staleStatus(stored.meta, nowMs, reason), context.route),
      reason,
    )
  }

  /** Sends a stored object; false when it has gone. */
  #deliver(object: StoredObject, word: CacheWord, prefix: string, reason = this.#reason): boolean {
    if (!this.#cache.cache.tier.pin(object)) return false
    this.#wait.end()
    this.#isAnswered = true
    deliverStored(this.#delivery(), object, storedOf(object), prefix, word, reason)
    return true
  }

  #delivery(): Delivery {
    const { client, context } = this
    const { head, facts, route } = context
    return { client, head, facts, route, tier: this.#cache.cache.tier }
  }

  /** Start line to Cache-Status of an object that another request's fetch has just brought or confirmed. */
  #collapsedPrefix(object: StoredObject): string {
    const reason = this.#reason
    const { status } = storedOf(object).meta
    const text = forwardStatus({ forward: forwardOf(reason), status, stored: true, collapsed: true, reason })
    return storedOf(object).prefix(clock.nowMs, text, this.context.route)
  }
}
