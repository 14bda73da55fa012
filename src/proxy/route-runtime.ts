/** One route made ready to run: everything about it that can be decided before a request comes. */
import { type ConditionOf, compileKey, type KeyOf } from '../cache/key.ts'
import { compilePath, type PathForm } from '../cache/key-path.ts'
import { Negotiation } from '../cache/negotiate.ts'
import { compileUrlText, type UrlTextOf } from '../cache/purge/url-text.ts'
import { F } from '../http/fields.ts'
import { withHopByHop } from '../http/hop-by-hop.ts'
import type { MessageHead } from '../http/message-head.ts'
import { noCounts } from '../log/route-counters.ts'
import type { RequestFacts, ResponseFacts } from '../plan/facts.ts'
import type { BackendPlan, CachePlan, CacheSettings, RoutePlan } from '../plan/plan.ts'
import type { Condition, MatcherSet } from '../routing/matchers.ts'
import { NetworkSet } from '../routing/networks.ts'
import type { RouteEntry } from '../routing/route-entry.ts'
import { assert } from '../util/assert.ts'
import { HeaderEdits } from './header-edits.ts'
import type { BackendRuntime, CacheRuntime } from './runtime.ts'

/** What the rules know of a backend; those that connect know a BackendRuntime. */
export interface PlannedBackend {
  readonly plan: BackendPlan
}

/** What the rules know of a cache; those that look something up know a CacheRuntime. */
export interface PlannedCache {
  readonly plan: CachePlan
}

/** A route whose rules can be asked, while nothing need be there to connect to or to store in. */
export type RouteRules = RouteRuntime<PlannedBackend, PlannedCache>

/** What routes are made with: a Runtime, or the Plan alone. */
export interface RouteParts<Backend, Cache> {
  readonly table: { readonly matchers: MatcherSet }
  readonly backends: ReadonlyMap<string, Backend>
  readonly caches: ReadonlyMap<string, Cache>
}

/** A route's cache with its rules and its key. */
export class RouteCache<Cache extends PlannedCache = CacheRuntime> {
  readonly cache: Cache
  readonly settings: CacheSettings
  readonly keyOf: KeyOf
  /** The request's URL as purges name it. */
  readonly urlTextOf: UrlTextOf
  /** Request fields that are part of the key, lower case. */
  readonly keyFields: readonly string[]
  /** What the key makes of a path, which is also what the origin sees; undefined: it stays as it came. */
  readonly pathForm: PathForm | undefined
  /** What the origin is asked for in the place of the client's preferences; undefined: these. */
  readonly negotiation: Negotiation | undefined
  readonly bypass: readonly Condition[]
  readonly noStore: readonly Condition[]
  /** Who may PURGE; undefined: nobody. */
  readonly purgeAllowed: Condition | undefined

  constructor(cache: Cache, settings: CacheSettings, purgeAllowed: Condition | undefined, conditionOf: ConditionOf) {
    this.cache = cache
    this.settings = settings
    this.keyOf = compileKey(settings.key, conditionOf)
    this.urlTextOf = compileUrlText(settings.key)
    this.pathForm = compilePath(settings.key.path)
    this.negotiation = Negotiation.of(settings.key.vary)
    this.keyFields = settings.key.cookies.length === 0 ? settings.key.headers : [...settings.key.headers, 'cookie']
    this.bypass = settings.bypass.map(conditionOf)
    this.noStore = settings.noStore.map(conditionOf)
    this.purgeAllowed = purgeAllowed
  }

  isBypassed(request: RequestFacts): boolean {
    for (const condition of this.bypass) if (condition(request)) return true
    return false
  }

  /** Whether a `no-store` matcher keeps this response out. */
  isNoStore(request: RequestFacts, response: ResponseFacts): boolean {
    for (const condition of this.noStore) if (condition(request, response)) return true
    return false
  }
}

/** See `RouteRuntime.skippedFields`. */
interface SkipTables {
  readonly request: Uint8Array
  readonly fetch: Uint8Array
}

interface AccessRule {
  readonly allow: boolean
  readonly condition: Condition | undefined
}

/** Where nothing is cached the origin does not get to see them either. */
const DEFAULT_PURGE_METHODS: readonly string[] = ['PURGE', 'PURGEKEY']

let lastSerial = 0

export class RouteRuntime<Backend extends PlannedBackend = BackendRuntime, Cache extends PlannedCache = CacheRuntime> {
  readonly entry: RouteEntry
  readonly plan: RoutePlan
  readonly backend: Backend | undefined
  readonly cache: RouteCache<Cache> | undefined
  readonly requestEdits: HeaderEdits
  readonly responseEdits: HeaderEdits
  /** Told apart by it from the routes of other generations, without keeping those alive. Unique in the worker. */
  readonly serial: number
  /** Equal for routes whose hits say the same in Cache-Status: 0 as usual, -1 nothing, else `serial`. */
  readonly statusStyle: number
  /** This worker's row of log/route-counters.ts. */
  readonly counts: Float64Array
  readonly trusted: NetworkSet
  /** What this hop adds to Via (RFC 9110 §7.6.3), by the protocol of what it received; undefined: nothing. */
  readonly via: Readonly<Record<MessageHead['receivedProtocol'], string>> | undefined
  readonly #skipped: readonly SkipTables[]
  readonly #access: readonly AccessRule[]
  readonly #allowByDefault: boolean

  constructor(entry: RouteEntry, runtime: RouteParts<Backend, Cache>, counts = noCounts()) {
    const plan = entry.route
    const matchers = runtime.table.matchers
    this.entry = entry
    this.plan = plan
    this.backend = plan.action.kind === 'proxy' ? runtime.backends.get(plan.action.backend) : undefined
    assert(plan.action.kind !== 'proxy' || this.backend !== undefined, `${plan.id} has a backend`)
    this.cache = routeCache(plan, runtime)
    this.requestEdits = new HeaderEdits(plan.requestHeaders, matchers)
    this.responseEdits = new HeaderEdits(plan.responseHeaders, matchers, plan.hsts)
    this.serial = ++lastSerial
    this.statusStyle = plan.cacheStatus === 'reason' ? 0 : plan.cacheStatus === 'off' ? -1 : this.serial
    this.counts = counts
    this.trusted = new NetworkSet(plan.forwarded.trust)
    const { via } = plan.forwarded
    this.via = via === undefined ? undefined : { '1.0': `1.0 ${via}`, '1.1': `1.1 ${via}`, '2.0': `2.0 ${via}` }
    const own = rewrittenFields(plan)
    this.#skipped = [skipTables([...own, ...forwardingFields]), skipTables(own)]
    this.#access = plan.access.map((rule) => ({
      allow: rule.allow,
      condition: rule.matcher === undefined ? undefined : matchers.condition(rule.matcher),
    }))
    this.#allowByDefault = !plan.access.some((rule) => rule.allow)
  }

  /**
   * Ids of request fields that are not copied: they are written anew, end at this hop, or come from a peer that is not
   * trusted to say them. `fills`: for a fetch into the cache, where the client's own conditions do not count.
   */
  skippedFields(fills: boolean, trusted: boolean): Uint8Array {
    const tables = this.#skipped[trusted ? 1 : 0]!
    return fills ? tables.fetch : tables.request
  }

  /** Whether the origin may be shown another value of this request field than the client sent. */
  touchesRequest(lowerName: string): boolean {
    return this.requestEdits.touches(lowerName) || this.isForwardingField(lowerName)
  }

  /** Whether this hop writes the client's address into this request field. */
  isForwardingField(lowerName: string): boolean {
    const { xForwarded, forwarded } = this.plan.forwarded
    return (xForwarded && lowerName === 'x-forwarded-for') || (forwarded && lowerName === 'forwarded')
  }

  /** Whether the method purges here. */
  purges(method: string): boolean {
    return (this.cache?.cache.plan.purge.methods ?? DEFAULT_PURGE_METHODS).includes(method)
  }

  /** The first rule whose matcher holds decides. */
  allows(request: RequestFacts): boolean {
    for (const rule of this.#access) if (rule.condition === undefined || rule.condition(request)) return rule.allow
    return this.#allowByDefault
  }
}

function routeCache<Cache extends PlannedCache>(
  plan: RoutePlan,
  runtime: RouteParts<unknown, Cache>,
): RouteCache<Cache> | undefined {
  if (plan.cache === undefined) return undefined
  const cache = runtime.caches.get(plan.cache.name)
  assert(cache !== undefined, `${plan.id} has a cache`)
  const { matchers } = runtime.table
  const conditionOf = (name: string): Condition => matchers.condition(name)
  const { allow } = cache.plan.purge
  return new RouteCache(cache, plan.cache.settings, allow === undefined ? undefined : conditionOf(allow), conditionOf)
}

/** Fields that the request writer makes itself, as the route says. */
function rewrittenFields(plan: RoutePlan): number[] {
  const { via, xForwarded, forwarded } = plan.forwarded
  return [
    F.host,
    F.contentLength,
    F.expect,
    F.maxForwards,
    ...(via === undefined ? [] : [F.via]),
    ...(xForwarded ? [F.xForwardedFor, F.xForwardedProto, F.xForwardedHost] : []),
    ...(forwarded ? [F.forwarded] : []),
  ]
}

/** What only a trusted peer may say of the hops before it. */
const forwardingFields = [
  F.forwarded,
  F.xForwardedFor,
  F.xForwardedProto,
  F.xForwardedHost,
  F.xForwardedPort,
  F.xRealIp,
]

function skipTables(own: readonly number[]): SkipTables {
  return {
    request: withHopByHop(own),
    fetch: withHopByHop([...own, F.ifNoneMatch, F.ifModifiedSince, F.range, F.ifRange]),
  }
}
