/** What an unsafe request has removed stays removed, though removals may get lost and other nodes know what they know. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startLyingMemcached } from '../support/lying-memcached.ts'
import { startMemcached } from '../support/memcached.ts'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus } from './caching-site.ts'
import { BOTH_TIERS, type Fleet, isPoolHit, type Node, startFleet } from './pool-site.ts'

const POST = ['Content-Length: 0']

/** What the origin says of `path` from now on, until the next unsafe request. */
function answerVersions(fleet: Fleet, path: string, ...fields: string[]): void {
  let version = 1
  fleet.answer(path, (request) => {
    if (request.method !== 'POST') return ok(`version ${version}`, 'Cache-Control: max-age=600', ...fields)
    version++
    return reply(204, '')
  })
}

async function stored(node: Node, path: string, fields: readonly string[], entries: number) {
  const before = (await node.count('poolWrites')) + (await node.count('poolDropped'))
  const response = await node.get(path, fields)
  await node.written(entries, before)
  return response
}

test('variants that were removed are not found again by the marker that another node remembers', async () => {
  const fleet = await startFleet()
  const [a, b] = [fleet.nodes[0]!, fleet.nodes[1]!]
  answerVersions(fleet, '/varies', 'Vary: X-Kind')
  await stored(a, '/varies', ['X-Kind: 1'], 2)
  const shared = await b.get('/varies', ['X-Kind: 1'])
  assert.ok(isPoolHit(shared), cacheStatus(shared))
  const deletions = await fleet.sum('delete_hits')
  await a.get('/varies', POST, 'POST')
  await waitFor('the removal', async () => (await fleet.sum('delete_hits')) > deletions)
  const before = await b.count('poolWrites')
  for (const kind of [2, 3]) await b.get('/varies', [`X-Kind: ${kind}`])
  await b.written(2, before)
  const after = await fleet.start()
  for (const node of [a, after]) {
    assert.equal((await node.get('/varies', ['X-Kind: 1'])).body.toString(), 'version 2')
  }
})

for (const tiers of [BOTH_TIERS, 'tier memcached edge;']) {
  test(`a removal that does not reach the pool counts for this node all the same (${tiers})`, async () => {
    const liar = await startLyingMemcached(await startMemcached())
    const fleet = await startFleet({ servers: [liar], tiers, workers: 2 })
    const [a, b] = [fleet.nodes[0]!, fleet.nodes[1]!]
    answerVersions(fleet, '/lost')
    await stored(a, '/lost', [], 1)
    liar.loses = (line) => line.startsWith('md ')
    await a.get('/lost', POST, 'POST')
    await waitFor('the loss', async () => liar.lost > 0)
    liar.loses = () => false
    let probes = 0
    await waitFor('the pool again', async () => {
      const path = `/probe/${probes++}`
      fleet.answer(path, ok('x', 'Cache-Control: max-age=600'))
      await stored(b, path, [], 1)
      return isPoolHit(await a.get(path))
    })
    const before = await a.count('poolWrites')
    const first = await a.get('/lost')
    assert.equal(first.body.toString(), 'version 2')
    await a.written(1, before)
    const second = await a.get('/lost')
    assert.equal(second.body.toString(), 'version 2')
    assert.match(cacheStatus(second), /^Shellac; hit/)
    assert.equal((await b.get('/lost')).body.toString(), 'version 2')
  })
}

test('what an unsafe request has changed is shared again when it was fetched anew, whatever its key is made of', async () => {
  const fleet = await startFleet({ nodes: 1, tiers: 'tier memcached edge;', cache: 'key { cookie keep currency; }' })
  const node = fleet.nodes[0]!
  answerVersions(fleet, '/shop')
  for (const currency of ['EUR', 'USD']) await stored(node, '/shop', [`Cookie: currency=${currency}`], 1)
  await node.get('/shop', POST, 'POST')
  for (const currency of ['EUR', 'USD']) {
    const changed = await stored(node, '/shop', [`Cookie: currency=${currency}`], 1)
    assert.equal(changed.body.toString(), 'version 2')
    const again = await node.get('/shop', [`Cookie: currency=${currency}`])
    assert.equal(again.body.toString(), 'version 2')
    assert.ok(isPoolHit(again), cacheStatus(again))
  }
})
