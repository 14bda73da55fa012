/** Purges for all nodes where the pool wants a password, is all the tier there is, or comes and goes with the configuration. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusOf } from '../support/admin.ts'
import { startMemcached } from '../support/memcached.ts'
import { startSaslMemcached } from '../support/sasl-memcached.ts'
import { ok } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { type Fleet, type FleetOptions, type Node, startFleet } from './pool-site.ts'

const options: FleetOptions = {
  cache: 'purge { allow @ops; }',
  more: 'match @ops { header X-Ops present; } rule all { tags { from Cache-Tag; } }',
  site: 'cache all;',
}

async function bodyOf(node: Node, path: string): Promise<string> {
  return (await node.get(path)).body.toString()
}

/** Stores `old` on every node; from then on the origin answers `new`. */
async function keep(fleet: Fleet, path: string): Promise<void> {
  fleet.answer(path, ok('old', 'Cache-Control: max-age=600', 'Cache-Tag: news'))
  const before = await fleet.nodes[0]!.count('poolWrites')
  for (const node of fleet.nodes) {
    assert.equal(await bodyOf(node, path), 'old')
    if (node === fleet.nodes[0]) await node.written(1, before)
  }
  assert.equal(fleet.asked(path).length, 1)
  fleet.answer(path, ok('new', 'Cache-Control: max-age=600', 'Cache-Tag: news'))
}

async function purge(node: Node, mode: 'hard' | 'soft'): Promise<void> {
  const answer = await node.get('/', ['X-Ops: 1', 'Cache-Tag: news', `Purge-Mode: ${mode}`], 'PURGEKEY')
  assert.equal(JSON.parse(answer.body.toString()).fleet, 'published')
}

async function reached(node: Node, path: string): Promise<void> {
  await waitFor(`the purge of ${path}`, async () => (await bodyOf(node, path)) === 'new')
}

test('a pool with user and password carries purges, too', async () => {
  const server = await startSaslMemcached('shop', 'a-secret')
  const fleet = await startFleet({
    ...options,
    servers: [server],
    pool: 'timeout 1s; auth sasl shop a-secret;',
  })
  for (const mode of ['hard', 'soft'] as const) {
    await keep(fleet, `/${mode}`)
    await purge(fleet.nodes[0]!, mode)
    for (const node of fleet.nodes) await reached(node, `/${mode}`)
  }
})

test('where only the pool keeps objects a purge of one node is obeyed by all', async () => {
  const fleet = await startFleet({ ...options, pool: 'timeout 1s;', tiers: 'tier memcached edge;' })
  for (const mode of ['hard', 'soft'] as const) {
    await keep(fleet, `/${mode}`)
    await purge(fleet.nodes[1]!, mode)
    for (const node of fleet.nodes) await reached(node, `/${mode}`)
  }
})

test('what was purged softly is stale for a node that finds it in the pool: it answers, and is fetched behind', async () => {
  const fleet = await startFleet({ ...options, pool: 'timeout 1s;', cache: `${options.cache} grace 60s;` })
  await keep(fleet, '/a')
  await purge(fleet.nodes[0]!, 'soft')
  const late = await fleet.start({ cache: `${options.cache} grace 60s;` })
  const first = await late.get('/a')
  assert.equal(first.body.toString(), 'old')
  assert.match(first.fields.get('cache-status') ?? '', /hit.*detail=purged/)
  await reached(late, '/a')
  assert.equal(fleet.asked('/a').length, 2)
})

test('a cache that gets a pool by a reload hears of purges, and one that loses it does not', async () => {
  const fleet = await startFleet({ ...options, pool: 'timeout 1s;' })
  const [one, two] = fleet.nodes as [Node, Node]
  await two.shellac.reload(fleet.config({ tiers: 'tier memory 16MiB;' }))
  assert.equal((await statusOf(two.shellac)).caches[0]!.fleet, null)
  fleet.answer('/a', ok('old', 'Cache-Control: max-age=600', 'Cache-Tag: news'))
  await two.get('/a')
  fleet.answer('/a', ok('new', 'Cache-Control: max-age=600', 'Cache-Tag: news'))
  await two.shellac.reload(fleet.config({}))
  await purge(one, 'hard')
  await reached(two, '/a')
})

test('nodes whose log moves to another server purge each other there', async () => {
  const fleet = await startFleet({ ...options, pool: 'timeout 1s;' })
  const servers = [await startMemcached()]
  for (const node of fleet.nodes) await node.shellac.reload(fleet.config({ servers }))
  await keep(fleet, '/moved')
  await purge(fleet.nodes[0]!, 'hard')
  for (const node of fleet.nodes) await reached(node, '/moved')
  const { server } = (await statusOf(fleet.nodes[0]!.shellac)).caches[0]!.fleet!
  assert.equal(server, servers[0]!.text)
})

test('when the server of the log dies for good the log goes on at another, and so do purges', async (t) => {
  const fleet = await startFleet({ ...options, nodes: 3, servers: 3, pool: 'timeout 1s; eject after 2 for 1s;' })
  await keep(fleet, '/dies')
  const [one, two] = fleet.nodes as [Node, Node, Node]
  const logAt = async (node: Node): Promise<string> => (await statusOf(node.shellac)).caches[0]!.fleet!.server
  const before = await logAt(one)
  const dying = fleet.servers.find(({ text }) => text === before)!
  await dying.kill()
  const beganMs = performance.now()
  await one.get('/', ['X-Ops: 1', 'Cache-Tag: news', 'Purge-Mode: hard'], 'PURGEKEY')
  for (const node of fleet.nodes) await reached(node, '/dies')
  t.diagnostic(`the purge was everywhere after ${Math.round(performance.now() - beganMs)} ms`)
  await waitFor('the log at another server', async () => {
    const places = await Promise.all(fleet.nodes.map(logAt))
    return new Set(places).size === 1 && places[0] !== before
  })
  await keep(fleet, '/later')
  await purge(two, 'soft')
  for (const node of fleet.nodes) await reached(node, '/later')
})
