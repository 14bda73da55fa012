/** How connections end, and what becomes of the requests on them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../../src/memcached/failure.ts'
import type { Pool } from '../../../src/memcached/pool.ts'
import { Expect } from '../../../src/memcached/server-request.ts'
import { Resolver } from '../../../src/net/resolver.ts'
import { startMemcached } from '../../support/memcached.ts'
import { ask, askText, type Outcome, poolPlan, TestRequest, testPool } from '../../support/memcached-pool.ts'
import { freePort } from '../../support/ports.ts'
import { GREETING, scriptedMemcached } from '../../support/scripted-memcached.ts'
import { waitFor } from '../../support/wait.ts'

const failedWith = (failure: number): Outcome => ({ failure }) as Outcome
const once = { afterFailures: 1, forMs: 60_000 }

/** A pool before one scripted server, whose first connection is open and has answered a request. */
async function openPool(overrides: Parameters<typeof poolPlan>[1] = {}) {
  const server = await scriptedMemcached()
  const { pool, faults } = testPool(poolPlan([server.address], overrides))
  const first = ask(pool, 0, 'mn\r\n', Expect.meta)
  const wire = await server.greeted()
  await wire.expect('mn\r\n')
  wire.send('MN\r\n')
  await first
  return { server, pool, faults, wire }
}

function gauges(pool: Pool): number[] {
  const { serverConnections, inQueue, inQueueBytes, outQueue, outQueueBytes } = pool.state.use(0)
  return [serverConnections, inQueue, inQueueBytes, outQueue, outQueueBytes]
}

test('requests to a port where nobody listens are refused', async () => {
  const { pool } = testPool(poolPlan([{ kind: 'tcp', host: '127.0.0.1', port: await freePort() }], { eject: once }))
  assert.deepEqual(await Promise.all([ask(pool, 0, 'mn\r\n'), ask(pool, 0, 'mn\r\n')]), [
    failedWith(Failure.refused),
    failedWith(Failure.refused),
  ])
  assert.equal(pool.state.isEjected(0), true)
  assert.equal(pool.state.use(0).serverErr, 1)
  assert.deepEqual(gauges(pool), [0, 0, 0, 0, 0])
})

test('requests to a unix socket that is not there are refused', async () => {
  const { pool } = testPool(poolPlan([{ kind: 'unix', path: '/nonexistent/mc.sock', mode: 0 }]))
  assert.deepEqual(await ask(pool, 0, 'mn\r\n'), failedWith(Failure.refused))
})

test('a host whose addresses all refuse refuses', async () => {
  const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 as const }))
  const resolver = new Resolver({ query: (_, callback) => callback(null, addresses) })
  const plan = poolPlan([{ kind: 'tcp', host: 'two.test', port: await freePort() }])
  const { pool } = testPool(plan, undefined, undefined, resolver)
  assert.deepEqual(await ask(pool, 0, 'mn\r\n'), failedWith(Failure.refused))
})

test('a name that does not resolve is a host that is down', async () => {
  const error: NodeJS.ErrnoException = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
  const resolver = new Resolver({ query: (_, callback) => callback(error, []) })
  const plan = poolPlan([{ kind: 'tcp', host: 'nowhere.test', port: 11211 }])
  const { pool } = testPool(plan, undefined, undefined, resolver)
  assert.deepEqual(await ask(pool, 0, 'mn\r\n'), failedWith(Failure.unresolved))
})

test('a server that resets or closes with requests outstanding fails them all, in order, once', async () => {
  for (const end of ['end', 'reset'] as const) {
    const { pool, faults, wire } = await openPool({ eject: once })
    const order: number[] = []
    const lost = Array.from({ length: 5 }, (_, i) =>
      ask(pool, 0, `set k${i} 0 0 1\r\nx\r\n`).then((outcome) => {
        order.push(i)
        return outcome
      }),
    )
    await wire.readThrough('set k4 0 0 1\r\nx\r\n')
    wire.send('STORED\r\n')
    await lost[0]
    wire[end]()
    for (const outcome of (await Promise.all(lost)).slice(1)) assert.deepEqual(outcome, failedWith(Failure.reset))
    assert.deepEqual(order, [0, 1, 2, 3, 4])
    assert.deepEqual(faults, [])
    assert.equal(pool.state.isEjected(0), true)
    assert.deepEqual(gauges(pool), [0, 0, 0, 0, 0])
    const { serverEof, serverErr, requests, responses } = pool.state.use(0)
    assert.deepEqual([serverEof, serverErr, requests, responses], end === 'end' ? [1, 0, 6, 2] : [0, 1, 6, 2])
  }
})

test('a value that breaks off is no reply', async () => {
  const { pool, wire } = await openPool()
  const lost = ask(pool, 0, 'mg a v\r\n', Expect.meta)
  await wire.expect('mg a v\r\n')
  wire.send('VA 10\r\n12345')
  wire.end()
  assert.deepEqual(await lost, failedWith(Failure.reset))
})

test('a server that says nothing times out, everything on the connection with it', async () => {
  const { pool, wire } = await openPool({ timeoutMs: 50, eject: once })
  const lost = [ask(pool, 0, 'mg a\r\n', Expect.meta), ask(pool, 0, 'mg b\r\n', Expect.meta)]
  assert.deepEqual(await Promise.all(lost), [failedWith(Failure.timedOut), failedWith(Failure.timedOut)])
  await wire.readThrough('mg b\r\n')
  await wire.expectClose()
  assert.equal(pool.state.use(0).serverTimedOut, 1)
  assert.equal(pool.state.isEjected(0), true)
})

test('connecting, greeting and answering have the timeout each', async () => {
  const server = await scriptedMemcached()
  const { pool } = testPool(poolPlan([server.address], { timeoutMs: 200 }))
  assert.deepEqual(await ask(pool, 0, 'mn\r\n', Expect.meta), failedWith(Failure.timedOut))
  await server.connection() // has not greeted
  const begunMs = performance.now()
  const late = ask(pool, 0, 'mn\r\n', Expect.meta)
  const wire = await server.connection()
  await waitFor('half of the time', () => performance.now() - begunMs > 100)
  wire.send('VERSION 1.6.18\r\nEND\r\n')
  await wire.readThrough('mn\r\n')
  await waitFor('more than all of the time', () => performance.now() - begunMs > 220)
  wire.send('MN\r\n')
  assert.equal('text' in (await late), true)
})

test('a thread that is busy for longer than the timeout does not blame the server', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address], { timeoutMs: 50 }))
  await askText(pool, 0, 'mn\r\n', Expect.meta)
  const answer = ask(pool, 0, 'mn\r\n', Expect.meta)
  await new Promise((resolve) => setImmediate(resolve)) // it is written
  const end = performance.now() + 200
  while (performance.now() < end);
  assert.deepEqual(await answer, { code: 7, text: 'MN\r\n', data: '', isOwned: false })
})

test('a reply that is none is an invalid argument, to all on the connection', async () => {
  for (const reply of ['HELLO\r\n', 'STORED\r\n', 'VA x\r\n']) {
    const { pool, wire } = await openPool({ eject: once })
    const lost = [ask(pool, 0, 'mg a\r\n', Expect.meta), ask(pool, 0, 'mg b\r\n', Expect.meta)]
    await wire.readThrough('mg b\r\n')
    wire.send(reply)
    assert.deepEqual(await Promise.all(lost), [failedWith(Failure.badReply), failedWith(Failure.badReply)])
    await wire.expectClose()
    assert.equal(pool.state.isEjected(0), true)
  }
})

test('a reply that nobody asked for closes the connection and counts as a failure', async () => {
  const { pool, wire } = await openPool({ eject: once })
  wire.send('MN\r\n')
  await wire.expectClose()
  assert.equal(pool.state.isEjected(0), true)
})

test('a surplus reply behind a good one does not reach the next request', async () => {
  const { server, pool, wire } = await openPool()
  const good = ask(pool, 0, 'mg a\r\n', Expect.meta)
  await wire.expect('mg a\r\n')
  wire.send('EN\r\nHD\r\n')
  assert.deepEqual(await good, { code: 2, text: 'EN\r\n', data: '', isOwned: false })
  const next = ask(pool, 0, 'mg b\r\n', Expect.meta)
  const second = await server.greeted()
  await second.expect('mg b\r\n')
  second.send('EN\r\n')
  assert.equal('code' in (await next), true)
})

test('a connection that is closed while idle is no failure, and the next request opens another', async () => {
  const { server, pool, wire } = await openPool({ eject: once })
  wire.end()
  await waitFor('the close', () => pool.state.use(0).serverEof === 1)
  const next = ask(pool, 0, 'set a 0 0 1\r\nx\r\n')
  const second = await server.greeted()
  await second.expect('set a 0 0 1\r\nx\r\n')
  second.send('STORED\r\n')
  assert.equal('code' in (await next), true)
  assert.equal(pool.state.isEjected(0), false)
})

test('what is not yet written when an idle connection closes goes to a new one, whatever it is', async () => {
  const { server, pool, wire } = await openPool({ eject: once })
  const stored = new Promise<Outcome>((resolve) => {
    setImmediate(() => {
      wire.end() // is read before this thread writes again
      resolve(ask(pool, 0, 'set a 0 0 1\r\nx\r\n'))
    })
  })
  const second = await server.greeted()
  await second.expect('set a 0 0 1\r\nx\r\n')
  second.send('STORED\r\n')
  assert.equal('code' in (await stored), true)
  assert.equal(pool.state.isEjected(0), false)
  assert.deepEqual(gauges(pool), [1, 0, 0, 0, 0])
})

test('a get that an idle connection loses is repeated, once', async () => {
  const { server, pool, wire } = await openPool({ eject: once })
  const lost = ask(pool, 0, 'mg a v\r\n', Expect.meta, { mayRepeat: true })
  await wire.expect('mg a v\r\n')
  wire.end()
  const second = await server.greeted()
  await second.expect('mg a v\r\n')
  assert.equal(pool.state.isEjected(0), false)
  second.end()
  assert.deepEqual(await lost, failedWith(Failure.reset))
  assert.equal(pool.state.isEjected(0), true)
  assert.equal(server.accepted, 2)
})

test('of several requests that an idle connection loses only those are repeated that may be', async () => {
  const { server, pool, wire } = await openPool({ eject: { afterFailures: 2, forMs: 60_000 } })
  const outcomes = [
    ask(pool, 0, 'mg a v\r\n', Expect.meta, { mayRepeat: true }),
    ask(pool, 0, 'set a 0 0 1\r\nx\r\n'),
    ask(pool, 0, 'mg bb v\r\n', Expect.meta, { mayRepeat: true }),
  ]
  await wire.readThrough('mg bb v\r\n')
  wire.reset()
  assert.deepEqual(await outcomes[1], failedWith(Failure.reset))
  const second = await server.greeted()
  await second.expect('mg a v\r\nmg bb v\r\n')
  second.send('EN\r\nVA 1\r\nx\r\n')
  assert.deepEqual(
    (await Promise.all(outcomes)).map((outcome) => ('text' in outcome ? outcome.text : 'failed')),
    ['EN\r\n', 'failed', 'VA 1\r\nx\r\n'],
  )
  assert.deepEqual(gauges(pool), [1, 0, 0, 0, 0])
})

test('a get is not repeated once a byte of an answer came', async () => {
  const { server, pool, wire } = await openPool()
  const lost = ask(pool, 0, 'mg a v\r\n', Expect.meta, { mayRepeat: true })
  await wire.expect('mg a v\r\n')
  wire.send('V')
  await new Promise((resolve) => setImmediate(resolve))
  wire.end()
  assert.deepEqual(await lost, failedWith(Failure.reset))
  assert.equal(server.accepted, 1)
})

test('what onReply and onFailure throw is a fault, and the others are told all the same', async () => {
  class Throwing extends TestRequest {
    override onReply(): void {
      throw new Error('thrown by onReply')
    }
    override onFailure(): void {
      throw new Error('thrown by onFailure')
    }
  }
  const { pool, faults, wire } = await openPool()
  const throwing = new Throwing(Expect.meta)
  pool.begin(0, throwing)!.text('mg a\r\n')
  const good = ask(pool, 0, 'mg b\r\n', Expect.meta)
  pool.begin(0, new Throwing(Expect.meta))!.text('mg c\r\n')
  const lost = ask(pool, 0, 'mg d\r\n', Expect.meta)
  await wire.readThrough('mg d\r\n')
  wire.send('EN\r\nEN\r\n')
  assert.equal('code' in (await good), true)
  wire.end()
  assert.deepEqual(await lost, failedWith(Failure.reset))
  assert.deepEqual(
    faults.map((fault) => (fault as Error).message),
    ['thrown by onReply', 'thrown by onFailure'],
  )
})

test('an old server is known as such before anything is sent to it', async () => {
  const server = await scriptedMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  const answer = ask(pool, 0, 'get a\r\n', Expect.values)
  const wire = await server.greeted('1.4.39')
  await wire.expect('get a\r\n')
  wire.send('END\r\n')
  assert.equal('code' in (await answer), true)
  assert.equal(pool.isModern(0), false)
})

test('a server that does not know `version` is an old one', async () => {
  const server = await scriptedMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  const answer = ask(pool, 0, 'get a\r\n', Expect.values)
  const wire = await server.connection()
  await wire.expect(GREETING)
  wire.send('ERROR\r\nERROR\r\n')
  await wire.expect('get a\r\n')
  wire.send('END\r\n')
  assert.equal('code' in (await answer), true)
  assert.equal(pool.isModern(0), false)
})

test('what was queued for a modern server is not sent to an old one that took its place', async () => {
  const { server, pool, wire } = await openPool()
  assert.equal(pool.isModern(0), true)
  wire.end()
  await waitFor('the close', () => pool.state.use(0).serverEof === 1)
  const queued = ask(pool, 0, 'mg a v\r\n', Expect.meta)
  const old = await server.greeted('1.5.22')
  assert.deepEqual(await queued, failedWith(Failure.reset))
  await old.expectClose()
  assert.equal(pool.isModern(0), false)
  const next = ask(pool, 0, 'get a\r\n', Expect.values)
  const third = await server.greeted('1.5.22')
  await third.expect('get a\r\n')
  third.send('END\r\n')
  assert.equal('code' in (await next), true)
})

test('a closed pool answers what is queued, refuses the rest, and lets go of its connections', async () => {
  const { pool, wire } = await openPool()
  const queued = ask(pool, 0, 'mg a\r\n', Expect.meta)
  pool.close()
  assert.equal(pool.isIdle, false)
  assert.deepEqual(await ask(pool, 0, 'mg b\r\n', Expect.meta), failedWith(Failure.closed))
  await wire.expect('mg a\r\n')
  wire.send('EN\r\n')
  assert.equal('code' in (await queued), true)
  await wire.expectClose()
  assert.equal(pool.isIdle, true)
  assert.deepEqual(gauges(pool), [0, 0, 0, 0, 0])
})

test('a destroyed pool fails what is queued', async () => {
  const { pool, wire } = await openPool()
  const queued = ask(pool, 0, 'mg a\r\n', Expect.meta)
  pool.destroy()
  assert.deepEqual(await queued, failedWith(Failure.closed))
  await wire.expectClose()
})
