import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compareLabels, serverLabel } from '../../../src/ring/label.ts'

describe('labels of servers', () => {
  it('are names where servers have one, whatever the address', () => {
    assert.equal(serverLabel('mc1', { kind: 'tcp', host: '10.0.0.1', port: 11211 }), 'mc1')
    assert.equal(serverLabel('mc1', { kind: 'unix', path: '/run/mc.sock', mode: 0 }), 'mc1')
  })

  it('are host and port, but for the port of Memcached', () => {
    assert.equal(serverLabel(undefined, { kind: 'tcp', host: '10.0.0.1', port: 11212 }), '10.0.0.1:11212')
    assert.equal(serverLabel(undefined, { kind: 'tcp', host: '10.0.0.1', port: 11211 }), '10.0.0.1')
    assert.equal(serverLabel(undefined, { kind: 'tcp', host: '::1', port: 11212 }), '::1:11212')
  })

  it('are path and colon of a unix socket', () => {
    assert.equal(serverLabel(undefined, { kind: 'unix', path: '/run/mc.sock', mode: 0o600 }), '/run/mc.sock:')
  })

  it('are ordered by length, then by bytes', () => {
    const sorted = ['b', 'a', 'B', 'server5', 'aaa', 'é', 'zz'].sort(compareLabels)
    assert.deepEqual(sorted, ['B', 'a', 'b', 'zz', 'é', 'aaa', 'server5'])
    // By bytes, not by UTF-16 units: U+FF5E is EF BD 9E, U+10000 is F0 90 80 80.
    assert.ok(compareLabels('x\u{ff5e}', '\u{10000}') < 0)
    assert.ok(compareLabels('\u{ff5e}a', '\u{10000}') < 0)
    assert.equal(compareLabels('same', 'same'), 0)
  })
})
