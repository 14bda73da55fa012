/** Connections in use, against real servers: order, sizes, bounds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../../src/memcached/failure.ts'
import { commandNames } from '../../../src/memcached/pool-state.ts'
import { Expect } from '../../../src/memcached/server-request.ts'
import { startMemcached } from '../../support/memcached.ts'
import { ask, askText, type Outcome, poolPlan, testPool } from '../../support/memcached-pool.ts'
import { freePort } from '../../support/ports.ts'
import { scriptedMemcached } from '../../support/scripted-memcached.ts'
import { waitFor } from '../../support/wait.ts'

test('what is begun in one turn leaves in one write', async () => {
  const server = await scriptedMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  const first = ask(pool, 0, 'mn\r\n', Expect.meta)
  const wire = await server.greeted()
  await wire.expect('mn\r\n')
  wire.send('MN\r\n')
  await first
  const chunks: number[] = []
  wire.socket.on('data', (chunk: Buffer) => chunks.push(chunk.length))
  const answers = Array.from({ length: 200 }, (_, i) => ask(pool, 0, `mg k${i} v\r\n`, Expect.meta))
  await wire.readThrough('mg k199 v\r\n')
  assert.equal(chunks.length, 1)
  wire.send('EN\r\n'.repeat(200))
  for (const answer of await Promise.all(answers)) assert.equal('text' in answer && answer.text, 'EN\r\n')
})

test('a unix socket does as well', async () => {
  const server = await startMemcached({ unix: true })
  const { pool } = testPool(poolPlan([server.address]))
  assert.equal(await askText(pool, 0, 'set a 0 0 1\r\nx\r\n'), 'STORED\r\n')
})

test('values of every size come back as they were, small and large mixed', async () => {
  const server = await startMemcached({ args: ['-m', '512', '-I', '32m'] })
  const { pool } = testPool(poolPlan([server.address], { maxBacklogBytes: 256 * 1024 * 1024 }))
  const sizes = [0, 1, 100, 4095, 4096, 4097, 16_384, 65_535, 262_144, 1_048_576, 20_000_000]
  const value = (i: number) => Buffer.alloc(sizes[i % sizes.length]!, `value ${i};`)
  const count = 3 * sizes.length
  const stored = Array.from({ length: count }, (_, i) => {
    const data = value(i)
    return askText(
      pool,
      0,
      Buffer.concat([Buffer.from(`ms k${i} ${data.length}\r\n`), data, Buffer.from('\r\n')]),
      Expect.meta,
    )
  })
  const read = Array.from({ length: count }, (_, i) => ask(pool, 0, `mg k${i} v\r\n`, Expect.meta))
  const classic = Array.from({ length: count }, (_, i) =>
    askText(pool, 0, `get k${i} nothing k${i}\r\n`, Expect.values),
  )
  assert.deepEqual(new Set(await Promise.all(stored)), new Set(['HD\r\n']))
  for (const [i, outcome] of (await Promise.all(read)).entries()) {
    assert.ok('data' in outcome)
    assert.ok(outcome.data === value(i).toString('latin1'), `value ${i}`)
    if (value(i).length > 1_000_000) assert.equal(outcome.isOwned, true)
  }
  for (const [i, text] of (await Promise.all(classic)).entries()) {
    const block = `VALUE k${i} 0 ${value(i).length}\r\n${value(i).toString('latin1')}\r\n`
    assert.ok(text === `${block}${block}END\r\n`, `values ${i}`)
  }
  const { requests, responses, outQueueBytes, inQueueBytes } = pool.state.use(0)
  assert.deepEqual([requests, responses, outQueueBytes, inQueueBytes], [3 * count, 3 * count, 0, 0])
})

test('a value as large as a server keeps any comes back, whatever items the cache makes', async () => {
  const server = await startMemcached({ args: ['-m', '600', '-I', '256m'] })
  const { pool } = testPool(poolPlan([server.address], { maxItemBytes: 1024 * 1024 }))
  const data = Buffer.alloc(140_000_000, 'large')
  const client = await server.connect()
  client.send(`ms big ${data.length}\r\n`)
  await client.sendAll(data)
  client.send('\r\n')
  assert.equal(await client.readUntil(/\r\n$/), 'HD\r\n')
  const outcome = await ask(pool, 0, 'mg big v\r\n', Expect.meta)
  assert.ok('data' in outcome && outcome.data === data.toString('latin1'))
})

test('requests and replies are counted with their bytes', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  await askText(pool, 0, 'set a 0 0 1\r\nx\r\n')
  await askText(pool, 0, 'mg a v\r\n', Expect.meta)
  assert.deepEqual(pool.state.use(0), {
    serverEof: 0,
    serverErr: 0,
    serverTimedOut: 0,
    serverConnections: 1,
    requests: 2,
    requestBytes: 16 + 8,
    responses: 2,
    responseBytes: 8 + 9,
    inQueue: 0,
    inQueueBytes: 0,
    outQueue: 0,
    outQueueBytes: 0,
  })
  assert.equal(
    pool.state.latencies(0).reduce((sum, count) => sum + count, 0),
    2,
  )
})

test('what waits for a server that does not read is bounded, and is written when it reads again', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address], { maxBacklogBytes: 8 * 1024 * 1024, timeoutMs: 30_000 }))
  await askText(pool, 0, 'mn\r\n', Expect.meta)
  await server.pause()
  const data = Buffer.concat([Buffer.from('ms a 500000\r\n'), Buffer.alloc(500_000, 'x'), Buffer.from('\r\n')])
  const accepted: Promise<Outcome>[] = []
  for (let turn = 0; turn < 20; turn++) {
    for (let i = 0; i < 20; i++) accepted.push(ask(pool, 0, data, Expect.meta))
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { inQueueBytes } = pool.state.use(0)
  assert.ok(inQueueBytes <= 8 * 1024 * 1024 + data.length, `${inQueueBytes} bytes wait`)
  assert.deepEqual(await ask(pool, 0, data, Expect.meta), { failure: Failure.backlog })
  server.resume()
  const outcomes = await Promise.all(accepted)
  const written = outcomes.filter((outcome) => 'text' in outcome)
  assert.ok(written.length >= 16)
  for (const outcome of outcomes) {
    if ('text' in outcome) assert.equal(outcome.text, 'HD\r\n')
    else assert.deepEqual(outcome, { failure: Failure.backlog })
  }
  assert.equal(await askText(pool, 0, 'mn\r\n', Expect.meta), 'MN\r\n')
})

test('one request larger than the backlog is taken when nothing else waits', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address], { maxBacklogBytes: 1000 }))
  const data = Buffer.concat([Buffer.from('ms a 500000\r\n'), Buffer.alloc(500_000, 'x'), Buffer.from('\r\n')])
  const large = ask(pool, 0, data, Expect.meta)
  assert.deepEqual(await ask(pool, 0, 'mn\r\n', Expect.meta), { failure: Failure.backlog })
  assert.equal('text' in (await large), true)
})

test('a connection that memcached closes as idle is opened again for the next request', async () => {
  const server = await startMemcached({ args: ['-o', 'idle_timeout=1'] })
  const { pool } = testPool(poolPlan([server.address], { eject: { afterFailures: 1, forMs: 60_000 } }))
  assert.equal(await askText(pool, 0, 'set a 0 0 1\r\nx\r\n'), 'STORED\r\n')
  await waitFor('the idle close', () => pool.state.use(0).serverEof === 1)
  assert.equal(await askText(pool, 0, 'set a 0 0 1\r\ny\r\n'), 'STORED\r\n')
  assert.equal(pool.state.isEjected(0), false)
})

test('several connections to a server: one for each affinity, in turn without', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address], { connections: 3 }))
  for (let i = 0; i < 10; i++) await askText(pool, 0, 'mn\r\n', Expect.meta, { affinity: 3 * i + 1 })
  assert.equal(pool.state.use(0).serverConnections, 1)
  for (let i = 0; i < 10; i++) await askText(pool, 0, 'mn\r\n', Expect.meta)
  assert.equal(pool.state.use(0).serverConnections, 3)
})

test('preconnect opens one connection to each server, and one that does not answer is no failure', async () => {
  const server = await startMemcached()
  const nobody = { kind: 'tcp' as const, host: '127.0.0.1', port: await freePort() }
  const { pool } = testPool(poolPlan([server.address, nobody], { eject: { afterFailures: 1, forMs: 60_000 } }))
  pool.preconnect()
  await waitFor('the answers', () => pool.isModern(0) && pool.state.use(1).serverErr === 1)
  assert.equal(pool.state.use(0).serverConnections, 1)
  assert.equal(pool.state.isLive(1), true)
  assert.equal(pool.state.use(0).requests, 0)
})

test('a pool counts the commands of clients', () => {
  const { pool } = testPool(poolPlan([{ kind: 'tcp', host: '127.0.0.1', port: 1 }]))
  const cells = pool.state.commandsOf(pool.worker)
  for (const name of ['get', 'get', 'flush_all'] as const) cells[commandNames.indexOf(name)]! += 1
  const { get, flush_all, set } = pool.state.commands()
  assert.deepEqual({ get, flush_all, set }, { get: 2, flush_all: 1, set: 0 })
})

test('a pool that takes over connections knows what was learned on them after its state was made', async () => {
  const server = await startMemcached()
  const plan = poolPlan([server.address])
  const { pool: before } = testPool(plan)
  const { pool: after } = testPool(plan)
  before.preconnect()
  await waitFor('its version', () => before.isModern(0))
  assert.equal(after.isModern(0), false)
  after.takeOver(before)
  assert.equal(after.isModern(0), true)
})

test('connections that another pool takes over bring their requests, which are counted there', async () => {
  const server = await scriptedMemcached()
  const plan = poolPlan([server.address])
  const { pool } = testPool(plan)
  const first = ask(pool, 0, 'mn\r\n', Expect.meta)
  const wire = await server.greeted()
  await wire.expect('mn\r\n')
  wire.send('MN\r\n')
  await first
  const written = ask(pool, 0, 'mg a\r\n', Expect.meta)
  await wire.expect('mg a\r\n')
  const { pool: next } = testPool({ ...plan, timeoutMs: 6000 })
  const waiting = ask(pool, 0, 'mg bc\r\n', Expect.meta)
  next.takeOver(pool)
  pool.close()
  const gauges = (one: typeof pool) => {
    const { serverConnections, inQueue, inQueueBytes, outQueue, outQueueBytes } = one.state.use(0)
    return [serverConnections, inQueue, inQueueBytes, outQueue, outQueueBytes]
  }
  assert.deepEqual(gauges(pool), [0, 0, 0, 0, 0])
  assert.equal(pool.isIdle, true)
  assert.equal(next.isIdle, false)
  await wire.expect('mg bc\r\n')
  assert.deepEqual(gauges(next), [1, 0, 0, 2, 13])
  const third = ask(next, 0, 'mg d\r\n', Expect.meta)
  await wire.expect('mg d\r\n')
  wire.send('EN\r\nEN\r\nEN\r\n')
  for (const answer of [written, waiting, third]) assert.equal('text' in (await answer), true)
  assert.deepEqual(gauges(next), [1, 0, 0, 0, 0])
  assert.equal(server.accepted, 1)
})
