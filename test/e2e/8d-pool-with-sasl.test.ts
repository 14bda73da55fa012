/** A shared tier over servers that want user and password, by way of memjs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSaslMemcached } from '../support/sasl-memcached.ts'
import { ok } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus, gate } from './caching-site.ts'
import { isPoolHit, startFleet } from './pool-site.ts'

const server = await startSaslMemcached('shellac', 'secret')
const fleet = await startFleet({
  nodes: 2,
  servers: [server],
  pool: 'timeout 5s; auth sasl shellac secret;',
  cache: 'max-object 4MiB; collapse { scope cluster; wait 20s; }',
})
const [a, b] = [fleet.nodes[0]!, fleet.nodes[1]!]

async function stored(path: string, fields: readonly string[] = [], entries = 1) {
  const before = (await a.count('poolWrites')) + (await a.count('poolDropped'))
  const response = await a.get(path, fields)
  await a.written(entries, before)
  return response
}

test('what one node has fetched is a hit on the other', async () => {
  fleet.answer('/shared', ok('hello', 'Cache-Control: max-age=60'))
  await stored('/shared')
  const response = await b.get('/shared')
  assert.equal(response.body.toString(), 'hello')
  assert.ok(isPoolHit(response), cacheStatus(response))
})

test('large bodies and variants, too', async () => {
  const large = '0123456789'.repeat(250_000)
  fleet.answer('/large', ok(large, 'Cache-Control: max-age=60'))
  await stored('/large')
  const whole = await b.get('/large')
  assert.ok(whole.body.toString() === large)
  assert.ok(isPoolHit(whole), cacheStatus(whole))
  fleet.answer('/vary', (request) =>
    ok(`for ${request.fields.get('x-kind')}`, 'Cache-Control: max-age=60', 'Vary: X-Kind'),
  )
  await stored('/vary', ['X-Kind: a'], 2)
  const variant = await b.get('/vary', ['X-Kind: a'])
  assert.equal(variant.body.toString(), 'for a')
  assert.ok(isPoolHit(variant), cacheStatus(variant))
})

test('one node is elected to fetch', async () => {
  const held = gate()
  fleet.answer('/cold', async () => {
    await held.opened
    return ok('x', 'Cache-Control: max-age=60')
  })
  const missed = await b.count('poolMisses')
  const first = a.get('/cold')
  await waitFor('the fetch', () => fleet.asked('/cold').length === 1)
  const second = b.get('/cold')
  await waitFor('its wait', async () => (await b.count('poolMisses')) > missed)
  held.open()
  for (const response of await Promise.all([first, second])) assert.equal(response.body.toString(), 'x')
  assert.equal(fleet.asked('/cold').length, 1)
})

test('a node that dies while it fetches is replaced when its lease is over', { timeout: 60_000 }, async () => {
  const doomed = await fleet.start()
  const held = gate()
  fleet.answer('/death', async () => {
    if (fleet.asked('/death').length === 1) await held.opened
    return ok('late', 'Cache-Control: max-age=60')
  })
  const lost = await doomed.connect()
  lost.send('GET /death HTTP/1.1\r\nHost: test.example\r\n\r\n')
  await waitFor('its fetch', () => fleet.asked('/death').length === 1)
  const waiting = a.get('/death')
  doomed.shellac.process.kill('SIGKILL')
  assert.equal((await waiting).body.toString(), 'late')
  assert.equal(fleet.asked('/death').length, 2)
  held.open()
})

test('a server that is killed costs no answer', async () => {
  await server.kill()
  for (let time = 0; time < 5; time++) {
    const path = `/killed/${time}`
    fleet.answer(path, ok('x', 'Cache-Control: max-age=60'))
    assert.equal((await b.get(path)).body.toString(), 'x')
  }
})
