/**
 * Answers to other methods that say something of what a GET would give: a POST that fills the cache (RFC 9110 §9.3.3) and a
 * HEAD that updates what is stored, or makes it stale (RFC 9111 §4.3.5).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusOf } from '../support/admin.ts'
import type { RequestScript } from '../support/scripted-origin.ts'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus, dateIn, gate, isHit, startSite } from './caching-site.ts'

const site = await startSite({
  cache: 'max-object 64KiB; bypass @fresh;',
  site: 'route posts { method POST; path /split; } route rare { path /rare; cache rare; }',
  more: 'rule rare { min-uses 2; } match @fresh { header X-Fresh present; }',
})

/** For answers that no socket buffer holds. */
const roomy = await startSite({ size: '64MiB', cache: 'max-object 16MiB;' })

const FRESH = 'Cache-Control: max-age=60'

async function post(target: string, fields: readonly string[] = []) {
  const client = await site.connect()
  client.send(
    `POST ${target} HTTP/1.1\r\nHost: test.example\r\nContent-Length: 2\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\nhi`,
  )
  const answer = await client.response('POST')
  client.socket.destroy()
  return answer
}

/** Answers a POST with this, anything else with "from GET". */
function toPost(body: string, ...fields: string[]): RequestScript {
  return ({ method }) => (method === 'POST' ? ok(body, ...fields) : ok('from GET', FRESH))
}

/** Answers a GET with `body`, stale on arrival, and a HEAD with these fields and no body. */
function toHead(body: string, getFields: string[], headFields: string[], status = 200): RequestScript {
  return ({ method }) =>
    method === 'HEAD'
      ? `HTTP/1.1 ${status} \r\n${headFields.map((line) => `${line}\r\n`).join('')}\r\n`
      : ok(body, ...getFields)
}

const STALE = ['Cache-Control: max-age=10', `Date: ${dateIn(-60)}`]

test('a POST answered with explicit freshness and its own URI as Content-Location answers later GETs', async () => {
  const body = 'x'.repeat(20_000)
  site.answer('/filled', toPost(body, FRESH, 'Content-Location: /filled', 'X-Made: by-post'))
  const posted = await post('/filled')
  assert.deepEqual(
    [posted.body.toString(), cacheStatus(posted)],
    [body, 'Shellac; fwd=method; fwd-status=200; stored; detail=method'],
  )
  const got = await site.get('/filled')
  assert.deepEqual([got.body.toString(), isHit(got), got.fields.get('x-made')], [body, true, 'by-post'])
  assert.equal(site.asked('/filled').length, 1)
})

test('an absolute Content-Location does it too, and each POST replaces what the one before left', async () => {
  let count = 0
  site.answer('/again', () => ok(`post ${++count}`, FRESH, 'Content-Location: http://test.example/again'))
  await post('/again')
  await post('/again')
  const got = await site.get('/again')
  assert.deepEqual([got.body.toString(), isHit(got)], ['post 2', true])
})

const notKept: readonly [claim: string, fields: string[], requestFields?: string[]][] = [
  ['no Content-Location', [FRESH]],
  ['another Content-Location', [FRESH, 'Content-Location: /elsewhere']],
  ['another query', [FRESH, 'Content-Location: ?a=1']],
  ['another origin', [FRESH, 'Content-Location: http://other.example/PATH']],
  ['no explicit freshness', ['Content-Location: /PATH', `Last-Modified: ${dateIn(-86_400)}`]],
  ['private', ['Cache-Control: private, max-age=60', 'Content-Location: /PATH']],
  ['no-store', ['Cache-Control: no-store, max-age=60', 'Content-Location: /PATH']],
  ['a cookie', [FRESH, 'Content-Location: /PATH', 'Set-Cookie: a=b']],
  ['Vary', [FRESH, 'Content-Location: /PATH', 'Vary: Accept']],
  ['a request with no-store', [FRESH, 'Content-Location: /PATH'], ['Cache-Control: no-store']],
  ['a request with Authorization', [FRESH, 'Content-Location: /PATH'], ['Authorization: Basic YTpi']],
  ['a bypassed request', [FRESH, 'Content-Location: /PATH'], ['X-Fresh: 1']],
]

for (const [i, [claim, fields, requestFields]] of notKept.entries()) {
  test(`a POST is not stored: ${claim}`, async () => {
    const path = `not-kept-${i}`
    site.answer(`/${path}`, toPost('from POST', ...fields.map((line) => line.replace('PATH', path))))
    const posted = await post(`/${path}`, requestFields)
    assert.deepEqual(
      [posted.body.toString(), cacheStatus(posted)],
      ['from POST', 'Shellac; fwd=method; fwd-status=200; detail=method'],
    )
    assert.equal((await site.get(`/${path}`)).body.toString(), 'from GET')
  })
}

test('a POST is not stored where a GET would take another route', async () => {
  site.answer('/split', toPost('from POST', FRESH, 'Content-Location: /split'))
  await post('/split')
  assert.equal((await site.get('/split')).body.toString(), 'from GET')
})

test('"min-uses" counts a POST as it counts a GET', async () => {
  site.answer('/rare', toPost('from POST', FRESH, 'Content-Location: /rare'))
  assert.doesNotMatch(cacheStatus(await post('/rare')), /stored/)
  assert.match(cacheStatus(await post('/rare')), /; stored;/)
  assert.equal(isHit(await site.get('/rare')), true)
})

test('a POST that fails leaves what is stored', async () => {
  site.answer('/failing', ({ method }) =>
    method === 'POST' ? reply(500, 'no', FRESH, 'Content-Location: /failing') : ok('from GET', FRESH),
  )
  await site.get('/failing')
  await post('/failing')
  assert.equal(isHit(await site.get('/failing')), true)
})

test('an answer to a POST that outgrows the cache reaches its client whole and is not kept', async () => {
  const body = 'y'.repeat(200_000)
  site.answer('/large', ({ method }) =>
    method === 'POST'
      ? `HTTP/1.1 200 \r\n${FRESH}\r\nContent-Location: /large\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      : ok('from GET', FRESH),
  )
  assert.equal((await post('/large')).body.toString(), body)
  assert.equal((await site.get('/large')).body.toString(), 'from GET')
})

test('an answer to a POST that breaks off is not kept', async () => {
  const half = gate()
  site.answer('/broken', async ({ method }, peer) => {
    if (method !== 'POST') return ok('from GET', FRESH)
    peer.send(`HTTP/1.1 200 \r\n${FRESH}\r\nContent-Location: /broken\r\nContent-Length: 100\r\n\r\nhalf`)
    await half.opened
    peer.reset()
    return undefined
  })
  const client = await site.connect()
  client.send('POST /broken HTTP/1.1\r\nHost: test.example\r\nContent-Length: 2\r\n\r\nhi')
  await client.responseHead()
  half.open()
  await client.until('the close', () => client.closed !== undefined)
  const got = await site.get('/broken')
  assert.deepEqual([got.body.toString(), isHit(got)], ['from GET', false])
})

test('nobody waits for the client of a POST that takes nothing: its answer is not kept', async () => {
  const body = Buffer.alloc(12 * 1024 * 1024, 'z')
  roomy.answer('/slow', ({ method }) =>
    method === 'POST'
      ? Buffer.concat([
          Buffer.from(`HTTP/1.1 200 \r\n${FRESH}\r\nContent-Location: /slow\r\nContent-Length: ${body.length}\r\n\r\n`),
          body,
        ])
      : ok('from GET', FRESH),
  )
  const client = await roomy.connect()
  client.send('POST /slow HTTP/1.1\r\nHost: test.example\r\nContent-Length: 2\r\n\r\nhi')
  const head = await client.responseHead()
  client.pause()
  assert.match(head.fields.get('cache-status') ?? '', /; stored;/)
  await waitFor('the end of the fill', async () => (await statusOf(roomy.shellac)).caches[0]?.tier.fills === 0)
  assert.equal((await roomy.get('/slow')).body.toString(), 'from GET')
  client.resume()
  assert.equal((await client.read(body.length)).equals(body), true, 'the client gets it whole all the same')
})

test('a HEAD that is answered anew gives the stored response new fields and a new life', async () => {
  site.answer(
    '/head',
    toHead(
      'hello',
      [...STALE, 'ETag: "a"', 'X-A: old', 'X-B: kept'],
      [FRESH, 'ETag: "a"', 'X-A: new', 'Content-Length: 5'],
    ),
  )
  await site.get('/head')
  const head = await site.get('/head', [], 'HEAD')
  assert.equal(cacheStatus(head), 'Shellac; fwd=stale; fwd-status=200; detail=expired')
  const got = await site.get('/head')
  assert.equal(isHit(got), true, cacheStatus(got))
  assert.deepEqual([got.body.toString(), got.fields.get('x-a'), got.fields.get('x-b')], ['hello', 'new', 'kept'])
  assert.deepEqual(
    site.asked('/head').map(({ method }) => method),
    ['GET', 'HEAD'],
  )
})

test('the variant that the HEAD would have chosen is updated, and no other', async () => {
  site.answer('/head-variant', ({ method, fields }) =>
    method === 'HEAD'
      ? `HTTP/1.1 200 \r\n${FRESH}\r\nVary: X-Color\r\n\r\n`
      : ok(fields.get('x-color') ?? '', 'Vary: X-Color', ...STALE, 'ETag: "a"'),
  )
  for (const color of ['red', 'blue']) await site.get('/head-variant', [`X-Color: ${color}`])
  await site.get('/head-variant', ['X-Color: red'], 'HEAD')
  assert.equal(isHit(await site.get('/head-variant', ['X-Color: red'])), true)
  assert.equal(isHit(await site.get('/head-variant', ['X-Color: blue'])), false)
})

const changes: readonly [claim: string, headFields: string[]][] = [
  ['another ETag', [FRESH, 'ETag: "b"']],
  ['another Last-Modified', [FRESH, `Last-Modified: ${dateIn(-5)}`]],
  ['another length', [FRESH, 'Content-Length: 6']],
  ['no-store', ['Cache-Control: no-store']],
]

for (const [i, [claim, headFields]] of changes.entries()) {
  test(`a HEAD that tells of ${claim} makes a stored response stale that was fresh`, async () => {
    const path = `/head-change-${i}`
    site.answer(path, toHead('hello', [FRESH, 'ETag: "a"', `Last-Modified: ${dateIn(-1000)}`], headFields))
    await site.get(path)
    assert.equal(isHit(await site.get(path)), true)
    await site.get(path, ['Cache-Control: no-cache'], 'HEAD')
    await site.get(path)
    assert.deepEqual(
      site.asked(path).map(({ method }) => method),
      ['GET', 'HEAD', 'GET'],
    )
    assert.equal(site.asked(path)[2]?.fields.get('if-none-match'), '"a"', 'it is validated, not forgotten')
  })
}

test('a HEAD that fails, or goes past the cache, changes nothing that is stored', async () => {
  site.answer('/head-fails', toHead('hello', [FRESH], [FRESH, 'ETag: "b"', 'Content-Length: 0'], 404))
  await site.get('/head-fails')
  await site.get('/head-fails', ['Cache-Control: no-cache'], 'HEAD')
  assert.equal(isHit(await site.get('/head-fails')), true)
  site.answer('/head-past', toHead('hello', [FRESH], [FRESH, 'ETag: "b"']))
  await site.get('/head-past')
  await site.get('/head-past', ['X-Fresh: 1'], 'HEAD')
  assert.equal(isHit(await site.get('/head-past')), true)
  await waitFor('the HEAD at the origin', () => site.asked('/head-past').length === 2)
})
