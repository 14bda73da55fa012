/** What the answer to a HEAD says of the response that is stored for GET (RFC 9111 §4.3.5). */
import { GetRequest } from '../cache/policy/get-request.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { clock } from '../util/clock.ts'
import type { Client } from './client.ts'
import { findStored } from './find-stored.ts'
import { judgeHeadAnswer } from './judge-response.ts'
import { noWay, shareStored } from './pool-write.ts'
import type { RequestContext } from './request-context.ts'
import { SentFacts } from './sent-facts.ts'
import { storedOf } from './stored.ts'
import { frontOf } from './stored-front.ts'

/**
 * Gives the stored response new fields and a new life, or, where the answer is not about it or forbids to keep it, makes it
 * stale, unless it is meant for this one client. `head` is a 200 to the HEAD of `context`, which was sent at `requestMs`. Does
 * nothing where nothing is stored.
 */
export function updateByHead(client: Client, context: RequestContext, head: ResponseHead, requestMs: number): void {
  const { route, facts } = context
  const { cache } = route
  // A GET that takes another route may get there what this server never heard of.
  if (cache === undefined || !isRouteOfGet(context)) return
  const { tier, purges } = cache.cache
  // What is found has survived all purges up to this one, and so will have what takes its place.
  const ticket = purges.beginFetch()
  const fleetNumber = cache.cache.shared?.fleetNumber ?? 0
  const { object } = findStored(cache, facts, route, client)
  // After a purge only a GET makes it fresh again. Of what came later than the question the answer knows nothing.
  const isOlder = object !== undefined && storedOf(object).meta.responseMs <= requestMs
  if (object === undefined || !isOlder || object.softPurged || !tier.pin(object)) {
    ticket.drop()
    return
  }
  const { meta, fields } = storedOf(object)
  const judged = judgeHeadAnswer(
    head,
    { meta, fields, bodyBytes: object.bodyBytes },
    {
      view: context,
      sent: new SentFacts(new GetRequest(facts), route, context),
      cache,
      times: { requestMs, responseMs: clock.nowMs },
      random: Math.random(),
    },
  )
  if (judged?.decision.store) {
    const front = frontOf(object.key, judged, cache, context, ticket.number)
    tier.refresh(object, front.meta, front.head, front.labels)
    shareStored(cache.cache, object.key, fleetNumber, noWay, () => {})
  } else if (judged === undefined ? facts.header('authorization') === undefined : judged.decision.concernsResource) {
    tier.expire(object)
    cache.cache.shared?.entries.remove(object.key)
  }
  tier.unpin(object)
  ticket.drop()
}

function isRouteOfGet({ route, facts, runtime, listenerName }: RequestContext): boolean {
  return runtime.table.find(listenerName, new GetRequest(facts))?.user === route
}
