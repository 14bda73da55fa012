import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type DictionaryValue, parseDictionary } from '../../../../src/cache/policy/dictionary.ts'
import { governingDirectives } from '../../../../src/cache/policy/targeted.ts'
import { response } from '../facts.ts'

const valid: [text: string, members: Record<string, DictionaryValue>][] = [
  ['', {}],
  ['max-age=10', { 'max-age': 10 }],
  ['  max-age=10  ', { 'max-age': 10 }],
  ['max-age=10, no-store', { 'max-age': 10, 'no-store': true }],
  ['max-age=10 \t,\t no-store=?0', { 'max-age': 10, 'no-store': false }],
  ['max-age=-5', { 'max-age': -5 }],
  ['max-age=999999999999999', { 'max-age': 999_999_999_999_999 }],
  ['a=1, a=2', { a: 2 }],
  ['max-age=10;foo=bar; baz', { 'max-age': 10 }],
  ['no-store;x', { 'no-store': true }],
  [
    'a=1.5, b="x, \\" y", c=tok/en:*, d=:YWJj:, e=@-12, f=%"%c3%a9"',
    { a: 'other', b: 'other', c: 'other', d: 'other', e: 'other', f: 'other' },
  ],
  ['a=(1 "b" c;x=1);y, *b', { a: 'other', '*b': true }],
  ['a=()', { a: 'other' }],
]
const invalid = [
  '&&&&&',
  'max-age=10,',
  ',max-age=10',
  'max-age=10,,no-store',
  'max-age=10 no-store',
  'max-age =10',
  'max-age= 10',
  'max-age=',
  'Max-Age=10',
  'max-age=1000000000000000',
  'max-age=--1',
  'max-age=1.',
  'max-age=1.2345',
  'max-age=10a',
  'a="x',
  'a="\\x"',
  'a=?2',
  'a=(1',
  'a=(1,2)',
  'a=:x',
  '\tmax-age=10',
  'a=1;B',
  'a=\xe9',
]

describe('dictionary (RFC 8941 §4.2.2)', () => {
  for (const [text, members] of valid) {
    test(`accepts ${text}`, () => assert.deepEqual(Object.fromEntries(parseDictionary(text)!), members))
  }
  for (const text of invalid) {
    test(`refuses ${text}`, () => assert.equal(parseDictionary(text), undefined))
  }
})

describe('targeted fields (RFC 9213 §2.2)', () => {
  const obey = ['cdn-cache-control', 'cache-control']
  const cases: [
    targeted: string,
    expected: { maxAgeSec: number; noStore: boolean; expiresCounts: boolean },
    why: string,
  ][] = [
    ['max-age=60', { maxAgeSec: 60, noStore: false, expiresCounts: false }, 'replaces Cache-Control and Expires'],
    ['no-store', { maxAgeSec: -1, noStore: true, expiresCounts: false }, 'prohibits against a fresh Cache-Control'],
    [
      'must-revalidate',
      { maxAgeSec: -1, noStore: false, expiresCounts: false },
      'replaces also where it gives no lifetime',
    ],
    ['', { maxAgeSec: 5, noStore: true, expiresCounts: true }, 'empty is absent'],
    ['&&&&&', { maxAgeSec: 5, noStore: true, expiresCounts: true }, 'invalid is absent'],
    ['max-age=60, &', { maxAgeSec: 5, noStore: true, expiresCounts: true }, 'any error drops all of it'],
    ['max-age="10000"', { maxAgeSec: 0, noStore: false, expiresCounts: false }, 'a string gives no freshness'],
    ['max-age=-1', { maxAgeSec: 0, noStore: false, expiresCounts: false }, 'nor does a negative number'],
    ['max-age=10.0', { maxAgeSec: 0, noStore: false, expiresCounts: false }, 'nor a decimal'],
    ['max-age=999999999999', { maxAgeSec: 2 ** 31, noStore: false, expiresCounts: false }, 'saturates'],
    ['max-age=60, no-store=?0', { maxAgeSec: 60, noStore: false, expiresCounts: false }, 'false is not given'],
  ]
  for (const [targeted, expected, why] of cases) {
    test(`${targeted} (${why})`, () => {
      const facts = response(200, 'CDN-Cache-Control', targeted, 'Cache-Control', 'no-store, max-age=5')
      const { directives, expiresCounts } = governingDirectives(facts, obey)
      const { maxAgeSec, noStore } = directives
      assert.deepEqual({ maxAgeSec, noStore, expiresCounts }, expected)
    })
  }

  test('the order of "obey" decides, and Cache-Control is always the last resort', () => {
    const facts = response(
      200,
      'CDN-Cache-Control',
      'max-age=1',
      'Cache-Control',
      'max-age=2',
      'X-Cache-Control',
      'max-age=3',
    )
    const maxAge = (order: string[]): number => governingDirectives(facts, order).directives.maxAgeSec
    assert.equal(maxAge(['cache-control', 'cdn-cache-control']), 2)
    assert.equal(maxAge(['x-cache-control', 'cdn-cache-control']), 3)
    assert.equal(maxAge(['absent-cache-control']), 2)
  })
})
