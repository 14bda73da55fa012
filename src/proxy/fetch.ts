/**
 * One fetch that may fill the cache, made for a Miss or, behind a stale answer, for nobody. It goes on when the client
 * that caused it goes away, since others may be reading.
 *
 *     origin's head --304, something stored--> refresh the stored object
 *                   --may be stored----------> write into the store; everyone, its owner too, reads from there
 *                   --may not----------------> decline; the owner takes the origin's response over as a Pass
 *                   --fails, something stored-> abort; the owner answers stale where it may
 */

import { contentLanguage, languageVariant } from '../cache/language-variant.ts'
import type { RequestDirectives } from '../cache/policy/cache-control.ts'
import { FlatFacts, fieldsNamed } from '../cache/policy/flat-facts.ts'
import type { StoredMeta } from '../cache/policy/meta.ts'
import { canServeStaleOnError } from '../cache/policy/reuse.ts'
import { isHiddenByStale, isUnavailable } from '../cache/policy/status.ts'
import type { FillReader } from '../cache/tiers/fill-reader.ts'
import type { FillWriter } from '../cache/tiers/fill-writer.ts'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { variantKey } from '../cache/vary.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { C } from '../log/counters.ts'
import { type Reason, reasonNumber } from '../log/reasons.ts'
import { type OriginErrorCode, originErrors } from '../net/origin-error.ts'
import type { RequestFacts } from '../plan/facts.ts'
import { clock } from '../util/clock.ts'
import type { Found } from './find-stored.ts'
import { type Judgement, judgeResponse, judgeUpdate, validatorLines } from './judge-response.ts'
import { writeLink } from './language-link.ts'
import { OriginRequest, type OriginSink } from './origin-request.ts'
import type { RequestContext } from './request-context.ts'
import { storedHeadBytes } from './response-out.ts'
import type { RouteCache } from './route-runtime.ts'
import { SentFacts } from './sent-facts.ts'
import { keyOfVariant, markerCells, nextMarkerId, responseCells, storedOf } from './stored.ts'

/** The request a fetch was made for. One of the last five is called; onFailed may still follow onFill. */
export interface FetchOwner {
  onInterim(head: ResponseHead): void
  /** More of the stored response can be read, or it is complete or broken off. */
  onFillProgress(): void
  /** The rest of the response does not fit the store: `rest` comes behind what was written, then the origin goes on. */
  onOverflow(origin: OriginRequest, rest: Buffer): void
  /** The response is being stored, but for the fields `withheld`, which are for this client alone. */
  onFill(reader: FillReader, withheld: readonly string[]): void
  /** The response cannot be stored, for `reason`: it is the owner's alone. `head` is valid during the call. */
  onDeclined(origin: OriginRequest, head: ResponseHead, reason: Reason): void
  /**
   * The origin confirmed the stored object: its body is the answer, with the updated `meta` and `fields`. It is pinned,
   * and the pin is the owner's. `stored`: others may have the update too.
   */
  onConfirmed(object: StoredObject, meta: StoredMeta, fields: readonly string[], stored: boolean): void
  /** What is stored turned out not to be what the origin talks of: look again. */
  onGone(): void
  /** No response came, or, after onFill, not all of it: the reader says how much there is. */
  onFailed(origin: OriginRequest, code: OriginErrorCode | undefined): void
}

export class Fetch implements OriginSink {
  owner: FetchOwner | undefined
  readonly #context: RequestContext
  readonly #cache: RouteCache
  /** The request as the origin sees it. */
  readonly #sent: RequestFacts
  readonly #tier: MemoryTier
  readonly #origin: OriginRequest
  readonly #key: string
  readonly #primaryKey: string
  readonly #varyNames: string
  /** Of the marker under the primary key, this fetch's own one included; 0: none. */
  #markerId: number
  /** Under what language the response is to be found too; empty: none. */
  #languageKey = ''
  readonly #directives: RequestDirectives | undefined
  readonly #stale: StoredObject | undefined
  #writer: FillWriter
  #requestMs: number
  #filling = false

  private constructor(
    context: RequestContext,
    cache: RouteCache,
    found: Found,
    writer: FillWriter,
    directives: RequestDirectives | undefined,
    owner: FetchOwner | undefined,
  ) {
    this.owner = owner
    this.#context = context
    this.#cache = cache
    this.#sent = new SentFacts(context.facts, context.route, context)
    this.#tier = cache.cache.tier
    this.#key = found.key
    this.#primaryKey = found.primaryKey
    this.#varyNames = found.varyNames
    this.#markerId = found.markerId
    this.#directives = directives
    this.#writer = writer
    this.#stale = readable(this.#tier, found.object)
    this.#requestMs = clock.nowMs
    const validators = this.#stale === undefined ? '' : validatorLines(storedOf(this.#stale))
    this.#origin = new OriginRequest({ context, fills: true, validators, upgrade: undefined }, this)
  }

  /** Fetches what `found` says is missing or stale; undefined when another request is doing so already. */
  static lead(
    context: RequestContext,
    cache: RouteCache,
    found: Found,
    directives: RequestDirectives | undefined,
    owner: FetchOwner | undefined,
  ): Fetch | undefined {
    const writer = cache.cache.tier.lead(found.key)
    return writer === undefined ? undefined : new Fetch(context, cache, found, writer, directives, owner)
  }

  /** RFC 5861 §3: a stale answer was sent; one request in the whole machine brings the new one. */
  static refreshBehind(context: RequestContext, cache: RouteCache, found: Found): void {
    Fetch.lead(context, cache, found, undefined, undefined)?.start()
  }

  start(): void {
    this.#origin.start()
  }

  onRequestReady(): void {
    this.#requestMs = clock.nowMs
  }

  onInterim(head: ResponseHead): void {
    this.owner?.onInterim(head)
  }

  onHead(head: ResponseHead): void {
    if (head.status === 304 && this.#stale !== undefined) {
      this.#refresh(head, this.#stale)
      return
    }
    if (isHiddenByStale(head.status) && this.#mayHideError()) {
      this.#origin.cancel()
      this.#fail(undefined, head.status)
      return
    }
    const { decision, fields } = judgeResponse(head, this.#judgement())
    if (!decision.store) {
      this.#decline(head, decision.reason, decision.hitForMiss)
      return
    }
    const writer = this.#writerFor(decision.vary.names)
    const length = head.bodyBytes
    if (writer === undefined) {
      this.#decline(head, 'vary-mismatch', false)
      return
    }
    this.#writer = writer
    if (!writer.start(responseCells(decision.meta), storedHeadBytes(fields, decision.withheldFields), length)) {
      const tooLarge = length > this.#cache.settings.maxObjectBytes
      this.#decline(head, tooLarge ? 'too-large' : 'no-space', tooLarge)
      return
    }
    this.#context.worker.counters.add(C.fills, 1)
    this.#filling = true
    this.#languageKey = this.#languageKeyOf(decision.vary.names, fields)
    const reader = this.owner === undefined ? undefined : writer.reader()
    if (reader !== undefined) this.owner!.onFill(reader, fieldsNamed(fields, decision.withheldFields))
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (!this.#filling) return
    const before = this.#writer.written
    if (!this.#isTooLarge(end - start) && this.#writer.write(bytes, start, end)) return
    this.#overflow(bytes.subarray(start + this.#writer.written - before, end))
  }

  onPause(): void {
    if (this.#filling) this.owner?.onFillProgress()
  }

  onEnd(): void {
    if (!this.#filling) return
    this.#filling = false
    this.#writer.complete()
    if (this.#languageKey !== '') writeLink(this.#tier, this.#languageKey, this.#writer.key)
    this.owner?.onFillProgress()
  }

  onFail(code: OriginErrorCode): void {
    this.#fail(code, originErrors[code].status)
  }

  /** `code` undefined: the origin answered, with an error that something stale hides. `status`: for those who wait. */
  #fail(code: OriginErrorCode | undefined, status: number): void {
    const { counters, log } = this.#context.worker
    this.#noteFailure()
    this.#writer.abort(status)
    if (code !== undefined) {
      const { name } = this.#context.route.backend!.plan
      log('warn', 'origin failed', { backend: name, server: this.#origin.serverName, code })
    }
    if (this.#filling) counters.add(C.fillsFailed, 1)
    this.#filling = false
    this.owner?.onFailed(this.#origin, code)
  }

  // Never asked for, so the connection has failed before these could be called.
  onUpgrade(): void {}
  onTunnelData(): void {}
  onTunnelEnd(): void {}

  #judgement(): Judgement {
    const times = { requestMs: this.#requestMs, responseMs: clock.nowMs }
    return { view: this.#context, sent: this.#sent, cache: this.#cache, times, random: Math.random() }
  }

  /** RFC 9111 §4.3.4. */
  #refresh(head: ResponseHead, stale: StoredObject): void {
    const judged = judgeUpdate(head, storedOf(stale), this.#judgement())
    if (judged === undefined) {
      this.#tier.remove(stale.key)
      this.#writer.leave()
      this.owner?.onGone()
      return
    }
    const { decision, fields: merged } = judged
    this.#tier.forgetFailures(this.#key)
    // Pinned first: afterwards what is stored is another object, or, where the update forbids to keep it, none. Answered
    // last: whoever has the answer may ask another worker, and must not get the older one there.
    const { owner } = this
    const isPinned = owner !== undefined && this.#tier.pin(stale)
    const bytes = storedHeadBytes(merged, decision.withheldFields)
    if (!decision.store) this.#tier.remove(stale.key)
    else this.#tier.refresh(stale, responseCells(decision.meta), bytes)
    this.#writer.leave()
    if (isPinned) owner.onConfirmed(stale, decision.meta, merged, decision.store)
    else owner?.onGone()
  }

  /**
   * The fill to write to, by what the response varies on (RFC 9111 §4.1):
   * 1. the names of the marker that the request was led by, or none and no marker: where the request looked;
   * 2. none, though a marker says otherwise: the primary key, in place of the marker;
   * 3. other names, or no marker yet: a new marker under the primary key, and the fill of the variant below it.
   * Those who wait where the request looked then look again. undefined: someone else is filling that variant.
   */
  #writerFor(names: readonly string[]): FillWriter | undefined {
    const varyNames = names.join(',')
    if (varyNames === this.#varyNames) return this.#writer
    if (names.length > 0) return this.#variantWriter(names, varyNames)
    this.#tier.remove(this.#primaryKey)
    const primary = this.#tier.lead(this.#primaryKey)
    if (primary === undefined) return this.#writer
    this.#writer.leave()
    return primary
  }

  #variantWriter(names: readonly string[], varyNames: string): FillWriter | undefined {
    const tier = this.#tier
    const marker = this.#key === this.#primaryKey ? this.#writer : tier.lead(this.#primaryKey)
    if (marker === undefined) return undefined
    const id = nextMarkerId(this.#context.worker.index)
    const key = variantKey(names, this.#sent, this.#cache.negotiation)
    const variant = tier.lead(keyOfVariant(this.#primaryKey, id, key))
    const isMarked = marker.start(markerCells(id), Buffer.from(varyNames, 'latin1'), 0)
    this.#markerId = id
    if (isMarked) marker.complete()
    else marker.decline(reasonNumber('no-space'))
    if (marker !== this.#writer) this.#writer.leave()
    if (isMarked) return variant
    variant?.decline(reasonNumber('no-space'))
    return undefined
  }

  #languageKeyOf(names: readonly string[], fields: readonly string[]): string {
    const language = contentLanguage(new FlatFacts(200, fields).header('content-language'))
    const variant = languageVariant(language, names, this.#sent, this.#cache.negotiation)
    return variant === undefined ? '' : keyOfVariant(this.#primaryKey, this.#markerId, variant)
  }

  #decline(head: ResponseHead, reason: Reason, hitForMiss: boolean): void {
    // Those who wait are not sent on to a server that has just said that it cannot serve.
    if (isUnavailable(head.status)) this.#writer.abort(head.status)
    else this.#writer.decline(reasonNumber(reason), hitForMiss ? this.#hitForMissUntilMs() : 0)
    // A new answer that may not be kept still says that the old one is no longer the answer.
    if (isHiddenByStale(head.status)) this.#noteFailure()
    else if (this.#stale !== undefined && head.status < 500) this.#tier.remove(this.#stale.key)
    const { owner } = this
    if (owner === undefined) this.#origin.cancel()
    else owner.onDeclined(this.#origin, head, reason)
  }

  /** 0: not to be remembered. */
  #hitForMissUntilMs(): number {
    const { hitForMissMs } = this.#cache.settings
    return hitForMissMs === 0 ? 0 : clock.nowMs + hitForMissMs
  }

  /** Only what can be answered stale is worth remembering: strangers choose the keys of the rest. */
  #noteFailure(): void {
    if (this.#stale !== undefined) this.#tier.noteFailure(this.#key, clock.nowMs)
  }

  #isTooLarge(more: number): boolean {
    return this.#writer.written + more > this.#cache.settings.maxObjectBytes
  }

  #overflow(rest: Buffer): void {
    const { owner } = this
    this.#filling = false
    this.#context.worker.counters.add(C.fillsFailed, 1)
    this.#writer.decline(reasonNumber('too-large'), this.#hitForMissUntilMs())
    if (owner === undefined) {
      this.#origin.cancel()
      return
    }
    this.#origin.connection?.pause()
    owner.onOverflow(this.#origin, Buffer.from(rest))
  }

  #mayHideError(): boolean {
    const stale = this.#stale
    if (stale === undefined) return false
    return canServeStaleOnError(storedOf(stale).meta, stale.softPurged, this.#directives, clock.nowMs)
  }
}

/** The object, if it is still there; its fields have been read and stay known. */
function readable(tier: MemoryTier, object: StoredObject | undefined): StoredObject | undefined {
  if (object === undefined || !tier.pin(object)) return undefined
  void storedOf(object).fields
  tier.unpin(object)
  return object
}
