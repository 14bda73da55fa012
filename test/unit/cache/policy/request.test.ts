import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clientDirectives, decideLookup, RequestTrait } from '../../../../src/cache/policy/request.ts'
import { request, settings } from '../facts.ts'

describe('decideLookup', () => {
  const { body, precondition } = RequestTrait
  const cases: [method: string, bypass: boolean, traits: number, reason: string, why: string][] = [
    ['GET', false, 0, 'none', 'plain'],
    ['HEAD', false, 0, 'none', 'what answers GET answers HEAD'],
    ['POST', false, 0, 'method', 'unsafe'],
    ['get', false, 0, 'method', 'methods are case-sensitive'],
    ['OPTIONS', false, 0, 'method', 'safe, but not cacheable'],
    ['GET', true, 0, 'bypass', 'the operator says so'],
    ['POST', true, body, 'method', 'the method goes first'],
    ['GET', false, body, 'request-body', 'a body'],
    ['GET', false, precondition, 'request-no-cache', 'the origin must judge'],
    ['GET', false, body | precondition, 'request-body', 'the first of two'],
  ]
  for (const [method, bypass, traits, reason, why] of cases) {
    test(`${method}, ${why}: ${reason}`, () => {
      assert.equal(decideLookup(request('http://example.org/', [], method), bypass, traits), reason)
    })
  }
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
