/** What order is derived from statements that have none: routes, and ttl statements. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Contender, derivePrecedence, relateRoutes } from '../../../src/config/precedence.ts'
import { orderTtls, relateTtls, type TtlStatement } from '../../../src/config/ttl-order.ts'
import type { PathPattern, TtlRule } from '../../../src/plan/plan.ts'

const place = { file: 'test.conf', line: 1, column: 1 }

function contender(name: string, parts: Partial<Contender> & { readonly globs: readonly string[] }): Contender {
  const paths = parts.globs.map((pattern): PathPattern => ({ kind: 'glob', pattern }))
  return { name, paths, methods: [], when: undefined, overlap: undefined, before: [], place, ...parts }
}

const contenders = fc
  .array(
    fc.record({
      globs: fc.array(fc.constantFrom('/**', '/a/**', '/a/b/**', '/c/*', '**.css', '/a/x.css'), {
        minLength: 1,
        maxLength: 2,
      }),
      methods: fc.constantFrom([], ['GET'], ['GET', 'HEAD'], ['POST']),
      when: fc.constantFrom(undefined, undefined, 'm', 'n'),
      overlap: fc.constantFrom(undefined, 'yields' as const, 'wins' as const),
    }),
    { maxLength: 6 },
  )
  .map((list) => list.map((parts, index) => contender(`r${index}`, parts)))

describe('derivePrecedence', () => {
  it('is the same for every order of the file', () => {
    const shuffled = contenders.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    )
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        const names = (routes: readonly Contender[]): readonly string[] =>
          derivePrecedence(routes).order.map((one) => one.name)
        assert.deepEqual(names(other), names(list))
      }),
      { numRuns: 200 },
    )
  })

  it('asks every route before those that contain it, unless there is a circle', () => {
    fc.assert(
      fc.property(contenders, (list) => {
        const { order, cycle, decided } = derivePrecedence(list)
        assert.equal(order.length, list.length)
        if (cycle.length > 0) return
        for (const { first, second } of decided) assert.ok(order.indexOf(first) < order.indexOf(second))
        for (const left of list) {
          for (const right of list) {
            const { relation } = relateRoutes(left, right)
            if (left !== right && relation === 'narrower') assert.ok(order.indexOf(left) < order.indexOf(right))
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('takes "before" over "overlap"', () => {
    const a = contender('a', { globs: ['/a/**'], overlap: 'yields', before: ['css'] })
    const css = contender('css', { globs: ['**.css'], overlap: 'wins' })
    assert.deepEqual(derivePrecedence([css, a]).order, [a, css])
  })

  it('holds routes of different methods apart, and one with a matcher before the same without', () => {
    const get = contender('get', { globs: ['/**'], methods: ['GET'] })
    const post = contender('post', { globs: ['/**'], methods: ['POST'] })
    const mobile = contender('mobile', { globs: ['/**'], methods: ['GET'], when: 'mobile' })
    const { order, decided, undecided } = derivePrecedence([get, post, mobile])
    assert.deepEqual(undecided, [])
    assert.deepEqual(
      decided.map((pair) => [pair.first.name, pair.second.name]),
      [['mobile', 'get']],
    )
    assert.ok(order.indexOf(mobile) < order.indexOf(get))
  })

  it('answers for a thousand routes at once', () => {
    const many = Array.from({ length: 1000 }, (_, index) => contender(`r${index}`, { globs: [`/section${index}/**`] }))
    const start = process.hrtime.bigint()
    assert.equal(derivePrecedence([...many, contender('all', { globs: ['/**'] })]).order.at(-1)?.name, 'all')
    assert.ok(process.hrtime.bigint() - start < 10_000_000_000n)
  })
})

const ttlRule = fc.record(
  {
    statuses: fc.constantFrom<TtlRule['statuses'][]>(
      [[200, 200]],
      [[404, 404]],
      [[400, 499]],
      [[200, 299]],
      [
        [404, 410],
        [500, 599],
      ],
    ),
    path: fc.constantFrom(undefined, '/a/**', '**.css', '/a/b'),
    contentType: fc.constantFrom(undefined, 'text/html', 'text/*'),
    lengths: fc.constantFrom(undefined, [0, 99] as const, [50, 199] as const, [60, 70] as const),
    ttlMs: fc.constantFrom(0, 1000, 60_000),
    mode: fc.constantFrom('override' as const, 'default' as const),
    place: fc.constant(place),
  },
  { noNullPrototype: true },
)

describe('orderTtls', () => {
  it('is the same for every order of the file, and lets each statement yield to the more exact ones', () => {
    const lists = fc
      .array(ttlRule, { maxLength: 6 })
      .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })))
    fc.assert(
      fc.property(lists, ([list, other]) => {
        const ordered = orderTtls(list, 7)
        assert.deepEqual(orderTtls(other, 7), ordered)
        for (const rule of ordered) {
          const exact = ordered.flatMap((one, at) => (relateTtls(one, rule) === 'narrower' ? [at + 7] : []))
          assert.deepEqual(rule.yieldsTo, exact)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('compares status before path before type before length', () => {
    const rule = (parts: Partial<TtlStatement>): TtlStatement => {
      return {
        statuses: [[200, 299]],
        path: undefined,
        contentType: undefined,
        lengths: undefined,
        ttlMs: 1000,
        mode: 'default',
        place,
        ...parts,
      }
    }
    assert.equal(relateTtls(rule({ statuses: [[200, 200]] }), rule({ path: '/a' })), 'narrower')
    assert.equal(relateTtls(rule({ path: '/a' }), rule({ contentType: 'text/html' })), 'narrower')
    assert.equal(relateTtls(rule({ contentType: 'text/*' }), rule({ contentType: 'text/html' })), 'wider')
    assert.equal(relateTtls(rule({ contentType: 'text/*' }), rule({ contentType: 'image/png' })), 'disjoint')
    assert.equal(relateTtls(rule({ contentType: 'text/html' }), rule({ lengths: [0, 9] })), 'narrower')
    assert.equal(relateTtls(rule({ lengths: [0, 9] }), rule({})), 'narrower')
    assert.equal(relateTtls(rule({ lengths: [0, 9] }), rule({ lengths: [0, 10] })), 'narrower')
    assert.equal(relateTtls(rule({ lengths: [0, 9] }), rule({ lengths: [9, 20] })), 'overlap')
    assert.equal(relateTtls(rule({ lengths: [0, 9] }), rule({ lengths: [10, 20] })), 'disjoint')
    assert.equal(relateTtls(rule({}), rule({ ttlMs: 2 })), 'equal')
  })
})
