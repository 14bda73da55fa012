/** Servers of a pool are killed, stopped, paused and started again under load; every reply is looked at. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PlacedServer } from '../../src/plan/memcached-plan.ts'
import { Placement } from '../../src/ring/placement.ts'
import { MemcachedLoad } from '../support/memcached-load.ts'
import { sized } from '../support/soak.ts'
import { waitFor } from '../support/wait.ts'
import { type ProxiedPool, startProxiedPool, startServers } from './proxied-pool.ts'

const SOAK_OPERATIONS = sized(100_000, 10_000_000)
const CLIENTS = 10
const DEPTH = 16

function loadOn(pool: ProxiedPool, mayForget = true): Promise<MemcachedLoad> {
  return MemcachedLoad.connect(
    { port: pool.shellac.port, host: '127.0.0.1' },
    { clients: CLIENTS, depth: DEPTH, mayForget },
  )
}

/** Whether server `server` of three owns one of the keys while all live. */
function ownsOneOf(keys: string, server: number): boolean {
  const servers: PlacedServer[] = [1, 2, 3].map((number) => ({ label: `mc${number}`, weight: 1 }))
  const plan = { hash: 'fnv1a_64', hashTag: undefined, distribution: 'ketama', servers } as const
  const ring = new Placement(plan).build(() => true)
  return keys.split(' ').some((key) => ring.ownerOf(Buffer.from(key), 0, key.length) === server)
}

async function liveServers(pool: ProxiedPool): Promise<number> {
  return Number(/servers_live (\d+)/.exec(await pool.ask('stats\r\n', /END\r\n$/))![1])
}

/** Comes back when the load has gone on for some time. */
async function more(load: MemcachedLoad, operations = 5000): Promise<void> {
  const until = load.operations + operations
  await waitFor(`${operations} operations`, () => load.operations >= until)
}

/** What clients may be told of a server that is gone: it was, or it is no more. */
const GONE = ['Connection refused', 'Connection reset by peer']

function assertTexts(load: MemcachedLoad, allowed: readonly string[]): void {
  for (const { text } of load.errors) assert.ok(allowed.includes(text), text)
}

test(`${SOAK_OPERATIONS} operations, each with the reply that is its own`, async (t) => {
  const pool = await startProxiedPool({ workers: 2, pool: 'connections 2;' })
  const load = await loadOn(pool, false)
  const begun = Date.now()
  await load.run(SOAK_OPERATIONS)
  t.diagnostic(`${load.operations} operations in ${Date.now() - begun} ms`)
  assert.deepEqual(load.errors, [])
})

test('without ejection a killed server costs its own keys, until it is back', async () => {
  const pool = await startProxiedPool({ pool: 'eject off;' })
  const load = await loadOn(pool)
  load.start()
  await more(load)
  assert.deepEqual(load.errors, [])
  await pool.servers[1]!.kill()
  await more(load)
  await pool.servers[1]!.start()
  assert.ok(load.errors.length > 0)
  await waitFor('a server that is used again', async () => Number(await pool.servers[1]!.stat('cmd_set')) > 100)
  const later = load.errors.length
  await more(load)
  await load.stop()
  assert.equal(load.errors.length, later, 'no errors once it is back')
  assertTexts(load, GONE)
  for (const { key } of load.errors) assert.ok(ownsOneOf(key, 1), `${key} is not of the dead server`)
  assert.equal(await liveServers(pool), 3)
})

for (const [how, texts] of [
  ['kill', GONE],
  ['stop', GONE],
  ['pause', ['Connection timed out']],
] as const) {
  test(`with ejection a server costs what is in flight there (${how}), and comes back by a probe`, async () => {
    const pool = await startProxiedPool({ pool: 'timeout 300ms; eject after 2 for 500ms;' })
    const load = await loadOn(pool)
    load.start()
    await more(load)
    await pool.servers[2]![how]()
    await waitFor('an ejection', async () => (await liveServers(pool)) === 2)
    await more(load, 2 * CLIENTS * DEPTH) // what was in flight has been answered
    const errors = load.errors.length
    await more(load)
    assert.equal(load.errors.length, errors, 'no errors while it is out')
    assert.ok(errors > 0 && errors <= 3 * CLIENTS * DEPTH, `${errors} errors`)
    for (const { key } of load.errors) assert.ok(ownsOneOf(key, 2), `${key} is not of the dead server`)
    assertTexts(load, texts)
    if (how === 'pause') pool.servers[2]!.resume()
    else await pool.servers[2]!.start()
    await waitFor('its return', async () => (await liveServers(pool)) === 3)
    await more(load)
    await load.stop()
    assert.equal(load.errors.length, errors, 'no errors when it is back')
  })
}

test('with all servers out everything is refused at once, and works when one is back', async () => {
  const pool = await startProxiedPool({ pool: 'timeout 300ms; eject after 1 for 300ms;' })
  assert.equal(await pool.ask('set a 0 0 1\r\nx\r\n'), 'STORED\r\n')
  for (const server of pool.servers) await server.kill()
  await waitFor('three ejections', async () => {
    await pool.ask('get a b c d e f g h\r\n')
    return (await liveServers(pool)) === 0
  })
  const refused = 'SERVER_ERROR Connection refused\r\n'
  const client = await pool.connect()
  client.send(
    'get a\r\nset a 0 0 1\r\nx\r\nget a b\r\nincr a 1\r\nmg a v\r\nmn\r\nset a 0 0 1 noreply\r\nx\r\nversion\r\n',
  )
  assert.equal(await client.readUntil(/VERSION.*\r\n$/), `${refused.repeat(5)}MN\r\nVERSION 1.6.0\r\n`)
  await pool.servers[0]!.start()
  await waitFor('its return', async () => (await liveServers(pool)) === 1)
  client.send('set a 0 0 1\r\ny\r\nget a\r\n')
  assert.equal(await client.readUntil(/END\r\n$/), 'STORED\r\nVALUE a 0 1\r\ny\r\nEND\r\n')
})

test('a server that closes an idle connection costs nothing', async () => {
  const pool = await startProxiedPool()
  const client = await pool.connect()
  const keys = Array.from({ length: 30 }, (_, i) => `${i * 7919}`)
  for (let round = 0; round < 3; round++) {
    client.send(`${keys.map((key) => `set ${key} 0 0 1\r\n${round}\r\n`).join('')}get ${keys.join(' ')}\r\n`)
    const answer = await client.readUntil(/END\r\n$/)
    const values = keys.map((key) => `VALUE ${key} 0 1\r\n${round}\r\n`).join('')
    assert.equal(answer, `${'STORED\r\n'.repeat(30)}${values}END\r\n`)
    for (const server of pool.servers) await server.restart()
  }
})

test('what is unanswered when a server dies is told so, in its place; the rest is answered', async () => {
  const pool = await startProxiedPool({ pool: 'timeout 30s;' })
  const keys = Array.from({ length: 40 }, (_, i) => `${i * 7919}`)
  const client = await pool.connect()
  for (const key of keys) client.send(`set ${key} 0 0 1\r\nv\r\n`)
  await client.read(keys.length * 'STORED\r\n'.length)
  await pool.servers[0]!.pause()
  const lost = 'SERVER_ERROR Connection reset by peer\r\n'
  const expected = keys.map((key) => (ownsOneOf(key, 0) ? lost : `VALUE ${key} 0 1\r\nv\r\nEND\r\n`))
  const ofDead = keys.filter((key) => ownsOneOf(key, 0))
  assert.ok(ofDead.length > 1 && ofDead.length < keys.length)
  client.send(`${keys.map((key) => `get ${key}\r\n`).join('')}get ${keys.join(' ')}\r\nset ${ofDead[0]} 0 0 1\r\nw\r\n`)
  client.send(`set ${ofDead[0]} 0 0 1 noreply\r\nw\r\nmg ${ofDead[0]} v q\r\nmn\r\n`)
  const waiting = ofDead.length + 1 + 3 // single gets, the part of the multi-get, and what follows
  await waitFor('requests in flight', async () => {
    const stats = await pool.ask('stats\r\n', /END\r\n$/)
    return Number(/out_queue (\d+)/.exec(stats)![1]) === waiting
  })
  await pool.servers[0]!.kill()
  const answer = await client.readUntil(/MN\r\n$/)
  assert.equal(answer, `${expected.join('')}${lost}${lost}${lost}MN\r\n`)
  client.send('version\r\n')
  await client.expect('VERSION 1.6.0\r\n')
})

test('what waits for a server is bounded: past that it is refused, and the rest is done when the server goes on', async () => {
  const pool = await startProxiedPool({
    servers: await startServers(1),
    pool: 'timeout 60s; max-backlog 1MiB;',
    proxy: 'limits { client-backlog 256MiB; }',
  })
  const client = await pool.connect()
  client.send('get none\r\n'.repeat(100))
  await client.read(100 * 'END\r\n'.length)
  await pool.servers[0]!.pause()
  const value = 'v'.repeat(1_000_000)
  const requests = 80
  for (let i = 0; i < requests; i++) await client.sendAll(Buffer.from(`set k${i} 0 0 ${value.length}\r\n${value}\r\n`))
  await waitFor('all to be read', async () => {
    return /cmd_set 80\r/.test(await pool.ask('stats\r\n', /END\r\n$/))
  })
  pool.servers[0]!.resume()
  client.send('mn\r\n')
  const answers = (await client.readUntil(/MN\r\n$/)).split('\r\n').slice(0, requests)
  const stored = answers.indexOf('SERVER_ERROR Out of memory')
  assert.ok(stored > 0, `${answers.slice(0, 5)}`)
  assert.deepEqual(answers.slice(0, stored), new Array(stored).fill('STORED'))
  assert.deepEqual(answers.slice(stored), new Array(requests - stored).fill('SERVER_ERROR Out of memory'))
})
