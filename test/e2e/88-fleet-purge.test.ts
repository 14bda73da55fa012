/**
 * Purges in a cache that three nodes share, by way of a real memcached: every node hears of them within two seconds, whatever
 * becomes of the server in between.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fleetLogKey } from '../../src/cache/purge/fleet-store.ts'
import type { FleetStatus } from '../../src/daemon/fleet-purges.ts'
import { statusOf } from '../support/admin.ts'
import type { ReceivedResponse } from '../support/http-message.ts'
import type { TestMemcached } from '../support/memcached.ts'
import { ok } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { type Node, startFleet } from './pool-site.ts'

const OPS = 'X-Ops: 1'
const GAP = 'purges of other nodes may have been missed: everything in the cache is purged'

const PURGE = `PURGE /nobody HTTP/1.1\r\nHost: test.example\r\n${OPS}\r\n\r\n`
const GET = 'GET /nobody HTTP/1.1\r\nHost: test.example\r\n\r\n'
const fleet = await startFleet({
  nodes: 3,
  workers: 2,
  cache: 'purge { allow @ops; }',
  pool: 'timeout 1s; eject off;',
  more: 'match @ops { header X-Ops present; } rule all { tags { from Cache-Tag; } }',
  site: 'cache all;',
})
const [server] = fleet.servers as [TestMemcached]
const nodes = fleet.nodes as readonly [Node, Node, Node]
const [one, two] = nodes

/** Stores `old` in the pool and in the memory of every node; from then on the origin answers `new`. */
async function keep(path: string, ...fields: string[]): Promise<void> {
  fleet.answer(path, ok('old', 'Cache-Control: max-age=600', ...fields))
  for (const node of nodes) {
    const before = await node.count('poolWrites')
    const asked = timesAsked(path)
    await node.get(path)
    if (timesAsked(path) > asked) await node.written(1, before)
    assert.match(cacheStatus(await node.get(path)), /; hit/)
  }
  fleet.answer(path, ok('new', 'Cache-Control: max-age=600', ...fields))
}

function timesAsked(path: string): number {
  return fleet.asked(path).length
}

interface Purged {
  readonly fleet?: 'published' | 'pending'
}

async function purge(node: Node, target: string, ...fields: string[]): Promise<Purged> {
  const method = fields.some((field) => field.startsWith('Cache-Tag')) ? 'PURGEKEY' : 'PURGE'
  const answer = await node.get(target, [OPS, ...fields], method)
  assert.equal(answer.status, 200, answer.body.toString())
  return JSON.parse(answer.body.toString())
}

async function bodyOf(node: Node, path: string): Promise<string> {
  return (await node.get(path)).body.toString()
}

function cacheStatus({ fields }: ReceivedResponse): string {
  return fields.get('cache-status') ?? ''
}

/** Waits until the node answers with what the origin has now; gives the milliseconds since `beganMs`. */
async function reached(node: Node, path: string, beganMs: number): Promise<number> {
  await waitFor(`the purge of ${path}`, async () => (await bodyOf(node, path)) === 'new')
  return performance.now() - beganMs
}

async function fleetOf(node: Node): Promise<FleetStatus> {
  return (await statusOf(node.shellac)).caches[0]!.fleet!
}

const scopes: { name: string; path: string; target: string; fields: string[] }[] = [
  { name: 'URL', path: '/url', target: '/url', fields: [] },
  { name: 'prefix', path: '/prefix/a', target: '/prefix/', fields: ['Purge-Scope: prefix'] },
  { name: 'glob', path: '/glob/a.png', target: '/glob/*.png', fields: ['Purge-Scope: glob'] },
  { name: 'tag', path: '/tag', target: '/', fields: ['Cache-Tag: news'] },
  { name: 'all', path: '/everything', target: '/', fields: ['Purge-Scope: all'] },
]

async function gaps(): Promise<number[]> {
  return Promise.all(nodes.map(async (node) => (await fleetOf(node)).gaps))
}

test('a purge by URL, prefix, glob or tag, or of all, soft or hard, reaches memory and pool of every node', async (t) => {
  const times: number[] = []
  let purges = 0
  for (const { name, path, target, fields } of scopes) {
    for (const mode of ['soft', 'hard']) {
      const from = nodes[purges++ % 3]!
      await keep(path, 'Cache-Tag: news')
      await keep('/other')
      const asked = timesAsked('/other')
      const beganMs = performance.now()
      const answer = await purge(from, target, ...fields, `Purge-Mode: ${mode}`)
      assert.equal(answer.fleet, 'published')
      assert.equal(await bodyOf(from, path), 'new', 'where it was given, at once')
      for (const node of nodes) times.push(await reached(node, path, beganMs))
      if (name === 'all') continue
      for (const node of nodes) assert.equal(await bodyOf(node, '/other'), 'old')
      assert.equal(timesAsked('/other'), asked)
    }
  }
  t.diagnostic(`from the request to the last look, milliseconds: ${times.map(Math.round).join(' ')}`)
  const all = await Promise.all(nodes.map(fleetOf))
  for (const { gaps, failures, pending } of all) assert.deepEqual([gaps, failures, pending], [0, 0, 0])
  assert.ok(all.some(({ applied }) => applied >= 6))
  await waitFor('one number everywhere', async () => {
    const numbers = await Promise.all(nodes.map(async (node) => (await fleetOf(node)).sequence))
    return new Set(numbers).size === 1
  })
})

test('what a node refetches after its own purge is not purged a second time', async () => {
  await keep('/again')
  for (let round = 0; round < 20; round++) {
    const asked = timesAsked('/again')
    await purge(one, '/again', 'Purge-Mode: hard')
    await bodyOf(one, '/again')
    assert.equal((await purge(one, '/', 'Cache-Tag: nothing')).fleet, 'published')
    await bodyOf(one, '/again')
    assert.equal(timesAsked('/again'), asked + 1)
  }
})

test('purges of many clients on all nodes at once all arrive', async () => {
  const paths = Array.from({ length: 60 }, (_, n) => `/many/${n}`)
  for (const path of paths) fleet.answer(path, ok('old', 'Cache-Control: max-age=600'))
  for (const node of nodes) await Promise.all(paths.map((path) => node.get(path)))
  for (const path of paths) fleet.answer(path, ok('new', 'Cache-Control: max-age=600'))
  const answers = await Promise.all(
    paths.map((path, n) => purge(nodes[n % 3]!, path, `Purge-Mode: ${n % 2 === 0 ? 'hard' : 'soft'}`)),
  )
  assert.deepEqual(new Set(answers.map((answer) => answer.fleet)), new Set(['published']))
  for (const node of nodes) for (const path of paths) await reached(node, path, 0)
  assert.deepEqual(await gaps(), [0, 0, 0])
})

test('shellac purge tells all nodes, with --local only its own', async () => {
  for (const path of ['/a', '/b']) await keep(path, `Cache-Tag: t${path.slice(1)}`)
  const local = await one.shellac.command('purge', '--local', '--hard', '--tag', 'ta')
  assert.equal(local.stdout, 'cache "main": purged 1 tag (hard)\n')
  const shared = await one.shellac.command('purge', '--hard', '--tag', 'tb')
  assert.equal(shared.stdout, 'cache "main": purged 1 tag (hard), here and, within two seconds, on the other nodes\n')
  await reached(two, '/b', 0)
  assert.deepEqual([await bodyOf(one, '/a'), await bodyOf(two, '/a')], ['new', 'old'])
  const status = await one.shellac.command('status')
  assert.match(status.stdout, /^cache +purge log in +on server +number/m)
})

test('a purge while the server of the log hangs is answered in time, and reaches everybody when it goes on', async () => {
  await keep('/hangs')
  await server.pause()
  try {
    assert.equal((await purge(one, '/hangs', 'Purge-Mode: hard')).fleet, 'pending')
    assert.equal(await bodyOf(two, '/hangs'), 'old', 'what is known is kept')
    const client = await one.connect()
    client.send(PURGE + PURGE + GET)
    const answers = [await client.response(), await client.response(), await client.response()]
    assert.match(answers[1]!.body.toString(), /"pending"/)
    assert.equal(answers[2]!.status, 418, 'in order')
    const hasty = await one.connect()
    hasty.send(PURGE)
    hasty.socket.destroy()
    assert.equal(await bodyOf(one, '/hangs'), 'new')
  } finally {
    server.resume()
  }
  for (const node of nodes) await reached(node, '/hangs', 0)
  assert.deepEqual(await gaps(), [0, 0, 0], 'nothing was lost')
})

test('a node that was down during a purge takes nothing from the pool that it concerns, and all the rest', async () => {
  await keep('/news', 'Cache-Tag: news')
  await keep('/soft', 'Cache-Tag: soft')
  await keep('/rest', 'Cache-Tag: rest')
  const before = await fleet.start()
  for (const path of ['/news', '/soft', '/rest']) assert.equal(await bodyOf(before, path), 'old')
  await before.shellac.stop()
  await purge(one, '/', 'Cache-Tag: news', 'Purge-Mode: hard')
  await purge(one, '/', 'Cache-Tag: soft', 'Purge-Mode: soft')
  const again = await fleet.start()
  const asked = timesAsked('/rest')
  assert.deepEqual([await bodyOf(again, '/news'), await bodyOf(again, '/soft')], ['new', 'new'])
  assert.equal(await bodyOf(again, '/rest'), 'old')
  assert.equal(timesAsked('/rest'), asked, 'it came from the pool')
  assert.equal((await fleetOf(again)).gaps, 0)
})

test('a purge whose log was evicted before a node has read it costs that node its memory, but is not missed', async () => {
  await keep('/evicted', 'Cache-Tag: evicted')
  two.shellac.process.kill('SIGSTOP')
  try {
    assert.equal((await purge(one, '/', 'Cache-Tag: evicted', 'Purge-Mode: hard')).fleet, 'published')
    assert.equal(await server.ask(`md ${fleetLogKey('main')}\r\n`), 'HD\r\n')
  } finally {
    two.shellac.process.kill('SIGCONT')
  }
  assert.equal((await two.shellac.waitForLog(GAP)).cache, 'main')
  assert.equal(await bodyOf(two, '/evicted'), 'new')
  await waitFor('a log that all follow', async () => {
    const numbers = await Promise.all(nodes.map(async (node) => (await fleetOf(node)).sequence))
    return new Set(numbers).size === 1
  })
  await keep('/later', 'Cache-Tag: later')
  await purge(two, '/', 'Cache-Tag: later', 'Purge-Mode: hard')
  for (const node of nodes) await reached(node, '/later', 0)
})

test('a pool that is flushed again and again costs contents, and never a purge', async () => {
  const before = await gaps()
  for (let round = 0; round < 4; round++) {
    fleet.answer('/flushed', ok('old', 'Cache-Control: max-age=600'))
    for (const node of nodes) await node.get('/flushed')
    fleet.answer('/flushed', ok('new', 'Cache-Control: max-age=600'))
    await purge(nodes[round % 3]!, '/flushed', 'Purge-Mode: hard')
    await server.flush()
    for (const node of nodes) await reached(node, '/flushed', 0)
    await purge(one, '/flushed', 'Purge-Mode: hard')
  }
  const after = await gaps()
  assert.ok(after.every((count, n) => count > before[n]!))
})

// The last one, as the server that it starts ends with it.
test('a purge while the server of the log is dead waits for it, and reaches everybody when it is back', async () => {
  await keep('/dead')
  const before = one.shellac.logs().length
  await server.kill()
  assert.equal((await purge(one, '/dead', 'Purge-Mode: hard')).fleet, 'pending')
  assert.equal(await bodyOf(one, '/dead'), 'new')
  assert.equal(await bodyOf(two, '/dead'), 'old', 'nobody has told it')
  const text = await one.shellac.command('purge', one.shellac.url('/b'))
  assert.match(text.stdout, /the pool does not answer, and the other nodes will hear of it when it does/)
  assert.ok((await fleetOf(one)).pending >= 2)
  await one.shellac.waitForLog(/^purges do not reach other nodes/, before)
  const told = one.shellac.logs().length
  await server.start()
  for (const node of nodes) await reached(node, '/dead', 0)
  await waitFor('nothing to wait for', async () => (await fleetOf(one)).pending === 0)
  await one.shellac.waitForLog('purges go to other nodes again', told)
})
