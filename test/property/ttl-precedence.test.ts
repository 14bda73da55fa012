/**
 * Which `ttl` statement holds for a response, and what `jitter` makes of it, against models that are plainly right: sets
 * of statuses, paths, types and lengths, and the interval a lifetime must lie in.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlatFacts } from '../../src/cache/policy/flat-facts.ts'
import { decideStore } from '../../src/cache/policy/store.ts'
import { selectTtl } from '../../src/cache/policy/ttl.ts'
import { orderTtls } from '../../src/config/ttl-order.ts'
import type { TtlRule } from '../../src/plan/plan.ts'
import { answered, request, response, settings, ttl } from '../unit/cache/facts.ts'

/** Every value that tells two of the conditions below apart; undefined: the response does not say. */
const statuses = Array.from({ length: 500 }, (_, index) => 100 + index)
const paths = ['/', '/a/b', '/a/y', '/x.css', '/a/x.css', '/b']
const types = [undefined, 'text/html', 'text/css', 'image/png']
const lengths = [undefined, ...Array.from({ length: 220 }, (_, index) => index)]

const pathModels: Readonly<Record<string, (path: string) => boolean>> = {
  '/a/**': (path) => path.startsWith('/a/'),
  '**.css': (path) => path.endsWith('.css'),
  '/a/b': (path) => path === '/a/b',
}

/** Rules that differ in one or two conditions meet more often than those that differ in all. */
function mostly<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ arbitrary: fc.constant(usual), weight: 2 }, { arbitrary: fc.constantFrom(...others), weight: 1 })
}

const anyRule = fc
  .record({
    statuses: mostly<TtlRule['statuses']>([[200, 299]], [[200, 200]], [[404, 404]], [[400, 499]], [[200, 404]]),
    path: mostly(undefined, ...Object.keys(pathModels)),
    contentType: mostly(undefined, 'text/html', 'text/*'),
    lengths: mostly<TtlRule['lengths']>(undefined, [0, 99], [50, 199], [60, 70]),
    ttlMs: fc.integer({ min: 0, max: 9 }),
  })
  .map((changes) => ttl(changes.ttlMs, changes))
/** Two for exactly the same responses are refused by the checker. */
const someRules = fc.uniqueArray(anyRule, {
  maxLength: 7,
  selector: (rule) => JSON.stringify([rule.statuses, rule.path, rule.contentType, rule.lengths]),
})

/** What a rule covers, dimension by dimension, the first to compare first. */
function coverOf(rule: TtlRule): readonly ReadonlySet<unknown>[] {
  const { path, contentType, lengths: range } = rule
  const isType = (type: string): boolean =>
    type === contentType || (contentType === 'text/*' && type.startsWith('text/'))
  return [
    new Set(statuses.filter((status) => rule.statuses.some(([low, high]) => status >= low && status <= high))),
    new Set(paths.filter((one) => path === undefined || pathModels[path]!(one))),
    new Set(types.filter((type) => contentType === undefined || (type !== undefined && isType(type)))),
    new Set(lengths.filter((one) => range === undefined || (one !== undefined && one >= range[0] && one <= range[1]))),
  ]
}

/** The first dimension in which they differ decides. */
function isMoreExact(left: TtlRule, right: TtlRule): boolean {
  const rightCover = coverOf(right)
  for (const [index, own] of coverOf(left).entries()) {
    const other = rightCover[index]!
    if (own.size === other.size && own.isSubsetOf(other)) continue
    return own.isSubsetOf(other)
  }
  return false
}

/** Of the statements that fit, those without a more exact one that fits; of these the shortest time. */
function model(rules: readonly TtlRule[], values: readonly unknown[]): number | undefined {
  const fitting = rules.filter((rule) => coverOf(rule).every((cover, index) => cover.has(values[index])))
  const exact = fitting.filter((rule) => !fitting.some((other) => isMoreExact(other, rule)))
  return exact.length === 0 ? undefined : Math.min(...exact.map((rule) => rule.ttlMs))
}

const anyResponse = fc.record({
  status: fc.constantFrom(200, 201, 404, 405, 410, 500),
  path: fc.constantFrom(...paths),
  type: fc.constantFrom(...types),
  length: fc.constantFrom(undefined, 0, 55, 65, 99, 100, 199, 200),
})

test('the more exact ttl statement holds: by status, then path, then type, then length; else the shorter time', () => {
  fc.assert(
    fc.property(someRules, anyResponse, (rules, { status, path, type, length }) => {
      const fields: string[] = []
      if (type !== undefined) fields.push('Content-Type', type)
      if (length !== undefined) fields.push('Content-Length', String(length))
      const selected = selectTtl(orderTtls(rules), path, new FlatFacts(status, fields))
      assert.equal(selected?.ttlMs, model(rules, [status, path, type, length]))
    }),
    { numRuns: 6000 },
  )
})

test('jitter shortens a lifetime by its share at most, and never lengthens it', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), share, random, (sec, jitter, drawn) => {
      const answer = response(200, 'Cache-Control', `max-age=${sec}`)
      const { meta } = decideStore(answered(request(), answer, { random: drawn }), settings({ jitter }))
      assert.ok(meta.lifetimeMs <= sec * 1000)
      assert.ok(meta.lifetimeMs >= sec * 1000 * (1 - jitter))
    }),
  )
})
