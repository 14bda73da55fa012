/** The snooper: what it passes on, what it tells of it, and how many it serves. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Operation } from '../../../src/distcache/message.ts'
import { describeFrame, frameEnd, frameText, type SnoopedFrame } from '../../../src/distcache/snoop-frame.ts'
import { Snooper, type SnooperOptions } from '../../../src/distcache/snooper.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { addBytes, requestBytes } from '../../support/distcache.ts'
import { id32, rampBytes } from '../../support/distcache-vectors.ts'
import { scriptedSessions } from '../../support/scripted-sessions.ts'
import { expectBytes, responseBytes, unixWire } from '../../support/session-frames.ts'
import { tempDir } from '../../support/temp.ts'
import { waitFor } from '../../support/wait.ts'

async function snooped(options: Partial<SnooperOptions> = {}) {
  const server = await scriptedSessions()
  const path = join(tempDir(), 'snoop')
  const frames: SnoopedFrame[] = []
  const notices: string[] = []
  const snooper = await Snooper.open({
    listen: { kind: 'unix', path },
    connect: { kind: 'unix', path: server.path },
    onFrame: (frame) => frames.push(frame),
    onNotice: (text) => notices.push(text),
    ...options,
  })
  onTestEnd(() => snooper.close())
  return { server, frames, notices, client: () => unixWire(path) }
}

describe('the text of a frame', () => {
  const place = { connection: 0, direction: 'client->server', first: true, showsSecrets: false } as const
  const observed = 'SNOOP_DBG_MSG: connection 0, client->server, message completed (request_uid = 3), total_len=46'

  test('begins as the original prints it', () => {
    const text = frameText(describeFrame(requestBytes(3, Operation.have, id32), place))
    assert.equal(text, `${observed}, HAVE id ae216c2ef524/32`)
    const response = describeFrame(responseBytes(3, Operation.have, 0), { ...place, direction: 'server->client' })
    assert.equal(
      frameText(response),
      'SNOOP_DBG_MSG: connection 0, server->client, message completed (request_uid = 3), total_len=15, HAVE code 0 (ok)',
    )
  })

  test('tells of an ADD, and of the parts of a long message', () => {
    const bytes = addBytes(9, 604_800_000, id32.subarray(0, 16), rampBytes(2100))
    const [first, last] = [bytes.subarray(0, 2062), bytes.subarray(2062)]
    assert.match(
      frameText(describeFrame(first, place)),
      /ADD \(first part\) id [0-9a-f]{12}\/16, timeout 604800000 ms, 2024 bytes$/,
    )
    assert.match(frameText(describeFrame(last, { ...place, first: false })), /ADD \(last part\) 76 bytes$/)
  })

  test('shows no id and no session unless asked for', () => {
    const secret = Buffer.from('a secret session')
    const id = Buffer.from('a secret id')
    for (const frame of [
      addBytes(1, 1000, id, secret),
      requestBytes(1, Operation.get, id),
      responseBytes(1, 1, secret),
    ]) {
      const hidden = describeFrame(frame, place)
      const shown = describeFrame(frame, { ...place, showsSecrets: true })
      const all = (one: SnoopedFrame) => frameText(one) + JSON.stringify(one)
      for (const bytes of [id, secret]) {
        const isThere = frame.includes(bytes)
        for (const text of [bytes.toString('hex'), bytes.toString('latin1')]) assert.ok(!all(hidden).includes(text))
        assert.equal(all(shown).includes(bytes.toString('hex')), isThere)
      }
    }
  })

  test('is made of any frame', () => {
    const odd = Buffer.from('00990000020000000707090900ff'.padEnd(28, '0'), 'hex')
    assert.match(frameText(describeFrame(odd, place)), /, \? /)
    const short = requestBytes(1, Operation.add, Buffer.alloc(3))
    assert.match(frameText(describeFrame(short, place)), /ADD 3 bytes$/)
    const absurd = addBytes(1, 1, id32, id32)
    absurd.writeUInt32BE(0xffffffff, 18)
    assert.match(frameText(describeFrame(absurd, place)), /\/64, timeout 1 ms, 0 bytes$/)
  })
})

test('frames are cut by their lengths', () => {
  const bytes = Buffer.concat([requestBytes(1, 1, id32), requestBytes(2, 1, Buffer.alloc(0))])
  assert.equal(frameEnd(bytes, 0), 46)
  assert.equal(frameEnd(bytes, 46), 60)
  assert.equal(frameEnd(bytes, 60), 0)
  assert.equal(frameEnd(bytes.subarray(0, 13), 0), 0)
  assert.equal(frameEnd(bytes.subarray(0, 45), 0), 0)
  bytes.writeUInt16BE(2049, 12)
  assert.equal(frameEnd(bytes, 0), -1)
})

describe('a connection', () => {
  test('is passed on unchanged in both directions, however it is cut', async () => {
    const { server, frames, client } = await snooped()
    const large = rampBytes(5000)
    server.onRequest = (heard) => heard.reply(large)
    const wire = await client()
    const sent = Buffer.concat([addBytes(1, 60_000, id32, large), requestBytes(2, Operation.get, id32)])
    for (let at = 0; at < sent.length; at += 97) {
      wire.socket.write(sent.subarray(at, at + 97))
      await new Promise(setImmediate)
    }
    await expectBytes(
      wire,
      Buffer.concat([responseBytes(1, Operation.add, large), responseBytes(2, Operation.get, large)]),
    )
    assert.deepEqual(Buffer.concat(server.bytes), sent)
    assert.equal(frames.length, 3 + 1 + 3 + 3)
    assert.equal(frames.filter(({ direction }) => direction === 'client->server').length, 4)
    assert.ok(frames.every(({ connection }) => connection === 0))
  })

  test('reaches the server in whole frames', async () => {
    const { server, client } = await snooped()
    const wire = await client()
    const bytes = requestBytes(1, Operation.have, id32)
    wire.send(bytes.subarray(0, 14))
    await waitFor('the connection', () => server.sockets.length === 1)
    wire.send(bytes.subarray(14))
    await server.request(0)
    assert.deepEqual(server.bytes, [bytes])
  })

  test('half-closed by the client gets its answer; what is no whole frame is passed on too', async () => {
    const { server, client } = await snooped()
    server.onRequest = (heard) => heard.reply(0)
    const wire = await client()
    wire.send(Buffer.concat([requestBytes(1, Operation.have, id32), Buffer.from('\0\x11\0', 'latin1')]))
    wire.end()
    assert.deepEqual(await wire.readToEnd(), responseBytes(1, Operation.have, 0))
    assert.equal(Buffer.concat(server.bytes).length, 46 + 3)
  })

  test('ends when the server ends it', async () => {
    const { server, client } = await snooped()
    const wire = await client()
    wire.send(requestBytes(1, Operation.have, id32))
    await server.request(0)
    server.drop()
    await wire.expectClose()
  })

  test('with a frame of more than 2048 bytes is dropped', async () => {
    const { server, notices, client } = await snooped()
    const wire = await client()
    const bytes = requestBytes(1, Operation.have, id32)
    bytes.writeUInt16BE(2049, 12)
    wire.send(bytes)
    await wire.expectClose()
    assert.equal(server.bytes.length, 0)
    assert.match(notices[0] ?? '', /what is no frame/)
  })

  test('without a server is dropped', async () => {
    const { server, notices, client } = await snooped()
    await server.stop()
    const wire = await client()
    await wire.expectClose()
    assert.match(notices[0] ?? '', /connection 0: /)
  })
})

test('more connections than may be wait, and are served when one ends', async () => {
  const { server, frames, client } = await snooped({ connections: 2 })
  server.onRequest = (heard) => heard.reply(0)
  const wires = [await client(), await client(), await client()]
  wires[2]!.send(requestBytes(3, Operation.have, id32))
  for (const wire of wires.slice(0, 2)) {
    wire.send(requestBytes(1, Operation.have, id32))
    await expectBytes(wire, responseBytes(1, Operation.have, 0))
  }
  assert.equal(server.sockets.length, 2)
  wires[0]!.end()
  await expectBytes(wires[2]!, responseBytes(3, Operation.have, 0))
  assert.equal(frames.at(-1)?.connection, 2)
})
