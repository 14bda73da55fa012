import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { ItemOutcome, type ItemSink } from '../../../src/memcached/item-store.ts'
import type { Pool } from '../../../src/memcached/pool.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { startMemcached } from '../../support/memcached.ts'
import { poolPlan, type TestPool, testPool } from '../../support/memcached-pool.ts'
import { freePort } from '../../support/ports.ts'
import { startSaslMemcached } from '../../support/sasl-memcached.ts'
import { waitFor, within } from '../../support/wait.ts'

const auth = { user: 'shop', password: 'a secret: %&?' }
const { done, absent, conflict, failed } = ItemOutcome

interface Answer {
  readonly outcome: number
  readonly value: string
  readonly cas: string
}

class Sink implements ItemSink {
  answers: Answer[] = []

  onItem(outcome: number, value: Buffer, cas: string): void {
    this.answers.push({ outcome, value: value.toString('latin1'), cas })
  }
}

async function call(make: (sink: ItemSink) => boolean): Promise<Answer> {
  const sink = new Sink()
  assert.equal(make(sink), true, 'accepted')
  assert.deepEqual(sink.answers, [], 'told before the call returned')
  await within(
    'an answer',
    waitFor('an answer', () => sink.answers.length > 0),
  )
  assert.equal(sink.answers.length, 1)
  return sink.answers[0]!
}

async function outcome(make: (sink: ItemSink) => boolean): Promise<number> {
  return (await call(make)).outcome
}

function items(pool: Pool): NonNullable<Pool['items']> {
  assert.ok(pool.items !== undefined)
  return pool.items
}

for (const unix of [false, true]) {
  test(`items are read and written with a password, over ${unix ? 'a unix socket' : 'tcp'}`, async () => {
    const server = await startSaslMemcached(auth.user, auth.password, { unix })
    const { pool, faults } = testPool(poolPlan([server.address], { auth }))
    const store = items(pool)
    assert.equal(await outcome((sink) => store.get('a', sink)), absent)
    const set = { ttlSec: 0, mode: 'set' as const }
    assert.equal(await outcome((sink) => store.write('a', Buffer.from('one'), set, sink)), done)
    assert.equal((await call((sink) => store.get('a', sink))).value, 'one')
    assert.equal(
      await outcome((sink) => store.write('a', Buffer.from('two'), { ttlSec: 0, mode: 'add' }, sink)),
      conflict,
    )
    const { cas } = await call((sink) => store.get('a', sink))
    assert.equal(await outcome((sink) => store.write('a', Buffer.from('two'), { ...set, cas }, sink)), done)
    assert.equal(await outcome((sink) => store.write('a', Buffer.from('three'), { ...set, cas }, sink)), conflict)
    assert.equal((await call((sink) => store.get('a', sink))).value, 'two')
    assert.equal(await outcome((sink) => store.touch('a', 100, sink)), done)
    assert.equal(await outcome((sink) => store.touch('b', 100, sink)), absent)
    assert.equal((await call((sink) => store.increment('n', 5, 7, 0, sink))).value, '7')
    assert.equal((await call((sink) => store.increment('n', 5, 7, 0, sink))).value, '12')
    assert.equal(await outcome((sink) => store.increment('a', 5, 7, 0, sink)), failed)
    assert.equal(await outcome((sink) => store.remove('a', sink)), done)
    assert.equal(await outcome((sink) => store.remove('a', sink)), absent)
    const large = Buffer.alloc(900_000, 'x')
    assert.equal(await outcome((sink) => store.write('l', large, set, sink)), done)
    assert.equal((await call((sink) => store.get('l', sink))).value, large.toString('latin1'))
    assert.equal(await outcome((sink) => store.write('l', Buffer.alloc(2_000_000), set, sink)), failed)
    assert.deepEqual(faults, [])
    assert.equal(pool.isIdle, true)
    assert.equal(pool.state.use(0).serverConnections, 1)
  })
}

test('a server that asks for no password does without', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address], { auth }))
  const set = { ttlSec: 0, mode: 'set' as const }
  assert.equal(await outcome((sink) => items(pool).write('a', Buffer.from('one'), set, sink)), done)
  assert.equal((await call((sink) => items(pool).get('a', sink))).value, 'one')
})

test('a wrong password fails every call, is said once, and ejects', async () => {
  const server = await startSaslMemcached(auth.user, auth.password)
  const wrong = { auth: { ...auth, password: 'guessed' }, eject: { afterFailures: 2, forMs: 60_000 } }
  const { pool, faults, messages } = testPool(poolPlan([server.address], wrong))
  assert.equal(await outcome((sink) => items(pool).get('a', sink)), failed)
  assert.equal(await outcome((sink) => items(pool).get('a', sink)), failed)
  assert.equal(items(pool).get('a', new Sink()), false)
  assert.deepEqual(messages, [
    'memcached edge: server s0 refuses the user or the password',
    'memcached edge: server s0 is ejected',
  ])
  assert.deepEqual(faults, [])
})

test('calls to a server that is killed fail once each, and its return is noted on it', async () => {
  const server = await startSaslMemcached(auth.user, auth.password)
  const plan = poolPlan([server.address], { auth, timeoutMs: 1000, eject: { afterFailures: 1, forMs: 100 } })
  const { pool, state, faults } = testPool(plan)
  const set = { ttlSec: 0, mode: 'set' as const }
  assert.equal(await outcome((sink) => items(pool).write('a', Buffer.from('one'), set, sink)), done)
  await server.pause()
  const lost = Array.from({ length: 20 }, () => call((sink) => items(pool).get('a', sink)))
  await server.kill()
  for (const answer of await Promise.all(lost)) assert.equal(answer.outcome, failed)
  assert.equal(pool.state.isEjected(0), true)
  assert.equal(items(pool).get('a', new Sink()), false)
  await server.start()
  await waitFor('the return', () => pool.ownerOf(Buffer.from('a'), 0, 1) === 0)
  const returnedAtMs = pool.returnedAtMs(0)
  assert.ok(returnedAtMs > 0)
  assert.equal(await outcome((sink) => items(pool).get('a', sink)), absent)
  assert.deepEqual(faults, [])
  const other = testPool(plan).pool
  assert.equal(await outcome((sink) => items(other).get('a', sink)), absent)
  assert.equal(other.returnedAtMs(0), returnedAtMs)
  assert.equal(testPool(plan, state).pool.returnedAtMs(0), returnedAtMs)
})

/** A server that does to each connection what a test says. */
async function badServer(treat: (socket: Socket) => void): Promise<TestPool> {
  const port = await freePort()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    treat(socket)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestEnd(() => {
    server.close()
  })
  return testPool(poolPlan([{ kind: 'tcp', host: '127.0.0.1', port }], { auth, timeoutMs: 200 }))
}

const bad: Record<string, (socket: Socket) => void> = {
  'says nothing': () => {},
  'closes at once': (socket) => socket.end(),
  'closes at the first byte': (socket) => socket.once('data', () => socket.end()),
  'resets at the first byte': (socket) => socket.once('data', () => socket.resetAndDestroy()),
  'answers in text': (socket) => socket.on('data', () => socket.write('ERROR\r\n'.repeat(20))),
  'announces four gigabytes': (socket) => {
    const reply = Buffer.alloc(24)
    reply[0] = 0x81
    reply.writeUInt32BE(0xffff_ffff, 8)
    socket.once('data', () => {
      socket.write(reply)
      const more = () => {
        while (socket.writable && socket.write(Buffer.alloc(65_536)));
      }
      socket.on('drain', more)
      more()
    })
  },
}
for (const [name, treat] of Object.entries(bad)) {
  test(`each call to a server that ${name} fails once, in time, again and again`, async () => {
    const { pool, faults } = await badServer(treat)
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(Array.from({ length: 5 }, () => outcome((sink) => items(pool).get('a', sink))))
      assert.deepEqual(answers, [failed, failed, failed, failed, failed])
    }
    assert.deepEqual(faults, [])
    const { outQueue, outQueueBytes, serverConnections } = pool.state.use(0)
    assert.deepEqual(
      { outQueue, outQueueBytes, serverConnections },
      { outQueue: 0, outQueueBytes: 0, serverConnections: 0 },
    )
  })
}

test('calls are refused when too much waits', async () => {
  const { pool } = await badServer(() => {})
  const set = { ttlSec: 0, mode: 'set' as const }
  const sinks: Sink[] = []
  for (let i = 0; i < 100; i++) {
    const sink = new Sink()
    if (items(pool).write('a', Buffer.alloc(1024 * 1024), set, sink)) sinks.push(sink)
  }
  assert.equal(sinks.length, 15)
  await waitFor('the timeout', () => sinks.every(({ answers }) => answers.length === 1))
  assert.equal(items(pool).get('a', new Sink()), true)
})
