/** The client that pipelines: what it says, what it makes of answers, and what becomes of those who wait. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { type ClientOptions, SessionClient } from '../../../src/distcache/client.ts'
import { Code, Operation } from '../../../src/distcache/message.ts'
import type { Outcome } from '../../../src/distcache/outcome.ts'
import { Uids } from '../../../src/distcache/uids.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { type ScriptedSessions, scriptedSessions } from '../../support/scripted-sessions.ts'
import { waitFor } from '../../support/wait.ts'

const id = Buffer.from('the id of a session')
const data = Buffer.from('the session')

async function connected(options: Partial<ClientOptions> = {}): Promise<[ScriptedSessions, SessionClient]> {
  const server = await scriptedSessions()
  return [server, clientOf(server, options)]
}

function clientOf(server: ScriptedSessions, options: Partial<ClientOptions> = {}): SessionClient {
  const client = new SessionClient({ connect: server.address, timeoutMs: 20_000, uids: new Uids(), ...options })
  onTestEnd(() => client.close())
  return client
}

const failsWith = (code: string) => ({ name: 'SessionServiceError', code })

describe('operations', () => {
  test('are one message each, numbered from 1, and say what the specification says', async () => {
    const [server, client] = await connected()
    server.onRequest = (heard) => heard.reply(heard.operation === Operation.get ? data : Code.ok)
    const id32 = Buffer.from(Array.from({ length: 32 }, (_, i) => i + 1))
    await client.add(id32, Buffer.from('SESSIONDATA'), 60_000)
    assert.deepEqual(await client.get(id32), data)
    assert.equal(await client.have(id32), true)
    assert.equal(await client.remove(id32), true)
    const hex = id32.toString('hex')
    assert.equal(
      Buffer.concat(server.bytes).toString('hex'),
      `00110000000000000100000100330000ea6000000020${hex}53455353494f4e44415441` +
        `0011000000000000020001010020${hex}0011000000000000030003010020${hex}0011000000000000040002010020${hex}`,
    )
  })

  const answers: readonly (readonly [name: string, operation: number, payload: Buffer, expected: unknown])[] = [
    ['ADD that is stored', Operation.add, Buffer.from([0]), 'ok'],
    ['ADD of an id that is there', Operation.add, Buffer.from([101]), 'present'],
    ['ADD that lives too long', Operation.add, Buffer.from([102]), 'refused'],
    ['GET without a hit', Operation.get, Buffer.from([1]), undefined],
    ['GET of 4 bytes, which counts as none', Operation.get, Buffer.from('four'), undefined],
    ['GET of 5 bytes', Operation.get, Buffer.from('5byte'), Buffer.from('5byte')],
    ['GET of 32000 bytes', Operation.get, Buffer.alloc(32_000, 7), Buffer.alloc(32_000, 7)],
    ['REMOVE', Operation.remove, Buffer.from([0]), true],
    ['REMOVE of what is not there', Operation.remove, Buffer.from([1]), false],
    ['HAVE', Operation.have, Buffer.from([0]), true],
    ['HAVE of what is not there', Operation.have, Buffer.from([1]), false],
  ]
  for (const [name, operation, payload, expected] of answers) {
    test(name, async () => {
      const [server, client] = await connected()
      server.onRequest = (heard) => heard.reply(payload)
      assert.deepEqual(await run(client, operation), expected)
    })
  }

  for (const payload of [Buffer.from([Code.disconnected]), Buffer.alloc(0)]) {
    test(`an agent without a server says so with ${payload.length} bytes, and the connection stays`, async () => {
      const [server, client] = await connected()
      server.onRequest = (heard) => heard.reply(payload)
      for (const operation of [Operation.add, Operation.get, Operation.remove, Operation.have]) {
        await assert.rejects(run(client, operation), failsWith('disconnected'))
      }
      assert.equal(server.sockets.length, 1)
    })
  }

  test('what no message can hold is not sent', async () => {
    const [server, client] = await connected()
    await assert.rejects(client.add(id, Buffer.alloc(32_760), 1000), RangeError)
    await assert.rejects(client.add(id, data, -1), RangeError)
    await assert.rejects(client.add(id, data, 0.5), RangeError)
    assert.equal(server.sockets.length, 0)
  })

  test('numbers go round modulo 2^32 and leave out those that wait', async () => {
    const numbers = [0xfffffffe, 0xffffffff, 0, 0xfffffffe, 0xffffffff, 0, 1]
    class RoundAgain extends Uids {
      override next(): number {
        return numbers.shift()!
      }
    }
    const [server, client] = await connected({ uids: new RoundAgain() })
    const first = [client.have(id), client.have(id), client.have(id)]
    await server.request(2)
    assert.deepEqual(
      server.heard.map(({ uid }) => uid),
      [0xfffffffe, 0xffffffff, 0],
    )
    // The counter comes round while these still wait.
    const again = client.have(id)
    await server.request(3)
    assert.equal(server.heard[3]?.uid, 1)
    for (const heard of server.heard) heard.reply(Code.ok)
    assert.deepEqual(await Promise.all([...first, again]), [true, true, true, true])
  })

  test('the number after 2^32 - 1 is 0', () => {
    const uids = new Uids(0xfffffffe)
    assert.deepEqual([uids.next(), uids.next(), uids.next()], [0xffffffff, 0, 1])
  })
})

describe('the connection', () => {
  test('carries what is asked in one turn in one write, and answers in order', async () => {
    const [server, client] = await connected()
    server.onRequest = (heard) => heard.reply(heard.payload)
    const asked = Array.from({ length: 300 }, (_, i) => Buffer.from(`session ${i}`))
    assert.deepEqual(await Promise.all(asked.map((one) => client.get(one))), asked)
    assert.equal(server.bytes.length, 1)
  })

  for (const [name, other] of [
    ['number', { uid: 77 }],
    ['operation', { operation: Operation.have }],
  ] as const) {
    test(`ends when an answer has another ${name}: all that wait fail, and the next operation has a new one`, async () => {
      const [server, client] = await connected({ retryMs: 0 })
      const asked = [client.get(id), client.get(id)]
      const heard = await server.request(1)
      heard.reply(data, other)
      for (const one of asked) await assert.rejects(one, failsWith('bad-response'))
      server.onRequest = (next) => next.reply(data)
      assert.deepEqual(await client.get(id), data)
      assert.equal(server.sockets.length, 2)
    })
  }

  test('ends when an answer has a code that its operation has not', async () => {
    const [server, client] = await connected()
    server.onRequest = (heard) => heard.reply(9)
    await assert.rejects(client.have(id), failsWith('bad-response'))
    await waitFor('the end', () => server.sockets[0]?.destroyed)
  })

  test('ends when the server says what nobody asked', async () => {
    const [server, client] = await connected()
    server.onRequest = (heard) => heard.reply(Code.ok)
    await client.have(id)
    server.heard[0]!.reply(Code.ok)
    await waitFor('the end', () => server.sockets[0]?.destroyed)
    assert.equal(client.isConnected, false)
  })

  test('ends when bytes are not the protocol', async () => {
    const [server, client] = await connected()
    const asked = client.get(id)
    const heard = await server.request(0)
    heard.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
    await assert.rejects(asked, failsWith('bad-response'))
  })

  test('that is lost fails those who wait', async () => {
    const [server, client] = await connected()
    const asked = [client.get(id), client.add(id, data, 1000), client.remove(id), client.have(id)]
    await server.request(3)
    server.drop()
    for (const one of asked) await assert.rejects(one, failsWith('lost'))
    assert.equal(client.asked, 0)
  })

  test('lost while idle, as agents do, is made anew for the next operation without a wait', async () => {
    const [server, client] = await connected({ retryMs: 3_600_000 })
    server.onRequest = (heard) => heard.reply(Code.ok)
    await client.have(id)
    server.drop()
    await waitFor('the loss', () => !client.isConnected)
    assert.equal(await client.have(id), true)
    assert.equal(server.sockets.length, 2)
  })

  test('that cannot be made is not tried again before its time', async () => {
    const server = await scriptedSessions({ isStarted: false })
    const client = clientOf(server, { retryMs: 3_600_000 })
    await assert.rejects(client.get(id), failsWith('unreachable'))
    await server.start()
    await assert.rejects(client.get(id), failsWith('unreachable'))
    assert.equal(server.sockets.length, 0)
  })

  test('comes back with the server', async () => {
    const server = await scriptedSessions({ isStarted: false })
    const client = clientOf(server, { retryMs: 1, mostRetryMs: 20 })
    server.onRequest = (heard) => heard.reply(data)
    await assert.rejects(client.get(id), failsWith('unreachable'))
    await server.start()
    assert.deepEqual(await waitFor('the server', () => client.get(id).catch(() => false as const)), data)
  })

  test('lost again and again without an answer is tried less and less often', async () => {
    const [server, client] = await connected({ retryMs: 2, mostRetryMs: 3_600_000 })
    server.onRequest = ({ socket }) => socket.destroy()
    const sinceMs = performance.now()
    for (let losses = 0; losses < 7; ) {
      const code = await client.get(id).catch((error: { code: string }) => error.code)
      if (code === 'lost') losses++
      await new Promise(setImmediate)
    }
    // The waits between them: 2, 4, 8, 16, 32 and 64 ms.
    assert.ok(performance.now() - sinceMs >= 126)
  })

  test('closed by the client fails those who wait and is not made again', async () => {
    const [server, client] = await connected()
    const asked = client.get(id)
    await server.request(0)
    client.close()
    await assert.rejects(asked, failsWith('closed'))
    await assert.rejects(client.get(id), failsWith('closed'))
    assert.equal(server.sockets.length, 1)
  })
})

describe('time', () => {
  test('an operation without an answer fails, and its answer, come late, is nobody else’s', async () => {
    const [server, client] = await connected({ timeoutMs: 30 })
    const late = client.get(id)
    await assert.rejects(late, failsWith('timed-out'))
    server.onRequest = (heard) => {
      server.heard[0]!.reply(Buffer.from('too late'))
      heard.reply(data)
    }
    assert.deepEqual(await client.get(id), data)
    assert.equal(server.sockets.length, 1)
    assert.equal(client.asked, 0)
  })

  test('that this thread is busy does not count', async () => {
    const thread = new Worker(new URL('../../support/session-thread.ts', import.meta.url))
    onTestEnd(async () => void (await thread.terminate()))
    const [port] = await once(thread, 'message')
    const connect = `IP:127.0.0.1:${port}`
    const client = new SessionClient({ connect, timeoutMs: 200, silenceMs: 200, uids: new Uids() })
    onTestEnd(() => client.close())
    client.preconnect()
    await waitFor('a connection', () => client.isConnected)
    const beBusy = (): void => {
      for (const untilMs = performance.now() + 400; performance.now() < untilMs; );
    }
    await client.add(id, data, 60_000)
    // Before it is written, behind that, and when the answer has come.
    for (const turns of [0, 1, 2, 3]) {
      const asked = client.get(id)
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
      beBusy()
      assert.deepEqual(await asked, data, `busy after ${turns} turns`)
    }
    assert.equal(client.isConnected, true)
  })

  test('a server that connects and says nothing is lost after a while', async () => {
    const [server, client] = await connected({ timeoutMs: 5, silenceMs: 40 })
    const asked = [client.get(id), client.have(id)]
    for (const one of asked) await assert.rejects(one, failsWith('timed-out'))
    await waitFor('the end', () => server.sockets[0]?.destroyed)
    assert.equal(client.asked, 0)
  })

  test('a server that is slow and answers is not lost', async () => {
    const [server, client] = await connected({ timeoutMs: 10, silenceMs: 60_000 })
    for (let i = 0; i < 5; i++) {
      await assert.rejects(client.have(id), failsWith('timed-out'))
      server.heard[i]!.reply(Code.ok)
    }
    await waitFor('the answers', () => client.asked === 0)
    assert.equal(server.sockets.length, 1)
  })
})

describe('begin', () => {
  test('tells the object the outcome, once, after it has returned', async () => {
    const [server, client] = await connected()
    server.onRequest = (heard) => heard.reply(heard.operation === Operation.get ? data : Code.addPresent)
    const told: [Outcome, string][] = []
    const request = {
      onDone: (outcome: Outcome, bytes: Buffer, start: number, end: number) => {
        told.push([outcome, bytes.toString('latin1', start, end)])
      },
    }
    assert.equal(client.begin(request, Operation.get, id), true)
    assert.equal(client.beginAdd(request, id, data, 1000), true)
    assert.deepEqual(told, [])
    await waitFor('both', () => told.length === 2)
    assert.deepEqual(told, [
      ['ok', 'the session'],
      ['present', 'e'],
    ])
  })

  test('refuses without telling where there is no server, and where too much waits', async () => {
    const request = { onDone: () => {} }
    const [, client] = await connected()
    assert.equal(client.beginAdd(request, id, Buffer.alloc(32_768), 1000), false)
    let begun = 0
    while (client.begin(request, Operation.get, id)) begun++
    assert.equal(begun, 4096)
    client.close()
    assert.equal(client.begin(request, Operation.get, id), false)
  })

  test('may be called by who is told', async () => {
    const [server, client] = await connected({ retryMs: 0 })
    let left = 3
    const request = {
      onDone: () => {
        left--
        if (left > 0) assert.equal(client.begin(request, Operation.get, id), true)
      },
    }
    client.begin(request, Operation.get, id)
    await server.request(0)
    server.onRequest = (heard) => heard.reply(data)
    server.drop()
    await waitFor('the others', () => left === 0)
    assert.equal(server.heard.length, 3)
  })

  test('an object that closes the client when told ends everything in order', async () => {
    const [server, client] = await connected()
    const told: Outcome[] = []
    const request = {
      onDone: (outcome: Outcome) => {
        told.push(outcome)
        client.close()
      },
    }
    for (let i = 0; i < 3; i++) client.begin(request, Operation.have, id)
    await server.request(2)
    for (const heard of server.heard) heard.reply(Code.ok)
    await waitFor('all', () => told.length === 3)
    assert.deepEqual(told, ['ok', 'closed', 'closed'])
  })
})

test('an address that is none is a TypeError', () => {
  assert.throws(() => new SessionClient({ connect: 'localhost:9001' }), TypeError)
})

function run(client: SessionClient, operation: number): Promise<unknown> {
  if (operation === Operation.add) return client.add(id, data, 1000)
  if (operation === Operation.get) return client.get(id)
  return operation === Operation.remove ? client.remove(id) : client.have(id)
}
