import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { invalidatedRequests, isUnsafe } from '../../../../src/cache/policy/invalidate.ts'
import { isSameResource, resolveSameOrigin } from '../../../../src/cache/policy/same-origin.ts'
import { request, response } from '../facts.ts'

describe('invalidation (RFC 9111 §4.4)', () => {
  test('safe methods', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND']) assert.equal(isUnsafe(method), false)
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'FOO', 'get'])
      assert.equal(isUnsafe(method), true)
  })

  const targets = (method: string, status: number, ...fields: string[]): string[] =>
    invalidatedRequests(
      request('http://a.example:8080/x?y', ['Cookie', 'c=1'], method),
      response(status, ...fields),
    ).map(
      (one) =>
        `${one.method} ${one.scheme}://${one.authority}${one.path}${one.hasQuery ? `?${one.query}` : ''} ${one.header('cookie')}`,
    )
  const own = 'GET http://a.example:8080/x?y c=1'

  test('the target URI, after 2xx and 3xx only', () => {
    assert.deepEqual(targets('POST', 200), [own])
    assert.deepEqual(targets('FOO', 204), [own])
    assert.deepEqual(targets('DELETE', 303), [own])
    for (const status of [101, 400, 404, 500, 503]) assert.deepEqual(targets('POST', status), [])
    assert.deepEqual(targets('GET', 200), [])
  })

  test('Location and Content-Location of the same origin', () => {
    assert.deepEqual(targets('POST', 201, 'Location', '/new', 'Content-Location', 'http://a.example:8080/list?'), [
      own,
      'GET http://a.example:8080/new c=1',
      'GET http://a.example:8080/list? c=1',
    ])
    assert.deepEqual(
      targets('POST', 201, 'Location', 'http://b.example:8080/new', 'Content-Location', 'https://a.example:8080/'),
      [own],
    )
    assert.deepEqual(targets('POST', 201, 'Location', 'http://a.example/new'), [own])
  })
})

describe('resolveSameOrigin', () => {
  const base = request('http://a.example/dir/page?q')
  const cases: [reference: string, target: string | undefined][] = [
    ['/new', '/new'],
    ['/new?', '/new?'],
    ['/new?a=b#frag', '/new?a=b'],
    ['other', '/dir/other'],
    ['../up', '/up'],
    ['/a/../b', '/b'],
    ['?z', '/dir/page?z'],
    ['', '/dir/page?q'],
    ['http://a.example/{x}', '/{x}'],
    ['HTTP://A.EXAMPLE:80/x', '/x'],
    ['http://a.example', '/'],
    ['http://user:pw@a.example/x', '/x'],
    ['//a.example/x', '/x'],
    ['//b.example/x', undefined],
    ['http://a.example:81/x', undefined],
    ['https://a.example/x', undefined],
    ['http://a.example.evil/x', undefined],
    ['/\\b.example/x', undefined],
    ['javascript:1', undefined],
    ['data:,x', undefined],
    ['http://[', undefined],
    [`/${'x'.repeat(9000)}`, undefined],
  ]
  for (const [reference, expected] of cases) {
    test(`${reference.slice(0, 40)} is ${expected}`, () => {
      const target = resolveSameOrigin(reference, base)
      assert.equal(target && target.path + (target.hasQuery ? `?${target.query}` : ''), expected)
    })
  }

  test('an authority that no URL can hold resolves nothing', () => {
    assert.equal(resolveSameOrigin('x', request('http://[/')), undefined)
  })

  test('isSameResource', () => {
    assert.equal(isSameResource('/dir/page?q', base), true)
    assert.equal(isSameResource('http://a.example/dir/page?q', base), true)
    assert.equal(isSameResource('/dir/page', base), false)
    assert.equal(isSameResource('/dir/page?q#x', base), true)
  })
})
