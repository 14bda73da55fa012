/** The agent between clients and a server that a test plays: numbers, order, fairness, bounds, and the loss of either side. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { connect, Socket } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Agent, type AgentOptions } from '../../../src/distcache/agent.ts'
import { Code, Operation } from '../../../src/distcache/message.ts'
import { Uids } from '../../../src/distcache/uids.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { requestBytes } from '../../support/distcache.ts'
import { type ScriptedSessions, scriptedSessions } from '../../support/scripted-sessions.ts'
import { expectBytes, hex, responseBytes, unixWire } from '../../support/session-frames.ts'
import { tempDir } from '../../support/temp.ts'
import { waitFor } from '../../support/wait.ts'
import { Wire } from '../../support/wire.ts'

const ID32 = '0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'
const id = Buffer.from('the id')

interface Between {
  readonly server: ScriptedSessions
  readonly agent: Agent
  readonly path: string
  /** What the operator was told. */
  readonly notices: string[]
  readonly client: () => Promise<Wire>
  /** So many, one after the other: the kernel's queue of a unix socket is short. */
  readonly clients: (count: number) => Promise<Wire[]>
}

async function between(options: Partial<AgentOptions> & { isServerUp?: boolean } = {}): Promise<Between> {
  const { isServerUp = true, ...rest } = options
  const server = await scriptedSessions({ isStarted: isServerUp })
  const path = join(tempDir(), 'agent')
  const notices: string[] = []
  const agent = await Agent.open({
    listen: `UNIX:${path}`,
    connect: server.address,
    retryMs: 10,
    onNotice: (text) => notices.push(text),
    ...rest,
  })
  onTestEnd(() => agent.close())
  if (isServerUp) await waitFor('the server', () => agent.isConnected)
  else await waitFor('the failure', () => notices.length > 0)
  const client = () => unixWire(path)
  const clients = async (count: number) => {
    const wires: Wire[] = []
    while (wires.length < count) wires.push(await client())
    return wires
  }
  return { server, agent, path, notices, client, clients }
}

/** As `between`, over TCP, where a client can go for good while its request is under way. */
async function betweenTcp(): Promise<Pick<Between, 'server' | 'agent' | 'client'>> {
  const { server, agent } = await between({ listen: 'IP:127.0.0.1:0' })
  const client = async () => {
    const socket = connect(agent.port, '127.0.0.1')
    onTestEnd(() => {
      socket.destroy()
    })
    await once(socket, 'connect')
    return new Wire(socket)
  }
  return { server, agent, client }
}

const heardUids = (server: ScriptedSessions) => server.heard.map(({ uid }) => uid)
const allBytes = (server: ScriptedSessions) => Buffer.concat(server.bytes).toString('hex')

describe('requests', () => {
  test('of two clients with the same numbers, a loss, and the next connection, byte for byte', async () => {
    const { server, agent, client, notices } = await between({ retryMs: 200 })
    const [one, two] = [await client(), await client()]
    one.send(hex(`0011000000 00001111 00 01 01 0020 ${ID32}   0011000000 00001112 00 03 01 0020 ${ID32}`))
    await server.request(0)
    two.send(hex('0011000000 00001111 00 01 01 0005 0102030405'))
    await server.request(1)
    assert.equal(
      allBytes(server),
      `00110000000000000100010100 20${ID32}001100000000000002000101 00050102030405`.replaceAll(' ', ''),
    )
    server.heard[1]!.socket.write(hex('0011000001 00000002 00 01 01 0007 666f722d633221'))
    server.heard[0]!.socket.write(hex('0011000001 00000001 00 01 01 0007 666f722d633121'))
    await expectBytes(one, hex('0011000001 00001111 00 01 01 0007 666f722d633121'))
    await expectBytes(two, hex('0011000001 00001111 00 01 01 0007 666f722d633221'))
    const third = await server.request(2)
    assert.equal(third.uid, 3)
    await server.stop()
    await expectBytes(one, hex('0011000001 00001112 00 03 01 0001 02'))
    one.send(hex(`0011000000 00001113 00 01 01 0020 ${ID32}`))
    await expectBytes(one, hex('0011000001 00001113 00 01 01 0001 02'))
    await server.start()
    await waitFor('the next connection', () => agent.isConnected)
    one.send(hex(`0011000000 00001114 00 03 01 0020 ${ID32}`))
    const next = await server.request(3)
    assert.equal(next.uid, 4)
    next.reply(Code.ok)
    await expectBytes(one, hex('0011000001 00001114 00 03 01 0001 00'))
    assert.ok(notices.some((text) => text.includes('lost the server')))
  })

  test('without a server are answered at once with one byte', async () => {
    const { client } = await between({ isServerUp: false, retryMs: 3_600_000 })
    const one = await client()
    one.send(hex(`0011000000 00000007 00 01 01 0020 ${ID32} 0011000000 00000008 00 03 01 0020 ${ID32}`))
    one.send(hex('0011000000 00000009 00 00 01 000e 00000064 00000001 69 6461746121'))
    await expectBytes(one, hex('0011000001 00000007 00 01 01 0001 02'))
    await expectBytes(one, hex('0011000001 00000008 00 03 01 0001 02'))
    await expectBytes(one, hex('0011000001 00000009 00 00 01 0001 02'))
  })

  test('and answers carry the patch level of the agent, whatever came', async () => {
    const { server, client } = await between()
    const one = await client()
    one.send(hex('0011 0005 00 0000002a 00 01 01 0005 0102030405'))
    const heard = await server.request(0)
    assert.equal(allBytes(server), '001100000000000001000101' + '00050102030405')
    heard.socket.write(hex('0011 0007 01 00000001 00 01 01 0006 736563726574'))
    await expectBytes(one, hex('0011 0000 01 0000002a 00 01 01 0006 736563726574'))
  })

  test('are whole before they go to the server, however they come', async () => {
    const { server, client } = await between()
    server.onRequest = (heard) => heard.reply(heard.payload)
    const one = await client()
    const payload = Buffer.alloc(5000, 'payload ')
    const bytes = Buffer.concat([requestBytes(1, Operation.get, payload), requestBytes(2, Operation.have, id)])
    for (let at = 0; at < bytes.length; at += 700) {
      one.socket.write(bytes.subarray(at, at + 700))
      await new Promise(setImmediate)
    }
    await expectBytes(one, responseBytes(1, Operation.get, payload))
    await expectBytes(one, responseBytes(2, Operation.have, id))
  })

  test('of many clients in one turn of the event loop leave in one write', async (t) => {
    const { server, agent, clients } = await between()
    const wires = await clients(60)
    await waitFor('all', () => agent.clients === 60)
    const write = t.mock.method(Socket.prototype, 'write')
    const request = requestBytes(1, Operation.have, id)
    for (const wire of wires) wire.send(request)
    await server.request(59)
    const longest = Math.max(...write.mock.calls.map(({ arguments: [bytes] }) => (bytes as Buffer).length))
    // All of them, unless the kernel was late with some.
    assert.ok(longest >= 30 * request.length, `${longest} bytes in one write`)
  })

  test('of one client go one by one, and a large answer keeps its place', async () => {
    const { server, client } = await between()
    const one = await client()
    const large = Buffer.alloc(32_700, 'large ')
    one.send(Buffer.concat([1, 2, 3].map((uid) => requestBytes(uid, Operation.get, id))))
    const first = await server.request(0)
    assert.equal(server.heard.length, 1)
    first.reply(large)
    const second = await server.request(1)
    await expectBytes(one, responseBytes(1, Operation.get, large))
    second.reply(large)
    const third = await server.request(2)
    third.reply(Code.absent)
    await expectBytes(one, responseBytes(2, Operation.get, large))
    await expectBytes(one, responseBytes(3, Operation.get, Code.absent))
  })

  test('over 512 wait, and are served in turn: a client that asks again stands behind the others', async () => {
    const { server, agent, clients } = await between()
    const wires = await clients(515)
    for (const [i, wire] of wires.slice(0, 512).entries()) {
      wire.send(Buffer.concat([requestBytes(i, Operation.get, id), requestBytes(10_000 + i, Operation.have, id)]))
    }
    await waitFor('512', () => server.heard.length === 512)
    for (const [i, wire] of wires.slice(512).entries()) {
      wire.send(requestBytes(512 + i, Operation.remove, id))
      await waitFor('it to wait', () => agent.waiting === i + 1)
    }
    assert.equal(agent.asked, 512)
    assert.equal(server.heard.length, 512)
    for (let i = 0; i < 5; i++) {
      server.heard[i]!.reply(Code.absent)
      await server.request(512 + i)
    }
    const operations = server.heard.slice(512).map(({ operation }) => operation)
    const { remove, have } = Operation
    assert.deepEqual(operations, [remove, remove, remove, have, have])
    assert.equal(agent.asked, 512)
  })

  test('numbers go round modulo 2^32 and leave out those in flight', async () => {
    const numbers = [0xfffffffe, 0xffffffff, 0, 0xfffffffe, 0xffffffff, 0, 1]
    class RoundAgain extends Uids {
      override next(): number {
        return numbers.shift()!
      }
    }
    const { server, client } = await between({ uids: new RoundAgain() })
    for (let i = 0; i < 4; i++) {
      const wire = await client()
      wire.send(requestBytes(7, Operation.have, id))
      await server.request(i)
    }
    assert.deepEqual(heardUids(server), [0xfffffffe, 0xffffffff, 0, 1])
  })
})

describe('clients', () => {
  test('that go leave an answer behind which nobody else gets', async () => {
    const { server, agent, client } = await betweenTcp()
    const [one, two] = [await client(), await client()]
    one.send(requestBytes(1, Operation.get, id))
    const first = await server.request(0)
    one.reset()
    await waitFor('it to be gone', () => agent.clients === 1)
    two.send(requestBytes(1, Operation.get, id))
    const second = await server.request(1)
    first.reply(Buffer.from('for one'))
    second.reply(Buffer.from('for two'))
    await expectBytes(two, responseBytes(1, Operation.get, Buffer.from('for two')))
    assert.equal(agent.asked, 0)
    assert.equal(server.sockets.length, 1)
  })

  test('that close with a request under way are gone when the answer finds nobody', async () => {
    const { server, agent, client } = await between()
    const [one, two] = [await client(), await client()]
    one.send(requestBytes(1, Operation.get, id))
    const first = await server.request(0)
    one.socket.destroy()
    first.reply(Buffer.from('for one'))
    await waitFor('it to be gone', () => agent.clients === 1)
    two.send(requestBytes(2, Operation.get, id))
    const second = await server.request(1)
    second.reply(Code.absent)
    await expectBytes(two, responseBytes(2, Operation.get, Code.absent))
    assert.equal(server.sockets.length, 1)
  })

  test('that go while they wait for their turn are not asked for', async () => {
    const { server, agent, client } = await betweenTcp()
    for (let i = 0; i < 512; i++) (await client()).send(requestBytes(1, Operation.get, id))
    await waitFor('512', () => agent.asked === 512)
    const late = await client()
    late.send(requestBytes(1, Operation.get, id))
    await waitFor('one', () => agent.waiting === 1)
    late.reset()
    await waitFor('none', () => agent.waiting === 0)
    server.heard[0]!.reply(Code.absent)
    await waitFor('the answer', () => agent.asked === 511)
    assert.equal(server.heard.length, 512)
  })

  test('that half-close get what they asked for, then the end', async () => {
    const { server, client } = await between()
    const one = await client()
    one.send(Buffer.concat([requestBytes(1, Operation.get, id), requestBytes(2, Operation.have, id)]))
    one.end()
    const first = await server.request(0)
    first.reply(Buffer.from('answer'))
    const second = await server.request(1)
    second.reply(Code.ok)
    const both = [responseBytes(1, Operation.get, Buffer.from('answer')), responseBytes(2, Operation.have, Code.ok)]
    assert.deepEqual(await one.readToEnd(), Buffer.concat(both))
  })

  const corrupt: readonly (readonly [name: string, bytes: Buffer])[] = [
    ['an ADD of 7 bytes', requestBytes(2, Operation.add, Buffer.alloc(7))],
    ['an empty ADD', requestBytes(2, Operation.add, Buffer.alloc(0))],
    ['another version', hex('0010000000')],
    ['a response', hex('0011000001')],
    ['another operation', hex('0011000000 00000001 00 04 01 0000')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
  ]
  for (const [name, bytes] of corrupt) {
    test(`that send ${name} are closed, after what they asked before is answered, and nobody else`, async () => {
      const { server, agent, client } = await between()
      const [one, two] = [await client(), await client()]
      one.send(Buffer.concat([requestBytes(1, Operation.get, id), bytes]))
      two.send(requestBytes(1, Operation.have, id))
      await waitFor('both', () => server.heard.length === 2)
      for (const heard of server.heard) heard.reply(Code.absent)
      await expectBytes(one, responseBytes(1, Operation.get, Code.absent))
      await one.expectClose()
      await expectBytes(two, responseBytes(1, Operation.have, Code.absent))
      assert.equal(agent.clients, 1)
      assert.equal(server.heard.length, 2)
      assert.equal(server.sockets.length, 1)
    })
  }

  test('that do not read get no further answers, and all of them when they do', async () => {
    const { server, client } = await between()
    const large = Buffer.alloc(32_000, 'x')
    server.onRequest = (heard) => heard.reply(large)
    const one = await client()
    one.pause()
    const count = 200
    one.send(Buffer.concat(Array.from({ length: count }, (_, uid) => requestBytes(uid, Operation.get, id))))
    let heard = -1
    await waitFor('no more to be asked', async () => {
      const before = heard
      heard = server.heard.length
      await new Promise((resolve) => setTimeout(resolve, 50))
      return heard > 0 && heard === before
    })
    assert.ok(heard < count / 2, `${heard} of ${count} asked`)
    one.resume()
    for (let uid = 0; uid < count; uid++) await expectBytes(one, responseBytes(uid, Operation.get, large))
  })

  test('over 1024 are closed at once, and the operator is told', async () => {
    const { agent, notices, client, clients } = await between()
    const wires = await clients(1024)
    await waitFor('all', () => agent.clients === 1024)
    const late = await client()
    await late.expectClose()
    assert.ok(notices.some((text) => text.includes('1024 clients')))
    wires[0]!.socket.destroy()
    await waitFor('one fewer', () => agent.clients === 1023)
    await client()
    await waitFor('another', () => agent.clients === 1024)
  })

  test('that are idle are closed, those with a request under way are not', async () => {
    const { server, agent, client } = await between({ idleMs: 50 })
    const [idle, busy] = [await client(), await client()]
    busy.send(requestBytes(1, Operation.get, id))
    const heard = await server.request(0)
    await idle.expectClose()
    assert.equal(agent.clients, 1)
    heard.reply(Code.absent)
    await expectBytes(busy, responseBytes(1, Operation.get, Code.absent))
    await busy.expectClose()
  })

  test('are the owner of the socket, and nobody else', async () => {
    const { path } = await between()
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })
})

describe('the server', () => {
  const wrong: readonly (readonly [name: string, bytes: Buffer])[] = [
    ['a response that nobody asked for', responseBytes(99, Operation.get, Code.absent)],
    ['a response of another operation', responseBytes(1, Operation.have, Code.absent)],
    ['a request', requestBytes(1, Operation.get, id)],
    ['what is not the protocol', Buffer.from('ERROR\r\n')],
  ]
  for (const [name, bytes] of wrong) {
    test(`that sends ${name} is lost: those in flight are told, clients stay`, async () => {
      const { server, agent, client } = await between()
      const [one, two] = [await client(), await client()]
      one.send(requestBytes(11, Operation.get, id))
      await server.request(0)
      two.send(requestBytes(12, Operation.remove, id))
      const heard = await server.request(1)
      heard.socket.write(bytes)
      await expectBytes(one, responseBytes(11, Operation.get, Code.disconnected))
      await expectBytes(two, responseBytes(12, Operation.remove, Code.disconnected))
      await waitFor('the next connection', () => agent.isConnected)
      one.send(requestBytes(13, Operation.get, id))
      const third = await server.request(2)
      assert.equal(third.uid, 3)
      third.reply(Buffer.from('again'))
      await expectBytes(one, responseBytes(13, Operation.get, Buffer.from('again')))
      assert.equal(server.sockets.length, 2)
    })
  }

  test('that was sent the half of an answer and is lost gives nobody that half', async () => {
    const { server, client } = await between()
    const one = await client()
    one.send(requestBytes(1, Operation.get, id))
    const heard = await server.request(0)
    heard.socket.end(responseBytes(1, Operation.get, Buffer.alloc(3000, 'half')).subarray(0, 2500))
    await expectBytes(one, responseBytes(1, Operation.get, Code.disconnected))
  })

  test('that is lost answers those, too, that wait for their turn', async () => {
    const { server, agent, clients } = await between({ retryMs: 3_600_000 })
    const wires = await clients(520)
    for (const [uid, wire] of wires.entries()) wire.send(requestBytes(uid, Operation.get, id))
    await waitFor('all', () => agent.asked === 512 && agent.waiting === 8)
    server.drop()
    for (const [uid, wire] of wires.entries()) {
      await expectBytes(wire, responseBytes(uid, Operation.get, Code.disconnected))
    }
    assert.equal(agent.clients, 520)
  })

  test('that comes up later is found by the next attempt', async () => {
    const { server, agent, client } = await between({ isServerUp: false })
    await server.start()
    await waitFor('the connection', () => agent.isConnected)
    server.onRequest = (heard) => heard.reply(Code.ok)
    const one = await client()
    one.send(requestBytes(1, Operation.have, id))
    await expectBytes(one, responseBytes(1, Operation.have, Code.ok))
  })
})

test('a path that is in use is not taken', async () => {
  const { path, server } = await between()
  await assert.rejects(Agent.open({ listen: `UNIX:${path}`, connect: server.address }), /in use/)
})

describe('careful, for peers of the original', () => {
  test('asks one thing at a time', async () => {
    const { server, agent, clients } = await between({ careful: true })
    for (const [uid, wire] of (await clients(5)).entries()) wire.send(requestBytes(uid, Operation.get, id))
    await waitFor('the others to wait', () => agent.waiting === 4)
    for (let i = 0; i < 5; i++) {
      const heard = await server.request(i)
      assert.equal(server.heard.length, i + 1)
      heard.reply(Code.absent)
    }
  })

  test('holds what comes before the connection is open, and answers it when there is none', async () => {
    const { client } = await between({ careful: true, isServerUp: false, retryMs: 1 })
    const one = await client()
    one.send(requestBytes(1, Operation.get, id))
    await expectBytes(one, responseBytes(1, Operation.get, Code.disconnected))
  })

  test('sends what would be misread in two pieces, either way', async () => {
    const { server, client } = await between({ careful: true })
    server.onRequest = (heard) => heard.reply(heard.payload)
    const one = await client()
    const received: number[] = []
    one.socket.on('data', (bytes: Buffer) => received.push(bytes.length))
    const payload = Buffer.alloc(2048 + 2022, 'odd')
    const isInTwo = (lengths: readonly number[]) => lengths.at(-2) === 2062 && lengths.at(-1) === 2036
    // A process that is held up reads both pieces at once; in one piece they would never come as two.
    await waitFor('two pieces each way', async () => {
      one.send(Buffer.concat([requestBytes(1, Operation.get, payload), requestBytes(2, Operation.get, id)]))
      await expectBytes(one, responseBytes(1, Operation.get, payload))
      const isSplit = isInTwo(received)
      await expectBytes(one, responseBytes(2, Operation.get, id))
      return isSplit && isInTwo(server.bytes.slice(0, -1).map(({ length }) => length))
    })
  })
})
