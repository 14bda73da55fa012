import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RoundRobin } from '../../../src/balance/round-robin.ts'

function selections(policy: RoundRobin, candidates: readonly number[], count: number): string {
  const set = Uint8Array.from(candidates)
  return Array.from({ length: count }, () => 'abcdef'[policy.select(set)] ?? '-').join('')
}

describe('round-robin', () => {
  it('gives equal servers equal turns', () => {
    assert.equal(selections(new RoundRobin([1, 1, 1], 0), [1, 1, 1], 7), 'abcabca')
  })

  it('spreads the turns of a heavy server, as nginx does', () => {
    assert.equal(selections(new RoundRobin([5, 1, 1], 0), [1, 1, 1], 14), 'aabacaaaabacaa')
  })

  it('starts ahead by as many turns as told', () => {
    assert.equal(selections(new RoundRobin([1, 1, 1], 2), [1, 1, 1], 4), 'cabc')
  })

  it('selects candidates only, and none when there is none', () => {
    const policy = new RoundRobin([3, 1, 1], 0)
    assert.equal(selections(policy, [0, 1, 1], 4), 'bcbc')
    assert.equal(selections(policy, [0, 0, 0], 1), '-')
    assert.equal(selections(new RoundRobin([], 3), [], 1), '-')
  })
})
