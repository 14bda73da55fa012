/** `purge` of the admin socket: its arguments, and what comes of them in each cache. */
import { AdminFailure, type AdminRequest } from '../admin/protocol.ts'
import type { FleetState } from '../cache/purge/fleet-purger.ts'
import { obeyOrder, type PurgeOrder, type PurgeScope, refuseOrder } from '../cache/purge/order.ts'
import { PurgeLog } from '../cache/purge/purge-log.ts'
import { UrlRequest, urlPattern } from '../cache/purge/url-request.ts'
import { compileUrlTexts } from '../cache/purge/url-text.ts'
import type { CachePlan, Plan } from '../plan/plan.ts'
import type { SharedState } from '../proxy/runtime.ts'
import type { FleetPurges } from './fleet-purges.ts'

/** The arguments of the command; `cache` undefined: every cache, `mode` undefined: as the cache's `purge` block says. */
export interface PurgeArguments {
  readonly scope: PurgeScope
  readonly targets: readonly string[]
  readonly cache?: string | undefined
  readonly mode?: 'soft' | 'hard' | undefined
  /** Only here, also where other nodes share the cache. */
  readonly isLocal?: boolean | undefined
}

export interface PurgeResult {
  readonly scope: PurgeScope
  readonly caches: readonly PurgedCache[]
}

export interface PurgedCache {
  readonly name: string
  readonly mode: 'soft' | 'hard'
  /** Whether other nodes will hear of it: `pending` means when the pool is back; undefined: it concerns no other node. */
  readonly fleet?: FleetState | undefined
}

/** What is live. */
interface Live {
  readonly plan: Plan
  readonly shared: SharedState
  readonly fleets: Pick<FleetPurges, 'purge'>
}

const MAIN_THREAD = -1
const scopes: readonly PurgeScope[] = ['url', 'prefix', 'glob', 'tag', 'all']

/**
 * Purges at once, in all threads, and has other nodes told. Rejects with an AdminFailure, and then has purged nothing unless
 * the code is `busy`.
 */
export async function runPurge(given: AdminRequest['arguments'], live: Live): Promise<PurgeResult> {
  const { plan } = live
  const wanted = readArguments(given)
  const orders = cachesOf(wanted, plan).map((cache) => ({ cache, order: orderFor(wanted, cache, plan) }))
  for (const { order } of orders) {
    const refusal = refuseOrder(order)
    if (refusal !== undefined) throw new AdminFailure('bad-request', refusal)
  }
  const caches = orders.map(async ({ cache, order }): Promise<PurgedCache> => {
    const mode = order.isHard ? 'hard' : 'soft'
    const isShared = cache.pool !== undefined && wanted.isLocal !== true
    const fleet = isShared ? live.fleets.purge(cache.name, order) : undefined
    const isObeyed = isShared ? fleet !== undefined : obeyHere(cache, order, live)
    if (!isObeyed) throw new AdminFailure('busy', 'a worker has just died; purge again')
    return { name: cache.name, mode, fleet: await fleet }
  })
  return { scope: wanted.scope, caches: await Promise.all(caches) }
}

function obeyHere({ name }: CachePlan, order: PurgeOrder, { shared }: Live): boolean {
  return obeyOrder(new PurgeLog(shared.caches.get(name)!.value, MAIN_THREAD), order)
}

function readArguments(given: AdminRequest['arguments']): PurgeArguments {
  const { scope, targets = [], cache, mode, isLocal } = given
  const known = scopes.find((one) => one === scope)
  if (known === undefined) throw new AdminFailure('bad-request', `"scope" is one of ${scopes.join(', ')}`)
  if (!Array.isArray(targets) || targets.some((target) => typeof target !== 'string')) {
    throw new AdminFailure('bad-request', '"targets" is a list of texts')
  }
  if (cache !== undefined && typeof cache !== 'string') throw new AdminFailure('bad-request', '"cache" is a name')
  if (mode !== undefined && mode !== 'soft' && mode !== 'hard') {
    throw new AdminFailure('bad-request', '"mode" is "soft" or "hard"')
  }
  if (isLocal !== undefined && typeof isLocal !== 'boolean') {
    throw new AdminFailure('bad-request', '"isLocal" is true or false')
  }
  return { scope: known, targets, cache, mode, isLocal }
}

function cachesOf({ cache }: PurgeArguments, plan: Plan): readonly CachePlan[] {
  if (plan.caches.length === 0) throw new AdminFailure('no-cache', 'the configuration has no cache')
  if (cache === undefined) return plan.caches
  const named = plan.caches.filter(({ name }) => name === cache)
  if (named.length > 0) return named
  const names = plan.caches.map(({ name }) => `"${name}"`).join(', ')
  throw new AdminFailure('no-cache', `there is no cache "${cache}"; there is ${names}`)
}

function orderFor({ scope, targets, mode }: PurgeArguments, cache: CachePlan, plan: Plan): PurgeOrder {
  const isHard = (mode ?? cache.purge.mode) === 'hard'
  if (scope === 'all' && targets.length > 0) throw new AdminFailure('bad-request', 'all is all: name nothing else')
  if (scope === 'tag' || scope === 'all') return { scope, isHard, targets: targets.map(latin1Of) }
  if (scope === 'url') {
    const textsOf = compileUrlTexts(plan, cache.name)
    return { scope, isHard, targets: targets.flatMap((url) => textsOf(readUrl(url))) }
  }
  return { scope, isHard, targets: targets.map(readPattern) }
}

/** Tags come from fields, whose bytes are letters here. */
function latin1Of(tag: string): string {
  return Buffer.from(tag, 'utf8').toString('latin1')
}

function readUrl(url: string): UrlRequest {
  const request = UrlRequest.parse(url)
  if (request !== undefined) return request
  throw new AdminFailure('bad-url', `"${url}" is no URL; write it as http://HOST/PATH, in ASCII, as clients send it`)
}

function readPattern(text: string): string {
  const pattern = urlPattern(text)
  if (pattern !== undefined) return pattern
  throw new AdminFailure(
    'bad-url',
    `"${text}" is no pattern; write http://HOST/PATH, or /PATH for every host, in ASCII`,
  )
}
