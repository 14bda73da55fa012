/** Facts and settings for the tests of the caching rules. */

import { FlatFacts, valuesOf } from '../../../src/cache/policy/flat-facts.ts'
import type { Answered } from '../../../src/cache/policy/store.ts'
import type { RequestFacts, ResponseFacts } from '../../../src/plan/facts.ts'
import type { CacheSettings, KeyPlan, TtlRule } from '../../../src/plan/plan.ts'

/** Sun, 06 Nov 1994 08:49:37 GMT: the clock of all these tests. */
export const NOW = 784_111_777_000
export const NOW_TEXT = 'Sun, 06 Nov 1994 08:49:37 GMT'

/** `https://example.org/a?b` into facts; `fields` is a flat list of name, value. */
export function request(url = 'http://example.org/', fields: readonly string[] = [], method = 'GET'): RequestFacts {
  const [, scheme, authority, path, query] = /^(https?):\/\/([^/]*)([^?]*)(\?.*)?$/s.exec(url)!
  return {
    method,
    scheme: scheme as 'http' | 'https',
    authority: authority!,
    host: authority!.replace(/:\d+$/, ''),
    path: path!,
    query: query?.slice(1) ?? '',
    hasQuery: query !== undefined,
    clientAddress: '192.0.2.1',
    tls: undefined,
    header: (name) => new FlatFacts(0, fields).header(name),
    headers: (name) => valuesOf(fields, name),
  }
}

export function response(status: number, ...fields: string[]): ResponseFacts {
  return new FlatFacts(status, fields)
}

/** An answer that came at once and now. */
export function answered(request: RequestFacts, response: ResponseFacts, changes: Partial<Answered> = {}): Answered {
  const times = { requestMs: NOW, responseMs: NOW }
  return { request, response, times, random: 0, noStoreHolds: false, ...changes }
}

export const plainKey: KeyPlan = {
  scheme: true,
  host: true,
  path: { normalise: false, mergeSlashes: false },
  query: { sort: false, mode: 'all', names: [] },
  headers: [],
  cookies: [],
  classes: [],
  vary: { encodings: [], languages: [] },
  methods: [],
}

export function settings(changes: Partial<CacheSettings> = {}): CacheSettings {
  return {
    key: plainKey,
    ttls: [],
    overrides: [],
    bypass: [],
    noStore: [],
    minUses: 1,
    graceMs: undefined,
    staleIfErrorMs: undefined,
    jitter: 0,
    collapse: { enabled: true, scope: 'machine', waitMs: 5000, waiters: 100 },
    hitForMissMs: 0,
    tags: { fields: [], fixed: [] },
    clientDirectives: 'obey',
    obey: ['cdn-cache-control', 'cache-control'],
    maxObjectBytes: 1_000_000,
    ranges: 'forward',
    places: [],
    ...changes,
  }
}

export function ttl(ttlMs: number, changes: Partial<TtlRule> = {}): TtlRule {
  const place = { file: 'shellac.conf', line: 1, column: 1 }
  return {
    statuses: [],
    path: undefined,
    contentType: undefined,
    lengths: undefined,
    ttlMs,
    mode: 'default',
    yieldsTo: [],
    place,
    ...changes,
  }
}
