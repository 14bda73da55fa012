/** `override WORD` (RFC 9111 §3, §3.5, §5.2.2): each refusal is lifted by its own word, and by nothing else. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MetaFlag } from '../../../../src/cache/policy/meta.ts'
import { decideStore } from '../../../../src/cache/policy/store.ts'
import type { Override } from '../../../../src/plan/plan.ts'
import { answered, request, response, settings, ttl } from '../facts.ts'

interface Refusal {
  readonly word: Override
  readonly sent: readonly string[]
  readonly fields: readonly string[]
  readonly reason: string
}

const refusals: readonly Refusal[] = [
  { word: 'private', sent: [], fields: ['Cache-Control', 'private'], reason: 'response-private' },
  { word: 'no-store', sent: [], fields: ['Cache-Control', 'no-store'], reason: 'response-no-store' },
  { word: 'no-cache', sent: [], fields: ['Cache-Control', 'no-cache'], reason: 'response-no-cache' },
  { word: 'set-cookie', sent: [], fields: ['Set-Cookie', 'a=b'], reason: 'set-cookie' },
  { word: 'authorization', sent: ['Authorization', 'Basic eDp5'], fields: [], reason: 'authorization' },
]

/** Under `ttl 1h override;`, so that freshness is given in every case. */
function decide({ sent, fields }: Refusal, overrides: readonly Override[]) {
  const rules = settings({ ttls: [ttl(3_600_000, { mode: 'override' })], overrides })
  return decideStore(answered(request('http://example.org/', sent), response(200, ...fields)), rules)
}

describe('override', () => {
  for (const refusal of refusals) {
    test(`"ttl ... override" alone makes nothing storable that is refused as ${refusal.reason}`, () => {
      assert.equal(decide(refusal, []).reason, refusal.reason)
    })
    for (const { word } of refusals) {
      const lifts = word === refusal.word
      test(`"override ${word}" ${lifts ? 'lifts' : 'does not lift'} ${refusal.reason}`, () => {
        assert.equal(decide(refusal, [word]).reason, lifts ? 'none' : refusal.reason)
      })
    }
  }

  test('"override no-cache" serves without asking the origin first; without it each use is validated', () => {
    const refusal = { ...refusals[2]!, fields: ['Cache-Control', 'no-cache', 'ETag', '"a"'] }
    assert.equal(decide(refusal, []).meta.flags & MetaFlag.noCache, MetaFlag.noCache)
    assert.equal(decide(refusal, ['no-cache']).meta.flags & MetaFlag.noCache, 0)
  })

  test('a response refused for several reasons needs the word of each', () => {
    const all = refusals.map(({ word }) => word)
    const refusal: Refusal = {
      word: 'private',
      sent: ['Authorization', 'Basic eDp5'],
      fields: ['Cache-Control', 'private, no-store, no-cache', 'Set-Cookie', 'a=b'],
      reason: '',
    }
    assert.equal(decide(refusal, all).store, true)
    for (const missing of all) {
      const others = all.filter((word) => word !== missing)
      assert.equal(decide(refusal, others).reason, refusals.find(({ word }) => word === missing)?.reason)
    }
  })
})
