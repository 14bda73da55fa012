/** A server in front of sessions that are kept elsewhere, which the test answers for, when and in which order it likes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RemoteSessions, SessionOutcome, type SessionSink } from '../../../src/distcache/remote-sessions.ts'
import {
  addBytes,
  assertSameBytes,
  connectWire,
  requestBytes,
  responseBytes,
  startDistcacheServer,
} from '../../support/distcache.ts'
import { id32, rampBytes } from '../../support/distcache-vectors.ts'
import { waitFor } from '../../support/wait.ts'

const { done, absent, present, failed } = SessionOutcome
const ADD = 0
const GET = 1
const REMOVE = 2
const HAVE = 3
const nothing = Buffer.alloc(0)
const code = (value: number) => Buffer.from([value])

interface Call {
  readonly text: string
  answer(outcome: number, data?: Buffer): void
}

class Elsewhere implements RemoteSessions {
  readonly calls: Call[] = []

  add(id: Buffer, data: Buffer, timeoutMs: number, sink: SessionSink): void {
    this.#keep(`add ${id.toString('hex')} ${data.toString('hex')} ${timeoutMs}`, sink)
  }

  get(id: Buffer, sink: SessionSink): void {
    this.#keep(`get ${id.toString('hex')}`, sink)
  }

  remove(id: Buffer, sink: SessionSink): void {
    this.#keep(`remove ${id.toString('hex')}`, sink)
  }

  have(id: Buffer, sink: SessionSink): void {
    this.#keep(`have ${id.toString('hex')}`, sink)
  }

  async take(count: number): Promise<Call[]> {
    await waitFor(`${count} calls`, () => this.calls.length >= count)
    return this.calls.splice(0, count)
  }

  #keep(text: string, sink: SessionSink): void {
    this.calls.push({ text, answer: (outcome, data = nothing) => sink.onSession(outcome, data) })
  }
}

async function start() {
  const elsewhere = new Elsewhere()
  const { server, target } = await startDistcacheServer({ sessions: elsewhere })
  return { elsewhere, server, target, wire: await connectWire(target) }
}

test('each operation and each outcome has its code', async () => {
  const { elsewhere, wire } = await start()
  const cases: [request: Buffer, text: string, outcome: number, data: Buffer, response: Buffer][] = [
    [
      addBytes(1, 500, id32, rampBytes(3)),
      `add ${id32.toString('hex')} 00070e 500`,
      done,
      nothing,
      responseBytes(1, ADD, code(0)),
    ],
    [addBytes(2, 500, code(9), code(8)), 'add 09 08 500', present, nothing, responseBytes(2, ADD, code(101))],
    [addBytes(3, 500, code(9), code(8)), 'add 09 08 500', failed, nothing, responseBytes(3, ADD, code(1))],
    [requestBytes(4, GET, code(9)), 'get 09', done, rampBytes(3000), responseBytes(4, GET, rampBytes(3000))],
    [requestBytes(5, GET, code(9)), 'get 09', absent, nothing, responseBytes(5, GET, code(1))],
    [requestBytes(6, GET, code(9)), 'get 09', failed, nothing, responseBytes(6, GET, code(1))],
    [requestBytes(7, REMOVE, code(9)), 'remove 09', done, nothing, responseBytes(7, REMOVE, code(0))],
    [requestBytes(8, REMOVE, code(9)), 'remove 09', absent, nothing, responseBytes(8, REMOVE, code(1))],
    [requestBytes(9, HAVE, nothing), 'have ', done, nothing, responseBytes(9, HAVE, code(0))],
    [requestBytes(10, HAVE, code(9)), 'have 09', failed, nothing, responseBytes(10, HAVE, code(1))],
  ]
  for (const [request, text, outcome, data, response] of cases) {
    wire.send(request)
    const [call] = await elsewhere.take(1)
    assert.equal(call!.text, text)
    call!.answer(outcome, Buffer.from(data))
    assertSameBytes(await wire.read(response.length), response)
  }
})

test('answers leave in the order of the requests, in whichever they come', async () => {
  const { elsewhere, wire } = await start()
  const bad = addBytes(4, 604_800_001, id32, code(1))
  const requests = [1, 2, 3].map((uid) => requestBytes(uid, GET, code(uid)))
  wire.send(Buffer.concat([...requests, bad, requestBytes(5, GET, code(5))]))
  const calls = await elsewhere.take(4)
  for (const i of [2, 3, 1]) calls[i]!.answer(done, rampBytes(10 * i))
  await wire.expectQuiet(20)
  calls[0]!.answer(done, rampBytes(7))
  const responses = [
    responseBytes(1, GET, rampBytes(7)),
    responseBytes(2, GET, rampBytes(10)),
    responseBytes(3, GET, rampBytes(20)),
    responseBytes(4, ADD, code(102)),
    responseBytes(5, GET, rampBytes(30)),
  ]
  for (const response of responses) assertSameBytes(await wire.read(response.length), response)
})

test('no more than 512 of one connection are under way, and no other waits for it', async () => {
  const { elsewhere, server, target, wire } = await start()
  wire.send(Buffer.concat(Array.from({ length: 2000 }, (_, uid) => requestBytes(uid, HAVE, code(1)))))
  const first = await elsewhere.take(512)
  await wire.expectQuiet(20)
  assert.equal(server.operations, 512)
  const other = await connectWire(target)
  other.send(requestBytes(7, HAVE, code(2)))
  const [call] = await elsewhere.take(1)
  assert.equal(call!.text, 'have 02')
  call!.answer(done)
  assertSameBytes(await other.read(15), responseBytes(7, HAVE, code(0)))
  for (const one of first) one.answer(done)
  for (let left = 2000 - 512; left > 0; left--) (await elsewhere.take(1))[0]!.answer(absent)
  for (let uid = 0; uid < 2000; uid++) {
    assertSameBytes(await wire.read(15), responseBytes(uid, HAVE, code(uid < 512 ? 0 : 1)))
  }
})

test('a client that half-closes is answered all it has asked, and then let go', async () => {
  const { elsewhere, wire } = await start()
  wire.send(Buffer.concat([requestBytes(1, HAVE, code(1)), requestBytes(2, HAVE, code(1))]))
  wire.end()
  const calls = await elsewhere.take(2)
  await wire.expectQuiet(20)
  for (const call of calls) call.answer(done)
  assertSameBytes(await wire.readToEnd(), Buffer.concat([1, 2].map((uid) => responseBytes(uid, HAVE, code(0)))))
})

test('answers for a client that has gone go nowhere', async () => {
  const { elsewhere, server, target, wire } = await start()
  wire.send(requestBytes(1, GET, code(1)))
  const [call] = await elsewhere.take(1)
  wire.reset()
  await waitFor('its end', () => server.connections === 0)
  call!.answer(done, rampBytes(100))
  const other = await connectWire(target)
  other.send(requestBytes(2, HAVE, code(1)))
  ;(await elsewhere.take(1))[0]!.answer(done)
  assertSameBytes(await other.read(15), responseBytes(2, HAVE, code(0)))
})

test('an ADD that is none ends its connection behind the answers that are there', async () => {
  const { elsewhere, wire } = await start()
  wire.send(requestBytes(1, HAVE, code(1)))
  ;(await elsewhere.take(1))[0]!.answer(done)
  assertSameBytes(await wire.read(15), responseBytes(1, HAVE, code(0)))
  wire.send(requestBytes(2, ADD, Buffer.alloc(7)))
  assert.equal(await wire.expectClose(), 'end')
  assert.equal(elsewhere.calls.length, 0)
})

test('what was under way when corruption came is not answered, and harms nothing', async () => {
  const { elsewhere, server, wire } = await start()
  wire.send(Buffer.concat([requestBytes(1, HAVE, code(1)), Buffer.from([0xff, 0xff, 0, 0, 0])]))
  const [call] = await elsewhere.take(1)
  assert.equal(await wire.expectClose(), 'end')
  call!.answer(done)
  wire.end()
  await waitFor('its end', () => server.connections === 0)
})
