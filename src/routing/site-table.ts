/**
 * The routes of one site. Their order is the order of precedence, so the first that takes a request is the answer.
 *
 * A few routes are simply tried in turn: a test costs a few nanoseconds. A site with many has an index by the first
 * segment of the path, which leaves out routes that cannot match and keeps the order of the others:
 *
 *     1 /img/logo.png    2 /api/**    3 **.css    4 /img/**    5 /**
 *
 *     "img" -> 1 3 4 5       "api" -> 2 3 5       anything else -> 3 5
 *
 * Look-ups remember nothing, so no choice of paths by a client makes the table grow or later look-ups slower.
 */
import { plainPath } from '../http/plain-path.ts'
import type { RequestFacts } from '../plan/facts.ts'
import type { SitePlan } from '../plan/plan.ts'
import { Glob } from '../util/glob.ts'
import type { MatcherSet } from './matchers.ts'
import { RouteEntry } from './route-entry.ts'

/** Up to here trying the routes in turn is cheaper than finding the segment and its list (40 ns). */
const UNINDEXED_ROUTES = 8

export class SiteTable {
  readonly site: SitePlan
  readonly entries: readonly RouteEntry[]
  readonly #bySegment: ReadonlyMap<string, readonly RouteEntry[]> | undefined
  /** The routes that do not depend on the first segment. */
  readonly #others: readonly RouteEntry[]

  constructor(site: SitePlan, matchers: MatcherSet) {
    this.site = site
    this.entries = site.routes.map((route) => new RouteEntry(site, route, matchers))
    const isIndexed = this.entries.length > UNINDEXED_ROUTES
    this.#bySegment = isIndexed ? indexBySegment(this.entries) : undefined
    this.#others = isIndexed ? this.entries.filter((entry) => segmentsOf(entry) === undefined) : this.entries
  }

  /** The first route that takes the request; undefined: none does. */
  find(request: RequestFacts): RouteEntry | undefined {
    const path = plainPath(request.path)
    const candidates = this.#bySegment?.get(firstSegment(path)) ?? this.#others
    for (let i = 0; i < candidates.length; i++) {
      const entry = candidates[i]!
      if (entry.takes(request, path)) return entry
    }
    return undefined
  }
}

/** `img` of `/img`, `/img/` and `/img/a.png`. */
function firstSegment(path: string): string {
  const end = path.indexOf('/', 1)
  return end === -1 ? path.slice(1) : path.slice(1, end)
}

/** The first segments a path must have for the route; undefined: any may do. */
function segmentsOf(entry: RouteEntry): ReadonlySet<string> | undefined {
  const segments = new Set<string>()
  for (const pattern of entry.patterns) {
    if (!(pattern instanceof Glob) || !pattern.prefix.startsWith('/')) return undefined
    const isWhole = pattern.shape === 'literal' || pattern.prefix.indexOf('/', 1) !== -1
    if (!isWhole) return undefined
    segments.add(firstSegment(pattern.prefix))
  }
  return segments
}

function indexBySegment(entries: readonly RouteEntry[]): ReadonlyMap<string, readonly RouteEntry[]> {
  const wanted = entries.map(segmentsOf)
  const index = new Map<string, readonly RouteEntry[]>()
  for (const segments of wanted) {
    for (const segment of segments ?? []) {
      if (index.has(segment)) continue
      index.set(
        segment,
        entries.filter((_, i) => wanted[i]?.has(segment) ?? true),
      )
    }
  }
  return index
}
