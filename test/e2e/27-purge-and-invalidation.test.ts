/** Stored responses that are taken away: by PURGE, and by requests that change what they describe (RFC 9111 §4.4). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, reply } from '../support/scripted-origin.ts'
import { type CachingSite, cacheStatus, gate, isHit, startSite, WORKER_FIELD } from './caching-site.ts'

const purgers = 'match @here { source 127.0.0.1; header X-Purge present; }'
const hard = await startSite({
  workers: 2,
  cache: 'purge { allow @here; default hard; }',
  site: WORKER_FIELD,
  more: purgers,
})
const soft = await startSite({ cache: 'grace 1h; purge { allow @here; }', more: purgers })
const closed = await startSite({ workers: 2, site: 'route off { path /off/**; cache off; }' })

const PURGE = ['X-Purge: 1']

function storable(site: CachingSite, path: string, body: string, ...fields: string[]): void {
  site.answer(path, ok(body, 'Cache-Control: max-age=60', ...fields))
}

test('PURGE without an ACL, or from somebody it does not name, is refused and removes nothing', async () => {
  for (const site of [closed, hard]) {
    storable(site, '/refused', 'kept')
    await site.get('/refused')
    const refused = await site.get('/refused', [], 'PURGE')
    assert.deepEqual([refused.status, cacheStatus(refused)], [403, 'Shellac; detail=refused'])
    assert.equal(isHit(await site.get('/refused')), true)
    assert.equal(site.asked('/refused').length, 1, 'nor does it reach the origin')
  }
  assert.equal((await closed.get('/off/a', [], 'PURGE')).status, 405)
})

test('PURGE removes what is stored for the URL, and only that', async () => {
  for (const path of ['/purged', '/other']) {
    storable(hard, path, 'old')
    await hard.get(path)
  }
  storable(hard, '/purged', 'new')
  const purged = await hard.get('/purged', PURGE, 'PURGE')
  assert.deepEqual(
    [purged.status, JSON.parse(purged.body.toString()), cacheStatus(purged)],
    [200, { purged: 'url', mode: 'hard', cache: 'main', targets: ['test.example|/purged'] }, 'Shellac; detail=purged'],
  )
  assert.equal((await hard.get('/purged')).body.toString(), 'new')
  assert.equal(isHit(await hard.get('/other')), true)
})

test('PURGE removes all variants at once', async () => {
  hard.answer('/variants', ({ fields }) =>
    ok(fields.get('x-color') ?? 'none', 'Vary: X-Color', 'Cache-Control: max-age=60'),
  )
  const colors = ['red', 'blue', 'green']
  for (const color of colors) await hard.get('/variants', [`X-Color: ${color}`])
  await hard.get('/variants', PURGE, 'PURGE')
  for (const color of colors) {
    const answer = await hard.get('/variants', [`X-Color: ${color}`])
    assert.deepEqual([answer.body.toString(), isHit(answer)], [color, false])
  }
  assert.equal(hard.asked('/variants').length, 6)
})

test('after a PURGE no worker serves the old response any more', async () => {
  const clients = await hard.connectToEach(2)
  assert.equal(clients.length, 2)
  for (let round = 1; round <= 20; round++) {
    storable(hard, '/workers', `version ${round}`)
    await clients[round % 2]!.get('/workers', PURGE, 'PURGE')
    for (const client of [...clients, ...clients]) {
      assert.equal((await client.get('/workers')).body.toString(), `version ${round}`)
    }
  }
  assert.equal(hard.asked('/workers').length, 20)
})

test('what a fetch brings that was running when PURGE came is not kept', async () => {
  const held = gate()
  hard.answer('/running', async () => {
    await held.opened
    return ok('old', 'Cache-Control: max-age=60')
  })
  const client = await hard.connect()
  const first = client.get('/running')
  await hard.origin.waitForRequests(hard.origin.requests.length + 1)
  await hard.get('/running', PURGE, 'PURGE')
  held.open()
  assert.equal((await first).body.toString(), 'old')
  storable(hard, '/running', 'new')
  assert.equal((await hard.get('/running')).body.toString(), 'new')
})

test('a soft PURGE makes the response stale: it answers under "grace" while it is fetched anew', async () => {
  storable(soft, '/soft', 'old', 'ETag: "v"')
  await soft.get('/soft')
  storable(soft, '/soft', 'new')
  assert.equal((await soft.get('/soft', PURGE, 'PURGE')).status, 200)
  const stale = await soft.get('/soft')
  assert.deepEqual([stale.body.toString(), isHit(stale)], ['old', false])
  await soft.origin.waitForRequests(2)
  assert.equal(soft.asked('/soft')[1]?.fields.get('if-none-match'), '"v"')
})

for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'UNKNOWN', 'get']) {
  test(`${method} that succeeds removes what is stored for its URL, on every worker`, async () => {
    const path = `/changed/${method}`
    storable(hard, path, 'old')
    const clients = await hard.connectToEach(2)
    for (const client of clients) await client.get(path)
    hard.answer(path, ({ method: asked }) =>
      asked === 'GET' ? ok('new', 'Cache-Control: max-age=60') : reply(201, ''),
    )
    await clients[0]!.get(path, [], method)
    for (const client of clients) assert.equal((await client.get(path)).body.toString(), 'new')
  })
}

test('an unsafe request that fails, and a safe one, remove nothing', async () => {
  storable(hard, '/kept', 'old')
  await hard.get('/kept')
  hard.answer('/kept', ({ method }) => reply(method === 'OPTIONS' ? 200 : 403, ''))
  for (const method of ['POST', 'DELETE', 'OPTIONS']) await hard.get('/kept', [], method)
  assert.equal(isHit(await hard.get('/kept')), true)
})

test('an unsafe request removes all variants', async () => {
  hard.answer('/all', ({ method, fields }) =>
    method === 'POST'
      ? reply(204, '').replace(/Content-Length: 0\r\n/, '')
      : ok(fields.get('x-a') ?? '', 'Vary: X-A', 'Cache-Control: max-age=60'),
  )
  for (const value of ['1', '2']) await hard.get('/all', [`X-A: ${value}`])
  await hard.get('/all', [], 'POST')
  for (const value of ['1', '2']) assert.equal(isHit(await hard.get('/all', [`X-A: ${value}`])), false)
})

test('Location and Content-Location of the same origin name what else has changed; of another they name nothing', async () => {
  const targets = ['/list', '/item?id=1', '/elsewhere', '/relative/b']
  for (const target of targets) {
    storable(hard, target.split('?')[0]!, 'old')
    await hard.get(target)
  }
  const posts: [path: string, field: string][] = [
    ['/post/1', 'Location: http://test.example/list'],
    ['/post/2', 'Content-Location: /item?id=1'],
    ['/post/3', 'Location: http://other.example/elsewhere'],
    ['/relative/a', 'Location: b'],
  ]
  for (const [path, field] of posts) {
    hard.answer(path, reply(201, '', field))
    await hard.get(path, [], 'POST')
  }
  const kept = []
  for (const target of targets) kept.push(isHit(await hard.get(target)))
  assert.deepEqual(kept, [false, false, true, false])
})
