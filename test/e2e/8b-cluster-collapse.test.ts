/** One fetch for the whole fleet: `collapse { scope cluster; }`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ScriptedClient } from '../support/scripted-client.ts'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus, gate } from './caching-site.ts'
import { isPoolHit, type Node, startFleet } from './pool-site.ts'

/** As the issue wants it. */
const CLIENTS = 300

const fleet = await startFleet({
  nodes: 3,
  servers: 2,
  cache: 'collapse { scope cluster; wait 20s; waiters 1000; }',
  site: 'route brief { path /brief/**; cache brief; } route patient { path /patient/**; cache patient; }',
  more: `rule brief { collapse { scope cluster; wait 300ms; } hit-for-miss 30s; }
    rule patient { collapse { scope cluster; wait 10m; } }`,
})
const [a, b, c] = [fleet.nodes[0]!, fleet.nodes[1]!, fleet.nodes[2]!]

function connectTo(node: Node, clients: number): Promise<ScriptedClient[]> {
  return Promise.all(Array.from({ length: clients }, () => node.connect()))
}

test('the origin is asked once by three nodes with three hundred clients each', { timeout: 120_000 }, async () => {
  fleet.answer('/cold', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1000)) // the origin that the issue names
    return ok('x'.repeat(5000), 'Cache-Control: max-age=60')
  })
  const clients: ScriptedClient[] = []
  for (const node of fleet.nodes) clients.push(...(await connectTo(node, CLIENTS)))
  for (const client of clients) client.send('GET /cold HTTP/1.1\r\nHost: test.example\r\n\r\n')
  const responses = await Promise.all(clients.map((client) => client.response()))
  for (const response of responses) {
    assert.equal(response.status, 200)
    assert.equal(response.body.length, 5000)
  }
  const errors = await Promise.all(fleet.nodes.map((node) => node.count('poolErrors')))
  assert.equal(fleet.asked('/cold').length, 1, `look-ups that failed: ${errors}`)
  assert.ok(responses.filter(isPoolHit).length >= 2 * CLIENTS, 'two nodes were answered by the pool')
  for (const client of clients) client.socket.destroy()
})

test('a node that dies while it fetches is replaced when its lease is over', { timeout: 120_000 }, async () => {
  const doomed = await fleet.start()
  const first = gate()
  let fetches = 0
  fleet.answer('/death', async () => {
    if (++fetches === 1) await first.opened
    return ok('late', 'Cache-Control: max-age=60')
  })
  const lost = await doomed.connect()
  lost.send('GET /death HTTP/1.1\r\nHost: test.example\r\n\r\n')
  await waitFor('its fetch', () => fleet.asked('/death').length === 1)
  const waiting = [...(await connectTo(a, 20)), ...(await connectTo(b, 20))]
  const answers = waiting.map((client) => client.get('/death'))
  await waitFor('those who wait', async () => (await a.count('poolMisses')) > 2)
  doomed.shellac.process.kill('SIGKILL')
  for (const answer of answers) assert.equal((await answer).body.toString(), 'late')
  assert.equal(fleet.asked('/death').length, 2)
  first.open()
  for (const client of waiting) client.socket.destroy()
})

test('a lease outlasts its time while the fetch goes on', { timeout: 60_000 }, async () => {
  const held = gate()
  fleet.answer('/long', async () => {
    await held.opened
    return ok('x', 'Cache-Control: max-age=60')
  })
  const answers = [a.get('/long')]
  await waitFor('the fetch', () => fleet.asked('/long').length === 1)
  answers.push(b.get('/long'), c.get('/long'))
  // memcached counts the seconds: twice the lease has passed when an item that lives as long is gone for the second time.
  const [server] = fleet.servers
  for (let lease = 0; lease < 2; lease++) {
    assert.equal(await server!.ask('ms clock 1 T3\r\nx\r\n'), 'HD\r\n')
    await waitFor('the time of a lease', async () => (await server!.ask('mg clock\r\n')) === 'EN\r\n')
  }
  assert.equal(fleet.asked('/long').length, 1)
  held.open()
  for (const answer of answers) assert.equal((await answer).body.toString(), 'x')
  assert.equal(fleet.asked('/long').length, 1)
})

test('nobody waits for what cannot be shared', async () => {
  const held = gate()
  fleet.answer('/brief/private', async () => {
    await held.opened
    return ok('mine', 'Cache-Control: private')
  })
  fleet.answer('/private', async () => {
    if (fleet.asked('/private').length === 1) await held.opened
    return ok('mine', 'Cache-Control: private')
  })
  const leader = a.get('/private')
  await waitFor('the fetch', () => fleet.asked('/private').length === 1)
  const followers = [...(await connectTo(b, 5)), ...(await connectTo(c, 5))].map((client) => client.get('/private'))
  held.open()
  assert.equal((await leader).body.toString(), 'mine')
  for (const follower of followers) {
    const response = await follower
    assert.equal(response.body.toString(), 'mine')
    assert.match(cacheStatus(response), /detail=hit-for-miss:response-private/)
  }
  assert.equal(fleet.asked('/private').length, 11)
})

test('a fetch that fails lets the others try', async () => {
  const held = gate()
  let fetches = 0
  fleet.answer('/failing', async () => {
    if (++fetches > 1) return ok('x', 'Cache-Control: max-age=60')
    await held.opened
    return { close: 'SSH-2.0-x\r\n\r\n' }
  })
  const failed = a.get('/failing')
  await waitFor('the fetch', () => fleet.asked('/failing').length === 1)
  const missed = await b.count('poolMisses')
  const other = b.get('/failing')
  await waitFor('its wait', async () => (await b.count('poolMisses')) > missed)
  held.open()
  assert.equal((await failed).status, 502)
  assert.equal((await other).body.toString(), 'x')
})

test('no one waits longer than `collapse` allows', async () => {
  const held = gate()
  fleet.answer('/brief/slow', async () => {
    if (fleet.asked('/brief/slow').length === 1) await held.opened
    return ok('x', 'Cache-Control: max-age=60')
  })
  const first = a.get('/brief/slow')
  await waitFor('the fetch', () => fleet.asked('/brief/slow').length === 1)
  assert.equal((await b.get('/brief/slow')).body.toString(), 'x')
  assert.equal(fleet.asked('/brief/slow').length, 2)
  held.open()
  assert.equal((await first).body.toString(), 'x')
})

test('what is stale is validated once for all nodes', async () => {
  const held = gate()
  let isOld = true
  fleet.answer('/stale', async (request) => {
    if (isOld) return ok('x', 'Cache-Control: max-age=10', 'ETag: "v1"', 'Age: 50')
    await held.opened
    assert.equal(request.fields.get('if-none-match'), '"v1"')
    return reply(304, '', 'Cache-Control: max-age=60', 'ETag: "v1"')
  })
  const before = (await a.count('poolWrites')) + (await a.count('poolDropped'))
  await a.get('/stale')
  await a.written(1, before)
  isOld = false
  const answers = fleet.nodes.map((node) => node.get('/stale'))
  await waitFor('the validation', () => fleet.asked('/stale').length === 2)
  held.open()
  for (const answer of answers) assert.equal((await answer).body.toString(), 'x')
  assert.equal(fleet.asked('/stale').length, 2)
})

for (const [name, path, control] of [
  ['must be validated each time', '/patient/no-cache', 'no-cache'],
  ['is never fresh', '/patient/max-age', 'max-age=0'],
] as const) {
  test(`no node waits for another to validate what ${name}`, async () => {
    const held = gate()
    fleet.answer(path, async ({ fields }) => {
      if (fields.get('if-none-match') === undefined) return ok('x', `Cache-Control: ${control}`, 'ETag: "v1"')
      if (fields.get('x-hold') !== undefined) await held.opened
      return reply(304, '', `Cache-Control: ${control}`, 'ETag: "v1"')
    })
    const before = (await a.count('poolWrites')) + (await a.count('poolDropped'))
    await a.get(path)
    await a.written(1, before)
    const first = a.get(path, ['X-Hold: yes'])
    await waitFor('the validation', () => fleet.asked(path).length === 2)
    const others = [b.get(path), c.get(path)]
    await waitFor('those of the others', () => fleet.asked(path).length === 4)
    for (const other of others) assert.equal((await other).body.toString(), 'x')
    held.open()
    assert.equal((await first).body.toString(), 'x')
  })
}

test('no node waits for another whose request has credentials', async () => {
  const held = gate()
  fleet.answer('/patient/mine', async ({ fields }) => {
    const who = fields.get('authorization') ?? ''
    if (who === 'Basic a') await held.opened
    return ok(`for ${who}`, 'Cache-Control: max-age=60')
  })
  const first = a.get('/patient/mine', ['Authorization: Basic a'])
  await waitFor('the fetch', () => fleet.asked('/patient/mine').length === 1)
  assert.equal((await b.get('/patient/mine', ['Authorization: Basic b'])).body.toString(), 'for Basic b')
  assert.equal((await c.get('/patient/mine')).body.toString(), 'for ')
  held.open()
  assert.equal((await first).body.toString(), 'for Basic a')
  assert.equal((await b.get('/patient/mine')).body.toString(), 'for ')
})

test('variants are fetched once each', async () => {
  const held = gate()
  fleet.answer('/vary', async (request) => {
    await held.opened
    return ok(`for ${request.fields.get('x-kind')}`, 'Cache-Control: max-age=60', 'Vary: X-Kind')
  })
  const answers = fleet.nodes.map((node) => node.get('/vary', ['X-Kind: a']))
  await waitFor('the fetch', () => fleet.asked('/vary').length === 1)
  held.open()
  for (const answer of answers) assert.equal((await answer).body.toString(), 'for a')
  assert.equal(fleet.asked('/vary').length, 1)
  const others = fleet.nodes.map((node) => node.get('/vary', ['X-Kind: b']))
  for (const other of others) assert.equal((await other).body.toString(), 'for b')
  assert.equal(fleet.asked('/vary').length, 2)
})

test('nodes without memory of their own elect one, too', async () => {
  const nodes = [
    await fleet.start({ tiers: 'tier memcached edge;' }),
    await fleet.start({ tiers: 'tier memcached edge;' }),
  ]
  const held = gate()
  fleet.answer('/bare', async () => {
    await held.opened
    return ok('x', 'Cache-Control: max-age=60')
  })
  const clients = (await Promise.all(nodes.map((node) => connectTo(node, 10)))).flat()
  const answers = clients.map((client) => client.get('/bare'))
  await waitFor('the fetch', () => fleet.asked('/bare').length === 1)
  held.open()
  for (const answer of answers) assert.equal((await answer).body.toString(), 'x')
  for (const node of nodes) await waitFor('hits', async () => isPoolHit(await node.get('/bare')))
  assert.equal(fleet.asked('/bare').length, 1)
})

test('a pool that is gone keeps nobody from the origin', async () => {
  for (const server of fleet.servers) await server.kill()
  fleet.answer('/gone', ok('x', 'Cache-Control: max-age=60'))
  for (const node of fleet.nodes) assert.equal((await node.get('/gone')).body.toString(), 'x')
  for (const server of fleet.servers) await server.start()
})
