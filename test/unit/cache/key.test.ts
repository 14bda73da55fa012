import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compileKey, escapePart } from '../../../src/cache/key.ts'
import type { RequestFacts } from '../../../src/plan/facts.ts'
import type { KeyPlan, QueryKeyPlan } from '../../../src/plan/plan.ts'
import { plainKey, request } from './facts.ts'

/** Matchers hold by the letters of User-Agent. */
function conditionOf(matcher: string): (request: RequestFacts) => boolean {
  return (request) => request.header('user-agent')?.includes(matcher) === true
}

function keyOf(url: string, changes: Partial<KeyPlan> = {}, fields: string[] = [], method = 'GET'): string {
  return compileKey({ ...plainKey, ...changes }, conditionOf)(request(url, fields, method))
}

const phones = [
  { name: 'mobile', matcher: 'phone' },
  { name: 'bots', matcher: 'fox' },
]

describe('key', () => {
  const cases: [url: string, changes: Partial<KeyPlan>, fields: string[], key: string, why: string][] = [
    ['https://shop.example.com/t/a.css', {}, [], 'https|shop.example.com|/t/a.css', 'the default'],
    ['http://a/?', {}, [], 'http|a|/?', 'an empty query is a query'],
    ['http://a/?b&a', {}, [], 'http|a|/?b&a', 'in the order received'],
    ['http://a:80/', {}, [], 'http|a|/', 'RFC 9110 §4.2.3: the default port'],
    ['https://a:443/', {}, [], 'https|a|/', ''],
    ['https://a:80/', {}, [], 'https|a:80|/', 'not the default of this scheme'],
    ['http://a:8080/', {}, [], 'http|a:8080|/', ''],
    ['http://a/', { scheme: false }, [], 'a|/', ''],
    ['http://a/', { host: false }, [], 'http|/', ''],
    ['http://a/', { scheme: false, host: false }, [], '/', ''],
    ['http://a/|x', {}, [], 'http|a|/|x', 'the last part needs no escape'],
    ['http://a/', { headers: ['x-device'] }, ['X-Device', 'tv'], 'http|a|x-device=tv|/', ''],
    ['http://a/', { headers: ['x-device'] }, [], 'http|a|x-device|/', 'absent'],
    ['http://a/', { headers: ['x-device'] }, ['X-Device', ''], 'http|a|x-device=|/', 'is not empty'],
    ['http://a/', { headers: ['x'] }, ['X', 'a|b%7C'], 'http|a|x=a%7Cb%257C|/', 'escaped'],
    ['http://a/', { cookies: ['cur'] }, ['Cookie', 'a=b; cur=EUR; c=d'], 'http|a|cur=EUR|/', ''],
    ['http://a/', { cookies: ['cur'] }, ['Cookie', 'xcur=EUR; cur'], 'http|a|cur|/', 'whole names'],
    [
      'http://a/',
      { cookies: ['cur'] },
      ['Cookie', 'cur=1;cur=2', 'Cookie', 'cur=3'],
      'http|a|cur=1;2;3|/',
      'all of them',
    ],
    [
      'http://a/',
      { headers: ['x'], cookies: ['y', 'z'] },
      ['X', '1', 'Cookie', 'z=3'],
      'http|a|x=1|y|z=3|/',
      'in the order of the plan',
    ],
    ['http://a/', { classes: phones }, ['User-Agent', 'phone'], 'http|a|class=mobile|/', 'a class that holds'],
    ['http://a/', { classes: phones }, ['User-Agent', 'x'], 'http|a|class|/', 'none does'],
    ['http://a/', { classes: phones }, ['User-Agent', 'fox phone'], 'http|a|class=bots+mobile|/', 'both, by name'],
    [
      'http://a/%7e%2f//b?%7e//',
      { path: { normalise: true, mergeSlashes: false }, headers: ['x'], classes: phones },
      [],
      'http|a|x|class|/~%2F//b?%7e//',
      'the path alone is normalised',
    ],
  ]
  for (const [url, changes, fields, key, why] of cases) {
    test(`${key} (${why})`, () => assert.equal(keyOf(url, changes, fields), key))
  }

  test('HEAD has the key of GET', () => {
    assert.equal(keyOf('http://a/', {}, [], 'HEAD'), keyOf('http://a/'))
  })

  test('escapes', () => assert.equal(escapePart('a|b%\n'), 'a%7Cb%25%0A'))
})

describe('query', () => {
  const all: QueryKeyPlan = { mode: 'all', sort: false, names: [] }
  const sort: QueryKeyPlan = { ...all, sort: true }
  const keep: QueryKeyPlan = { mode: 'keep', sort: false, names: ['page', 'f_*', 'ids[]'] }
  const drop: QueryKeyPlan = { mode: 'drop', sort: false, names: ['utm_*', 'gclid'] }
  const cases: [plan: QueryKeyPlan, query: string, expected: string, why: string][] = [
    [{ ...all, mode: 'none' }, '?a=1', '', 'none'],
    [sort, '?b=1&a=2', '?a=2&b=1', 'sorted'],
    [sort, '?b=2&a&b=1', '?a&b=2&b=1', 'one name keeps its order'],
    [sort, '?ab=1&a=2', '?a=2&ab=1', 'by name, not by text'],
    [sort, '?', '?', 'an empty query is a query'],
    [keep, '?x=1&page=2&y', '?page=2', 'kept'],
    [keep, '?f_a=1&fa=2', '?f_a=1', 'by prefix'],
    [keep, '?x=1', '', 'nothing left'],
    [keep, '?', '?', 'an empty query is a query'],
    [keep, '?%70age=2', '?%70age=2', 'an encoded name'],
    [keep, '?Page=2&page[]=3&PAGE%5B0%5D=4', '?Page=2&page[]=3&PAGE%5B0%5D=4', 'what some origins take for it'],
    [keep, '?ids[]=1&ids=2', '?ids[]=1&ids=2', 'a list, either way'],
    [keep, '?x=1;page=2', '?x=1;page=2', 'a semicolon may separate'],
    [keep, '?%zz=1', '?%zz=1', 'a name that cannot be decoded'],
    [drop, '?a=1&utm_source=x&gclid=y', '?a=1', 'dropped'],
    [drop, '?utm_source=x', '', 'nothing left'],
    [drop, '?%75tm_source=x', '', 'an encoded name'],
    [drop, '?GCLID=x', '?GCLID=x', 'letter case may matter'],
    [drop, '?gclid=x;callback=evil', '?gclid=x;callback=evil', 'a semicolon may separate'],
    [drop, '?utm_%zz=1', '?utm_%zz=1', 'a name that cannot be decoded'],
    [{ ...drop, sort: true }, '?z=1&gclid=1&a=2', '?a=2&z=1', 'both'],
    [{ ...drop, names: ['*'] }, '?a=1&b', '', 'a star alone is every name'],
  ]
  for (const [plan, query, expected, why] of cases) {
    test(`${plan.mode}${plan.sort ? ' sort' : ''} ${query}: ${expected} (${why})`, () => {
      assert.equal(keyOf(`http://a/p${query}`, { query: plan }), `http|a|/p${expected}`)
    })
  }
})
