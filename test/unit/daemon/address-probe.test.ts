import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { describeListenError, probeAddresses } from '../../../src/daemon/address-probe.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { makeListener, makePlan } from './fixture/plans.ts'

async function occupy(): Promise<number> {
  const server = createServer()
  onTestEnd(() => void server.close())
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', reusePort: true }, resolve))
  return (server.address() as { port: number }).port
}

test('port 0 becomes one port for all workers and stays across reloads', async () => {
  const plan = makePlan({ listeners: [makeListener('web', 0)] })
  const first = await probeAddresses(plan, undefined)
  const address = first.listeners[0]!.addresses[0]!
  assert.ok(address.kind === 'tcp' && address.port > 0)
  assert.deepEqual(await probeAddresses(plan, first), first)
})

test('an address in use is refused, unless it is ours already', async () => {
  const port = await occupy()
  const plan = makePlan({ listeners: [makeListener('web', port)] })
  await assert.rejects(probeAddresses(plan, undefined), {
    name: 'AddressError',
    message: new RegExp(
      `^cannot listen on 127.0.0.1:${port} \\(listener "web", test.conf:1\\): address already in use`,
    ),
  })
  assert.deepEqual(await probeAddresses(plan, plan), plan)
})

test('an address of another machine is refused with a cure', async () => {
  const plan = makePlan({ listeners: [makeListener('web', 80, '192.0.2.1')] })
  await assert.rejects(
    probeAddresses(plan, undefined),
    /no network interface has this address.*"ip address" lists them/,
  )
})

test('every address, IPv6 and names are no obstacle', async () => {
  const listeners = [makeListener('all', 0, '*'), makeListener('name', 8080, 'localhost')]
  await assert.doesNotReject(probeAddresses(makePlan({ listeners }), undefined))
})

test('a permission says how to get it', () => {
  const error = Object.assign(new Error('bind EACCES'), { code: 'EACCES' })
  assert.match(describeListenError('*:80', error), /^cannot listen on \*:80: permission denied \(EACCES\); ports below/)
})
