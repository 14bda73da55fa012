/** The client as the original library has it: one operation at a time, temporary or persistent, with RETRY and LATE. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BlockingClient, type BlockingClientOptions } from '../../../src/distcache/blocking-client.ts'
import { Code, Operation } from '../../../src/distcache/message.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { type Heard, type ScriptedSessions, scriptedSessions } from '../../support/scripted-sessions.ts'
import { waitFor } from '../../support/wait.ts'

const id = Buffer.from('the id')
const data = Buffer.from('the session')

async function open(server: ScriptedSessions, options: Partial<BlockingClientOptions> = {}): Promise<BlockingClient> {
  const client = await BlockingClient.open({ connect: server.address, ...options })
  onTestEnd(() => client.close())
  return client
}

function answer(heard: Heard): void {
  heard.reply(heard.operation === Operation.get ? data : Code.ok)
}

describe('temporary', () => {
  test('each operation has a connection of its own', async () => {
    const server = await scriptedSessions()
    server.onRequest = answer
    const client = await open(server)
    assert.equal(server.sockets.length, 0)
    assert.equal(await client.add(id, data, 60_000), true)
    assert.deepEqual(await client.get(id), data)
    assert.deepEqual(client.reget(), data)
    assert.equal(await client.have(id), true)
    assert.equal(client.reget(), undefined)
    assert.equal(await client.remove(id), true)
    assert.equal(server.sockets.length, 4)
    await waitFor('their ends', () => server.sockets.every((socket) => socket.destroyed || socket.readableEnded))
    const uids = server.heard.map(({ uid }) => uid)
    assert.deepEqual(uids, [uids[0], uids[0]! + 1, uids[0]! + 2, uids[0]! + 3])
  })

  test('without a server ADD and REMOVE fail, GET misses, HAVE is an error', async () => {
    const client = await open(await scriptedSessions({ isStarted: false }))
    assert.equal(await client.add(id, data, 60_000), false)
    assert.equal(await client.get(id), undefined)
    assert.equal(await client.remove(id), false)
    await assert.rejects(client.have(id), { code: 'unreachable' })
  })

  test('an agent that lost its server is an error of HAVE only', async () => {
    const server = await scriptedSessions()
    server.onRequest = (heard) => heard.reply(Code.disconnected)
    const client = await open(server)
    assert.equal(await client.add(id, data, 60_000), false)
    assert.equal(await client.get(id), undefined)
    await assert.rejects(client.have(id), { code: 'disconnected' })
  })

  test('a server that says nothing is waited for no longer than told', async () => {
    const server = await scriptedSessions()
    const client = await open(server, { timeoutMs: 20 })
    await assert.rejects(client.have(id), { code: 'timed-out' })
    server.onRequest = answer
    assert.equal(await client.have(id), true)
  })

  test('a second operation before the first has ended is a mistake of the caller', async () => {
    const server = await scriptedSessions()
    const client = await open(server)
    const first = client.have(id)
    await assert.rejects(client.have(id), /one operation at a time/)
    answer(await server.request(0))
    assert.equal(await first, true)
  })
})

describe('persistent', () => {
  test('has one connection, made at once', async () => {
    const server = await scriptedSessions()
    server.onRequest = answer
    const client = await open(server, { persistent: true })
    await waitFor('the connection', () => server.sockets.length === 1)
    for (let i = 0; i < 5; i++) assert.equal(await client.have(id), true)
    assert.equal(server.sockets.length, 1)
  })

  test('fails to open without a server', async () => {
    const server = await scriptedSessions({ isStarted: false })
    await assert.rejects(open(server, { persistent: true, retry: true }), { code: 'unreachable' })
  })

  test('once lost fails for ever without retry', async () => {
    const server = await scriptedSessions()
    const client = await open(server, { persistent: true })
    const asked = client.get(id)
    await server.request(0)
    server.drop()
    assert.equal(await asked, undefined)
    server.onRequest = answer
    assert.equal(await client.get(id), undefined)
    assert.equal(server.sockets.length, 1)
  })

  test('with retry, an operation whose connection is lost is sent once more with the same number', async () => {
    const server = await scriptedSessions()
    const client = await open(server, { persistent: true, retry: true })
    const asked = client.get(id)
    await server.request(0)
    server.onRequest = answer
    server.drop()
    assert.deepEqual(await asked, data)
    assert.equal(server.heard[0]?.uid, server.heard[1]?.uid)
  })

  test('with retry, not more than once', async () => {
    const server = await scriptedSessions()
    server.onRequest = () => server.drop()
    const client = await open(server, { persistent: true, retry: true })
    assert.equal(await client.get(id), undefined)
    assert.equal(server.heard.length, 2)
  })

  test('with retry, a connection that an agent ended for idleness is made anew', async () => {
    const server = await scriptedSessions()
    server.onRequest = answer
    const client = await open(server, { persistent: true, retry: true })
    assert.equal(await client.have(id), true)
    server.drop()
    for (let i = 0; i < 3; i++) assert.equal(await client.have(id), true)
    assert.equal(server.sockets.length, 2)
  })

  test('with retry but not late, a server that was gone stays gone', async () => {
    const server = await scriptedSessions()
    const client = await open(server, { persistent: true, retry: true })
    await server.stop()
    assert.equal(await client.get(id), undefined)
    server.onRequest = answer
    await server.start()
    assert.equal(await client.get(id), undefined)
  })

  test('late, it connects when it must and comes back', async () => {
    const server = await scriptedSessions({ isStarted: false })
    const client = await open(server, { persistent: true, late: true })
    assert.equal(await client.get(id), undefined)
    server.onRequest = answer
    await server.start()
    assert.deepEqual(await client.get(id), data)
    assert.deepEqual(await client.get(id), data)
    assert.equal(server.sockets.length, 1)
  })

  test('an answer of another operation ends the connection', async () => {
    const server = await scriptedSessions()
    server.onRequest = (heard) => heard.reply(Code.ok, { uid: heard.uid + 1 })
    const client = await open(server, { persistent: true })
    await assert.rejects(client.have(id), { code: 'bad-response' })
    await waitFor('the end', () => server.sockets[0]?.destroyed)
  })
})
