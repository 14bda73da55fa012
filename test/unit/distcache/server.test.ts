import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, lstatSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { needsCare } from '../../../src/distcache/limits.ts'
import { OperationCount } from '../../../src/distcache/operation-count.ts'
import { DistcacheServer } from '../../../src/distcache/server.ts'
import { SessionStore } from '../../../src/distcache/session-store.ts'
import { onTestEnd, stopChild } from '../../support/cleanup.ts'
import {
  addBytes,
  assertSameBytes,
  collectMessages,
  connectWire,
  requestBytes,
  responseBytes,
  startDistcacheServer,
} from '../../support/distcache.ts'
import { conversations, corruptions, getHeaders, id32, rampBytes } from '../../support/distcache-vectors.ts'
import { tempDir } from '../../support/temp.ts'
import { waitFor } from '../../support/wait.ts'
import type { Wire } from '../../support/wire.ts'

const ADD = 0
const GET = 1
const HAVE = 3

const ok = Buffer.from([0])
const absent = Buffer.from([1])

async function read(wire: Wire, bytes: Buffer, what = ''): Promise<void> {
  assertSameBytes(await wire.read(bytes.length), bytes, what)
}

for (const { title, steps, closes } of conversations) {
  test(`${title}: a client is answered as the original answers`, async () => {
    const { target } = await startDistcacheServer()
    const wire = await connectWire(target)
    for (const { request, response } of steps) {
      wire.send(request)
      await read(wire, response)
    }
    if (closes) assert.equal(await wire.expectClose(), 'end')
    else {
      wire.end()
      assert.equal(await wire.expectClose(), 'end')
    }
  })
}

test('a request that comes byte by byte is answered once it is there', async () => {
  const { target } = await startDistcacheServer()
  const wire = await connectWire(target)
  for (const byte of requestBytes(5, HAVE, id32)) await wire.sendAll(Buffer.from([byte]))
  await read(wire, responseBytes(5, HAVE, absent))
})

test('corruption ends its own connection, behind the answers to what came before, and no other', async () => {
  const { target, server } = await startDistcacheServer()
  const other = await connectWire(target)
  other.send(addBytes(1, 60_000, id32, rampBytes(100)))
  await read(other, responseBytes(1, ADD, ok))
  for (const { steps } of corruptions) {
    const wire = await connectWire(target)
    wire.send(Buffer.concat([requestBytes(7, GET, id32), steps[0]!.request]))
    await read(wire, responseBytes(7, GET, rampBytes(100)))
    // Whatever is still sent is not looked at, and does not reset the connection.
    wire.send(Buffer.alloc(100_000))
    assert.equal(await wire.expectClose(), 'end')
  }
  other.send(requestBytes(2, HAVE, id32))
  await read(other, responseBytes(2, HAVE, ok))
  assert.equal(server.operations, 2 + corruptions.length)
})

test('a corrupt client that goes on sending and never closes is cut', async () => {
  const { target, server } = await startDistcacheServer()
  const wire = await connectWire(target)
  wire.send(corruptions[0]!.steps[0]!.request)
  await wire.until('the end', () => wire.closed === 'end')
  await waitFor('no connection', () => server.connections === 0)
})

test('what was asked is answered before a half-closed connection ends', async () => {
  const { target } = await startDistcacheServer()
  const wire = await connectWire(target)
  wire.send(Buffer.concat([addBytes(1, 60_000, id32, rampBytes(30_000)), requestBytes(2, GET, id32)]))
  wire.end()
  const { messages } = collectMessages('client', [await wire.readToEnd()])
  assert.deepEqual(
    messages.map(({ uid, payload }) => [uid, payload.length]),
    [
      [1, 1],
      [2, 30_000],
    ],
  )
})

test('pipelined requests of any number are answered in order, with large responses between them', async () => {
  const { target } = await startDistcacheServer()
  const wire = await connectWire(target)
  wire.send(addBytes(0, 60_000, id32, rampBytes(32_000)))
  await read(wire, responseBytes(0, ADD, ok))
  const requests: Buffer[] = []
  for (let uid = 1; uid <= 3000; uid++) {
    const isLarge = uid % 30 === 0
    requests.push(requestBytes(uid, isLarge ? GET : HAVE, isLarge ? id32 : Buffer.from([uid & 1])))
  }
  wire.send(Buffer.concat(requests))
  wire.end()
  const { messages, isCorrupt } = collectMessages('client', [await wire.readToEnd()])
  assert.equal(isCorrupt, false)
  assert.equal(messages.length, 3000)
  for (const [i, { uid, payload }] of messages.entries()) {
    assert.equal(uid, i + 1)
    assertSameBytes(payload, uid % 30 === 0 ? rampBytes(32_000) : absent)
  }
})

for (const together of [2000, 1]) {
  test(`a client that asks ${together} at a time and does not read is not read, and gets its own answers later`, async () => {
    const { target, server } = await startDistcacheServer()
    const wire = await connectWire(target)
    const other = await connectWire(target)
    const otherId = Buffer.from('other')
    const otherData = Buffer.alloc(32_000, 0xee)
    wire.send(addBytes(0, 60_000, id32, rampBytes(32_000)))
    await read(wire, responseBytes(0, ADD, ok))
    other.send(addBytes(0, 60_000, otherId, otherData))
    await read(other, responseBytes(0, ADD, ok))
    wire.pause()
    const request = requestBytes(7, GET, id32)
    let asked = 0
    let isAnswered = true
    while (isAnswered && asked < 2000) {
      asked += together
      wire.socket.write(Buffer.concat(Array.from({ length: together }, () => request)))
      // All of it would be 64 MB. What is executed is what fits the kernel's buffers and a batch.
      let before = -1
      await waitFor('answers, or a server that has stopped', () => {
        isAnswered = server.operations === 2 + asked
        const hasStopped = server.operations === before
        before = server.operations
        return isAnswered || hasStopped
      })
    }
    assert.ok(!isAnswered && server.operations < 1000, `${server.operations} answered`)
    // Whatever others are told meanwhile must not lie where the kernel still reads from.
    const requests = Buffer.concat(Array.from({ length: 8 }, () => requestBytes(9, GET, otherId)))
    const answer = responseBytes(9, GET, otherData)
    for (let round = 0; round < 20; round++) {
      other.send(requests)
      for (let i = 0; i < 8; i++) await read(other, answer)
    }
    const own = responseBytes(7, GET, rampBytes(32_000))
    wire.resume()
    for (let i = 0; i < asked; i++) await read(wire, own, `answer ${i}`)
    assert.equal(server.operations, 2 + 160 + asked)
  })
}

test('connections above the limit are closed at once, and told of', async () => {
  let refused = 0
  const { target, server } = await startDistcacheServer({ maxConnections: 2, onRefused: () => refused++ })
  const wires = [await connectWire(target), await connectWire(target)]
  for (const wire of wires) {
    wire.send(requestBytes(1, HAVE, id32))
    await read(wire, responseBytes(1, HAVE, absent))
  }
  await (await connectWire(target)).expectClose()
  assert.deepEqual([server.connections, refused], [2, 1])
  wires[0]!.end()
  await waitFor('a place', () => server.connections === 1)
  const next = await connectWire(target)
  next.send(requestBytes(1, HAVE, id32))
  await read(next, responseBytes(1, HAVE, absent))
})

test('a unix socket is its owner’s alone, from the start; what is in the way stays unless nobody listens', async () => {
  const path = join(tempDir(), 'dc.sock')
  const address = { kind: 'unix', path } as const
  const { server, target } = await startDistcacheServer({}, address)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const wire = await connectWire(target)
  wire.send(requestBytes(1, HAVE, id32))
  await read(wire, responseBytes(1, HAVE, absent))
  await assert.rejects(startDistcacheServer({}, address), /is in use: somebody listens there/)
  server.close()
  await waitFor('the end of the socket', () => !existsSync(path))

  const file = join(tempDir(), 'file')
  writeFileSync(file, 'mine')
  await assert.rejects(startDistcacheServer({}, { kind: 'unix', path: file }), /it is no socket, and is left alone/)
  assert.ok(lstatSync(file).isFile())

  // As that of syslog: connecting to it fails, yet somebody listens.
  const datagrams = join(tempDir(), 'log')
  const bind =
    'import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); sys.stdin.read()'
  const child = spawn('python3', ['-c', bind, datagrams], { stdio: ['pipe', 'inherit', 'inherit'] })
  onTestEnd(() => stopChild(child, 'SIGKILL'))
  await waitFor('a socket for datagrams', () => existsSync(datagrams))
  await assert.rejects(startDistcacheServer({}, { kind: 'unix', path: datagrams }), /is in use/)
  assert.ok(existsSync(datagrams))

  const left = join(tempDir(), 'left.sock')
  await leaveSocket(left)
  await startDistcacheServer({ mode: 0o660 }, { kind: 'unix', path: left })
  assert.equal(statSync(left).mode & 0o777, 0o660)
})

/** As a process leaves it that was killed: libuv removes the path it knows, which is not this one any more. */
async function leaveSocket(path: string): Promise<void> {
  const { renameSync } = await import('node:fs')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(`${path}.first`, resolve))
  renameSync(`${path}.first`, path)
  await new Promise((resolve) => server.close(resolve))
  assert.ok(lstatSync(path).isSocket())
}

test('a port that is taken is an error of the system', async () => {
  const { server } = await startDistcacheServer()
  const address = { kind: 'tcp', host: '127.0.0.1', port: server.port, family: 4 } as const
  await assert.rejects(startDistcacheServer({}, address), { code: 'EADDRINUSE' })
})

test('one store serves several servers, and outlives them', async () => {
  const sessions = new SessionStore(64)
  const first = await startDistcacheServer({ sessions })
  const wire = await connectWire(first.target)
  wire.send(addBytes(1, 60_000, id32, rampBytes(10)))
  await read(wire, responseBytes(1, ADD, ok))
  first.server.close()
  await wire.expectClose()
  const second = await startDistcacheServer({ sessions })
  const again = await connectWire(second.target)
  again.send(requestBytes(2, GET, id32))
  await read(again, responseBytes(2, GET, rampBytes(10)))
})

test('time is asked for once a read, and decides to the millisecond', async () => {
  let nowMs = 1000.5
  const { target } = await startDistcacheServer({ now: () => nowMs })
  const wire = await connectWire(target)
  wire.send(addBytes(1, 200, id32, rampBytes(10)))
  await read(wire, responseBytes(1, ADD, ok))
  nowMs = 1199.9
  wire.send(requestBytes(2, HAVE, id32))
  await read(wire, responseBytes(2, HAVE, ok))
  nowMs = 1200
  wire.send(requestBytes(3, HAVE, id32))
  await read(wire, responseBytes(3, HAVE, absent))
})

test('progress is told at every so many operations', async () => {
  let told = 0
  const { target } = await startDistcacheServer({ count: new OperationCount(10, () => told++) })
  const wire = await connectWire(target)
  wire.send(Buffer.concat(Array.from({ length: 35 }, (_, uid) => requestBytes(uid, HAVE, id32))))
  await wire.skip(35 * 15)
  assert.equal(told, 3)
})

test('the answers have the headers of the original at every size', async () => {
  const { target } = await startDistcacheServer()
  const wire = await connectWire(target)
  for (const [dataBytes, headers] of getHeaders) {
    const id = Buffer.from(`${dataBytes}`)
    wire.send(Buffer.concat([addBytes(1, 60_000, id, rampBytes(dataBytes)), requestBytes(11, GET, id)]))
    await read(wire, responseBytes(1, ADD, ok))
    const response = await wire.read(dataBytes + 14 * headers.length)
    assert.deepEqual(
      headers.map((_, i) => response.toString('hex', i * 2062, i * 2062 + 14)),
      headers,
    )
  }
})

test('a careful server sends what originals misread in two pieces, and goes on behind it', async () => {
  for (const dataBytes of [4068, 4069, 4072, 4073, 6117, 32_741]) {
    const { target } = await startDistcacheServer({ careful: true })
    const wire = await connectWire(target)
    wire.send(addBytes(1, 60_000, Buffer.from('id'), rampBytes(dataBytes)))
    await read(wire, responseBytes(1, ADD, ok))
    const pieces: number[] = []
    wire.socket.on('data', (bytes: Buffer) => pieces.push(bytes.length))
    wire.send(Buffer.concat([requestBytes(2, GET, Buffer.from('id')), requestBytes(3, HAVE, Buffer.from('id'))]))
    wire.end()
    const { messages } = collectMessages('client', [await wire.readToEnd()])
    assert.deepEqual(
      messages.map(({ uid, payload }) => [uid, payload.length]),
      [
        [2, dataBytes],
        [3, 1],
      ],
    )
    const headers = 14 * Math.floor(dataBytes / 2048)
    const front = 2048 * Math.floor(dataBytes / 2048) + headers
    assert.equal(pieces[0] === front, needsCare(dataBytes), `${dataBytes}: ${pieces}`)
  }
})

test('connections end with the server', async () => {
  const { target, server } = await startDistcacheServer()
  const wire = await connectWire(target)
  wire.send(requestBytes(1, HAVE, id32))
  await read(wire, responseBytes(1, HAVE, absent))
  server.close()
  await wire.expectClose()
  await waitFor('no connection', () => server.connections === 0)
})

test('thousands of connections that say nothing do not keep others from being served', async () => {
  const server = await DistcacheServer.open(
    { kind: 'tcp', host: '127.0.0.1', port: 0, family: 4 },
    { sessions: new SessionStore(64) },
  )
  onTestEnd(() => server.close())
  const target = { host: '127.0.0.1', port: server.port }
  const silent = await Promise.all(Array.from({ length: 1000 }, () => connectWire(target)))
  for (const wire of silent) wire.send(Buffer.from([0, 0x11, 0]))
  const wire = await connectWire(target)
  wire.send(requestBytes(1, HAVE, id32))
  await read(wire, responseBytes(1, HAVE, absent))
  assert.equal(server.connections, 1001)
})
