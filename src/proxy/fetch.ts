/**
 * One fetch that may fill the cache, made for a Miss or, behind a stale answer, for nobody. It goes on when the client
 * that caused it goes away, since others may be reading.
 *
 *     the pool, where there is one: pool-step.ts
 *     origin's head --304, something stored--> refresh the stored object
 *                   --may be stored----------> write into the store; everyone, its owner too, reads from there
 *                   --206, a part stored-----> the same, the stored bytes and those that come as one
 *                   --may not----------------> decline; the owner takes the origin's response over as a Pass
 *                   --fails, something stored-> abort; the owner answers stale where it may
 */

import type { RequestDirectives } from '../cache/policy/cache-control.ts'
import { FlatFacts, fieldsNamed } from '../cache/policy/flat-facts.ts'
import type { StoredMeta } from '../cache/policy/meta.ts'
import { isWorthJoining, markPart, strongValidator } from '../cache/policy/partial.ts'
import { canServeStaleOnError } from '../cache/policy/reuse.ts'
import { isHiddenByStale } from '../cache/policy/status.ts'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import type { ContentRange } from '../http/range.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { C } from '../log/counters.ts'
import type { Reason } from '../log/reasons.ts'
import { type OriginErrorCode, originErrors } from '../net/origin-error.ts'
import type { RequestFacts } from '../plan/facts.ts'
import { assert } from '../util/assert.ts'
import { clock } from '../util/clock.ts'
import { isUnanswered, unansweredCause } from './failure-cause.ts'
import { FetchFills } from './fetch-fills.ts'
import type { FetchOwner, FetchRequest, FillListener } from './fetch-owner.ts'
import { type FetchPlan, planFetch } from './fetch-plan.ts'
import type { Found } from './find-stored.ts'
import {
  type Judged,
  type JudgedPart,
  type Judgement,
  judgePart,
  judgeResponse,
  judgeUpdate,
} from './judge-response.ts'
import { OriginRequest, type OriginSink } from './origin-request.ts'
import { PartJoin } from './part-join.ts'
import { PoolStep, type PoolStepSink } from './pool-step.ts'
import { isAboutPart } from './ranges.ts'
import type { RequestContext } from './request-context.ts'
import type { RouteCache } from './route-runtime.ts'
import { SentFacts } from './sent-facts.ts'
import { storedOf } from './stored.ts'
import { frontOf, type StoredFront } from './stored-front.ts'

interface FillBegun {
  readonly judged: Judged
  readonly union: ContentRange
}

export class Fetch implements OriginSink, PoolStepSink {
  #owner: FetchOwner | undefined
  /** Who is told how the fill goes on: the owner, until that says otherwise. */
  #listener: FillListener | undefined
  readonly #context: RequestContext
  readonly #cache: RouteCache
  /** The request as the origin sees it. */
  readonly #sent: RequestFacts
  readonly #tier: MemoryTier
  readonly #origin: OriginRequest
  readonly #key: string
  readonly #directives: RequestDirectives | undefined
  readonly #plan: FetchPlan
  readonly #fills: FetchFills
  /** undefined: the cache has no pool. */
  readonly #pool: PoolStep | undefined
  #join: PartJoin | undefined = undefined
  /** What is being stored, and its bytes as they will be; of a fill that has begun. */
  #begun: FillBegun | undefined = undefined
  #requestMs: number
  #filling = false

  private constructor(request: FetchRequest, fills: FetchFills) {
    const { context, cache, found, plan, directives, owner } = request
    this.#owner = owner
    this.#listener = owner
    this.#context = context
    this.#cache = cache
    this.#sent = new SentFacts(context.facts, context.route, context)
    this.#tier = cache.cache.tier
    this.#key = found.key
    this.#directives = directives
    this.#plan = plan
    this.#fills = fills
    const { shared } = cache.cache
    this.#pool = shared && new PoolStep(request, fills, this.#sent, shared)
    this.#requestMs = clock.nowMs
    this.#origin = new OriginRequest({ context, fills: true, validators: plan.lines, upgrade: undefined }, this)
  }

  /** Fetches what is missing or stale; undefined when another request is doing so already. */
  static lead(request: FetchRequest): Fetch | undefined {
    const fills = FetchFills.claim(request.cache, request.found, request.plan)
    return fills && new Fetch(request, fills)
  }

  /** RFC 5861 §3: a stale answer was sent; one request in the whole machine brings the new one. */
  static refreshBehind(context: RequestContext, cache: RouteCache, found: Found): void {
    const plan = planFetch(context, cache, found)
    const nobody = { directives: undefined, owner: undefined, isPoolOnly: false }
    Fetch.lead({ context, cache, found, plan, ...nobody })?.start()
  }

  start(): void {
    if (this.#pool === undefined) this.#origin.start()
    else this.#pool.begin(this)
  }

  onOriginWanted(): void {
    this.#origin.start()
  }

  onPoolFilled(): void {
    this.#owner?.onGone()
  }

  onPoolRefused(reason: Reason): void {
    this.#fills.turnAway(0, reason, true)
    this.#owner?.onRefused(reason)
  }

  onNotInPool(): void {
    this.#owner?.onNotInPool()
  }

  /** From now on `listener` is told how the fill goes on, and nobody of anything else; undefined: nobody at all. */
  tell(listener: FillListener | undefined): void {
    this.#owner = undefined
    this.#listener = listener
  }

  onRequestReady(): void {
    this.#requestMs = clock.nowMs
  }

  onInterim(head: ResponseHead): void {
    this.#owner?.onInterim(head)
  }

  onHead(head: ResponseHead): void {
    const { stale } = this.#plan
    if (head.status === 304 && stale !== undefined) {
      this.#refresh(head, stale)
      return
    }
    if (isHiddenByStale(head.status) && this.#mayHideError()) {
      this.#origin.cancel()
      this.#fail(undefined, head.status)
      return
    }
    const judged = this.#judge(head)
    const { decision } = judged
    if (decision.store) this.#store(head, judged)
    else this.#decline(head, decision.reason, decision.hitForMiss, decision.concernsResource)
  }

  /** By what was asked for: a 206 is a part where a part was wanted, and no answer to anything else. */
  #judge(head: ResponseHead): Judged | JudgedPart {
    const { kind, part } = this.#plan
    const isPart = head.status === 206 && kind !== 'whole'
    const pinned = isPart && part !== undefined && this.#tier.pin(part) ? part : undefined
    const stored = pinned && storedOf(pinned)
    const judged = isPart ? judgePart(head, stored, this.#judgement()) : undefined
    if (pinned !== undefined && judged?.joint !== undefined) this.#join = new PartJoin(this.#tier, pinned, judged.joint)
    else if (pinned !== undefined) this.#tier.unpin(pinned)
    return judged ?? judgeResponse(head, this.#judgement())
  }

  #store(head: ResponseHead, judged: Judged | JudgedPart): void {
    const { decision, fields } = judged
    const isPart = 'union' in judged
    if (isPart && !isUseful(this.#plan, judged)) {
      this.#decline(head, 'partial', false)
      return
    }
    const fills = this.#fills
    const { names } = decision.vary
    if (names.length > 0 && !fills.mayAddVariant(this.#plan)) {
      this.#decline(head, 'too-many-variants', false)
      return
    }
    if (!fills.moveTo(names, this.#sent, this.#context.worker.index)) {
      this.#decline(head, 'vary-mismatch', false)
      return
    }
    const { writer } = fills
    const length = isPart ? judged.union.end - judged.union.first : head.bodyBytes
    const front = this.#frontOf(writer.key, judged)
    const isStarted = writer.start(front.meta, front.head, length, front.labels)
    if (!isStarted || this.#join?.writeBefore(writer) === false) {
      const tooLarge = length > this.#cache.settings.maxObjectBytes
      this.#decline(head, tooLarge ? 'too-large' : 'no-space', tooLarge)
      return
    }
    this.#context.worker.counters.add(C.fills, 1)
    this.#begun = { judged, union: isPart ? judged.union : { first: 0, end: length, total: length } }
    this.#filling = true
    if (!isPart) fills.linkLanguage(judged, this.#sent)
    fills.onStreaming()
    if (this.#owner === undefined) return
    const reader = writer.reader()
    assert(reader !== undefined, 'a fill that has begun can be read')
    const withheld = fieldsNamed(fields, decision.withheldFields)
    this.#owner.onFill({ reader, withheld, status: head.status, part: isPart ? judged.part : undefined })
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (!this.#filling) return
    const from = start + (this.#join?.skip(end - start) ?? 0)
    const { writer } = this.#fills
    const before = writer.written
    const isTooLarge = before + end - from > Math.min(this.#cache.settings.maxObjectBytes, writer.mostBytes)
    if (!isTooLarge && writer.write(bytes, from, end)) return
    this.#overflow(bytes.subarray(from + writer.written - before, end), isTooLarge ? 'too-large' : 'no-space')
  }

  onPause(): void {
    if (this.#filling) this.#listener?.onFillProgress()
  }

  onEnd(): void {
    if (!this.#filling) return
    this.#filling = false
    if (this.#join?.writeAfter(this.#fills.writer) === false) this.#fills.abort(0, undefined)
    else this.#fills.complete()
    this.#join?.end()
    this.#listener?.onFillProgress()
    this.#pool?.stored(this.#fills.writer.key)
  }

  onFail(code: OriginErrorCode): void {
    this.#fail(code, unansweredCause(originErrors[code].status))
  }

  /**
   * `code` undefined: the origin answered, with an error that something stale hides, or with more than there is room for.
   * `cause`: for those who wait.
   */
  #fail(code: OriginErrorCode | undefined, cause: number): void {
    const { counters, log } = this.#context.worker
    this.#noteFailure(isUnanswered(cause))
    this.#abort(cause)
    if (code !== undefined) {
      const { name } = this.#context.route.backend!.plan
      log('warn', 'origin failed', { backend: name, server: this.#origin.serverName, code })
    }
    if (this.#filling) counters.add(C.fillsFailed, 1)
    this.#filling = false
    this.#pool?.end()
    this.#listener?.onFailed(this.#origin, code)
  }

  // Never asked for, so the connection has failed before these could be called.
  onUpgrade(): void {}
  onTunnelData(): void {}
  onTunnelEnd(): void {}

  /**
   * Ends a fetch that failed. What came of a response with a strong validator is kept as a part (RFC 9111 §3.3), unless
   * something better is stored.
   */
  #abort(cause: number): void {
    const { stale, part } = this.#plan
    this.#join?.end()
    const { written } = this.#fills.writer
    const isBetter = stale === undefined && written > (part?.bodyBytes ?? 0)
    const begun = this.#filling && isBetter ? this.#begun : undefined
    this.#fills.abort(cause, begun && beginningMeta(begun, written))
  }

  #frontOf(key: string, judged: Judged): StoredFront {
    return frontOf(key, judged, this.#cache, this.#context, this.#fills.ticket.number)
  }

  #judgement(): Judgement {
    const times = { requestMs: this.#requestMs, responseMs: clock.nowMs }
    return { view: this.#context, sent: this.#sent, cache: this.#cache, times, random: Math.random() }
  }

  /** RFC 9111 §4.3.4. */
  #refresh(head: ResponseHead, stale: StoredObject): void {
    const judged = judgeUpdate(head, storedOf(stale), this.#judgement())
    if (judged === undefined) {
      this.#forget()
      return
    }
    const { decision, fields } = judged
    this.#tier.forgetFailures(this.#key)
    // Pinned first: afterwards what is stored is another object, or, where the update forbids to keep it, none. Answered
    // last: whoever has the answer may ask another worker, and must not get the older one there.
    const owner = this.#owner
    const isPinned = owner !== undefined && this.#tier.pin(stale)
    if (decision.store) {
      const front = this.#frontOf(stale.key, judged)
      this.#tier.refresh(stale, front.meta, front.head, front.labels)
    } else if (decision.concernsResource) this.#cache.cache.remove(stale.key)
    this.#fills.leave()
    if (decision.store) this.#pool?.stored(stale.key)
    else this.#pool?.end()
    if (isPinned) owner.onConfirmed(stale, decision.meta, fields, decision.store)
    else owner?.onGone()
  }

  /** What is stored is not what the origin talks of: whoever wants it asks anew. */
  #forget(): void {
    const { stale, part } = this.#plan
    this.#cache.cache.remove((stale ?? part)?.key ?? this.#key)
    this.#join?.end()
    this.#fills.leave()
    this.#pool?.end()
    this.#owner?.onGone()
  }

  /** `concernsResource`: see StoreDecision. */
  #decline(head: ResponseHead, reason: Reason, hitForMiss: boolean, concernsResource = true): void {
    const { kind, stale } = this.#plan
    if (kind === 'rest' && isAboutPart(head.status)) {
      this.#origin.cancel()
      this.#forget()
      return
    }
    this.#join?.end()
    this.#fills.turnAway(head.status, reason, hitForMiss)
    // A new answer that may not be kept still says that the old one is no longer the answer.
    if (isHiddenByStale(head.status)) this.#noteFailure(false)
    else if (stale !== undefined && concernsResource && head.status < 500 && !isAboutPart(head.status)) {
      this.#cache.cache.remove(stale.key)
    }
    this.#pool?.refused(reason, hitForMiss, concernsResource)
    const owner = this.#owner
    if (owner === undefined) this.#origin.cancel()
    else owner.onDeclined(this.#origin, head, reason)
  }

  /** Only what can be answered stale is worth remembering: strangers choose the keys of the rest. */
  #noteFailure(unanswered: boolean): void {
    if (this.#plan.stale !== undefined) this.#tier.noteFailure(this.#key, clock.nowMs, unanswered)
  }

  #overflow(rest: Buffer, reason: 'too-large' | 'no-space'): void {
    const listener = this.#listener
    if (this.#join?.hasAfter === true) {
      this.#origin.cancel()
      this.#fail(undefined, 502)
      return
    }
    this.#filling = false
    this.#join?.end()
    this.#context.worker.counters.add(C.fillsFailed, 1)
    this.#fills.decline(reason, reason === 'too-large')
    this.#pool?.refused(reason, reason === 'too-large', true)
    if (listener === undefined) {
      this.#origin.cancel()
      return
    }
    this.#origin.link?.pause()
    listener.onOverflow(this.#origin, Buffer.from(rest), reason)
  }

  #mayHideError(): boolean {
    const { stale } = this.#plan
    if (stale === undefined) return false
    return canServeStaleOnError(storedOf(stale).meta, stale.softPurged, this.#directives, clock.nowMs, false)
  }
}

/** Whether a part, with what it is joined with, is to be stored: what completes a beginning makes it whole. */
function isUseful({ kind }: FetchPlan, { decision, joint, part }: JudgedPart): boolean {
  if (kind === 'rest') return joint !== undefined && decision.meta.status === 200
  return joint === undefined || isWorthJoining(joint, part)
}

/** The meta of the first `bytes` bytes of a response that broke off; undefined: they cannot be completed later. */
function beginningMeta({ judged, union }: FillBegun, bytes: number): StoredMeta | undefined {
  const { meta } = judged.decision
  const isPartial = meta.status === 200 || meta.status === 206
  if (!isPartial || strongValidator(new FlatFacts(200, judged.fields), meta) === undefined) return undefined
  markPart(meta, { first: union.first, end: union.first + bytes, total: union.total })
  return meta
}
