import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { startMemcached, type TestMemcached } from '../../support/memcached.ts'
import { poolPlan, testPool } from '../../support/memcached-pool.ts'
import { waitFor } from '../../support/wait.ts'
import { TestProxy } from './parts.ts'

let servers: readonly TestMemcached[]
let proxy: TestProxy
/** The same, for clients that may have next to nothing waiting. */
let strict: TestProxy

before(async () => {
  servers = await Promise.all([1, 2, 3].map(() => startMemcached({ args: ['-t', '1', '-m', '64'] })))
  const { pool } = testPool(poolPlan(servers.map(({ address }) => address)), undefined, 0)
  proxy = new TestProxy(pool)
  await proxy.listen()
  strict = new TestProxy(pool, {
    limits: { lineBytes: 64 * 1024, valueBytes: 128 * 1024, outstanding: 4096, clientBacklogBytes: 64 * 1024 },
  })
  await strict.listen()
})

const LONG_KEY = 'k'.repeat(251)

/** Everything that is read in its own way, with what it is answered. */
const conversation: readonly (readonly [request: string, answer: string])[] = [
  ['set a 1 0 7\r\nEND\r\n\0\n\r\n', 'STORED\r\n'],
  ['set b 0 0 0 noreply\r\n\r\n', ''],
  [' get  a \n', 'VALUE a 1 7\r\nEND\r\n\0\n\r\nEND\r\n'],
  ['get a none b\r\n', 'VALUE a 1 7\r\nEND\r\n\0\n\r\nVALUE b 0 0\r\n\r\nEND\r\n'],
  ['nonsense\r\n', 'ERROR\r\n'],
  [`set ${LONG_KEY} 0 0 9\r\nversion\r\n\r\n`, 'CLIENT_ERROR bad command line format\r\n'],
  ['set a x 0 4\r\n\r\n\r\n\r\n', 'CLIENT_ERROR bad command line format\r\n'],
  ['ms a 3 T0 q\r\nabc\r\n', ''],
  ['mg a v k q O7\r\n', 'VA 3 ka O7\r\nabc\r\n'],
  ['mg none v q\r\nmn\r\n', 'MN\r\n'],
  ['incr none 1\r\n', 'NOT_FOUND\r\n'],
  ['delete a 0 noreply\r\n', ''],
  ['gat 0 b a\r\n', 'VALUE b 0 0\r\n\r\nEND\r\n'],
  ['\r\n', 'ERROR\r\n'],
  ['mn\r\n', 'MN\r\n'],
]

const requests = Buffer.from(conversation.map(([request]) => request).join(''), 'latin1')
const answers = conversation.map(([, answer]) => answer).join('')

test('a conversation is answered the same, whatever pieces its bytes come in', async () => {
  for (let size = 1; size <= requests.length; size = size < 40 ? size + 1 : size * 2) {
    const { connection, client } = await proxy.connect()
    for (let at = 0; at < requests.length; at += size) proxy.feed(connection, requests.subarray(at, at + size))
    assert.equal((await client.read(answers.length)).toString('latin1'), answers, `pieces of ${size}`)
    client.socket.destroy()
  }
})

test('and wherever it is cut in two', async () => {
  for (let cut = 1; cut < requests.length; cut++) {
    const { connection, client } = await proxy.connect()
    proxy.feed(connection, requests.subarray(0, cut))
    proxy.feed(connection, requests.subarray(cut))
    assert.equal((await client.read(answers.length)).toString('latin1'), answers, `cut at ${cut}`)
    client.socket.destroy()
  }
})

test('answers of one turn leave in one write', async (t) => {
  const { connection, client } = await proxy.connect()
  const { mock } = t.mock.method(connection.socket, 'write')
  proxy.feed(connection, Buffer.from('version\r\nmn\r\n'.repeat(30)))
  await client.expect('VERSION 1.6.0\r\nMN\r\n'.repeat(30))
  assert.equal(mock.callCount(), 1)
})

test('a new client has few requests in work, and more with each answer', async () => {
  const { connection, client } = await proxy.connect()
  const { readBuffer } = proxy.worker
  const before = proxy.use.commands.get!
  const text = Buffer.from('get none\r\n'.repeat(1000))
  text.copy(readBuffer)
  assert.equal(connection.onBytes(readBuffer, text.length), false, 'it is not read any more')
  assert.equal(proxy.use.commands.get! - before, 16)
  await client.expect('END\r\n'.repeat(1000))
  assert.equal(proxy.use.commands.get! - before, 1000)
})

test('large values come and go by pieces, and are not disturbed by what is read next', async () => {
  const { connection, client } = await proxy.connect()
  const value = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251))
  const request = Buffer.concat([
    Buffer.from(`set big 0 0 ${value.length}\r\n`),
    value,
    Buffer.from('\r\nget big none big\r\n'),
  ])
  for (let at = 0; at < request.length; at += 30_000) proxy.feed(connection, request.subarray(at, at + 30_000))
  const block = Buffer.concat([Buffer.from(`VALUE big 0 ${value.length}\r\n`), value, Buffer.from('\r\n')])
  const expected = Buffer.concat([Buffer.from('STORED\r\n'), block, block, Buffer.from('END\r\n')])
  assert.deepEqual(await client.read(expected.length), expected)
})

test('a client that asks for more than it may have waiting is disconnected, in one request or in many', async () => {
  const value = 'v'.repeat(100_000)
  const other = await strict.connect()
  for (const piece of [`set huge 0 0 ${value.length}\r\n`, value.slice(0, 50_000), value.slice(50_000), '\r\n'])
    strict.feed(other.connection, Buffer.from(piece))
  await other.client.expect('STORED\r\n')
  const small = 'get none\r\n'.repeat(300)
  for (const [done, request] of [`get${' huge'.repeat(100)}\r\n`, `${small}${'get huge\r\n'.repeat(100)}`].entries()) {
    const { connection, client } = await strict.connect()
    client.pause()
    strict.feed(connection, Buffer.from(request))
    await waitFor('its disconnection', () => strict.use.tallies.clientErr > done)
  }
  strict.feed(other.connection, Buffer.from(`get${' huge'.repeat(10)}\r\n`))
  await other.client.expect(`${`VALUE huge 0 ${value.length}\r\n${value}\r\n`.repeat(10)}END\r\n`)
})

test('what waits for servers when its client leaves is dropped in its place', async () => {
  const { connection, client } = await proxy.connect()
  const other = await proxy.connect()
  for (let round = 0; round < 20; round++) {
    const leaver = round === 0 ? { connection, client } : await proxy.connect()
    proxy.feed(
      leaver.connection,
      Buffer.from('set gone 0 0 4\r\ngone\r\nget gone none\r\nget gone\r\nset gone 0 0 1 noreply\r\nx\r\n'),
    )
    leaver.connection.socket.destroy()
    proxy.feed(other.connection, Buffer.from('get other\r\nset other 0 0 1\r\no\r\nget other\r\ndelete other\r\n'))
    await other.client.expect('END\r\nSTORED\r\nVALUE other 0 1\r\no\r\nEND\r\nDELETED\r\n')
  }
  await waitFor('the leavers to be forgotten', () => !proxy.worker.connections.has(connection))
  proxy.feed(other.connection, Buffer.from('get gone\r\n'))
  await other.client.expect('VALUE gone 0 1\r\nx\r\nEND\r\n')
  assert.deepEqual(proxy.faults, [])
})

test('what was read whole before its client left is done', async () => {
  const { connection } = await proxy.connect()
  const other = await proxy.connect()
  const many = Array.from({ length: 500 }, (_, i) => `set left 0 0 ${`${i}`.length}\r\n${i}\r\n`).join('')
  proxy.feed(connection, Buffer.from(many))
  connection.socket.destroy()
  await waitFor('the last of them', async () => {
    proxy.feed(other.connection, Buffer.from('get left\r\n'))
    return (await other.client.readThrough('END\r\n')).includes('\r\n499\r\n')
  })
})

test('what its client only wanted to read is not asked for when it has left', async () => {
  const { connection } = await proxy.connect()
  const other = await proxy.connect()
  proxy.feed(other.connection, Buffer.from('set unread 0 100 1\r\nx\r\n'))
  await other.client.expect('STORED\r\n')
  const before = await cmdGets()
  const reads = 'get unread\r\ngets unread unread\r\nmg unread v\r\n'.repeat(200)
  proxy.feed(
    connection,
    Buffer.from(`${reads}gat 0 unread\r\nmg unread v N5\r\nincr left 1\r\nset last 0 0 1\r\nx\r\n`),
  )
  connection.socket.destroy()
  await waitFor('the last of them', async () => {
    proxy.feed(other.connection, Buffer.from('mg last v\r\n'))
    return (
      (await other.client.readThrough('\r\n')).startsWith('VA') && (await other.client.expect('x\r\n')) === undefined
    )
  })
  proxy.feed(other.connection, Buffer.from('mg unread t\r\n'))
  await other.client.expect('HD t-1\r\n')
  const gets = (await cmdGets()) - before
  assert.ok(gets < 200, `${gets} gets of 800 reached the servers`)
})

/** Gets that all servers have seen. */
async function cmdGets(): Promise<number> {
  const counts = await Promise.all(servers.map((server) => server.stat('cmd_get')))
  return counts.reduce((sum, count) => sum + Number(count), 0)
}

test('a client that drains is served what it has sent, and disconnected', async () => {
  const { connection, client } = await proxy.connect()
  proxy.feed(connection, Buffer.from(`${'get none\r\n'.repeat(300)}get unfin`))
  connection.drain()
  assert.equal((await client.readToEnd()).toString(), 'END\r\n'.repeat(300))
})

test('the last answers wait for a client that reads slowly, and not for one that does not read at all', async (t) => {
  const { connection, client } = await proxy.connect()
  const idle = await proxy.connect()
  const value = 'v'.repeat(1_000_000)
  proxy.feed(connection, Buffer.from(`set slow 0 0 ${value.length}\r\n`))
  for (let at = 0; at < value.length; at += 50_000) proxy.feed(connection, Buffer.from(value.slice(at, at + 50_000)))
  proxy.feed(connection, Buffer.from('\r\n'))
  await client.expect('STORED\r\n')
  t.mock.timers.enable({ apis: ['setTimeout'] })
  for (const one of [connection, idle.connection]) proxy.feed(one, Buffer.from(`${'get slow\r\n'.repeat(10)}quit\r\n`))
  client.pause()
  idle.client.pause()
  while (!connection.socket.writableEnded || !idle.connection.socket.writableEnded)
    await new Promise((resolve) => setImmediate(resolve))
  t.mock.timers.tick(20_000)
  assert.equal(connection.socket.destroyed, false)
  client.resume()
  const answer = `VALUE slow 0 ${value.length}\r\n${value}\r\nEND\r\n`
  while (client.buffer.length < 10 * answer.length && client.closed === undefined)
    await new Promise((resolve) => setImmediate(resolve))
  assert.equal(client.buffer.length, 10 * answer.length)
  t.mock.timers.tick(30_000) // one look that sees what waits,
  t.mock.timers.tick(30_000) // and one that sees that it is still as much
  assert.equal(idle.connection.socket.destroyed, true)
})
