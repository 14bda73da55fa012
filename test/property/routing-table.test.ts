/** The route table against the slowest model there is: every site by rank of its pattern, every route by RegExp. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { RequestFacts } from '../../src/plan/facts.ts'
import type { Plan, RoutePlan, SitePlan } from '../../src/plan/plan.ts'
import { RouteTable } from '../../src/routing/table.ts'
import { plan, request, route, site } from '../unit/routing/facts.ts'

function globModel(pattern: string): RegExp {
  const source = pattern.replace(/\*+|\./g, (found) => {
    if (found === '.') return '\\.'
    return found.length === 1 ? '[^/]*' : '[^]*'
  })
  return new RegExp(`^${source}$`)
}

function rank(pattern: string, host: string): number {
  if (pattern === host) return 1000
  if (pattern.startsWith('*.'))
    return host.endsWith(pattern.slice(1)) && host.length >= pattern.length ? pattern.length : 0
  return pattern === '*' ? 1 : 0
}

function takes(candidate: RoutePlan, asked: RequestFacts): boolean {
  if (candidate.methods.length > 0 && !candidate.methods.includes(asked.method)) return false
  return candidate.paths.some((path) =>
    path.kind === 'glob' ? globModel(path.pattern).test(asked.path) : new RegExp(path.source).test(asked.path),
  )
}

function findModel(given: Plan, asked: RequestFacts): RoutePlan | undefined {
  let best: SitePlan | undefined
  let bestRank = 0
  for (const candidate of given.sites) {
    for (const pattern of candidate.hosts) {
      if (rank(pattern, asked.host) > bestRank) {
        best = candidate
        bestRank = rank(pattern, asked.host)
      }
    }
  }
  return best?.routes.find((candidate) => takes(candidate, asked))
}

const segments = fc.constantFrom('a', 'b', 'css', 'x.css', 'img')
const paths = fc.array(segments, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
const globs = fc
  .array(fc.oneof(segments, fc.constantFrom('*', '**', '*.css', 'a*')), { maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`)
const patterns = fc.oneof(
  { weight: 6, arbitrary: globs },
  { weight: 1, arbitrary: fc.constantFrom('**.css', '**', '~^/a', '~css$') },
)
const routes = fc
  .array(fc.tuple(fc.array(patterns, { minLength: 1, maxLength: 2 }), fc.subarray(['GET', 'POST'])), { maxLength: 20 })
  .map((list) => list.map(([globList, methods], i) => route(`r${i}`, { paths: globList, methods })))
const hosts = fc.constantFrom('a.test', 'b.a.test', 'c.b.a.test', 'test', 'x')
const hostPatterns = ['a.test', '*.a.test', '*.b.a.test', '*.test', '*', 'x']

const plans = fc.array(routes, { minLength: 1, maxLength: 4 }).chain((routesOfSites) =>
  fc.shuffledSubarray(hostPatterns, { minLength: routesOfSites.length }).map((chosen) =>
    plan({
      sites: routesOfSites.map((list, i) =>
        site(
          `s${i}`,
          chosen.filter((_, j) => j % routesOfSites.length === i),
          list,
        ),
      ),
    }),
  ),
)

it('finds the route the model finds', () => {
  fc.assert(
    fc.property(
      plans,
      fc.array(fc.tuple(hosts, paths, fc.constantFrom('GET', 'POST')), { maxLength: 8 }),
      (given, asked) => {
        const table = new RouteTable(given)
        for (const [host, path, method] of asked) {
          const facts = request(path, { host, method })
          assert.equal(table.find('public', facts)?.route, findModel(given, facts))
        }
      },
    ),
    { numRuns: 1500 },
  )
})
