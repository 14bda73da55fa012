/** Requests, responses and Plans for the tests of routing: everything has a default, a test names what it is about. */
import type { RequestFacts, ResponseFacts } from '../../../src/plan/facts.ts'
import type { MatcherPlan, MatchNode, Place, Plan, RoutePlan, SitePlan } from '../../../src/plan/plan.ts'

export const place: Place = { file: 'test.conf', line: 1, column: 1 }

type Fields = Readonly<Record<string, string | readonly string[]>>

function linesOf(fields: Fields, name: string): readonly string[] {
  const value = fields[name] ?? []
  return typeof value === 'string' ? [value] : value
}

function joinLines(lines: readonly string[]): string | undefined {
  return lines.length === 0 ? undefined : lines.join(', ')
}

export interface RequestSketch extends Partial<Omit<RequestFacts, 'header' | 'headers'>> {
  readonly fields?: Fields
}

export function request(path: string, sketch: RequestSketch = {}): RequestFacts {
  const { fields = {}, ...given } = sketch
  const host = given.host ?? 'example.com'
  return {
    method: 'GET',
    scheme: 'http',
    host,
    authority: host,
    path,
    query: '',
    hasQuery: given.query !== undefined,
    clientAddress: '192.0.2.1',
    tls: undefined,
    ...given,
    header: (name) => joinLines(linesOf(fields, name)),
    headers: (name) => linesOf(fields, name),
  }
}

export function response(status: number, fields: Fields = {}): ResponseFacts {
  return { status, header: (name) => joinLines(linesOf(fields, name)), headers: (name) => linesOf(fields, name) }
}

export function matcher(name: string, test: MatchNode, needsResponse = false): MatcherPlan {
  return { name, test, needsResponse, place }
}

export type RouteSketch = Partial<Omit<RoutePlan, 'paths'>> & { readonly paths: readonly string[] }

/** Paths are globs, or regexes when they begin with "~". */
export function route(name: string, sketch: RouteSketch): RoutePlan {
  const base: Omit<RoutePlan, 'paths'> = {
    name,
    id: `route ${name} @ test.conf:1`,
    methods: [],
    when: undefined,
    action: { kind: 'proxy', backend: 'app' },
    cache: undefined,
    access: [],
    rewrite: undefined,
    requestHeaders: [],
    responseHeaders: [],
    forwarded: { trust: [], xForwarded: true, forwarded: false, via: undefined },
    upgrades: [],
    hsts: undefined,
    bodyBytes: undefined,
    cacheStatus: 'reason',
    place,
  }
  const paths = sketch.paths.map((pattern) =>
    pattern.startsWith('~')
      ? ({ kind: 'regex', source: pattern.slice(1) } as const)
      : ({ kind: 'glob', pattern } as const),
  )
  return { ...base, ...sketch, paths }
}

export function site(
  name: string,
  hosts: readonly string[],
  routes: readonly RoutePlan[],
  listeners: readonly string[] = [],
): SitePlan {
  return { name, hosts, listeners, routes, place }
}

/** The parts of a Plan that routing reads; listeners are given by name. */
export function plan(parts: {
  sites: readonly SitePlan[]
  listeners?: readonly string[]
  matchers?: readonly MatcherPlan[]
}): Plan {
  const listeners = (parts.listeners ?? ['public']).map((name) => ({ name }))
  return { listeners, matchers: parts.matchers ?? [], sites: parts.sites } as unknown as Plan
}
