/** One route of one site as the table holds it: its plan, its compiled tests, and a place for what the engine builds. */
import { plainPath } from '../http/plain-path.ts'
import type { RequestFacts } from '../plan/facts.ts'
import type { PathPattern, RoutePlan, SitePlan } from '../plan/plan.ts'
import { compileRegex } from '../util/bounded-regex.ts'
import { compilePathGlob, Glob } from '../util/glob.ts'
import { wireText } from '../util/wire-text.ts'
import type { Condition, MatcherSet } from './matchers.ts'

export class RouteEntry {
  readonly site: SitePlan
  readonly route: RoutePlan
  /** Whatever the engine compiles out of the plan, set once when it takes over the table. */
  user: unknown
  /** The path patterns as they were written; any may match. */
  readonly patterns: readonly (Glob | RegExp)[]
  /** undefined: every method. */
  readonly #methods: readonly string[] | undefined
  readonly #condition: Condition | undefined
  /** The only glob of most routes, which spares them the loops. */
  readonly #onlyGlob: Glob | undefined

  constructor(site: SitePlan, route: RoutePlan, matchers: MatcherSet) {
    this.site = site
    this.route = route
    this.user = undefined
    this.patterns = route.paths.map(compilePattern)
    this.#methods = route.methods.length === 0 ? undefined : route.methods
    this.#condition = route.when === undefined ? undefined : matchers.condition(route.when)
    const [only, ...more] = this.patterns
    this.#onlyGlob = only instanceof Glob && more.length === 0 ? only : undefined
  }

  /** Whether the route takes the request: path (the plain one), method and condition all agree. Allocates nothing itself. */
  takes(request: RequestFacts, path: string): boolean {
    const isPath = this.#onlyGlob === undefined ? this.#matchesPath(path) : this.#onlyGlob.matches(path)
    if (!isPath) return false
    if (this.#methods !== undefined && !this.#methods.includes(request.method)) return false
    return this.#condition === undefined || this.#condition(request)
  }

  /** The first of its conditions that a request fails; undefined: it takes the request. For explanations, not for routing. */
  whyNot(request: RequestFacts, path: string): 'path' | 'method' | 'when' | undefined {
    if (!this.#matchesPath(path)) return 'path'
    if (this.#methods !== undefined && !this.#methods.includes(request.method)) return 'method'
    return this.#condition === undefined || this.#condition(request) ? undefined : 'when'
  }

  #matchesPath(path: string): boolean {
    for (const pattern of this.patterns) {
      if (pattern instanceof Glob ? pattern.matches(path) : pattern.test(path)) return true
    }
    return false
  }

  /** `$1`.. at index 0..: of the first pattern that matches the path as it came, else the plain one; empty: none does. */
  captures(path: string): string[] {
    return this.#capturesOf(path) ?? this.#capturesOf(plainPath(path)) ?? []
  }

  #capturesOf(path: string): string[] | undefined {
    for (const pattern of this.patterns) {
      const found = pattern instanceof Glob ? pattern.captures(path) : regexCaptures(pattern, path)
      if (found !== undefined) return found
    }
    return undefined
  }
}

function compilePattern(pattern: PathPattern): Glob | RegExp {
  return pattern.kind === 'glob' ? compilePathGlob(wireText(pattern.pattern)) : compileRegex(wireText(pattern.source))
}

function regexCaptures(regex: RegExp, path: string): string[] | undefined {
  return regex
    .exec(path)
    ?.slice(1)
    .map((group) => group ?? '')
}
