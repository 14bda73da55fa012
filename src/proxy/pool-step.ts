/**
 * What a fetch has to do with the pool, from before the origin is asked to the end:
 *
 *     begin --what the pool has is in memory now----------> onPoolFilled
 *           --another node says it cannot be shared-------> onPoolRefused
 *           --nothing; only the pool was to be asked------> onNotInPool
 *           --nothing---(in a fleet: elected to fetch)----> onOriginWanted
 *               stored   what came goes to the pool
 *               refused  it may not be stored; in a fleet the others hear of it
 *               end      nothing came of it
 *
 * A pool that has failed is not asked again for the same request, but for one who may be elected. A fault of ours ends the
 * fetch: it happens while only the pool looks on, who would leave the client waiting.
 */

import { preferredVariant } from '../cache/language-variant.ts'
import { MetaFlag } from '../cache/policy/meta.ts'
import { decideReuse, Reuse } from '../cache/policy/reuse.ts'
import { EntryKind } from '../cache/tiers/pool/entry.ts'
import { MAX_RELATIVE_SEC } from '../cache/tiers/pool/lifetime.ts'
import type { Reason } from '../log/reasons.ts'
import type { RequestFacts } from '../plan/facts.ts'
import { clock } from '../util/clock.ts'
import type { FetchFills } from './fetch-fills.ts'
import type { FetchRequest } from './fetch-owner.ts'
import { FleetLead, type LeadSink } from './fleet-lead.ts'
import { type FleetLease, LEASE_SEC } from './fleet-lease.ts'
import { type LeaseOutcome, PoolLookup, type PoolQuestion, type PoolSink } from './pool-lookup.ts'
import { shareStored, writeSmall } from './pool-write.ts'
import type { SharedTier } from './shared-tier.ts'
import { keyOfLink, storedOf } from './stored.ts'

/** A primary key, a variant, and once more where another node has changed the marker meanwhile. */
const MAX_LOOKS = 3

/** How it goes on; one is called, once, perhaps from within `begin`. In the first case alone the fetch goes on. */
export interface PoolStepSink {
  onOriginWanted(): void
  onPoolFilled(): void
  onPoolRefused(reason: Reason): void
  onNotInPool(): void
}

export class PoolStep implements PoolSink, LeadSink {
  readonly #request: FetchRequest
  readonly #fills: FetchFills
  readonly #question: PoolQuestion
  readonly #asks: boolean
  /** Whether the nodes elect who fetches. */
  readonly #isElected: boolean
  #sink: PoolStepSink | undefined = undefined
  #lease: FleetLease | undefined = undefined

  /** `sent`: the request as the origin sees it. */
  constructor(request: FetchRequest, fills: FetchFills, sent: RequestFacts, shared: SharedTier) {
    const { context, cache, plan, directives } = request
    const { collapse } = cache.settings
    this.#request = request
    this.#fills = fills
    this.#asks = isAsked(request, shared)
    const isFleet = collapse.enabled && collapse.scope === 'cluster' && fills.fleetNumber !== 0
    const isForAll = plan.kind === 'whole' && directives === undefined && !request.isPoolOnly
    this.#isElected = isFleet && isForAll && context.refusal === 'none' && mayServeOthers(request)
    const leaseSec = this.#isElected ? LEASE_SEC : 0
    this.#question = questionOf(request, fills, sent, { shared, leaseSec, onFault: (error) => this.#onFault(error) })
  }

  begin(sink: PoolStepSink): void {
    this.#sink = sink
    try {
      this.#begin()
    } catch (error) {
      this.#onFault(error)
    }
  }

  #begin(): void {
    const { context } = this.#request
    if (this.#asks) {
      context.poolKey = this.#question.key
      context.poolLooks++
      new PoolLookup(this.#question, this).start()
    } else this.onPoolMiss('none')
  }

  #onFault(error: unknown): void {
    const { context, owner } = this.#request
    context.worker.logFault(error)
    this.#fills.leave()
    this.#lease?.end(false)
    owner?.onFault()
  }

  onPoolMiss(outcome: LeaseOutcome): void {
    const { context, isPoolOnly } = this.#request
    if (outcome === 'failed') {
      context.poolLooks = MAX_LOOKS
      if (context.missReason === 'absent' || context.missReason === 'vary-mismatch') context.missReason = 'pool-failed'
    }
    if (isPoolOnly) {
      this.#fills.leave()
      this.#sink!.onNotInPool()
    } else if (this.#isElected) new FleetLead(this.#question, this).start(outcome)
    else this.#sink!.onOriginWanted()
  }

  onLead(lease: FleetLease | undefined): void {
    this.#lease = lease
    this.#sink!.onOriginWanted()
  }

  onPoolFilled(): void {
    this.#sink!.onPoolFilled()
  }

  onPoolRefused(reason: Reason): void {
    this.#sink!.onPoolRefused(reason)
  }

  /** A response lies in memory under `key`. */
  stored(key: string): void {
    const lease = this.#lease
    const { way, fleetNumber } = this.#fills
    const { context, cache } = this.#request
    try {
      shareStored(cache.cache, key, fleetNumber, way, (isShared) => {
        const isReplaced = key === lease?.key || (way.isNewMarker && way.primaryKey === lease?.key)
        lease?.end(isShared && isReplaced)
      })
    } catch (error) {
      // The client has its answer; nobody is to wait for what will not come.
      context.worker.logFault(error)
      lease?.end(false)
    }
  }

  /** The response is not stored; `hitForMiss`: nor will the next ones be. `concernsResource`: see StoreDecision. */
  refused(reason: Reason, hitForMiss: boolean, concernsResource: boolean): void {
    const lease = this.#lease
    const { cache, settings } = this.#request.cache
    if (lease === undefined) return
    if (!hitForMiss || settings.hitForMissMs === 0 || (lease.isBeside && !concernsResource)) {
      lease.end(false)
      return
    }
    const refusal = { kind: EntryKind.refusal, text: reason, markerId: 0 }
    const ttlSec = Math.min(Math.ceil(settings.hitForMissMs / 1000), MAX_RELATIVE_SEC)
    writeSmall(cache, lease.key, refusal, { ttlSec, onDone: (isWritten) => lease.end(isWritten) })
  }

  /** Nothing came that is stored or refused. */
  end(): void {
    this.#lease?.end(false)
  }
}

function questionOf(
  { context, cache, found }: FetchRequest,
  fills: FetchFills,
  sent: RequestFacts,
  { shared, leaseSec, onFault }: Pick<PoolQuestion, 'shared' | 'leaseSec' | 'onFault'>,
): PoolQuestion {
  const { key, primaryKey, varyNames, markerId, object } = found
  const meta = object && storedOf(object).meta
  const preferred =
    key === primaryKey || meta !== undefined
      ? undefined
      : preferredVariant(varyNames.split(','), sent, cache.negotiation)
  return {
    context,
    cache,
    shared,
    fills,
    key,
    primaryKey,
    varyNames,
    markerId,
    linkKey: preferred === undefined ? '' : keyOfLink(primaryKey, markerId, preferred),
    newerThanMs: meta === undefined || meta.status === 206 ? 0 : meta.responseMs,
    leaseSec,
    onFault,
  }
}

/**
 * Whether others are likely to be answered with what the origin says now. Of what is never fresh each has to ask for itself,
 * and with credentials as well, but for what the origin calls public.
 */
function mayServeOthers({ context, found: { object } }: FetchRequest): boolean {
  if (context.facts.header('authorization') !== undefined) return false
  if (object === undefined) return true
  const { flags, lifetimeMs, staleWhileRevalidateMs } = storedOf(object).meta
  return (flags & MetaFlag.noCache) === 0 && (lifetimeMs > 0 || staleWhileRevalidateMs > 0)
}

/** Whether the pool may know more. Of what is to be validated at the origin in any case it does not. */
function isAsked({ context, found, directives }: FetchRequest, shared: SharedTier): boolean {
  if (shared.fleetNumber === 0 || context.refusal !== 'none') return false
  if (context.poolKey === found.key || context.poolLooks >= MAX_LOOKS) return false
  const { object } = found
  if (object === undefined) return true
  const reuse = decideReuse(storedOf(object).meta, object.softPurged, directives, clock.nowMs)
  return reuse !== Reuse.validateNoCache && reuse !== Reuse.validateRequest
}
