/** Validation both ways: of clients' copies by us, and of stored responses by the origin (RFC 9111 §4.3). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReceivedRequest } from '../support/http-message.ts'
import { ok } from '../support/scripted-origin.ts'
import { cacheStatus, dateIn, isHit, startSite } from './caching-site.ts'

const site = await startSite({ site: 'headers { response remove Server; }' })

/** Stale from the start, so that the next request validates it. */
const staleNow = ['Cache-Control: max-age=10', `Date: ${dateIn(-60)}`]
const changed = dateIn(-86_400)

/** Answers the first request with `body` and the others with a 304 of these fields. */
function confirming(body: string, first: string[], fields: string[]) {
  let isFirst = true
  return () => {
    if (!isFirst) return `HTTP/1.1 304 \r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n`
    isFirst = false
    return ok(body, ...first)
  }
}

function conditions({ fields }: ReceivedRequest) {
  return [fields.get('if-none-match'), fields.get('if-modified-since')]
}

test('a fresh response answers If-None-Match with a 304, weakly compared, anywhere in the list', async () => {
  site.answer('/etag', ok('hello', 'ETag: "v1"', `Last-Modified: ${changed}`, 'Cache-Control: max-age=60', 'X-A: 1'))
  await site.get('/etag')
  for (const list of ['"v1"', 'W/"v1"', '"v0", W/"v1"', '*']) {
    const answer = await site.get('/etag', [`If-None-Match: ${list}`])
    assert.deepEqual([answer.status, answer.fields.get('etag')], [304, '"v1"'], list)
    assert.equal(answer.fields.get('content-length'), undefined)
    assert.equal(isHit(answer), true, cacheStatus(answer))
  }
  assert.equal((await site.get('/etag', ['If-None-Match: "v2"'])).body.toString(), 'hello')
  assert.equal(site.asked('/etag').length, 1)
})

test('If-Modified-Since is answered from Last-Modified, and not looked at beside If-None-Match', async () => {
  site.answer('/since', ok('hello', 'ETag: "v1"', `Last-Modified: ${changed}`, 'Cache-Control: max-age=60'))
  await site.get('/since')
  const statusOf = async (...fields: string[]) => (await site.get('/since', fields)).status
  assert.equal(await statusOf(`If-Modified-Since: ${changed}`), 304)
  assert.equal(await statusOf(`If-Modified-Since: ${dateIn(-60)}`), 304)
  assert.equal(await statusOf(`If-Modified-Since: ${dateIn(-100_000)}`), 200)
  assert.equal(await statusOf('If-Modified-Since: yesterday'), 200)
  assert.equal(await statusOf(`If-Modified-Since: ${changed}`, 'If-None-Match: "v2"'), 200)
  assert.equal(site.asked('/since').length, 1)
})

test('the condition of the client whose request fills the cache is answered by us: the origin sends all', async () => {
  site.answer('/fill', ok('hello', 'ETag: "v1"', 'Cache-Control: max-age=60'))
  const first = await site.get('/fill', ['If-None-Match: "v1"'])
  assert.deepEqual([first.status, conditions(site.asked('/fill')[0]!)], [304, [undefined, undefined]])
  assert.equal((await site.get('/fill')).body.toString(), 'hello')
  assert.equal(site.asked('/fill').length, 1)
})

test('a stale response is validated with both validators, a weak tag too; a 304 makes it fresh', async () => {
  const first = [...staleNow, 'ETag: W/"v1"', `Last-Modified: ${changed}`, 'X-Old: 1', 'X-Kept: 1']
  const update = [
    'ETag: W/"v1"',
    'Cache-Control: max-age=60',
    'X-Old: 2',
    'X-New: 3',
    'Content-Length: 99',
    'Server: x',
  ]
  site.answer('/stale', confirming('hello', first, update))
  await site.get('/stale')
  const confirmed = await site.get('/stale')
  assert.deepEqual(conditions(site.asked('/stale')[1]!), ['W/"v1"', changed])
  assert.equal(cacheStatus(confirmed), 'Shellac; fwd=stale; fwd-status=304; stored; detail=expired')
  const hit = await site.get('/stale')
  assert.equal(isHit(hit), true, cacheStatus(hit))
  for (const { body, fields, status } of [confirmed, hit]) {
    assert.deepEqual([status, body.toString(), fields.get('content-length')], [200, 'hello', '5'])
    assert.deepEqual(
      [fields.get('x-old'), fields.get('x-new'), fields.get('x-kept'), fields.get('server')],
      ['2', '3', '1', undefined],
    )
    assert.deepEqual([fields.all('age').length, fields.all('via').length, fields.all('date').length], [1, 1, 1])
  }
})

test('the client that causes a validation gets a 304 where its own copy is the confirmed one', async () => {
  site.answer('/both', confirming('hello', [...staleNow, 'ETag: "v1"'], ['ETag: "v1"', 'Cache-Control: max-age=60']))
  await site.get('/both')
  const answer = await site.get('/both', ['If-None-Match: "v1"'])
  assert.deepEqual([answer.status, answer.fields.get('etag')], [304, '"v1"'])
  assert.equal((await site.get('/both')).body.toString(), 'hello')
  assert.equal(site.asked('/both').length, 2)
})

test('a response that has changed replaces the stale one', async () => {
  let version = 0
  site.answer('/changed', () => {
    version++
    return ok(`version ${version}`, `ETag: "${version}"`, ...(version === 1 ? staleNow : ['Cache-Control: max-age=60']))
  })
  await site.get('/changed')
  const second = await site.get('/changed', ['If-None-Match: "1"'])
  assert.deepEqual([second.status, second.body.toString()], [200, 'version 2'])
  assert.equal((await site.get('/changed')).body.toString(), 'version 2')
  assert.deepEqual(conditions(site.asked('/changed')[1]!), ['"1"', undefined])
  assert.equal(version, 2)
})

test('no-cache is stored with a validator, and validated every time', async () => {
  const fields = ['ETag: "v1"', 'Cache-Control: no-cache, max-age=60']
  site.answer('/no-cache', confirming('hello', fields, fields))
  const answers = [await site.get('/no-cache'), await site.get('/no-cache'), await site.get('/no-cache')]
  assert.deepEqual(
    answers.map((answer) => answer.body.toString()),
    ['hello', 'hello', 'hello'],
  )
  assert.equal(cacheStatus(answers[2]!), 'Shellac; fwd=stale; fwd-status=304; stored; detail=response-no-cache')
  assert.deepEqual(conditions(site.asked('/no-cache')[2]!), ['"v1"', undefined])
})

test('what a 304 forbids to keep answers the client that asked, and nobody after it', async () => {
  const update = ['ETag: "v1"', 'Cache-Control: private, max-age=60', 'X-Mine: secret']
  site.answer('/forbidden', confirming('hello', [...staleNow, 'ETag: "v1"'], update))
  await site.get('/forbidden')
  const mine = await site.get('/forbidden')
  assert.deepEqual([mine.body.toString(), mine.fields.get('x-mine')], ['hello', 'secret'])
  assert.equal(cacheStatus(mine), 'Shellac; fwd=stale; fwd-status=304; detail=expired')
  site.answer('/forbidden', ok('other', 'Cache-Control: max-age=60'))
  const next = await site.get('/forbidden')
  assert.deepEqual([next.body.toString(), next.fields.get('x-mine')], ['other', undefined])
  assert.deepEqual(conditions(site.asked('/forbidden')[2]!), [undefined, undefined])
})

test('a 304 about another response is not believed: the whole is fetched', async () => {
  let asked = 0
  site.answer('/foreign', () => {
    asked++
    if (asked === 2) return 'HTTP/1.1 304 \r\nETag: "never seen"\r\n\r\n'
    return ok(`body ${asked}`, `Last-Modified: ${changed}`, ...(asked === 1 ? staleNow : ['Cache-Control: max-age=60']))
  })
  await site.get('/foreign')
  assert.equal((await site.get('/foreign')).body.toString(), 'body 3')
  assert.deepEqual(conditions(site.asked('/foreign')[2]!), [undefined, undefined])
})

test('many who ask for a stale response are answered by one validation', async () => {
  site.answer('/crowd', confirming('hello', [...staleNow, 'ETag: "v1"'], ['ETag: "v1"', 'Cache-Control: max-age=60']))
  await site.get('/crowd')
  const answers = await Promise.all(Array.from({ length: 30 }, () => site.get('/crowd')))
  assert.ok(answers.every((answer) => answer.status === 200 && answer.body.toString() === 'hello'))
  assert.equal(site.asked('/crowd').length, 2)
})
