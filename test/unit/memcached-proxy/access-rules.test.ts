import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AccessRules } from '../../../src/memcached-proxy/access-rules.ts'
import type { Network } from '../../../src/plan/plan.ts'

const network = (address: string, prefix: number): Network => ({
  address,
  prefix,
  family: address.includes(':') ? 'ipv6' : 'ipv4',
})

test('the first rule that holds the peer decides', () => {
  const rules = new AccessRules([
    { allow: false, networks: [network('10.0.9.0', 24)] },
    { allow: true, networks: [network('10.0.0.0', 8), network('fd00::', 8)] },
    { allow: false, networks: [network('0.0.0.0', 0), network('::', 0)] },
  ])
  assert.equal(rules.isEmpty, false)
  for (const [address, expected] of [
    ['10.0.9.1', false],
    ['10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['::ffff:10.0.9.9', false],
    ['fd00::1', true],
    ['192.0.2.1', false],
    ['2001:db8::1', false],
  ] as const)
    assert.equal(rules.admits(address), expected, address)
})

test('who is in no rule comes in, but for a peer that is gone already', () => {
  const rules = new AccessRules([{ allow: false, networks: [network('10.0.0.0', 8)] }])
  assert.equal(rules.admits('192.0.2.1'), true)
  assert.equal(rules.admits(undefined), false)
  assert.equal(new AccessRules([]).isEmpty, true)
})
