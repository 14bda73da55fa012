/**
 * The routing table of one Plan: listener, then host, then path. Built once per Plan and worker, never changed, so that
 * a request may keep the entry it was given while the next Plan takes over.
 *
 * Look-up is on the path of every request: no allocation, no promise, about 0.1 microseconds.
 */
import type { RequestFacts } from '../plan/facts.ts'
import type { Plan, SitePlan } from '../plan/plan.ts'
import { assert } from '../util/assert.ts'
import { describeListener } from './describe.ts'
import { HostMap } from './hosts.ts'
import { compileMatchers, type MatcherSet } from './matchers.ts'
import type { RouteEntry } from './route-entry.ts'
import { SiteTable } from './site-table.ts'

export class RouteTable {
  /** The conditions of the Plan, compiled; shared with whoever else tests them. */
  readonly matchers: MatcherSet
  /** Every route of every site, for the engine to compile its part of each. */
  readonly entries: readonly RouteEntry[]
  readonly #sites: readonly SiteTable[]
  readonly #byListener: ReadonlyMap<string, HostMap<SiteTable>>

  /** Throws an AssertionError on a Plan that two sites share a host and listener in, or that names unknown matchers. */
  constructor(plan: Plan) {
    this.matchers = compileMatchers(plan.matchers)
    this.#sites = plan.sites.map((site) => new SiteTable(site, this.matchers))
    this.entries = this.#sites.flatMap((table) => table.entries)
    this.#byListener = new Map(
      plan.listeners.map((listener) => [listener.name, buildHosts(listener.name, this.#sites)] as const),
    )
  }

  /** The route that takes the request; undefined when the host has no site on this listener or no route of it matches. */
  find(listener: string, request: RequestFacts): RouteEntry | undefined {
    return this.#byListener.get(listener)?.find(request.host)?.find(request)
  }

  /** The site of a host on a listener; undefined: none. */
  siteOf(listener: string, host: string): SiteTable | undefined {
    return this.#byListener.get(listener)?.find(host)
  }

  /** What `$1`.. stand for in the redirect or rewrite of `entry`: `$1` at index 0. Only for paths the entry takes. */
  captures(entry: RouteEntry, path: string): string[] {
    return entry.captures(path)
  }

  /** The table drawn as text, one listener after the other, routes in the order they are tried. */
  describe(): string {
    const names = [...this.#byListener.keys()]
    return names.map((name) => describeListener(name, this.#sites.map(siteOf).filter(isOn(name)))).join('\n')
  }
}

function buildHosts(listener: string, sites: readonly SiteTable[]): HostMap<SiteTable> {
  const hosts = new HostMap<SiteTable>()
  for (const table of sites.filter((candidate) => isOn(listener)(candidate.site))) {
    for (const host of table.site.hosts) {
      assert(hosts.add(host, table), `only one site has the host ${host} on listener ${listener}`)
    }
  }
  return hosts
}

function siteOf(table: SiteTable): SitePlan {
  return table.site
}

function isOn(listener: string): (site: SitePlan) => boolean {
  return (site) => site.listeners.length === 0 || site.listeners.includes(listener)
}
