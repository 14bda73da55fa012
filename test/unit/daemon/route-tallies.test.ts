import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type RouteBuffers, RouteTallies } from '../../../src/daemon/route-tallies.ts'
import { countsOf, hitRatio, noCounts, RouteCell, routeRow } from '../../../src/log/route-counters.ts'
import type { Plan, RoutePlan } from '../../../src/plan/plan.ts'
import { routeIdentity } from '../../../src/routing/route-identity.ts'
import { route } from '../routing/facts.ts'
import { makeCache, makePlan, place } from './fixture/plans.ts'

const WORKERS = 2

/** Routes of one site, as `name` or `name cache`. */
function planOf(...routes: string[]): Plan {
  const caches = ['shop', 'news'].map((name) => makeCache(name, 1 << 20))
  return makePlan({ caches, sites: [{ name: 'a', hosts: ['a'], listeners: [], routes: routes.map(routeOf), place }] })
}

function routeOf(text: string): RoutePlan {
  const [name = '', cache] = text.split(' ')
  const { settings } = makeCache('', 1 << 20)
  return route(name, { paths: ['/**'], cache: cache === undefined ? undefined : { name: cache, settings } })
}

function count(plan: Plan, routes: RouteBuffers, name: string, worker: number, cell: number, times = 1): void {
  const [site] = plan.sites
  const one = site!.routes.find((each) => each.name === name)!
  const row = routeRow(routes.get(routeIdentity(site!, one))!, worker)
  row[cell]! += times
}

describe('the counts of routes', () => {
  it('are sums over the workers', () => {
    const tallies = new RouteTallies(WORKERS)
    const plan = planOf('css shop', 'api')
    const routes = tallies.build(plan, undefined)
    count(plan, routes, 'css', 0, RouteCell.hits, 3)
    count(plan, routes, 'css', 1, RouteCell.misses)
    count(plan, routes, 'api', 1, RouteCell.passes, 2)
    count(plan, routes, 'api', 1, RouteCell.errors)
    const [css, api] = tallies.ofRoutes({ plan, routes })
    assert.deepEqual([css!.name, css!.cache, css!.counts.requests, css!.counts.hits], ['css', 'shop', 4, 3])
    assert.deepEqual([api!.cache, api!.counts.requests, api!.counts.errors], [null, 2, 1])
  })

  it('outlive a reload by name, whatever else of the route changes', () => {
    const tallies = new RouteTallies(WORKERS)
    const plan = planOf('css shop', 'api')
    const routes = tallies.build(plan, undefined)
    count(plan, routes, 'css', 0, RouteCell.hits)
    const next = planOf('new shop', 'css shop')
    const kept = tallies.build(next, routes)
    tallies.retire({ plan, routes }, { plan: next, routes: kept })
    const counts = tallies.ofRoutes({ plan: next, routes: kept }).map((one) => [one.name, one.counts.hits])
    assert.deepEqual(counts, [
      ['new', 0],
      ['css', 1],
    ])
  })

  it('of a cache never fall while it lives, whichever routes come and go', () => {
    const names = fc.constantFrom('a shop', 'b shop', 'c news', 'd', 'a news')
    const generations = fc.array(fc.uniqueArray(names, { selector: (one) => one.split(' ')[0]! }), { maxLength: 8 })
    fc.assert(
      fc.property(generations, (each) => {
        const tallies = new RouteTallies(WORKERS)
        let plan = planOf()
        let routes = tallies.build(plan, undefined)
        let shop = 0
        for (const generation of each) {
          const next = planOf(...generation)
          const buffers = tallies.build(next, routes)
          tallies.retire({ plan, routes }, { plan: next, routes: buffers })
          plan = next
          routes = buffers
          for (const text of generation) {
            count(plan, routes, text.split(' ')[0]!, 1, RouteCell.hits)
            if (text.endsWith(' shop')) shop++
          }
          assert.equal(tallies.ofCache('shop', { plan, routes }).hits, shop)
        }
      }),
    )
  })

  it('of a refused reload change nothing', () => {
    const tallies = new RouteTallies(WORKERS)
    const plan = planOf('css shop')
    const routes = tallies.build(plan, undefined)
    count(plan, routes, 'css', 0, RouteCell.hits)
    tallies.build(planOf('other shop'), routes)
    assert.equal(tallies.ofCache('shop', { plan, routes }).hits, 1)
  })
})

describe('hitRatio', () => {
  const cells = (change: Partial<Record<keyof typeof RouteCell, number>>): Float64Array => {
    const row = noCounts()
    for (const [name, value] of Object.entries(change)) row[RouteCell[name as keyof typeof RouteCell]] = value
    return row
  }

  it('is the share the cache answered by itself, of what it could have', () => {
    assert.equal(hitRatio(countsOf(cells({}))), undefined)
    assert.equal(hitRatio(countsOf(cells({ synthetic: 5, upgrades: 1 }))), undefined)
    const counts = countsOf(
      cells({ hits: 5, stale: 1, misses: 2, passes: 1, revalidated: 1, synthetic: 90, errors: 3 }),
    )
    assert.equal(counts.requests, 100)
    assert.equal(hitRatio(counts), 0.6)
  })
})
