/**
 * The cache's step: what is stored for this request, and may it answer? A hit is sent at once; everything that has to
 * wait becomes an Exchange.
 */

import type { RequestDirectives } from '../cache/policy/cache-control.ts'
import { clientDirectives, decideLookup, RequestTrait } from '../cache/policy/request.ts'
import { decideReuse, isServed, Reuse, reuseReasons } from '../cache/policy/reuse.ts'
import type { NoEntry } from '../cache/tiers/pool/pool-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { F } from '../http/fields.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { Reason } from '../log/reasons.ts'
import { clock } from '../util/clock.ts'
import { sendError } from './answer.ts'
import type { Client } from './client.ts'
import { deliverFresh, deliverStored } from './deliver.ts'
import type { HeadFacts } from './facts.ts'
import { Fetch } from './fetch.ts'
import { findStored, found } from './find-stored.ts'
import { Miss } from './miss.ts'
import { notCached } from './own-answers.ts'
import { Pass } from './pass.ts'
import { PoolAnswer } from './pool-answer.ts'
import { covers } from './ranges.ts'
import { RequestContext } from './request-context.ts'
import type { RouteCache, RouteRuntime } from './route-runtime.ts'
import { staleStatus, storedOf } from './stored.ts'

export function lookup(
  client: Client,
  head: RequestHead,
  facts: HeadFacts,
  route: RouteRuntime,
  cache: RouteCache,
): void {
  const past = decideLookup(
    facts,
    cache.bypass.length > 0 && cache.isBypassed(facts),
    traitsOf(head, client.hasUnreadBody),
  )
  if (past !== 'none') {
    Pass.start(client, new RequestContext(client, head, route), past)
    return
  }
  const hasDirectives = head.has(F.cacheControl) || head.has(F.pragma)
  const directives = hasDirectives ? clientDirectives(facts, cache.settings) : undefined
  const { object } = findStored(cache, facts, route, client)
  if (object !== undefined && serve(client, head, facts, route, cache, object, directives)) return
  if (object === undefined && PoolAnswer.suits(head, cache)) {
    const search = { cache, shared: cache.cache.shared!, key: found.key }
    new PoolAnswer(client, new RequestContext(client, head, route), search, directives, goOn).start()
    return
  }
  if (directives?.onlyIfCached && cache.cache.shared === undefined) {
    const { status, message, reason } = notCached
    sendError(client, head, route, status, message, { reason })
    return
  }
  startMiss(client, new RequestContext(client, head, route), cache, directives)
}

/** The pool alone does not answer the request: as if it had just come. */
function goOn({ client, context, cache, key, directives }: PoolAnswer, why: NoEntry): void {
  const { head, facts, route } = context
  const { object } = findStored(cache, facts, route, client)
  if (object !== undefined && serve(client, head, facts, route, cache, object, directives)) return
  // In a fleet it is asked once more, by the one of this machine who may be elected to fetch.
  if (why === 'failed' || (why === 'absent' && cache.settings.collapse.scope === 'machine')) context.poolKey = key
  startMiss(client, context, cache, directives, why === 'failed' ? 'pool-failed' : 'absent')
}

/** The object is missing, or must be validated first. `absent`: the reason where there is none at all. */
function startMiss(
  client: Client,
  context: RequestContext,
  cache: RouteCache,
  directives: RequestDirectives | undefined,
  absent: Reason = 'absent',
): void {
  const { object } = found
  let reason: Reason = found.reason === 'absent' ? absent : found.reason
  if (object !== undefined) {
    reason = reuseReasons[decideReuse(storedOf(object).meta, object.softPurged, directives, clock.nowMs)]!
    // Else it was there and fresh, and has been evicted since.
    if (reason === 'none') reason = covers(cache.cache.tier, context.facts, object) ? 'absent' : 'part-missing'
  }
  Miss.start(client, context, cache, found, reason, directives)
}

/** Sends the stored response if it may answer; false: it may not, or it has gone meanwhile. */
function serve(
  client: Client,
  head: RequestHead,
  facts: HeadFacts,
  route: RouteRuntime,
  cache: RouteCache,
  object: StoredObject,
  directives: RequestDirectives | undefined,
): boolean {
  const stored = storedOf(object)
  const reuse = decideReuse(stored.meta, object.softPurged, directives, clock.nowMs)
  if (!isServed(reuse) || !covers(cache.cache.tier, facts, object)) return false
  const { tier } = cache.cache
  if (!tier.pin(object)) return false
  const delivery = { client, head, facts, route, tier }
  if (reuse === Reuse.fresh) {
    deliverFresh(delivery, object, stored)
    return true
  }
  if (
    reuse === Reuse.staleWhileRevalidate &&
    head.method === 'GET' &&
    clock.nowMs >= tier.retryAtMs(found.key, clock.nowMs)
  ) {
    Fetch.refreshBehind(new RequestContext(client, head, route), cache, found)
  }
  const reason = object.softPurged ? 'purged' : 'expired'
  const prefix = stored.prefix(clock.nowMs, staleStatus(stored.meta, clock.nowMs, reason), route)
  deliverStored(delivery, object, stored, prefix, 'stale', reason)
  return true
}

/** Bits of RequestTrait. `hasBody`: bytes of a body follow the head. */
export function traitsOf(head: RequestHead, hasBody: boolean): number {
  let traits = hasBody && head.contentLength !== 0 ? RequestTrait.body : 0
  if (head.has(F.ifMatch) || head.has(F.ifUnmodifiedSince)) traits |= RequestTrait.precondition
  return traits
}
