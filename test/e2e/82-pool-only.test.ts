/** A cache without memory of its own: what lies in the pool answers from there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus, gate } from './caching-site.ts'
import { isPoolHit, startFleet } from './pool-site.ts'

const fleet = await startFleet({
  nodes: 1,
  tiers: 'tier memcached edge;',
  cache: 'max-object 4MiB;',
  site: `route edited { path /edited; headers { response set X-Method $request.method; response remove X-Secret; } }
    route slow { path /slow; }`,
})
const node = fleet.nodes[0]!

async function stored(path: string, fields: readonly string[] = [], entries = 1) {
  const before = (await node.count('poolWrites')) + (await node.count('poolDropped'))
  const response = await node.get(path, fields)
  await node.written(entries, before)
  return response
}

test('hits come from the pool, every time', async () => {
  fleet.answer('/x', ok('hello', 'Cache-Control: max-age=60', 'X-Kept: yes'))
  assert.match(cacheStatus(await stored('/x')), /fwd=uri-miss; fwd-status=200; stored/)
  for (let time = 0; time < 3; time++) {
    const response = await node.get('/x')
    assert.equal(response.body.toString(), 'hello')
    assert.equal(response.fields.get('x-kept'), 'yes')
    assert.ok(response.fields.get('age') !== undefined)
    assert.ok(isPoolHit(response), cacheStatus(response))
  }
  assert.equal(fleet.asked('/x').length, 1)
})

test('bodies of every size come whole, to slow readers too', async () => {
  for (const bytes of [0, 1, 3800, 4096, 70_000, 1_000_000]) {
    const path = `/size/${bytes}`
    const body = Array.from({ length: bytes }, (_, i) => String.fromCharCode(97 + (i % 26))).join('')
    fleet.answer(path, ok(body, 'Cache-Control: max-age=60'))
    await stored(path)
    const clients = await Promise.all([1, 2, 3].map(() => node.connect()))
    for (const client of clients) client.socket.pause()
    for (const client of clients) client.send(`GET ${path} HTTP/1.1\r\nHost: test.example\r\n\r\n`.repeat(3))
    await node.get(path) // what was copied for them is not overwritten by this one
    for (const client of clients) {
      client.socket.resume()
      for (let answer = 0; answer < 3; answer++) {
        const response = await client.response()
        assert.ok(response.body.toString() === body, path)
        assert.ok(isPoolHit(response), cacheStatus(response))
      }
      client.socket.destroy()
    }
    assert.equal(fleet.asked(path).length, 1)
  }
})

test('edits, conditions and HEAD are answered from the reply of the pool', async () => {
  fleet.answer('/edited', ok('hello', 'Cache-Control: max-age=60', 'ETag: "v1"', 'X-Secret: 1'))
  await stored('/edited')
  const edited = await node.get('/edited')
  assert.equal(edited.fields.get('x-method'), 'GET')
  assert.equal(edited.fields.get('x-secret'), undefined)
  assert.equal(edited.body.toString(), 'hello')
  const confirmed = await node.get('/edited', ['If-None-Match: "v1"'])
  assert.equal(confirmed.status, 304)
  assert.equal(confirmed.fields.get('etag'), '"v1"')
  const other = await node.get('/edited', ['If-None-Match: "v2"'])
  assert.equal(other.body.toString(), 'hello')
  const head = await node.get('/edited', [], 'HEAD')
  assert.equal(head.fields.get('content-length'), '5')
  assert.equal(head.fields.get('x-method'), 'HEAD')
  for (const response of [edited, confirmed, other, head]) assert.ok(isPoolHit(response), cacheStatus(response))
  assert.equal(fleet.asked('/edited').length, 1)
})

test('ranges, variants and large bodies are answered by way of the working memory', async () => {
  const large = '0123456789'.repeat(200_000)
  fleet.answer('/large', ok(large, 'Cache-Control: max-age=60', 'ETag: "l"'))
  await stored('/large')
  const whole = await node.get('/large')
  assert.ok(whole.body.toString() === large)
  assert.ok(isPoolHit(whole), cacheStatus(whole))
  const part = await node.get('/large', ['Range: bytes=5-8'])
  assert.equal(part.status, 206)
  assert.equal(part.body.toString(), '5678')
  assert.equal(fleet.asked('/large').length, 1)
  fleet.answer('/vary', (request) =>
    ok(`for ${request.fields.get('x-kind')}`, 'Cache-Control: max-age=60', 'Vary: X-Kind'),
  )
  await stored('/vary', ['X-Kind: a'], 2)
  await stored('/vary', ['X-Kind: b'], 1)
  for (const kind of ['a', 'b', 'a']) {
    const response = await node.get('/vary', [`X-Kind: ${kind}`])
    assert.equal(response.body.toString(), `for ${kind}`)
    assert.ok(isPoolHit(response), cacheStatus(response))
  }
  assert.equal(fleet.asked('/vary').length, 2)
})

test('what is stale is validated', async () => {
  let age = 50
  fleet.answer('/stale', (request) =>
    request.fields.get('if-none-match') !== undefined
      ? reply(304, '', 'ETag: "v1"', 'Cache-Control: max-age=60')
      : ok('x', 'Cache-Control: max-age=10', 'ETag: "v1"', `Age: ${age}`),
  )
  await stored('/stale')
  age = 0
  const before = await node.count('poolWrites')
  assert.match(cacheStatus(await node.get('/stale')), /fwd=stale; fwd-status=304/)
  await node.written(1, before + (await node.count('poolDropped')))
  assert.ok(isPoolHit(await node.get('/stale')))
})

test('only-if-cached is answered by the pool alone', async () => {
  const only = ['Cache-Control: only-if-cached']
  fleet.answer('/only', ok('x', 'Cache-Control: max-age=60'))
  assert.equal((await node.get('/only', only)).status, 504)
  await stored('/only')
  assert.ok(isPoolHit(await node.get('/only', only)))
  assert.equal(fleet.asked('/only').length, 1)
})

test('a cold object is fetched once for all who want it', async () => {
  const held = gate()
  fleet.answer('/cold', async () => {
    await held.opened
    return ok('x'.repeat(10_000), 'Cache-Control: max-age=60')
  })
  const clients = await Promise.all(Array.from({ length: 50 }, () => node.connect()))
  const answers = clients.map((client) => client.get('/cold'))
  await waitFor('the fetch', () => fleet.asked('/cold').length > 0)
  await node.get('/x') // all of them have been read by now
  held.open()
  for (const answer of answers) assert.equal((await answer).body.length, 10_000)
  assert.equal(fleet.asked('/cold').length, 1)
  for (const client of clients) client.socket.destroy()
})

test('clients that go away while the pool is asked are no harm', async () => {
  await fleet.servers[0]!.pause()
  const aborts = await node.count('clientAborts')
  const clients = await Promise.all(Array.from({ length: 5 }, () => node.connect()))
  for (const client of clients) client.send('GET /x HTTP/1.1\r\nHost: test.example\r\n\r\n')
  for (const client of clients) client.socket.destroy()
  fleet.servers[0]!.resume()
  await waitFor('their end', async () => (await node.count('clientAborts')) - aborts <= 5)
  await waitFor('the pool again', async () => isPoolHit(await node.get('/x')))
})

// The last one: a pool that was emptied has lost the log of purges too, and some time later everything older is gone.
test('nothing is left in memory once it is in the pool', async () => {
  fleet.answer('/left', ok('x', 'Cache-Control: max-age=60'))
  await stored('/left')
  await fleet.servers[0]!.flush()
  assert.match(cacheStatus(await node.get('/left')), /fwd=uri-miss/)
})
