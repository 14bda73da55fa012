/** Two requests that must not share an object never do: keys are taken apart again, and compared with a slow model. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileKey } from '../../src/cache/key.ts'
import { variantKey, variantObjectKey } from '../../src/cache/vary.ts'
import { normaliseWeightedList } from '../../src/cache/weighted-list.ts'
import type { RequestFacts } from '../../src/plan/facts.ts'
import type { KeyPlan } from '../../src/plan/plan.ts'
import { plainKey, request } from '../unit/cache/facts.ts'

/** Letters with a meaning somewhere in a key, and few others, so that collisions are tried for. */
const hostile = (letters: string, maxLength = 6): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...letters), { maxLength }).map((found) => found.join(''))

const hosts = hostile('ab|%7C.:80').map((text) => `a${text}`)
const paths = hostile('ab|%7C/=\n;?').map((text) => `/${text.replaceAll('?', '')}`)
const values = fc.option(hostile('ab|%7C=\n ,"'), { nil: undefined })
const cookies = fc.option(hostile('ab|%7C=\n "'), { nil: undefined })

/** Matcher `m` holds for requests with a field `M`. */
const conditionOf = (matcher: string) => (request: RequestFacts) => request.header(matcher) !== undefined

interface Parts {
  readonly scheme: 'http' | 'https'
  readonly authority: string
  readonly path: string
  readonly query: string | undefined
  readonly x: string | undefined
  readonly y: string | undefined
  readonly c: string | undefined
}

const parts: fc.Arbitrary<Parts> = fc.record({
  scheme: fc.constantFrom('http' as const, 'https' as const),
  authority: hosts,
  path: paths,
  query: fc.option(hostile('ab|%=&;?'), { nil: undefined }),
  x: values,
  y: values,
  c: cookies,
})

function keyOf(plan: KeyPlan, { scheme, authority, path, query, x, y, c }: Parts): string {
  const flat: string[] = []
  if (x !== undefined) flat.push('X', x)
  if (y !== undefined) flat.push('Y', y)
  if (c !== undefined) flat.push('Cookie', `c=${c}`)
  return compileKey(
    plan,
    conditionOf,
  )({
    ...request(`${scheme}://${authority}/`, flat),
    path,
    query: query ?? '',
    hasQuery: query !== undefined,
  })
}

/** What the key must tell apart, as a text that certainly does. */
function modelOf({ scheme, authority, path, query, x, y, c }: Parts): string {
  const origin = authority.replace(scheme === 'http' ? /:80$/ : /:443$/, '')
  return JSON.stringify([scheme, origin, path, query ?? null, x ?? null, y ?? null, c?.trim() ?? null])
}

const fullPlan: KeyPlan = { ...plainKey, headers: ['x', 'y'], cookies: ['c'] }

/** Texts that end, begin or imitate a neighbouring part; every combination of them is tried. */
const tricky = {
  authorities: ['a', 'a|', 'a|x|y|c', 'a|x', 'a|x=', 'a%7C', 'a:80', 'a:443', 'a:8080'],
  paths: ['/', '/|/', '|/', 'x|y|c|/', '=|y|c|/'],
  queries: [undefined, '', '?', '|'],
  values: [undefined, '', '|', '|y', '|y=', '%7C', '=', '|y=|c', '|c|/'],
}

test('equal keys mean equal parts: every combination of tricky parts', () => {
  const modelByKey = new Map<string, string>()
  const tryParts = (one: Parts): void => {
    const key = keyOf(fullPlan, one)
    const model = modelOf(one)
    assert.equal(modelByKey.get(key) ?? model, model, key)
    modelByKey.set(key, model)
  }
  for (const scheme of ['http', 'https'] as const)
    for (const authority of tricky.authorities)
      for (const path of tricky.paths)
        for (const x of tricky.values)
          for (const y of tricky.values)
            for (const c of [undefined, '', '|', '|/']) tryParts({ scheme, authority, path, query: undefined, x, y, c })
  for (const path of tricky.paths)
    for (const query of tricky.queries)
      for (const x of tricky.values)
        tryParts({ scheme: 'http', authority: 'a', path, query, x, y: undefined, c: undefined })
})

test('equal keys mean equal parts, with injection tried at random through every part', () => {
  fc.assert(
    fc.property(fc.array(parts, { minLength: 2, maxLength: 40 }), (all) => {
      const modelByKey = new Map<string, string>()
      for (const one of all) {
        const key = keyOf(fullPlan, one)
        const model = modelOf(one)
        assert.equal(modelByKey.get(key) ?? model, model, key)
        modelByKey.set(key, model)
      }
    }),
    { numRuns: 1500 },
  )
})

test('moving letters from one part to its neighbour changes the key', () => {
  const moved: fc.Arbitrary<[Parts, Parts]> = fc.tuple(parts, hostile('ab|%=\n')).map(([one, text]) => [
    { ...one, x: `${text}|y=${one.y ?? ''}`, y: undefined },
    { ...one, x: text, y: one.y ?? '' },
  ])
  fc.assert(fc.property(moved, ([left, right]) => assert.notEqual(keyOf(fullPlan, left), keyOf(fullPlan, right))))
})

test('a sorted query has the same parameters, those of one name in the same order', () => {
  const sorted = compileKey({ ...plainKey, query: { sort: true, mode: 'all', names: [] } }, conditionOf)
  const byName = (query: string): object => {
    const lists: Record<string, string[]> = Object.create(null)
    for (const piece of query.split('&')) {
      const name = piece.split('=')[0]!
      lists[name] = [...(lists[name] ?? []), piece]
    }
    return lists
  }
  fc.assert(
    fc.property(hostile('ab=&', 12), (query) => {
      const key = sorted(request(`http://a/?${query}`))
      assert.deepEqual(byName(key.slice('http|a|/?'.length)), byName(query))
    }),
  )
})

test('parameters that stay are the same whatever the dropped ones are', () => {
  const drop = compileKey({ ...plainKey, query: { sort: false, mode: 'drop', names: ['u*'] } }, conditionOf)
  fc.assert(
    fc.property(hostile('ab=%7', 8), hostile('ab=|/?', 8), (kept, dropped) => {
      assert.equal(drop(request(`http://a/?${kept}&u${dropped}`)), drop(request(`http://a/?${kept}`)))
    }),
  )
})

test('equal variant keys mean equal fields, and a variant is no other resource', () => {
  const simple = fc.option(hostile('ab|%7C=\n'), { nil: undefined })
  const flatOf = (x: string | undefined, y: string | undefined): string[] => [
    ...(x === undefined ? [] : ['X', x]),
    ...(y === undefined ? [] : ['Y', y]),
  ]
  fc.assert(
    fc.property(simple, simple, simple, simple, paths, (x1, y1, x2, y2, path) => {
      const one = variantKey(['x', 'y'], request('http://a/', flatOf(x1, y1)), undefined)
      const two = variantKey(['x', 'y'], request('http://a/', flatOf(x2, y2)), undefined)
      assert.equal(one === two, x1 === x2 && y1 === y2)
      const primary = compileKey({ ...plainKey, scheme: false, host: false }, conditionOf)({ ...request(), path })
      assert.ok(variantObjectKey(primary, one).startsWith('\n') && !primary.startsWith('\n'))
      assert.equal(variantObjectKey(primary, one) === variantObjectKey(primary, two), one === two)
    }),
  )
})

test('the normal form of a weighted list is its own normal form, and order does not matter', () => {
  const member = fc.tuple(
    fc.constantFrom('gzip', 'BR', 'de-AT', '*'),
    fc.constantFrom('', ';q=0', ';q=0.5', ' ; q=1.0'),
  )
  const lists = fc.uniqueArray(
    member.map((found) => found.join('')),
    { maxLength: 5 },
  )
  fc.assert(
    fc.property(lists, (members) => {
      const normal = normaliseWeightedList(members.join(', '))
      assert.equal(normaliseWeightedList(normal), normal)
      assert.equal(normaliseWeightedList([...members].reverse().join(',')), normal)
    }),
  )
})
