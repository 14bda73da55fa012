/** The tester against a right server, and against servers that answer wrongly in each way there is. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Code, Operation } from '../../../src/distcache/message.ts'
import { runTester, type TesterOptions } from '../../../src/distcache/tester.ts'
import { expectAnswer, makeTestSession } from '../../../src/distcache/tester-session.ts'
import { startDistcacheServer } from '../../support/distcache.ts'
import { type Heard, type ScriptedSessions, scriptedSessions } from '../../support/scripted-sessions.ts'

const usual: Omit<TesterOptions, 'connect'> = {
  sessions: 10,
  dataBytes: [50, 2100],
  lifeMs: [55_000, 65_000],
  operations: 2000,
  persistent: true,
  clients: 1,
  pipeline: 1,
}

const modes: readonly (readonly [name: string, options: Partial<TesterOptions>])[] = [
  ['one connection for each operation', { persistent: false, operations: 300 }],
  ['one connection', {}],
  ['pipelines', { pipeline: 50, operations: 10_000 }],
  ['many clients', { clients: 10, pipeline: 7, operations: 10_000 }],
  ['many clients, each operation with a connection', { persistent: false, clients: 5, operations: 300 }],
]

describe('a right server passes', () => {
  for (const [name, options] of modes) {
    test(name, async () => {
      const { server } = await startDistcacheServer()
      const connect = { kind: 'tcp', host: '127.0.0.1', port: server.port, family: 4 } as const
      const counts: number[] = []
      const onEvery = (count: number) => counts.push(count)
      const report = await runTester({ ...usual, ...options, connect, progress: { every: 100, onEvery } })
      assert.equal(report.failure, null)
      assert.equal(report.operations, options.operations ?? usual.operations)
      assert.equal(server.operations, report.operations)
      const byOperation = Object.values(report.byOperation)
      assert.equal(byOperation.length, 4)
      assert.ok(byOperation.every((count) => count > 0))
      assert.deepEqual(counts.slice(0, 2), [100, 200])
      assert.ok(report.latencyMs.p50 > 0 && report.latencyMs.max >= report.latencyMs.p99)
    })
  }

  test('sessions of 4 bytes, which no client can fetch, are expected to be missed', async () => {
    const { server } = await startDistcacheServer()
    const connect = { kind: 'tcp', host: '127.0.0.1', port: server.port, family: 4 } as const
    assert.equal((await runTester({ ...usual, dataBytes: [4, 4], connect })).failure, null)
  })

  test('nothing to do is done', async () => {
    for (const persistent of [true, false]) {
      const { server } = await startDistcacheServer()
      const connect = { kind: 'tcp', host: '127.0.0.1', port: server.port, family: 4 } as const
      assert.equal((await runTester({ ...usual, operations: 0, persistent, connect })).operations, 0)
    }
  })
})

describe('a wrong server is found out', () => {
  const wrongs: readonly (readonly [name: string, operation: number, got: string, answer: Answer])[] = [
    ['adds twice', Operation.add, 'ok', (heard) => (heard.operation === Operation.add ? Code.ok : undefined)],
    [
      'adds not',
      Operation.add,
      'refused',
      (heard) => (heard.operation === Operation.add ? Code.addTimeout : undefined),
    ],
    ['forgets', Operation.get, 'absent', (heard) => (heard.operation === Operation.get ? Code.absent : undefined)],
    ['flips a bit', Operation.get, 'other data', (heard, right) => flipped(heard, right)],
    ['cuts a byte off', Operation.get, 'other data', (heard, right) => shortened(heard, right)],
    [
      'removes not',
      Operation.remove,
      'absent',
      (heard) => (heard.operation === Operation.remove ? Code.absent : undefined),
    ],
    ['has not', Operation.have, 'absent', (heard) => (heard.operation === Operation.have ? Code.absent : undefined)],
    ['has all', Operation.have, 'ok', (heard) => (heard.operation === Operation.have ? Code.ok : undefined)],
    [
      'has lost its server',
      Operation.have,
      'disconnected',
      (heard) => (heard.operation === Operation.have ? Code.disconnected : undefined),
    ],
  ]
  for (const persistent of [true, false]) {
    for (const [name, operation, got, answer] of wrongs) {
      test(`${name}; ${persistent ? 'one connection' : 'a connection for each operation'}`, async () => {
        const server = await lyingServer(answer)
        const connect = { kind: 'unix', path: server.path } as const
        const report = await runTester({ ...usual, connect, persistent, clients: persistent ? 2 : 1 })
        const names = ['ADD', 'GET', 'REMOVE', 'HAVE']
        assert.equal(report.failure?.operation, names[operation])
        assert.equal(report.failure?.got, got)
        assert.ok(report.operations < usual.operations)
      })
    }

    test(`is not there; ${persistent ? 'one connection' : 'a connection for each operation'}`, async () => {
      const server = await scriptedSessions({ isStarted: false })
      const report = await runTester({ ...usual, connect: { kind: 'unix', path: server.path }, persistent })
      assert.equal(report.failure?.got, 'unreachable')
      assert.equal(report.operations, 0)
    })

    test(`says nothing; ${persistent ? 'one connection' : 'a connection for each operation'}`, async () => {
      const server = await scriptedSessions()
      const connect = { kind: 'unix', path: server.path } as const
      const report = await runTester({ ...usual, connect, persistent, timeoutMs: 30 })
      assert.equal(report.failure?.got, 'timed-out')
    })
  }
})

test('sessions have ids of 10 to 63 bytes and data of the lengths that were asked for', () => {
  for (let i = 0; i < 500; i++) {
    const { id, data, isPresent } = makeTestSession(5, 8)
    assert.ok(id.length >= 10 && id.length <= 63)
    assert.ok(data.length >= 5 && data.length <= 7)
    assert.equal(isPresent, false)
  }
})

test('what is expected follows what was asked', () => {
  const session = makeTestSession(5, 8)
  const { add, get, remove, have } = Operation
  const asked = [get, have, remove, add, add, have, get, remove, remove, get]
  const expected = asked.map((operation) => expectAnswer(session, operation))
  const all = ['absent', 'absent', 'absent', 'ok', 'present', 'ok', 'ok', 'ok', 'absent', 'absent']
  assert.deepEqual(expected, all)
})

/** What to answer instead of `right`; undefined: that. */
type Answer = (heard: Heard, right: Buffer) => Buffer | number | undefined

/** A server that is right unless `answer` says something else. */
async function lyingServer(answer: Answer): Promise<ScriptedSessions> {
  const server = await scriptedSessions()
  const stored = new Map<string, Buffer>()
  server.onRequest = (heard) => {
    const right = execute(stored, heard)
    heard.reply(answer(heard, right) ?? right)
  }
  return server
}

function execute(stored: Map<string, Buffer>, { operation, payload }: Heard): Buffer {
  if (operation === Operation.add) {
    const idEnd = 8 + payload.readUInt32BE(4)
    const id = payload.toString('hex', 8, idEnd)
    const isPresent = stored.has(id)
    if (!isPresent) stored.set(id, payload.subarray(idEnd))
    return Buffer.from([isPresent ? Code.addPresent : Code.ok])
  }
  const found = stored.get(payload.toString('hex'))
  if (operation === Operation.get && found !== undefined) return found
  if (operation === Operation.remove) stored.delete(payload.toString('hex'))
  return Buffer.from([found === undefined ? Code.absent : Code.ok])
}

function flipped({ operation }: Heard, right: Buffer): Buffer | undefined {
  if (operation !== Operation.get || right.length === 1) return undefined
  const other = Buffer.from(right)
  other[other.length - 1]! ^= 1
  return other
}

function shortened({ operation }: Heard, right: Buffer): Buffer | undefined {
  return operation === Operation.get && right.length > 1 ? right.subarray(0, -1) : undefined
}
