/**
 * Purging by request: the methods and clients that the cache's `purge` block names.
 *
 *     PURGE /a             that URL, all variants; with Purge-Scope: prefix, glob or all, more
 *     PURGEKEY /           the tags in Surrogate-Key, Cache-Tag or xkey
 */
import type { FleetState } from '../cache/purge/fleet-purger.ts'
import { obeyOrder, type PurgeOrder, type PurgeScope, refuseOrder } from '../cache/purge/order.ts'
import { fieldTags, purgeTagFields } from '../cache/purge/tags.ts'
import type { RequestHead } from '../http/request-head.ts'
import { C } from '../log/counters.ts'
import type { RequestFacts } from '../plan/facts.ts'
import type { PurgePlan } from '../plan/plan.ts'
import { sendAnswer, sendError } from './answer.ts'
import type { Client } from './client.ts'
import type { HeadFacts } from './facts.ts'
import { purgeForbidden, refusePurge } from './own-answers.ts'
import { PurgeWait } from './purge-wait.ts'
import { RequestContext } from './request-context.ts'
import type { RouteRuntime } from './route-runtime.ts'
import type { CacheRuntime } from './runtime.ts'

const scopes: readonly PurgeScope[] = ['url', 'prefix', 'glob', 'all']

export function purge(client: Client, head: RequestHead, facts: HeadFacts, route: RouteRuntime): void {
  const refused = refusePurge(route, facts) ?? (client.hasLostPeer ? purgeForbidden : undefined)
  if (refused !== undefined) {
    sendError(client, head, route, refused.status, refused.message, refused)
    return
  }
  const { cache } = route.cache!
  const order = orderOf(facts, cache)
  const refusal = typeof order === 'string' ? order : refuseOrder(order)
  if (refusal !== undefined) sendError(client, head, route, 400, refusal)
  else obey(client, head, route, order as PurgeOrder)
}

/** At once here, and by way of the pool on all nodes that share it. */
function obey(client: Client, head: RequestHead, route: RouteRuntime, order: PurgeOrder): void {
  const { cache } = route.cache!
  const { fleet } = cache
  if (fleet !== undefined && client.worker.fleet.isFull) {
    sendError(client, head, route, 503, 'too many purges wait for their way to the other nodes; try again')
    return
  }
  if (!(fleet === undefined ? obeyOrder(cache.purges, order) : fleet.obey(order))) {
    sendError(client, head, route, 503, 'purges are held up by a thread that has just died; try again')
    return
  }
  client.worker.counters.add(C.purges, 1)
  if (fleet === undefined) {
    answer(client, head, route, order, undefined)
    return
  }
  const context = new RequestContext(client, head, route)
  const wait = new PurgeWait(client, context, (state) => answer(client, context.head, route, order, state))
  wait.begin(cache, order)
}

/** The order in a request, or what is wrong with it. */
function orderOf(request: RequestFacts, cache: CacheRuntime): PurgeOrder | string {
  const isHard = modeOf(request, cache.plan.purge)
  if (isHard === undefined) return 'Purge-Mode is "soft" or "hard"'
  const named = request.header('purge-scope')
  const scope = scopes.find((one) => one === named)
  if (named !== undefined && scope === undefined) return `Purge-Scope is one of ${scopes.join(', ')}`
  const tags = purgeTagFields.flatMap((name) => fieldTags(name, request.headers(name)))
  if (tags.length > 0) {
    return scope === undefined ? { scope: 'tag', isHard, targets: tags } : 'name tags or Purge-Scope, not both'
  }
  if (request.method === 'PURGEKEY') return 'PURGEKEY names tags in Surrogate-Key, Cache-Tag or xkey'
  if (scope === 'all') return { scope, isHard, targets: [] }
  if (scope === 'prefix' || scope === 'glob') return { scope, isHard, targets: [patternOf(request, cache)] }
  return { scope: 'url', isHard, targets: cache.urlTextsOf(request) }
}

/** Whether it is a hard purge; undefined: Purge-Mode is neither. */
function modeOf(request: RequestFacts, plan: PurgePlan): boolean | undefined {
  const mode = request.header('purge-mode')
  if (mode !== undefined) return mode === 'hard' ? true : mode === 'soft' ? false : undefined
  return request.header('fastly-soft-purge') !== '1' && plan.mode === 'hard'
}

/** The target as it came, under the authority as keys have it. */
function patternOf(request: RequestFacts, cache: CacheRuntime): string {
  const [text = ''] = cache.urlTextsOf(request)
  const target = request.hasQuery ? `${request.path}?${request.query}` : request.path
  return text.startsWith('/') ? target : text.slice(0, text.indexOf('|')) + target
}

/** `fleet` undefined: no other node shares the cache. */
function answer(
  client: Client,
  head: RequestHead,
  route: RouteRuntime,
  { scope, isHard, targets }: PurgeOrder,
  fleet: FleetState | undefined,
): void {
  const mode = isHard ? 'hard' : 'soft'
  const cache = route.cache!.cache.plan.name
  sendAnswer(client, head, route, {
    status: 200,
    body: `${JSON.stringify({ purged: scope, mode, cache, targets, fleet })}\n`,
    contentType: 'application/json',
    fields: '',
    reason: 'purged',
  })
}
