/** Servers that fail are put out and taken back, by all threads together. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../../src/memcached/failure.ts'
import type { Pool } from '../../../src/memcached/pool.ts'
import { Expect } from '../../../src/memcached/server-request.ts'
import { startMemcached, type TestMemcached } from '../../support/memcached.ts'
import { ask, askText, poolPlan, testPool } from '../../support/memcached-pool.ts'
import { scriptedMemcached } from '../../support/scripted-memcached.ts'
import { waitFor } from '../../support/wait.ts'

const NEVER_MS = 600_000
const key = (text: string): [Buffer, number, number] => [Buffer.from(text), 0, text.length]

/** Keys that a server owns. */
function keysOf(pool: Pool, server: number, count: number): string[] {
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) if (pool.ownerOf(...key(`key${i}`)) === server) keys.push(`key${i}`)
  return keys
}

async function threeServers(): Promise<TestMemcached[]> {
  return [await startMemcached(), await startMemcached(), await startMemcached()]
}

test('a server that is killed is put out, its keys alone move, and it is taken back when it answers', async () => {
  const servers = await threeServers()
  const plan = poolPlan(
    servers.map(({ address }) => address),
    { eject: { afterFailures: 2, forMs: 200 } },
  )
  const { pool, messages } = testPool(plan)
  const owners = new Map(Array.from({ length: 300 }, (_, i) => [`key${i}`, pool.ownerOf(...key(`key${i}`))]))
  for (let server = 0; server < 3; server++) await askText(pool, server, 'mn\r\n', Expect.meta)
  await servers[1]!.kill()
  await waitFor('the close', () => pool.state.use(1).serverEof + pool.state.use(1).serverErr > 0)
  assert.equal(pool.state.failures(1), 0, 'an idle close is no failure')
  assert.deepEqual(await ask(pool, 1, 'mn\r\n', Expect.meta), { failure: Failure.refused })
  assert.equal(pool.state.failures(1), 1)
  assert.equal(pool.state.isLive(1), true)
  assert.deepEqual(await ask(pool, 1, 'mn\r\n', Expect.meta), { failure: Failure.refused })
  assert.equal(pool.state.isLive(1), false)
  assert.equal(pool.state.ejections(1), 1)
  assert.ok(Math.abs(pool.state.ejectedAtUs(1) / 1000 - Date.now()) < 60_000)
  for (const [name, owner] of owners) {
    const now = pool.ownerOf(...key(name))
    if (owner === 1) assert.notEqual(now, 1)
    else assert.equal(now, owner)
  }
  const beforeMs = Date.now()
  await servers[1]!.start()
  await waitFor('the return', () => pool.state.isLive(1))
  for (const [name, owner] of owners) assert.equal(pool.ownerOf(...key(name)), owner)
  assert.ok(pool.returnedAtMs(1) >= beforeMs - 1000)
  assert.equal(pool.returnedAtMs(0), 0)
  assert.equal(
    await servers[1]!.ask('get shellac:returned\r\n', /END\r\n$/),
    `VALUE shellac:returned 0 13\r\n${pool.returnedAtMs(1)}\r\nEND\r\n`,
  )
  assert.deepEqual(messages, ['memcached edge: server s1 is ejected', 'memcached edge: server s1 is back'])
})

test('a server that is stopped times out, is put out, and a probe in vain leaves it out', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address], { timeoutMs: 50, eject: { afterFailures: 2, forMs: 100 } }))
  await askText(pool, 0, 'mn\r\n', Expect.meta)
  await server.pause()
  assert.deepEqual(await ask(pool, 0, 'mn\r\n', Expect.meta), { failure: Failure.timedOut })
  assert.deepEqual(await ask(pool, 0, 'mn\r\n', Expect.meta), { failure: Failure.timedOut })
  assert.equal(pool.ownerOf(...key('a')), -1)
  assert.deepEqual(await ask(pool, pool.ownerOf(...key('a')), 'mn\r\n'), { failure: Failure.refused })
  const { serverTimedOut } = pool.state.use(0)
  assert.equal(serverTimedOut, 2)
  await waitFor('two probes in vain', () => pool.state.use(0).serverTimedOut >= serverTimedOut + 2)
  assert.equal(pool.ownerOf(...key('a')), -1)
  assert.equal(pool.state.ejections(0), 1)
  server.resume()
  await waitFor('the return', () => pool.ownerOf(...key('a')) === 0)
  assert.equal(await askText(pool, 0, 'mn\r\n', Expect.meta), 'MN\r\n')
})

test('any reply, an error too, ends a row of failures', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address], { timeoutMs: 50, eject: { afterFailures: 3, forMs: NEVER_MS } }))
  for (let round = 0; round < 3; round++) {
    await server.pause()
    await ask(pool, 0, 'mn\r\n', Expect.meta)
    await ask(pool, 0, 'mn\r\n', Expect.meta)
    assert.equal(pool.state.failures(0), 2)
    server.resume()
    await waitFor('a reply', async () => 'text' in (await ask(pool, 0, 'nonsense\r\n')))
    assert.equal(pool.state.failures(0), 0)
  }
  assert.equal(pool.state.isLive(0), true)
})

test('a server that goes away counts once, however many connections and threads notice', async () => {
  const server = await scriptedMemcached()
  const plan = poolPlan([server.address], { connections: 4, eject: { afterFailures: 2, forMs: NEVER_MS } })
  const { pool, state } = testPool(plan, undefined, 0)
  const { pool: other } = testPool(plan, state, 1)
  const lost = [pool, other].flatMap((one) =>
    [0, 1, 2, 3].map((affinity) => ask(one, 0, 'mg a\r\n', Expect.meta, { affinity })),
  )
  const wires = await Promise.all(lost.map(() => server.greeted()))
  await Promise.all(wires.map((wire) => wire.expect('mg a\r\n')))
  for (const wire of wires) wire.reset()
  for (const outcome of await Promise.all(lost)) assert.deepEqual(outcome, { failure: Failure.reset })
  assert.equal(pool.state.failures(0), 1)
  const again = ask(other, 0, 'mg a\r\n', Expect.meta)
  const wire = await server.greeted()
  await wire.expect('mg a\r\n')
  wire.reset()
  await again
  assert.equal(pool.ownerOf(...key('a')), -1, 'the second failure ejects, for both threads')
  assert.equal(other.ownerOf(...key('a')), -1)
})

test('without `eject` nothing is counted', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  await server.kill()
  for (let i = 0; i < 5; i++) assert.deepEqual(await ask(pool, 0, 'mn\r\n', Expect.meta), { failure: Failure.refused })
  assert.equal(pool.state.failures(0), 0)
  assert.equal(pool.ownerOf(...key('a')), 0)
})

test('one thread probes for all of them', async () => {
  const server = await scriptedMemcached()
  const plan = poolPlan([server.address], { eject: { afterFailures: 1, forMs: 200 } })
  const { pool, state } = testPool(plan, undefined, 0)
  const { pool: other } = testPool(plan, state, 1)
  const lost = ask(pool, 0, 'mn\r\n', Expect.meta)
  const wire = await server.connection()
  wire.reset()
  await lost
  assert.equal(other.ownerOf(...key('a')), -1) // it sees the ejection, and sets its own timer
  const probe = await server.greeted()
  await probe.readThrough('set shellac:returned 0 0 13\r\n')
  await probe.read(15)
  probe.send('SERVER_ERROR out of memory storing object\r\n')
  await waitFor('the return', () => other.ownerOf(...key('a')) === 0)
  assert.equal(server.accepted, 2)
})

test('the note of a return is read by every node that connects, and by one that watches', async () => {
  const server = await startMemcached()
  const plan = poolPlan([server.address])
  const { pool: watching } = testPool(plan)
  watching.watchReturns()
  await askText(watching, 0, 'mn\r\n', Expect.meta)
  assert.equal(watching.returnedAtMs(0), 0)
  await server.ask('set shellac:returned 0 0 13\r\n1700000000123\r\n')
  const { pool } = testPool(plan)
  await askText(pool, 0, 'mn\r\n', Expect.meta)
  assert.equal(pool.returnedAtMs(0), 1_700_000_000_123)
  await waitFor('the note', async () => {
    await askText(watching, 0, 'mn\r\n', Expect.meta)
    return watching.returnedAtMs(0) === 1_700_000_000_123
  })
  await server.ask('set shellac:returned 0 0 3\r\n123\r\n')
  await askText(testPool(plan, undefined).pool, 0, 'mn\r\n', Expect.meta)
  assert.equal(watching.returnedAtMs(0), 1_700_000_000_123, 'an earlier time changes nothing')
})

test('a note of a return in the future is not believed', async () => {
  const server = await startMemcached()
  await server.ask(`set shellac:returned 0 0 13\r\n${Date.now() + 3_600_000}\r\n`)
  const { pool } = testPool(poolPlan([server.address]))
  await askText(pool, 0, 'mn\r\n', Expect.meta)
  assert.equal(pool.returnedAtMs(0), 0)
})

test('a drained server gets no keys until it is undrained, and its return is noted', async () => {
  const servers = await threeServers()
  const plan = poolPlan(servers.map(({ address }) => address))
  const { pool, state } = testPool(plan, undefined, 0)
  const { pool: other } = testPool(plan, state, 1)
  const keys = keysOf(pool, 2, 20)
  assert.equal(pool.drain(2), true)
  assert.equal(pool.drain(2), false)
  for (const name of keys) {
    assert.notEqual(pool.ownerOf(...key(name)), 2)
    assert.equal(other.ownerOf(...key(name)), pool.ownerOf(...key(name)))
  }
  assert.equal(other.undrain(2), true)
  assert.equal(other.undrain(2), false)
  for (const name of keys) assert.equal(pool.ownerOf(...key(name)), 2)
  assert.ok(pool.returnedAtMs(2) > 0)
  await waitFor('the note', async () =>
    (await servers[2]!.ask('get shellac:returned\r\n', /END\r\n$/)).includes(`${pool.returnedAtMs(2)}`),
  )
})

test('a server that was ejected before ejection was switched off is taken back soon', async () => {
  const server = await startMemcached()
  const plan = poolPlan([server.address], { eject: { afterFailures: 1, forMs: NEVER_MS } })
  const { pool, state } = testPool(plan)
  await server.kill()
  await ask(pool, 0, 'mn\r\n', Expect.meta)
  assert.equal(pool.state.isEjected(0), true)
  pool.close()
  await server.start()
  const { pool: next } = testPool({ ...plan, eject: undefined }, state)
  await waitFor('the return', () => next.ownerOf(...key('a')) === 0)
})
