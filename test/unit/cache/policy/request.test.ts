import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clientDirectives, decideLookup, RequestTrait, requestTraits } from '../../../../src/cache/policy/request.ts'
import { request, settings } from '../facts.ts'

describe('decideLookup', () => {
  const cases: [method: string, fields: string[], bypass: boolean, reason: string][] = [
    ['GET', [], false, 'none'],
    ['HEAD', [], false, 'none'],
    ['POST', [], false, 'method'],
    ['get', [], false, 'method'],
    ['OPTIONS', [], false, 'method'],
    ['GET', [], true, 'bypass'],
    ['GET', ['Content-Length', '5'], false, 'request-body'],
    ['GET', ['Content-Length', '0'], false, 'none'],
    ['GET', ['Transfer-Encoding', 'chunked'], false, 'request-body'],
    ['GET', ['Range', 'bytes=0-1'], false, 'range'],
    ['GET', ['If-Match', '"a"'], false, 'request-no-cache'],
    ['GET', ['If-Unmodified-Since', 'x'], false, 'request-no-cache'],
    ['GET', ['If-None-Match', '"a"', 'Cache-Control', 'no-cache', 'Cookie', 'a=b'], false, 'none'],
  ]
  for (const [method, fields, bypass, reason] of cases) {
    test(`${method} ${fields.join(' ')} ${bypass ? 'bypass' : ''}: ${reason}`, () => {
      const facts = request('http://example.org/', fields, method)
      assert.equal(decideLookup(facts, bypass, requestTraits(facts)), reason)
    })
  }

  test('traits are bits of their own', () => {
    const facts = request('http://a/', ['Range', 'x', 'If-Match', '*', 'Content-Length', '1'])
    assert.equal(requestTraits(facts), RequestTrait.body | RequestTrait.precondition | RequestTrait.range)
  })
})

describe('clientDirectives', () => {
  test('none for a request that gives none', () => {
    assert.equal(clientDirectives(request(), settings()), undefined)
    assert.equal(clientDirectives(request('http://a/', ['Pragma', 'x']), settings()), undefined)
  })

  test('Pragma counts only without Cache-Control (RFC 9111 §5.4)', () => {
    assert.equal(clientDirectives(request('http://a/', ['Pragma', 'no-cache']), settings())?.noCache, true)
    const both = request('http://a/', ['Pragma', 'no-cache', 'Cache-Control', 'max-age=5'])
    assert.equal(clientDirectives(both, settings())?.noCache, false)
  })

  test('the operator may ignore them', () => {
    const facts = request('http://a/', ['Cache-Control', 'no-cache'])
    assert.equal(clientDirectives(facts, settings({ clientDirectives: 'ignore' })), undefined)
  })
})
