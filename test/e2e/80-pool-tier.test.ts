/** What nodes share over a memcached pool: responses of every kind, and what makes them go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entryKey, identityOf } from '../../src/cache/tiers/pool/keys.ts'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus, dateIn, isHit } from './caching-site.ts'
import { isPoolHit, startFleet } from './pool-site.ts'

const fleet = await startFleet({
  servers: 3,
  cache: 'purge { allow @everybody; }',
  site: 'headers { response set X-Node here; } route min { path /min/**; cache often; } route alone { path /alone/**; cache alone; }',
  more: 'match @everybody { source 127.0.0.1; } rule often { min-uses 3; } rule alone { collapse off; }',
})
const [a, b] = [fleet.nodes[0]!, fleet.nodes[1]!]

/** Asks a node, and waits until what it has stored is in the pool. */
async function stored(node: typeof a, path: string, fields: readonly string[] = [], entries = 1) {
  const before = (await node.count('poolWrites')) + (await node.count('poolDropped'))
  const response = await node.get(path, fields)
  await node.written(entries, before)
  return response
}

test('what one node has fetched is a hit on the other, and from then on in its memory', async () => {
  fleet.answer('/shared', ok('hello', 'Cache-Control: max-age=60', 'ETag: "v1"', 'X-Kept: yes'))
  await stored(a, '/shared')
  const first = await b.get('/shared')
  assert.equal(first.body.toString(), 'hello')
  assert.equal(first.fields.get('x-kept'), 'yes')
  assert.equal(first.fields.get('x-node'), 'here', 'edits are made on what comes from the pool, too')
  assert.ok(isPoolHit(first), cacheStatus(first))
  assert.ok(isHit(await b.get('/shared')))
  assert.equal(fleet.asked('/shared').length, 1)
  assert.ok((await b.count('poolHits')) > 0)
})

test('ages go on in the pool', async () => {
  fleet.answer('/aged', ok('x', 'Cache-Control: max-age=100', 'Age: 40'))
  await stored(a, '/aged')
  const response = await b.get('/aged')
  assert.ok(Number(response.fields.get('age')) >= 40)
  assert.match(cacheStatus(response), /ttl=5\d/)
})

test('what lives longer than a month is kept as a date', async () => {
  fleet.answer('/year', ok('x', 'Cache-Control: max-age=31536000'))
  await stored(a, '/year')
  const response = await b.get('/year')
  assert.ok(isPoolHit(response), cacheStatus(response))
})

test('conditions, ranges and HEAD are answered from what the pool has', async () => {
  for (const path of ['/conditional', '/ranged', '/head']) {
    fleet.answer(path, ok('0123456789', 'Cache-Control: max-age=60', 'ETag: "v1"'))
    await stored(a, path)
  }
  assert.equal((await b.get('/conditional', ['If-None-Match: "v1"'])).status, 304)
  const ranged = await b.get('/ranged', ['Range: bytes=2-4'])
  assert.equal(ranged.status, 206)
  assert.equal(ranged.body.toString(), '234')
  const head = await b.get('/head', [], 'HEAD')
  assert.equal(head.fields.get('content-length'), '10')
  assert.ok(isPoolHit(head), cacheStatus(head))
  for (const path of ['/conditional', '/ranged', '/head']) assert.equal(fleet.asked(path).length, 1)
})

test('only-if-cached is answered by the pool, and by 504 without asking the origin', async () => {
  fleet.answer('/only', ok('x', 'Cache-Control: max-age=60'))
  assert.equal((await b.get('/only', ['Cache-Control: only-if-cached'])).status, 504)
  assert.equal(fleet.asked('/only').length, 0)
  await stored(a, '/only')
  assert.equal((await b.get('/only', ['Cache-Control: only-if-cached'])).status, 200)
  assert.equal(fleet.asked('/only').length, 1)
})

test('a HEAD that the pool does not answer goes to the origin and stores nothing', async () => {
  fleet.answer('/head-first', (request) =>
    request.method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n' : ok('x', 'Cache-Control: max-age=60'),
  )
  assert.equal((await b.get('/head-first', [], 'HEAD')).status, 200)
  assert.match(cacheStatus(await b.get('/head-first')), /fwd=uri-miss/)
})

test('rare keys are looked up in the pool before they go to the origin unstored', async () => {
  fleet.answer('/min/x', ok('x', 'Cache-Control: max-age=60'))
  for (let use = 1; use < 3; use++) assert.match(cacheStatus(await a.get('/min/x')), /detail=min-uses/)
  await stored(a, '/min/x')
  const found = await b.get('/min/x')
  assert.ok(isPoolHit(found), cacheStatus(found))
  assert.equal(fleet.asked('/min/x').length, 3)
})

test('variants are found by a node with an empty memory, each its own', async () => {
  fleet.answer('/vary', (request) =>
    ok(`for ${request.fields.get('x-kind')}`, 'Cache-Control: max-age=60', 'Vary: X-Kind'),
  )
  await stored(a, '/vary', ['X-Kind: one'], 2)
  await stored(a, '/vary', ['X-Kind: two'], 1)
  for (const kind of ['one', 'two']) {
    const response = await b.get('/vary', [`X-Kind: ${kind}`])
    assert.equal(response.body.toString(), `for ${kind}`)
    assert.ok(isPoolHit(response), cacheStatus(response))
  }
  assert.match(cacheStatus(await b.get('/vary', ['X-Kind: three'])), /fwd=vary-miss/)
  assert.equal(fleet.asked('/vary').length, 3)
})

test('a language leads a node with an empty memory to the response', async () => {
  fleet.answer('/spoken', ok('en', 'Cache-Control: max-age=60', 'Vary: Accept-Language', 'Content-Language: en'))
  await stored(a, '/spoken', ['Accept-Language: en-US, en;q=0.5'], 3)
  const response = await b.get('/spoken', ['Accept-Language: en'])
  assert.equal(response.body.toString(), 'en')
  assert.ok(isPoolHit(response), cacheStatus(response))
  assert.equal(fleet.asked('/spoken').length, 1)
})

test('nodes that made a marker each come to one of them', async () => {
  fleet.answer('/markers', (request) =>
    ok(`for ${request.fields.get('x-kind')}`, 'Cache-Control: max-age=60', 'Vary: X-Kind'),
  )
  // Both have one of their own, since each asked when the pool had none.
  let arrived = 0
  const both = Promise.withResolvers<void>()
  fleet.answer('/markers', async (request) => {
    if (++arrived === 2) both.resolve()
    if (arrived <= 2) await both.promise
    return ok(`for ${request.fields.get('x-kind')}`, 'Cache-Control: max-age=60', 'Vary: X-Kind')
  })
  await Promise.all([stored(a, '/markers', ['X-Kind: a'], 2), stored(b, '/markers', ['X-Kind: b'], 2)])
  // Whichever was overwritten finds the other's with its next miss.
  await stored(a, '/markers', ['X-Kind: c'], 1)
  await stored(b, '/markers', ['X-Kind: d'], 1)
  const fromB = await b.get('/markers', ['X-Kind: c'])
  const fromA = await a.get('/markers', ['X-Kind: d'])
  assert.ok(isPoolHit(fromB), cacheStatus(fromB))
  assert.ok(isPoolHit(fromA), cacheStatus(fromA))
})

test('a response that no longer varies takes the place of the marker', async () => {
  let names = 'Vary: X-Kind'
  fleet.answer('/unvaried', () => ok(names, 'Cache-Control: max-age=60', names))
  await stored(a, '/unvaried', ['X-Kind: one'], 2)
  names = 'X-Plain: yes'
  await stored(a, '/unvaried', ['X-Kind: two'], 1)
  const response = await b.get('/unvaried', ['X-Kind: three'])
  assert.equal(response.body.toString(), 'X-Plain: yes')
  assert.ok(isPoolHit(response))
})

test('what is stale in the pool is validated, and the confirmed response is shared', async () => {
  fleet.answer('/stale', (request) =>
    request.fields.get('if-none-match') === '"v1"'
      ? reply(304, '', 'Cache-Control: max-age=60', 'ETag: "v1"')
      : ok('old', 'Cache-Control: max-age=10', 'ETag: "v1"', `Date: ${dateIn(-60)}`),
  )
  await stored(a, '/stale')
  const before = await b.count('poolWrites')
  const validated = await b.get('/stale')
  assert.equal(validated.body.toString(), 'old')
  assert.match(cacheStatus(validated), /fwd=stale; fwd-status=304/)
  assert.equal(fleet.asked('/stale').at(-1)!.fields.get('if-none-match'), '"v1"')
  await b.written(1, before + (await b.count('poolDropped')))
  const renewed = await a.get('/stale')
  assert.ok(isPoolHit(renewed), cacheStatus(renewed))
  assert.equal(fleet.asked('/stale').length, 2)
})

test('what is stale within its window answers from the pool, and is fetched anew behind', async () => {
  let version = 'first'
  fleet.answer('/grace', () =>
    version === 'first'
      ? ok('first', 'Cache-Control: max-age=10, stale-while-revalidate=600', `Date: ${dateIn(-60)}`)
      : ok('second', 'Cache-Control: max-age=60'),
  )
  await stored(a, '/grace')
  version = 'second'
  const response = await b.get('/grace')
  assert.equal(response.body.toString(), 'first')
  assert.match(cacheStatus(response), /hit; ttl=-/)
  await waitFor('the new one', async () => (await b.get('/grace')).body.toString() === 'second')
  assert.equal(fleet.asked('/grace').length, 2)
})

test('what somebody has marked as stale in memcached is validated', async () => {
  fleet.answer('/marked', (request) =>
    request.fields.get('if-none-match') === '"v1"'
      ? reply(304, '', 'Cache-Control: max-age=60', 'ETag: "v1"')
      : ok('x', 'Cache-Control: max-age=60', 'ETag: "v1"'),
  )
  await stored(a, '/marked')
  const key = entryKey(identityOf('main', 'http|test.example|/marked'))
  const { server } = (await fleet.find(key))!
  assert.equal(await server.ask(`md ${key} I\r\n`), 'HD\r\n')
  assert.match(cacheStatus(await b.get('/marked')), /fwd=stale; fwd-status=304/)
})

test('an unsafe request removes the response from the pool', async () => {
  fleet.answer('/unsafe', (request) =>
    request.method === 'POST' ? reply(204, '') : ok('x', 'Cache-Control: max-age=60'),
  )
  await stored(a, '/unsafe')
  const deletions = await fleet.sum('delete_hits')
  assert.equal((await a.get('/unsafe', ['Content-Length: 0'], 'POST')).status, 204)
  await waitFor('the removal', async () => (await fleet.sum('delete_hits')) > deletions)
  assert.match(cacheStatus(await b.get('/unsafe')), /fwd=uri-miss/)
})

test('the answer to a POST that stands for GETs is shared though the POST removed what was there', async () => {
  fleet.answer('/posted', () => ok('posted', 'Cache-Control: max-age=60', 'Content-Location: /posted'))
  const before = await a.count('poolWrites')
  await a.get('/posted', ['Content-Length: 0'], 'POST')
  await a.written(1, before)
  for (const node of [b, await fleet.start()]) {
    const response = await node.get('/posted')
    assert.ok(isPoolHit(response), cacheStatus(response))
  }
  assert.equal(fleet.asked('/posted').length, 1)
})

test('a response that may no longer be stored is removed from the pool', async () => {
  let isPrivate = false
  fleet.answer('/private', () =>
    isPrivate
      ? ok('mine', 'Cache-Control: private')
      : ok('x', 'Cache-Control: max-age=10', 'ETag: "a"', `Date: ${dateIn(-60)}`),
  )
  await stored(a, '/private')
  isPrivate = true
  const deletions = await fleet.sum('delete_hits')
  assert.equal((await a.get('/private')).body.toString(), 'mine')
  await waitFor('the removal', async () => (await fleet.sum('delete_hits')) > deletions)
  await b.get('/private')
  assert.equal(fleet.asked('/private').at(-1)!.fields.get('if-none-match'), undefined)
})

test('parts are not shared', async () => {
  fleet.answer('/part', () =>
    reply(206, '234', 'Content-Range: bytes 2-4/10', 'Cache-Control: max-age=60', 'ETag: "a"'),
  )
  const before = await a.count('poolWrites')
  assert.equal((await a.get('/part', ['Range: bytes=2-4'])).status, 206)
  await b.get('/part', ['Range: bytes=2-4'])
  assert.equal(await a.count('poolWrites'), before)
  assert.equal(fleet.asked('/part').length, 2)
})

test('where nobody waits for another each looks for itself', async () => {
  fleet.answer('/alone/x', ok('x'.repeat(3000), 'Cache-Control: max-age=60'))
  await stored(a, '/alone/x')
  const clients = await Promise.all(Array.from({ length: 10 }, () => b.connect()))
  for (const response of await Promise.all(clients.map((client) => client.get('/alone/x')))) {
    assert.equal(response.body.length, 3000)
    assert.ok(isPoolHit(response) || isHit(response), cacheStatus(response))
  }
  assert.equal(fleet.asked('/alone/x').length, 1)
  for (const client of clients) client.socket.destroy()
})

test('one look-up of a machine serves all who want the object', async () => {
  fleet.answer('/together', ok('x'.repeat(20_000), 'Cache-Control: max-age=60'))
  await stored(a, '/together')
  const looked = (await b.count('poolHits')) + (await b.count('poolMisses'))
  const clients = await Promise.all(Array.from({ length: 20 }, () => b.connect()))
  const responses = await Promise.all(clients.map((client) => client.get('/together')))
  for (const response of responses) assert.equal(response.body.length, 20_000)
  assert.equal((await b.count('poolHits')) + (await b.count('poolMisses')) - looked, 1)
  assert.equal(fleet.asked('/together').length, 1)
  for (const client of clients) client.socket.destroy()
})
