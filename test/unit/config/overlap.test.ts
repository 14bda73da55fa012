/** The overlap product against a model that is plainly right: every short path, tried one by one. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { relatePaths } from '../../../src/config/overlap/relate.ts'
import type { PathPattern } from '../../../src/plan/plan.ts'

const glob = (pattern: string): PathPattern => ({ kind: 'glob', pattern })
const regex = (source: string): PathPattern => ({ kind: 'regex', source })

describe('relatePaths', () => {
  const cases: [PathPattern, PathPattern, string, string | undefined][] = [
    [glob('/api/**'), glob('**.css'), 'overlap', '/api/.css'],
    [glob('**.css'), glob('/old/**'), 'overlap', '/old/.css'],
    [glob('**.css'), glob('/**'), 'narrower', '/.css'],
    [glob('/**'), glob('**'), 'equal', '/'],
    [glob('/a/*'), glob('/a/**'), 'narrower', '/a/'],
    [glob('/a/**'), glob('/b/**'), 'disjoint', undefined],
    [glob('/a'), glob('/a'), 'equal', '/a'],
    [glob('/a/*/c'), glob('/a/b/*'), 'overlap', '/a/b/c'],
    [regex('\\.css$'), glob('**.css'), 'equal', '/.css'],
    [regex('^/u/\\d+$'), glob('/u/*'), 'narrower', '/u/0'],
    [regex('^/u/[^/]*$'), glob('/u/*'), 'equal', '/u/'],
    [regex('^/(a|b)/'), glob('/a/**'), 'wider', '/a/'],
    [regex('^/a{2,3}$'), glob('/aaa'), 'wider', '/aaa'],
    [regex('^/(?:a|b)+$'), regex('^/[ab]+$'), 'equal', '/a'],
    [regex('x|^/y$'), glob('/y'), 'wider', '/y'],
    [regex('(?=x)'), glob('/a'), 'overlap', undefined],
    [regex('(?=x)'), glob('/**'), 'narrower', undefined],
    [regex('(?=x)'), regex('(?=x)'), 'equal', undefined],
    [regex('^/\\s'), glob('/**'), 'disjoint', undefined],
  ]
  for (const [left, right, relation, witness] of cases) {
    const text = (pattern: PathPattern): string => (pattern.kind === 'glob' ? pattern.pattern : `~${pattern.source}`)
    it(`${text(left)} against ${text(right)} is ${relation}`, () => {
      assert.deepEqual(relatePaths([left], [right]), { relation, witness })
    })
  }

  it('takes several patterns of one route together', () => {
    assert.equal(relatePaths([glob('/a'), glob('/b')], [glob('/b'), glob('/a')]).relation, 'equal')
    assert.equal(relatePaths([glob('/a')], [glob('/b'), glob('/a')]).relation, 'narrower')
  })

  it('gives up on automata that grow without bound instead of running on', () => {
    const big = regex('^/(a|b)*a(a|b){180}$')
    assert.ok(['narrower', 'overlap'].includes(relatePaths([big], [regex('^/(a|b)*b(a|b){180}$')]).relation))
    assert.equal(relatePaths([regex('^/(((a{100}){100}){100})$')], [glob('/b')]).relation, 'overlap')
  })

  it('agrees with trying every path of up to six letters', () => {
    const paths = shortPaths('a/.', 6)
    const part = fc.constantFrom('a', '/', '.', '*', '**')
    const pattern = fc
      .array(part, { minLength: 1, maxLength: 4 })
      .map((parts) => `/${parts.join('')}`.replace(/\*{3,}/g, '**'))
    const source = fc
      .array(fc.constantFrom('a', '/', '\\.', '[a.]', '.', '(a|/)', '[^/]*', 'a?', '(?:a/)+'), { maxLength: 3 })
      .map((parts) => `^/${parts.join('')}$`)
    const any = fc.oneof(pattern.map(glob), source.map(regex))
    fc.assert(
      fc.property(
        fc.array(any, { minLength: 1, maxLength: 2 }),
        fc.array(any, { minLength: 1, maxLength: 2 }),
        (left, right) => {
          const { relation, witness } = relatePaths(left, right)
          const inLeft = paths.filter((path) => left.some((one) => matches(one, path)))
          const inRight = new Set(paths.filter((path) => right.some((one) => matches(one, path))))
          const both = inLeft.filter((path) => inRight.has(path))
          // Patterns of this size differ, where they differ, on a path of at most six letters or on letters beyond the
          // three; so the model may see less than the product, never more.
          if (both.length > 0) assert.notEqual(relation, 'disjoint')
          if (inLeft.length > both.length)
            assert.ok(relation === 'wider' || relation === 'overlap' || relation === 'disjoint')
          if (inRight.size > both.length)
            assert.ok(relation === 'narrower' || relation === 'overlap' || relation === 'disjoint')
          if (relation !== 'disjoint') {
            assert.ok(left.some((one) => matches(one, witness!)) && right.some((one) => matches(one, witness!)))
            assert.ok(both.every((path) => path.length >= witness!.length))
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

function matches(pattern: PathPattern, path: string): boolean {
  if (pattern.kind === 'regex') return new RegExp(pattern.source).test(path)
  const source = pattern.pattern
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*|\*/g, (stars) => (stars === '**' ? '.*' : '[^/]*'))
  return new RegExp(`^${source}$`).test(path)
}

function shortPaths(letters: string, length: number): string[] {
  const all = ['/']
  for (const path of all) if (path.length < length) for (const letter of letters) all.push(path + letter)
  return all
}
