/** What a rule says of storing: lifetimes by length, `min-uses`, `no-store`, `hit-for-miss`, `override`, negative caching. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus, gate, isHit, startSite, WORKER_FIELD } from './caching-site.ts'

const WORDS = ['private', 'no-store', 'no-cache', 'set-cookie', 'authorization']

const site = await startSite({
  workers: 2,
  cache: 'ttl 404 30s; ttl 5xx 0s;',
  site: `${WORKER_FIELD}
    route length { path /length/**; cache by-length; }
    route rare { path /rare/**; cache rare; }
    route marked { path /marked/**; cache marked; }
    route brief { path /brief/**; cache brief; }
    route forgetful { path /forgetful/**; cache forgetful; }
    route personal { path /personal/**; cache personal; }
    route jittery { path /jittery/**; cache jittery; }
    route freshness { path /freshness/**; cache freshness; }
    ${WORDS.map((word) => `route ${word} { path /${word}/**; cache ${word}; }`).join(' ')}`,
  more: `
    match @marked { any { response-header X-Marked present; status 410; cookie marked present; } }
    match @personal { cookie session present; }
    rule by-length { ttl length over 100B 1h; ttl type text/* length under 10B 2h; ttl type text/* 3h; ttl 4h; }
    rule rare { ttl 1h; min-uses 3; }
    rule marked { ttl 1h; no-store @marked; }
    rule brief { hit-for-miss 1ms; }
    rule forgetful { hit-for-miss 0s; }
    rule personal { ttl 1h; bypass @personal; }
    rule jittery { jitter 50%; }
    rule freshness { ttl 1h override; }
    ${WORDS.map((word) => `rule ${word} { ttl 1h override; override ${word}; }`).join(' ')}`,
})

const fresh = (body: string, ...fields: string[]) => ok(body, 'Cache-Control: max-age=60', ...fields)

/** The whole hours of the `ttl` that a second request is told. */
async function hoursOf(path: string, answer: string): Promise<number> {
  site.answer(path, answer)
  await site.get(path)
  const ttlSec = /ttl=([0-9]+)/.exec(cacheStatus(await site.get(path)))?.[1]
  return Math.ceil(Number(ttlSec) / 3600)
}

test('"ttl ... length" decides by Content-Length, after status, path and type', async () => {
  assert.equal(await hoursOf('/length/long', ok('x'.repeat(101))), 1)
  assert.equal(await hoursOf('/length/short', ok('x', 'Content-Type: text/css')), 2)
  assert.equal(await hoursOf('/length/text', ok('x'.repeat(500), 'Content-Type: text/css')), 3)
  assert.equal(await hoursOf('/length/edge', ok('x'.repeat(100))), 4)
  const chunked = 'HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n65\r\n'
  assert.equal(await hoursOf('/length/unknown', `${chunked}${'x'.repeat(0x65)}\r\n0\r\n\r\n`), 4)
})

test('"ttl ... length" holds for a stored response that a 304 confirms', async () => {
  site.answer('/length/confirmed', ok('x'.repeat(200), 'ETag: "a"', 'Cache-Control: max-age=1', 'Age: 10'))
  await site.get('/length/confirmed')
  site.answer('/length/confirmed', 'HTTP/1.1 304 \r\nETag: "a"\r\nCache-Control: public\r\n\r\n')
  await site.get('/length/confirmed')
  assert.match(cacheStatus(await site.get('/length/confirmed')), /hit; ttl=3(600|5[0-9]{2})$/)
})

test('negative caching: "ttl 404 30s" keeps an error for its time, "ttl 5xx 0s" none', async () => {
  site.answer('/missing', reply(404, 'gone'))
  await site.get('/missing')
  assert.match(cacheStatus(await site.get('/missing')), /^Shellac; hit; ttl=(30|2[0-9])$/)
  site.answer('/broken', reply(500, 'failed'))
  await site.get('/broken')
  assert.match(cacheStatus(await site.get('/broken')), /fwd-status=500; detail=ttl-zero$/)
})

test('"jitter" shortens lifetimes by up to its share, never more, and never lengthens one', async () => {
  const seen = new Set<number>()
  for (let number = 0; number < 20; number++) {
    const path = `/jittery/${number}`
    site.answer(path, ok('x', 'Cache-Control: max-age=10000'))
    await site.get(path)
    const ttlSec = Number(/ttl=([0-9]+)/.exec(cacheStatus(await site.get(path)))?.[1])
    assert.ok(ttlSec > 4900 && ttlSec <= 10_000, `${ttlSec}`)
    seen.add(ttlSec)
  }
  assert.ok(seen.size > 5, 'they differ')
})

test('"min-uses 3": the third request is stored, on whatever worker the others came', async () => {
  site.answer('/rare/a', fresh('x'))
  const clients = await site.connectToEach(2)
  for (const client of clients) {
    assert.match(cacheStatus(await client.get('/rare/a')), /fwd=uri-miss; fwd-status=200; detail=min-uses$/)
  }
  assert.match(cacheStatus(await clients[0]!.get('/rare/a')), /stored; detail=absent$/)
  assert.equal(isHit(await clients[1]!.get('/rare/a')), true)
  assert.equal(site.asked('/rare/a').length, 3)
})

test('"min-uses": who is not stored waits for nobody', async () => {
  const held = gate()
  site.answer('/rare/b', async () => {
    await held.opened
    return fresh('x')
  })
  const clients = [await site.connect(), await site.connect()]
  for (const client of clients) client.send('GET /rare/b HTTP/1.1\r\nHost: test.example\r\n\r\n')
  await waitFor('both at the origin', () => site.asked('/rare/b').length === 2)
  held.open()
  for (const client of clients) assert.match(cacheStatus(await client.response()), /detail=min-uses$/)
})

for (const [what, path, answer, fields] of [
  ['a field of the response', '/marked/field', fresh('x', 'X-Marked: 1'), []],
  ['its status', '/marked/status', reply(410, 'x', 'Cache-Control: max-age=60'), []],
  ['a cookie of the request', '/marked/cookie', fresh('x'), ['Cookie: marked=1']],
] as const) {
  test(`"no-store @matcher" keeps out of the cache by ${what}`, async () => {
    site.answer(path, answer)
    assert.match(cacheStatus(await site.get(path, fields)), /detail=no-store-configured$/)
    assert.equal(isHit(await site.get(path, fields)), false)
    assert.equal(site.asked(path).length, 2)
  })
}

test('"no-store": what is stored already still answers, until it has to be fetched again', async () => {
  site.answer('/marked/kept', fresh('x'))
  await site.get('/marked/kept')
  assert.equal(isHit(await site.get('/marked/kept', ['Cookie: marked=1'])), true)
})

test('hit-for-miss names the first reason: in Cache-Status, and in the counters', async () => {
  site.answer('/refused', fresh('x', 'Set-Cookie: a=b'))
  assert.match(cacheStatus(await site.get('/refused')), /detail=set-cookie$/)
  const before = (await statsOf(site.shellac)).refusals['set-cookie']
  assert.match(cacheStatus(await site.get('/refused')), /fwd=uri-miss; fwd-status=200; detail=hit-for-miss:set-cookie$/)
  await waitFor('the count', async () => (await statsOf(site.shellac)).refusals['set-cookie'] === before + 1)
  const text = (await site.shellac.command('stats')).stdout
  assert.match(text, /^hit-for-miss:set-cookie +[0-9]+ +of these: the response sets a cookie$/m)
})

test('hit-for-miss ends with the first answer that may be stored', async () => {
  site.answer('/mended', fresh('x', 'Set-Cookie: a=b'))
  await site.get('/mended')
  await site.get('/mended')
  site.answer('/mended', fresh('better'))
  assert.match(cacheStatus(await site.get('/mended')), /stored; detail=absent$/)
  assert.equal(isHit(await site.get('/mended')), true)
})

test("under hit-for-miss a client's own condition reaches the origin", async () => {
  site.answer('/conditional', ok('x', 'ETag: "a"', 'Cache-Control: private'))
  await site.get('/conditional')
  site.answer('/conditional', 'HTTP/1.1 304 \r\nETag: "a"\r\n\r\n')
  const answer = await site.get('/conditional', ['If-None-Match: "a"'])
  assert.deepEqual(
    [answer.status, cacheStatus(answer)],
    [304, 'Shellac; fwd=uri-miss; fwd-status=304; detail=hit-for-miss:response-private'],
  )
})

test('"hit-for-miss TIME" ends by itself, and "hit-for-miss 0s" remembers nothing', async () => {
  site.answer('/brief/a', fresh('x', 'Set-Cookie: a=b'))
  await site.get('/brief/a')
  await waitFor('the end of the mark', async () => /detail=set-cookie$/.test(cacheStatus(await site.get('/brief/a'))))
  site.answer('/forgetful/a', fresh('x', 'Set-Cookie: a=b'))
  for (let round = 0; round < 3; round++) {
    assert.match(cacheStatus(await site.get('/forgetful/a')), /detail=set-cookie$/)
  }
})

test('"bypass @matcher" neither reads nor fills: GET, HEAD and a range', async () => {
  const cookie = ['Cookie: session=1']
  site.answer('/personal/a', ({ method }) =>
    method === 'HEAD' ? 'HTTP/1.1 200 \r\nContent-Length: 6\r\n\r\n' : fresh('mine'),
  )
  for (const [method, fields] of [
    ['GET', cookie],
    ['HEAD', cookie],
    ['GET', [...cookie, 'Range: bytes=0-1']],
  ] as const) {
    const answer = await site.get('/personal/a', fields, method)
    assert.match(cacheStatus(answer), /fwd=bypass; fwd-status=200; detail=bypass$/)
  }
  assert.match(cacheStatus(await site.get('/personal/a')), /stored; detail=absent$/)
  assert.equal(isHit(await site.get('/personal/a')), true)
  assert.match(cacheStatus(await site.get('/personal/a', cookie)), /detail=bypass$/)
  assert.equal(site.asked('/personal/a').length, 5)
})

test('a POST past the cache is a matter of its method, and makes invalid what is stored all the same', async () => {
  const cookie = ['Cookie: session=1', 'Content-Length: 0']
  site.answer('/personal/post', fresh('x'))
  await site.get('/personal/post')
  assert.match(
    cacheStatus(await site.get('/personal/post', cookie, 'POST')),
    /fwd=method; fwd-status=200; detail=method$/,
  )
  assert.equal(isHit(await site.get('/personal/post')), false)
})

const refused: readonly (readonly [word: string, field: string, sent: readonly string[]])[] = [
  ['private', 'Cache-Control: private', []],
  ['no-store', 'Cache-Control: no-store', []],
  ['no-cache', 'Cache-Control: no-cache', []],
  ['set-cookie', 'Set-Cookie: a=b', []],
  ['authorization', 'X-Any: 1', ['Authorization: Basic eDp5']],
]
for (const [word, field, sent] of refused) {
  test(`"override ${word}" alone lifts its own refusal and no other; "ttl ... override" alone lifts none`, async () => {
    for (const rule of [...WORDS, 'freshness']) {
      const path = `/${rule}/${word}`
      site.answer(path, ok('x', field))
      await site.get(path, sent)
      assert.equal(isHit(await site.get(path, sent)), rule === word, path)
    }
  })
}
