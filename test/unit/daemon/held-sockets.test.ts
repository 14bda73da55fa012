import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { type BoundSocket, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { HeldSockets } from '../../../src/daemon/held-sockets.ts'
import type { ListenAddress } from '../../../src/plan/plan.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { freePort } from '../../support/ports.ts'

async function held(): Promise<{ sockets: HeldSockets; address: ListenAddress; port: number }> {
  const port = await freePort()
  const address = { kind: 'tcp', host: '127.0.0.1', port } as const
  const sockets = new HeldSockets()
  onTestEnd(() => sockets.retain([]))
  assert.deepEqual(sockets.hold([address]), [])
  return { sockets, address, port }
}

test('held sockets take no connection from who listens, and can be listened on later', async () => {
  const { sockets, address, port } = await held()
  const accepted: string[] = []
  const listen = (name: string, options: object): Promise<void> =>
    new Promise((resolve) => {
      const server = createServer((socket) => {
        accepted.push(name)
        socket.end('x')
      })
      onTestEnd(() => void server.close())
      server.listen(options, resolve)
    })
  await listen('own', { host: '127.0.0.1', port, reusePort: true })
  const read = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.resume())
      socket.once('error', reject)
      socket.once('close', () => resolve())
    })
  for (let at = 0; at < 50; at++) await read()
  assert.equal(accepted.length, 50)

  const [given] = sockets.take([address])
  assert.equal(given!.address, `127.0.0.1:${port}`)
  await listen('held', { handle: given!.socket })
  for (let at = 0; at < 200 && !accepted.includes('held'); at++) await read()
  assert.ok(accepted.includes('held'))
})

test('each is given once, and when none is left nothing is', async () => {
  const { sockets, address } = await held()
  const given = new Set<BoundSocket>()
  for (let [one] = sockets.take([address]); one !== undefined; [one] = sockets.take([address])) {
    assert.ok(!given.has(one.socket))
    given.add(one.socket)
  }
  for (const socket of given) socket.close()
  assert.ok(given.size >= 16)
})

test('a port that is no longer wanted is let go', async () => {
  const openFiles = (): number => readdirSync('/proc/self/fd').length
  const { sockets, address } = await held()
  const before = openFiles()
  sockets.retain([address])
  assert.equal(openFiles(), before)
  sockets.retain([])
  assert.ok(openFiles() <= before - 16)
  assert.deepEqual(sockets.take([address]), [])
})

test('unix sockets and names cannot be held, and are given back', () => {
  const addresses = [
    { kind: 'unix', path: '/run/x.sock', mode: 0o660 },
    { kind: 'tcp', host: 'localhost', port: 81 },
  ] as const
  assert.deepEqual(new HeldSockets().hold(addresses), addresses)
})
