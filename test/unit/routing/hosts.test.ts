import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HostMap } from '../../../src/routing/hosts.ts'
import { cpuMsOf } from '../../support/cpu.ts'

describe('host patterns', () => {
  it('are taken once each', () => {
    const hosts = new HostMap<number>()
    for (const pattern of ['a.test', '*.a.test', '*']) {
      assert.equal(hosts.add(pattern, 1), true)
      assert.equal(hosts.add(pattern, 2), false)
    }
    assert.deepEqual([hosts.find('a.test'), hosts.find('b.a.test'), hosts.find('x')], [1, 1, 1])
  })

  it('match addresses and the empty host by their letters alone', () => {
    const hosts = new HostMap<string>()
    hosts.add('[::1]', 'six')
    hosts.add('127.0.0.1', 'four')
    assert.deepEqual(
      ['[::1]', '127.0.0.1', '127.0.0.1.', '', '.'].map((host) => hosts.find(host)),
      ['six', 'four', 'four', undefined, undefined],
    )
  })

  it('look at a long name label by label and no more', () => {
    const hosts = new HostMap<string>()
    hosts.add('*.test', 'all')
    const cpuMs = cpuMsOf(() => assert.equal(hosts.find(`${'a.'.repeat(4000)}test`), 'all'))
    assert.ok(cpuMs < 500)
  })
})
