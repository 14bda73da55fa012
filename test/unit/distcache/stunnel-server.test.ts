import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { OperationCount } from '../../../src/distcache/operation-count.ts'
import { type RemoteSessions, SessionOutcome } from '../../../src/distcache/remote-sessions.ts'
import { SessionStore } from '../../../src/distcache/session-store.ts'
import { StunnelServer } from '../../../src/distcache/stunnel-server.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { rampBytes } from '../../support/distcache-vectors.ts'
import { within } from '../../support/wait.ts'

const id = Buffer.alloc(32, 0xab)
const get = datagram(1, 0)

function datagram(type: number, timeoutSec: number, data: Buffer = Buffer.alloc(0), of: Buffer = id): Buffer {
  return Buffer.concat([Buffer.from([1, type, timeoutSec >> 8, timeoutSec & 0xff]), of, data])
}

async function start(sessions: SessionStore | RemoteSessions = new SessionStore(64), now = () => 0) {
  const count = new OperationCount()
  const address = { kind: 'tcp', host: '127.0.0.1', port: 0, family: 4 } as const
  const server = await StunnelServer.open(address, { sessions, count, now })
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  socket.connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  onTestEnd(() => {
    server.close()
    socket.close()
  })
  return { socket, count }
}

/** Sends all of these, the last being answered. */
async function ask(socket: Socket, ...datagrams: Buffer[]): Promise<Buffer> {
  const answer = once(socket, 'message')
  for (const bytes of datagrams) socket.send(bytes)
  const [bytes] = await within('an answer', answer)
  return bytes
}

const found = (data: Buffer): Buffer => datagram(0x81, 0, data)
const notFound = datagram(0x80, 0)

test('sessions are stored, found, replaced and removed, and only `get` is answered', async () => {
  const { socket, count } = await start()
  assert.deepEqual(await ask(socket, get), notFound)
  assert.deepEqual(await ask(socket, datagram(0, 300, rampBytes(126)), get), found(rampBytes(126)))
  assert.deepEqual(await ask(socket, datagram(0, 300, rampBytes(512)), get), found(rampBytes(512)))
  assert.deepEqual(await ask(socket, datagram(2, 0), get), notFound)
  assert.equal(count.total, 7)
})

test('a session ends with its seconds', async () => {
  let nowMs = 0
  const { socket } = await start(new SessionStore(64), () => nowMs)
  await ask(socket, datagram(0, 300, rampBytes(126)), get)
  nowMs = 299_999
  assert.deepEqual(await ask(socket, get), found(rampBytes(126)))
  nowMs = 300_000
  assert.deepEqual(await ask(socket, get), notFound)
})

test('what is not as stunnel sends it is neither done nor answered', async () => {
  const { socket, count } = await start()
  const strange = [
    Buffer.alloc(0),
    get.subarray(0, 35),
    Buffer.concat([get, Buffer.alloc(1)]),
    Buffer.concat([Buffer.from([2]), get.subarray(1)]),
    datagram(3, 0),
    datagram(0x81, 0, rampBytes(5)),
    datagram(0, 64_801, rampBytes(126)),
    datagram(0, 300),
    datagram(0, 300, rampBytes(513)),
    datagram(2, 0, rampBytes(1)),
  ]
  assert.deepEqual(await ask(socket, ...strange, get), notFound)
  assert.equal(count.total, 1)
})

test('a session that stunnel has no room for is not found', async () => {
  const sessions = new SessionStore(64)
  const bytes = Buffer.concat([id, rampBytes(513)])
  sessions.add(0, 1000, bytes, 0, 32, bytes.length)
  const { socket } = await start(sessions)
  assert.deepEqual(await ask(socket, get), notFound)
})

test('sessions may be kept elsewhere', async () => {
  const calls: string[] = []
  const sessions: RemoteSessions = {
    add: (_, data, timeoutMs) => calls.push(`add ${data.length} ${timeoutMs}`),
    remove: () => calls.push('remove'),
    have: () => calls.push('have'),
    get: (asked, sink) => {
      assert.deepEqual(asked, id)
      calls.push('get')
      const data = rampBytes(10)
      setImmediate(() => sink.onSession(calls.length < 4 ? SessionOutcome.failed : SessionOutcome.done, data))
    },
  }
  const { socket } = await start(sessions)
  assert.deepEqual(await ask(socket, get), notFound)
  assert.deepEqual(await ask(socket, datagram(0, 2, rampBytes(3)), get), found(rampBytes(10)))
  assert.deepEqual(calls, ['get', 'remove', 'add 3 2000', 'get'])
})
