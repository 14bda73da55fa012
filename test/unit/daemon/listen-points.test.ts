import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { probeAddresses } from '../../../src/daemon/address-probe.ts'
import { addressesOf, listenPoints, withAddresses } from '../../../src/daemon/listen-points.ts'
import { describeListeners } from '../../../src/daemon/status.ts'
import { addressText } from '../../../src/net/listener.ts'
import type { ListenAddress } from '../../../src/plan/plan.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { makeListener, makeMemcachedProxy, makePlan } from './fixture/plans.ts'

const at = (port: number): ListenAddress => ({ kind: 'tcp', host: '127.0.0.1', port })
const socket: ListenAddress = { kind: 'unix', path: '/run/mc.sock', mode: 0o600 }
const plan = makePlan({
  listeners: [makeListener('web', 1), makeListener('more', 2)],
  memcachedProxies: [makeMemcachedProxy('local', [at(3), socket], [at(4)]), makeMemcachedProxy('bare', [at(5)])],
})

test('listeners, proxies and statistics are listened on alike', () => {
  assert.deepEqual(addressesOf(plan).map(addressText), [
    '127.0.0.1:1',
    '127.0.0.1:2',
    '127.0.0.1:3',
    'unix:/run/mc.sock',
    '127.0.0.1:4',
    '127.0.0.1:5',
  ])
  assert.deepEqual(
    describeListeners(plan).map(({ kind, name }) => `${kind} ${name}`),
    ['listener web', 'listener more', 'memcached-proxy local', 'memcached-proxy bare'],
  )
})

test('addresses go back to where they came from', () => {
  const same = withAddresses(
    plan,
    listenPoints(plan).map(({ addresses }) => addresses),
  )
  assert.deepEqual(same, plan)
})

test('a proxy on port 0 is given a port that a reload keeps, statistics too', async () => {
  const open = makePlan({ memcachedProxies: [makeMemcachedProxy('local', [at(0)], [at(0)])] })
  const first = await probeAddresses(open, undefined)
  const ports = addressesOf(first).map((address) => (address.kind === 'tcp' ? address.port : 0))
  assert.ok(ports.every((port) => port > 0))
  assert.deepEqual(addressesOf(await probeAddresses(open, first)), addressesOf(first))
})

test('an address of a proxy that is taken is told with the name of the proxy', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  onTestEnd(() => void taken.close())
  await once(taken, 'listening')
  const busy = makePlan({
    memcachedProxies: [makeMemcachedProxy('local', [at((taken.address() as AddressInfo).port)])],
  })
  await assert.rejects(probeAddresses(busy, undefined), (error: Error) => {
    assert.match(error.message, /^cannot listen on 127\.0\.0\.1:\d+ \(memcached-proxy "local", test\.conf:1\): /)
    return true
  })
})
