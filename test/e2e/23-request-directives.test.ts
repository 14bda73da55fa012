/** What a request may say about the cache (RFC 9111 §5.2.1), what goes past it, and HEAD. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, reply } from '../support/scripted-origin.ts'
import { cacheStatus, dateIn, isHit, startSite } from './caching-site.ts'

const site = await startSite({
  site: `
    route deaf { path /deaf/**; cache deaf; }
    route bypass { path /bypass/**; cache members; }
    route off { path /off/**; cache off; }`,
  more: `
    rule deaf { client-directives ignore; }
    rule members { bypass @member; }
    match @member { any { cookie session present; query preview present; } }`,
})

/** Stores a response of age 100 that is fresh for 200 seconds more. */
async function store(path: string, ...fields: string[]): Promise<void> {
  site.answer(path, ok('stored', 'Cache-Control: max-age=300', `Date: ${dateIn(-100)}`, ...fields))
  await site.get(path)
  site.answer(path, ok('new', 'Cache-Control: max-age=300'))
}

async function bodyFor(path: string, ...fields: string[]): Promise<string> {
  return (await site.get(path, fields)).body.toString()
}

const directives: [directive: string, body: 'stored' | 'new', why: string][] = [
  ['Cache-Control: no-cache', 'new', 'no-cache wants validation'],
  ['Pragma: no-cache', 'new', 'Pragma: no-cache means the same where there is no Cache-Control'],
  ['Cache-Control: max-age=0', 'new', 'max-age=0 takes nothing that has an age'],
  ['Cache-Control: max-age=50', 'new', 'max-age takes nothing older'],
  ['Cache-Control: max-age=250', 'stored', 'max-age takes what is younger'],
  ['Cache-Control: min-fresh=250', 'new', 'min-fresh takes nothing that ends sooner'],
  ['Cache-Control: min-fresh=50', 'stored', 'min-fresh takes what lasts longer'],
  ['Cache-Control: only-if-cached', 'stored', 'only-if-cached takes what is there'],
  ['Cache-Control: no-store', 'stored', 'no-store does not forbid a stored answer'],
  ['Cache-Control: max-age=5, foo="no-cache"', 'new', 'the first directive counts'],
  ['Cache-Control: foo="no-cache"', 'stored', 'a quoted string is no directive'],
  ['Cache-Control: max-age=nonsense', 'stored', 'a number that cannot be read asks for nothing'],
]
for (const [index, [directive, body, why]] of directives.entries()) {
  test(why, async () => {
    const path = `/directive/${index}`
    await store(path)
    assert.equal(await bodyFor(path, directive), body)
  })
}

test('max-stale takes a stale response, as stale as it says, unless the response forbids it', async () => {
  const stale = async (path: string, control: string) => {
    site.answer(path, ok('stored', `Cache-Control: ${control}`, 'ETag: "v"', `Date: ${dateIn(-100)}`))
    await site.get(path)
    site.answer(path, ok('new', 'Cache-Control: max-age=300'))
  }
  await stale('/stale/a', 'max-age=10')
  assert.equal(await bodyFor('/stale/a', 'Cache-Control: max-stale=5000'), 'stored')
  assert.equal(await bodyFor('/stale/a', 'Cache-Control: max-stale'), 'stored')
  assert.equal(await bodyFor('/stale/a', 'Cache-Control: max-stale=20'), 'new')
  await stale('/stale/b', 'max-age=10, must-revalidate')
  assert.equal(await bodyFor('/stale/b', 'Cache-Control: max-stale'), 'new')
  await stale('/stale/c', 'max-age=10')
  const answer = await site.get('/stale/c', ['Cache-Control: max-stale'])
  assert.match(cacheStatus(answer), /^Shellac; hit; ttl=-[0-9]+; detail=expired$/)
})

test('only-if-cached is answered 504 where nothing can be used, and the origin is not asked', async () => {
  const answer = await site.get('/nothing', ['Cache-Control: only-if-cached'])
  assert.deepEqual([answer.status, cacheStatus(answer)], [504, 'Shellac; detail=only-if-cached'])
  assert.equal(site.asked('/nothing').length, 0)
})

test('the answer to a request with no-store is not kept', async () => {
  site.answer('/no-store', ok('x', 'Cache-Control: max-age=60'))
  const first = await site.get('/no-store', ['Cache-Control: no-store'])
  const second = await site.get('/no-store')
  assert.deepEqual([isHit(second), site.asked('/no-store').length], [false, 2])
  assert.equal(cacheStatus(first), 'Shellac; fwd=uri-miss; fwd-status=200; detail=request-no-store')
})

test('"client-directives ignore" keeps all of them from having a say', async () => {
  await store('/deaf/a')
  for (const field of ['no-cache', 'no-store', 'max-age=0', 'min-fresh=1000']) {
    assert.equal(await bodyFor('/deaf/a', `Cache-Control: ${field}`), 'stored', field)
  }
  assert.equal(await bodyFor('/deaf/a', 'Pragma: no-cache'), 'stored')
})

test('a validation that a client demands refreshes the stored response for all', async () => {
  await store('/reload')
  const answer = await site.get('/reload', ['Cache-Control: no-cache'])
  assert.equal(cacheStatus(answer), 'Shellac; fwd=request; fwd-status=200; stored; detail=request-no-cache')
  assert.equal(await bodyFor('/reload'), 'new')
  assert.equal(site.asked('/reload').length, 2)
})

test('a bypassed request neither reads the cache nor fills it', async () => {
  site.answer('/bypass/a', ({ fields }) => ok(fields.get('cookie') ?? 'anyone', 'Cache-Control: max-age=60'))
  const member = await site.get('/bypass/a', ['Cookie: session=1'])
  const anyone = await site.get('/bypass/a')
  const again = await site.get('/bypass/a', ['Cookie: session=2'])
  assert.deepEqual(
    [member, anyone, again].map(({ body }) => body.toString()),
    ['session=1', 'anyone', 'session=2'],
  )
  assert.equal(cacheStatus(member), 'Shellac; fwd=bypass; fwd-status=200; detail=bypass')
  assert.equal(isHit(await site.get('/bypass/a', ['Cookie: other=1'])), true)
  assert.equal(isHit(await site.get('/bypass/a?preview')), false)
})

test('what cannot be answered from the cache goes past it, each with its reason', async () => {
  await store('/past')
  site.answer('/past', reply(200, 'new', 'Cache-Control: max-age=60'))
  site.answer('/off/a', ok('x', 'Cache-Control: max-age=60'))
  const precondition = await site.get('/past', ['If-Match: "v"'])
  const options = await site.get('/past', [], 'OPTIONS')
  const client = await site.connect()
  client.send('GET /past HTTP/1.1\r\nHost: test.example\r\nContent-Length: 1\r\n\r\nx')
  const body = await client.response()
  const off = await site.get('/off/a')
  assert.equal(cacheStatus(body), 'Shellac; fwd=bypass; fwd-status=200; detail=request-body')
  assert.equal(cacheStatus(precondition), 'Shellac; fwd=request; fwd-status=200; detail=request-no-cache')
  assert.equal(cacheStatus(options), 'Shellac; fwd=method; fwd-status=200; detail=method')
  assert.equal(cacheStatus(off), 'Shellac; fwd=bypass; fwd-status=200; detail=no-cache-configured')
})

test('HEAD is answered from what GET stored, without the body but with its length', async () => {
  site.answer('/head', ok('hello', 'ETag: "v"', 'Cache-Control: max-age=60'))
  await site.get('/head')
  const head = await site.get('/head', [], 'HEAD')
  assert.equal(isHit(head), true, cacheStatus(head))
  assert.deepEqual([head.body.length, head.fields.get('content-length'), head.fields.get('etag')], [0, '5', '"v"'])
  assert.equal((await site.get('/head', ['If-None-Match: "v"'], 'HEAD')).status, 304)
  assert.equal(site.asked('/head').length, 1)
})

test('HEAD for what is not stored goes to the origin as HEAD and stores nothing', async () => {
  site.answer('/cold', 'HTTP/1.1 200 \r\nContent-Length: 5\r\nCache-Control: max-age=60\r\n\r\n')
  const head = await site.get('/cold', [], 'HEAD')
  assert.deepEqual([head.status, head.fields.get('content-length')], [200, '5'])
  assert.equal(site.asked('/cold')[0]?.method, 'HEAD')
  site.answer('/cold', ok('hello', 'Cache-Control: max-age=60'))
  assert.equal(await bodyFor('/cold'), 'hello')
})
