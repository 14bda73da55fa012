/**
 * Whatever a server does to the agent, every request of a client is answered once, in order, with what belongs to it or with
 * the code for a lost server; and whatever other clients do.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Agent } from '../../src/distcache/agent.ts'
import { Code, Operation } from '../../src/distcache/message.ts'
import { MessageDecoder } from '../../src/distcache/message-decoder.ts'
import { requestBytes } from '../support/distcache.ts'
import { behaviours, ErraticSessions } from '../support/erratic-sessions.ts'
import { unixWire } from '../support/session-frames.ts'
import { sized } from '../support/soak.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'

interface Client {
  readonly requests: number
  /** Its requests are sent in pieces of such lengths. */
  readonly pieces: readonly number[]
  /** What it does in the end: waits for its answers; goes away in the middle; sends what is no request. */
  readonly end: 'wait' | 'leave' | 'garbage'
}

const clients: fc.Arbitrary<readonly Client[]> = fc.array(
  fc.record({
    requests: fc.integer({ min: 1, max: 20 }),
    pieces: fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 4 }),
    end: fc.constantFrom('wait', 'wait', 'leave', 'garbage'),
  }),
  { minLength: 1, maxLength: 8 },
)

const operations = [Operation.get, Operation.have, Operation.remove]
/** Long enough for two frames now and then. */
const sizes = [0, 30, 2048, 5000]

test('every client gets its own answers, in order', async () => {
  const told = { right: 0, disconnected: 0 }
  await fc.assert(
    fc.asyncProperty(behaviours, clients, async (drawn, all) => {
      const dir = tempDir()
      const erratic = new ErraticSessions(join(dir, 'server'), drawn)
      await erratic.server.start()
      const agent = await Agent.open({ listen: `UNIX:${dir}/agent`, connect: erratic.server.address, retryMs: 5 })
      await waitFor('the server', () => agent.isConnected)
      // A server that falls silent is for the clients to give up; here it is lost in the end.
      const watchdog = setInterval(() => erratic.server.drop(), 60)
      try {
        await Promise.all(all.map((client, number) => runClient(join(dir, 'agent'), client, number, told)))
        await waitFor('nobody and nothing to be left', () => agent.clients === 0 && agent.asked === 0)
      } finally {
        clearInterval(watchdog)
        agent.close()
        await erratic.server.stop()
      }
    }),
    { numRuns: sized(40, 1000) },
  )
  assert.ok(told.right > 100 && told.disconnected > 100, JSON.stringify(told))
})

async function runClient(path: string, client: Client, number: number, told: { right: number; disconnected: number }) {
  const { requests, pieces, end } = client
  const wire = await unixWire(path)
  const asked = Array.from({ length: requests }, (_, i) => {
    const operation = operations[i % operations.length]!
    const payload = Buffer.concat([
      Buffer.from(`client ${number} request ${i} `),
      Buffer.alloc(sizes[i % sizes.length]!),
    ])
    // All clients use the same numbers.
    return { uid: 1000 + i, operation, payload }
  })
  let answered = 0
  const problems: string[] = []
  const decoder = new MessageDecoder('client', {
    onMessage: (uid, operation, bytes, start, at) => {
      const request = asked[answered++]
      const got = bytes.subarray(start, at)
      const isLost = got.length === 1 && got[0] === Code.disconnected
      if (request?.uid !== uid || request.operation !== operation) problems.push(`answer ${uid} to ${request?.uid}`)
      else if (!isLost && !got.equals(request.payload)) problems.push(`other data: ${got.subarray(0, 40)}`)
      else told[isLost ? 'disconnected' : 'right']++
      return true
    },
  })
  const read = () => {
    const bytes = wire.take(wire.buffer.length)
    assert.equal(decoder.push(bytes, 0, bytes.length), bytes.length)
  }
  const sent = Buffer.concat([
    ...asked.map(({ uid, operation, payload }) => requestBytes(uid, operation, payload)),
    Buffer.from(end === 'garbage' ? 'quit\r\n' : ''),
  ])
  for (let at = 0, i = 0; at < sent.length; i++) {
    if (end === 'leave' && at > sent.length / 2) break
    const length = pieces[i % pieces.length]! * 20
    wire.socket.write(sent.subarray(at, at + length))
    at += length
    await new Promise(setImmediate)
    read()
  }
  if (end === 'leave') {
    wire.socket.destroy()
  } else {
    await waitFor(`the answers of client ${number}`, () => {
      read()
      return answered >= requests
    })
    if (end === 'garbage') await wire.expectClose()
    else wire.socket.destroy()
    assert.equal(answered, requests)
  }
  assert.deepEqual(problems, [])
}
