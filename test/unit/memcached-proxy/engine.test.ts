import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { before, test } from 'node:test'
import type { Pool } from '../../../src/memcached/pool.ts'
import { MemcachedProxyEngine } from '../../../src/memcached-proxy/engine.ts'
import { createProxyState, readProxyUse } from '../../../src/memcached-proxy/proxy-state.ts'
import type { MemcachedProxyPlan } from '../../../src/plan/memcached-plan.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { connectMemcached, startMemcached } from '../../support/memcached.ts'
import { poolPlan, testPool } from '../../support/memcached-pool.ts'
import { freePort, listens } from '../../support/ports.ts'
import { waitFor } from '../../support/wait.ts'
import { proxyPlan } from './parts.ts'

let pool: Pool

before(async () => {
  const server = await startMemcached()
  pool = testPool(poolPlan([server.address]), undefined, 0).pool
})

const state = createProxyState(1)
const states = new Map(['local', 'second'].map((name) => [name, state]))
const tcp = (port: number) => ({ kind: 'tcp', host: '127.0.0.1', port }) as const
/** Of a Plan an engine reads only its proxies. */
const planOf = (...memcachedProxies: MemcachedProxyPlan[]) => ({ memcachedProxies }) as unknown as Plan

function newEngine(): MemcachedProxyEngine {
  const engine = new MemcachedProxyEngine({ worker: 0, version: '1.2.3', log: () => {} })
  onTestEnd(() => engine.destroy())
  return engine
}

const prepare = (engine: MemcachedProxyEngine, plan: Plan) => engine.prepare(plan, states, { get: () => pool })
const connect = (port: number) => connectMemcached({ port, host: '127.0.0.1' })

test('a Plan is served when it is committed, and clients stay over the next', async () => {
  const engine = newEngine()
  const [first, second] = [await freePort(), await freePort()]
  await prepare(engine, planOf(proxyPlan({ addresses: [tcp(first)] })))
  engine.commit()
  const client = await connect(first)
  client.send('flush_all\r\n')
  await client.expect('SERVER_ERROR flush_all is disabled\r\n')
  assert.equal(engine.connections(), 1)

  await prepare(engine, planOf(proxyPlan({ addresses: [tcp(first), tcp(second)], flushAll: true })))
  client.send('flush_all\r\n')
  await client.expect('SERVER_ERROR flush_all is disabled\r\n')
  engine.commit()
  client.send('flush_all\r\n')
  await client.expect('OK\r\n')
  assert.equal(readProxyUse(state).tallies.listening, 2)

  const other = await connect(second)
  other.send('mn\r\n')
  await other.expect('MN\r\n')
  await prepare(engine, planOf(proxyPlan({ addresses: [tcp(first)] })))
  engine.commit()
  assert.equal(await other.expectClose(), 'end')
  assert.equal(await listens(second), false)
  client.send('mn\r\n')
  await client.expect('MN\r\n')
})

test('a Plan that cannot be opened, and one that is rolled back, leave nothing', async () => {
  const engine = newEngine()
  const [taken, free] = [await freePort(), await freePort()]
  const server = createServer()
  await new Promise<void>((resolve) => server.listen({ port: taken, host: '127.0.0.1', exclusive: true }, resolve))
  onTestEnd(() => {
    server.close()
  })
  const bad = planOf(proxyPlan({ addresses: [tcp(free), tcp(taken)] }))
  await assert.rejects(prepare(engine, bad), { code: 'EADDRINUSE' })
  await waitFor('a closed port', async () => !(await listens(free)))
  await prepare(engine, planOf(proxyPlan({ addresses: [tcp(free)] })))
  assert.equal(await listens(free), true)
  engine.rollback()
  await waitFor('a closed port', async () => !(await listens(free)))
})

test('drain answers what has come, disconnects clients, and resolves when none is left', async () => {
  const engine = newEngine()
  const port = await freePort()
  await prepare(engine, planOf(proxyPlan({ addresses: [tcp(port)] })))
  engine.commit()
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect(port)))
  for (const client of clients) client.send('set a 0 0 1\r\nx\r\nget a\r\n')
  for (const client of clients) await client.expect('STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n')
  const drained = engine.drain()
  for (const client of clients) {
    await client.expectClose()
    client.end()
  }
  await drained
  assert.equal(engine.connections(), 0)
  assert.equal(await listens(port), false)
})

test('two proxies of one worker count for themselves, and statistics are told of both', async () => {
  const engine = newEngine()
  const [first, second, stats] = [await freePort(), await freePort(), await freePort()]
  const own = new Map(['local', 'second'].map((name) => [name, createProxyState(1)]))
  const plan = planOf(
    proxyPlan({ addresses: [tcp(first)], statsAddresses: [tcp(stats)], connections: 1 }),
    proxyPlan({ name: 'second', addresses: [tcp(second)] }),
  )
  await engine.prepare(plan, own, { get: () => pool })
  engine.commit()
  const client = await connect(first)
  client.send('mn\r\n')
  await client.expect('MN\r\n')
  await (await connect(first)).expectClose() // one is the limit there,
  for (let i = 0; i < 3; i++) {
    const other = await connect(second) // and not here
    other.send('mn\r\nmn\r\n')
    await other.expect('MN\r\nMN\r\n')
  }
  assert.deepEqual(
    [...own.values()]
      .map((one) => readProxyUse(one))
      .map(({ tallies, commands }) => [tallies.clientConnections, commands.mn]),
    [
      [1, 1],
      [3, 6],
    ],
  )
  const collector = await connect(stats)
  collector.send('GET / HTTP/1.1\r\n\r\n') // what collectors ask is not read
  const told = JSON.parse((await collector.readToEnd()).toString())
  assert.deepEqual([told.version, told.edge.client_connections], ['1.2.3', 4])
})
