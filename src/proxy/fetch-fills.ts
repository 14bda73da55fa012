/**
 * Where a fetch writes to: the fill of its object, which moves to another key when the response turns out to vary
 * otherwise than thought; and, of a range, the gate, a fill of nothing at which those wait who want the same range.
 */
import { statedVariant } from '../cache/language-variant.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import type { StoredMeta } from '../cache/policy/meta.ts'
import { isUnavailable } from '../cache/policy/status.ts'
import type { FetchTicket } from '../cache/purge/fetch-epochs.ts'
import type { FillWriter } from '../cache/tiers/fill-writer.ts'
import { variantKey } from '../cache/vary.ts'
import { type Reason, reasonNumber } from '../log/reasons.ts'
import type { RequestFacts } from '../plan/facts.ts'
import { clock } from '../util/clock.ts'
import type { FetchPlan } from './fetch-plan.ts'
import type { Found } from './find-stored.ts'
import type { Judged } from './judge-response.ts'
import { writeLink } from './language-link.ts'
import type { WayToIt } from './pool-write.ts'
import type { RouteCache } from './route-runtime.ts'
import { keyOfLink, keyOfVariant, markerCells, nextMarkerId, responseCells, storedOf } from './stored.ts'

export class FetchFills {
  /** Tells what was purged while the fetch ran; given back with the last of the fills. */
  readonly ticket: FetchTicket
  /** The fleet's number of its last purge when the fetch began; 0: it is not known, or nothing is shared. */
  readonly fleetNumber: number
  readonly #cache: RouteCache
  readonly #key: string
  readonly #primaryKey: string
  /** What the response is found by, beside its primary key. */
  #varyNames: string
  readonly #isRange: boolean
  readonly #gate: FillWriter | undefined
  #writer: FillWriter
  /** Of the marker under the primary key, this fetch's own one included; 0: none. */
  #markerId: number
  #isNewMarker = false
  /** Under what language the response is to be found too; empty: none. */
  #languageKey = ''
  #isStreaming = false

  private constructor(
    cache: RouteCache,
    found: Found,
    ticket: FetchTicket,
    writer: FillWriter,
    gate: FillWriter | undefined,
    isRange: boolean,
  ) {
    this.#cache = cache
    this.#key = found.key
    this.#primaryKey = found.primaryKey
    this.#varyNames = found.varyNames
    this.#markerId = found.markerId
    this.ticket = ticket
    this.fleetNumber = cache.cache.shared?.fleetNumber ?? 0
    this.#writer = writer
    this.#gate = gate
    this.#isRange = isRange
  }

  /** Makes the caller the one that fetches; undefined: another request is. */
  static claim(cache: RouteCache, found: Found, { kind, rangeKey }: FetchPlan): FetchFills | undefined {
    const { tier, purges } = cache.cache
    const ticket = purges.beginFetch()
    const gate = rangeKey === '' ? undefined : tier.lead(rangeKey, ticket)
    const writer = rangeKey !== '' && gate === undefined ? undefined : tier.lead(found.key, ticket)
    if (writer !== undefined) return new FetchFills(cache, found, ticket, writer, gate, kind === 'range')
    gate?.leave()
    ticket.drop()
    return undefined
  }

  get writer(): FillWriter {
    return this.#writer
  }

  /**
   * Moves to the fill to write to, by what the response varies on (RFC 9111 §4.1):
   * 1. the names of the marker that the request was led by, or none and no marker: where the request looked;
   * 2. none, though a marker says otherwise: the primary key, in place of the marker;
   * 3. other names, or no marker yet: a new marker under the primary key, and the fill of the variant below it.
   * Those who wait where the request looked then look again. `sent`: the request as the origin sees it; `worker`: this
   * one's index. False: someone else is filling that variant, or what comes is outdated.
   */
  moveTo(names: readonly string[], sent: RequestFacts, worker: number): boolean {
    const varyNames = names.join(',')
    if (varyNames === this.#varyNames) return true
    if (this.#isOutdated()) return false
    if (names.length > 0) return this.#moveToVariant(names, varyNames, sent, worker)
    const { tier } = this.#cache.cache
    tier.remove(this.#primaryKey)
    const primary = tier.lead(this.#primaryKey, this.ticket)
    if (primary === undefined) return true
    this.#writer.leave()
    this.#writer = primary
    this.#varyNames = ''
    this.#markerId = 0
    return true
  }

  /** RFC 9111 §4.4: the marker that led here has been removed, so what comes may be older than an unsafe request. */
  #isOutdated(): boolean {
    if (this.#markerId === 0) return false
    const marker = this.#cache.cache.tier.find(this.#primaryKey)
    return marker === undefined || storedOf(marker).markerId !== this.#markerId
  }

  #moveToVariant(names: readonly string[], varyNames: string, sent: RequestFacts, worker: number): boolean {
    const { tier } = this.#cache.cache
    const marker = this.#key === this.#primaryKey ? this.#writer : tier.lead(this.#primaryKey, this.ticket)
    if (marker === undefined) return false
    const id = nextMarkerId(worker)
    const key = variantKey(names, sent, this.#cache.negotiation)
    const variant = tier.lead(keyOfVariant(this.#primaryKey, id, key), this.ticket)
    const isMarked = marker.start(markerCells(id), Buffer.from(varyNames, 'latin1'), 0)
    this.#markerId = id
    this.#isNewMarker = true
    this.#varyNames = varyNames
    if (isMarked) marker.complete()
    else marker.decline(reasonNumber('no-space'))
    if (marker !== this.#writer) this.#writer.leave()
    if (isMarked && variant !== undefined) {
      this.#writer = variant
      return true
    }
    variant?.decline(reasonNumber('no-space'))
    return false
  }

  /** What leads to the response, for the pool. */
  get way(): WayToIt {
    return {
      primaryKey: this.#primaryKey,
      markerId: this.#markerId,
      varyNames: this.#varyNames,
      isNewMarker: this.#isNewMarker,
      languageKey: this.#languageKey,
    }
  }

  /** Whether a variant may be stored. One that is stored already may be renewed at any time. */
  mayAddVariant({ stale, part }: FetchPlan): boolean {
    const isKnown = (stale ?? part)?.key === this.#key
    return isKnown || this.#cache.cache.variants.admit(this.#primaryKey, clock.nowMs)
  }

  /** The response has begun to be stored. */
  onStreaming(): void {
    this.#isStreaming = true
    this.#gate?.leave()
  }

  /** When it is complete, the response is to be found under its language too, if it states one. */
  linkLanguage({ decision: { meta, vary }, fields }: Judged, sent: RequestFacts): void {
    const facts = new FlatFacts(meta.status, fields)
    const variant = statedVariant(facts, vary.names, sent, this.#cache.negotiation)
    if (variant !== undefined) this.#languageKey = keyOfLink(this.#primaryKey, this.#markerId, variant)
  }

  /** All bytes have been written. */
  complete(): void {
    this.#writer.complete()
    if (this.#languageKey !== '') writeLink(this.#cache.cache.tier, this.#languageKey, this.#writer.key)
  }

  /** Nothing is stored: whoever waits looks again. */
  leave(): void {
    this.#writer.leave()
    this.#gate?.leave()
  }

  /** The response has `status` and is not stored, for `reason`; `hitForMiss`: nor will the next ones be. */
  turnAway(status: number, reason: Reason, hitForMiss: boolean): void {
    // Those who wait are not sent on to a server that has just said that it cannot serve.
    if (isUnavailable(status)) {
      this.#writer.abort(status)
      this.#gate?.abort(status)
      return
    }
    // Who waits for the whole, or for another range, may fare better than this one.
    if (this.#isRange) this.#writer.leave()
    else this.decline(reason, hitForMiss)
    this.#gate?.decline(reasonNumber(reason), 0)
  }

  /** The response is not stored, or not to its end. */
  decline(reason: Reason, hitForMiss: boolean): void {
    const { hitForMissMs } = this.#cache.settings
    const untilMs = hitForMiss && hitForMissMs > 0 ? clock.nowMs + hitForMissMs : 0
    this.#writer.decline(reasonNumber(reason), untilMs)
  }

  /**
   * The fetch failed, by `cause` (see `failure-cause.ts`). `beginning`: of what has been written, where that is to be kept
   * as a part.
   */
  abort(cause: number, beginning: StoredMeta | undefined): void {
    this.#gate?.abort(cause)
    if (beginning !== undefined) this.#writer.keepBeginning(responseCells(beginning, this.ticket.number), cause)
    else if (this.#isRange && !this.#isStreaming)
      this.#writer.leave() // who waits for the whole may still get it
    else this.#writer.abort(cause)
  }
}
