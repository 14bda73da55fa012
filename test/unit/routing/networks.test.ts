import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Network } from '../../../src/plan/plan.ts'
import { NetworkSet, parseIpv4 } from '../../../src/routing/networks.ts'

function network(cidr: string): Network {
  const [address, prefix] = cidr.split('/') as [string, string]
  return { address, prefix: Number(prefix), family: address.includes(':') ? 'ipv6' : 'ipv4' }
}

describe('networks', () => {
  const set = new NetworkSet(['10.0.0.0/8', '192.0.2.7/32', '10.1.0.0/16', '11.0.0.0/8', '2001:db8::/32'].map(network))
  const cases: [address: string, held: boolean][] = [
    ['10.0.0.0', true],
    ['10.255.255.255', true],
    ['11.3.2.1', true],
    ['12.0.0.0', false],
    ['9.255.255.255', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['::ffff:10.2.3.4', true],
    ['::ffff:12.2.3.4', false],
    ['2001:db8:1::5', true],
    ['2001:db9::', false],
    ['::1', false],
    ['', false],
    ['unix:', false],
    ['10.0.0.1.', false],
    ['10.0.0', false],
    ['10.0.0.256', false],
    ['10.0.0.01', false],
    ['10..0.1', false],
  ]
  for (const [address, held] of cases) {
    it(`${held ? 'hold' : 'do not hold'} "${address}"`, () => assert.equal(set.has(address), held))
  }

  it('hold everything in 0.0.0.0/0 and nothing when empty', () => {
    assert.equal(new NetworkSet([network('0.0.0.0/0')]).has('255.255.255.255'), true)
    assert.equal(new NetworkSet([]).has('0.0.0.0'), false)
  })

  it('agree with net.BlockList', () => {
    const addresses = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(255), fc.nat(255)).map((octets) => octets.join('.'))
    const networks = fc.array(fc.tuple(addresses, fc.integer({ min: 8, max: 32 })), { maxLength: 6 })
    fc.assert(
      fc.property(networks, addresses, (given, address) => {
        const model = new BlockList()
        for (const [start, prefix] of given) model.addSubnet(start, prefix, 'ipv4')
        const tested = new NetworkSet(given.map(([start, prefix]) => network(`${start}/${prefix}`)))
        assert.equal(tested.has(address), model.check(address, 'ipv4'))
      }),
      { numRuns: 2000 },
    )
  })
})

it('reads dotted quads as numbers', () => {
  assert.equal(parseIpv4('255.255.255.255'), 2 ** 32 - 1)
  assert.equal(parseIpv4('0.0.1.0'), 256)
})
