/**
 * The counts of routes over reloads, and the counts of caches that follow from them: what is counted for a cache is the sum
 * over the routes that use it, so a request adds to one cell and not to two.
 *
 * A route that a reload removes leaves its sums to its cache; what its last requests add after that is lost.
 */
import { addCells, countsOf, createRouteCounters, noCounts, type RouteCounts, sumRows } from '../log/route-counters.ts'
import type { Plan, RoutePlan, SitePlan } from '../plan/plan.ts'
import { routeIdentity } from '../routing/route-identity.ts'

/** The cells of each route, by `routeIdentity`. */
export type RouteBuffers = ReadonlyMap<string, SharedArrayBuffer>

export interface RouteTally {
  /** `route css @ shop.conf:56`. */
  readonly id: string
  readonly site: string
  readonly name: string
  /** null: the route uses none. */
  readonly cache: string | null
  readonly counts: RouteCounts
}

/** A Plan and the buffers that were built for it. */
export interface CountedPlan {
  readonly plan: Plan
  readonly routes: RouteBuffers
}

export class RouteTallies {
  readonly #workers: number
  /** Cells by cache, of routes that are gone. */
  readonly #left: Map<string, Float64Array> = new Map()

  constructor(workers: number) {
    this.#workers = workers
  }

  /** One buffer per route, those of `before` kept. */
  build(plan: Plan, before: RouteBuffers | undefined): RouteBuffers {
    const buffers = new Map<string, SharedArrayBuffer>()
    for (const { site, route } of routesOf(plan)) {
      const identity = routeIdentity(site, route)
      buffers.set(identity, before?.get(identity) ?? createRouteCounters(this.#workers))
    }
    return buffers
  }

  /** `after` is live: the routes it does not have leave their counts to the caches it still has. */
  retire(before: CountedPlan, after: CountedPlan): void {
    for (const { site, route } of routesOf(before.plan)) {
      const identity = routeIdentity(site, route)
      if (route.cache === undefined || after.routes.has(identity)) continue
      addCells(this.#cellsLeftTo(route.cache.name), sumsOf(before.routes.get(identity)))
    }
    const alive = new Set(after.plan.caches.map(({ name }) => name))
    for (const name of this.#left.keys()) if (!alive.has(name)) this.#left.delete(name)
  }

  #cellsLeftTo(cache: string): Float64Array {
    const cells = this.#left.get(cache) ?? noCounts()
    this.#left.set(cache, cells)
    return cells
  }

  /** In the order of the Plan. */
  ofRoutes({ plan, routes }: CountedPlan): RouteTally[] {
    return routesOf(plan).map(({ site, route }) => ({
      id: route.id,
      site: site.name,
      name: route.name,
      cache: route.cache?.name ?? null,
      counts: countsOf(sumsOf(routes.get(routeIdentity(site, route)))),
    }))
  }

  /** What was asked of a cache, also by routes that are gone. */
  ofCache(name: string, { plan, routes }: CountedPlan): RouteCounts {
    const sums = noCounts()
    addCells(sums, this.#left.get(name) ?? noCounts())
    for (const { site, route } of routesOf(plan)) {
      if (route.cache?.name === name) addCells(sums, sumsOf(routes.get(routeIdentity(site, route))))
    }
    return countsOf(sums)
  }
}

function sumsOf(buffer: SharedArrayBuffer | undefined): Float64Array {
  return buffer === undefined ? noCounts() : sumRows(buffer)
}

function routesOf(plan: Plan): { site: SitePlan; route: RoutePlan }[] {
  return plan.sites.flatMap((site) => site.routes.map((route) => ({ site, route })))
}
