/**
 * CDN-Cache-Control (RFC 9213) through the daemon: which field governs, in first answers, in updates and in errors; and what
 * comes beside a final response (interim ones, trailers) is never part of what is stored.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, reply } from '../support/scripted-origin.ts'
import { cacheStatus, dateIn, isHit, startSite } from './caching-site.ts'

const site = await startSite({
  site: 'route plain { path /plain/**; cache plain; }',
  more: 'rule plain { obey Cache-Control; }',
})

const CDN = 'CDN-Cache-Control'
const validator = `Last-Modified: ${dateIn(-1000)}`

const rules: readonly [claim: string, isReused: boolean, fields: string[]][] = [
  ['gives a lifetime', true, [`${CDN}: max-age=60`]],
  ['saturates beyond 2^31', true, [`${CDN}: max-age=99999999999`]],
  ['max-age=0 is stale, whatever Expires says', false, [`${CDN}: max-age=0`, `Expires: ${dateIn(600)}`]],
  ['goes before a shorter max-age', true, [`${CDN}: max-age=60`, 'Cache-Control: max-age=0']],
  ['goes before a longer one', false, [`${CDN}: max-age=0`, 'Cache-Control: max-age=600']],
  ['goes before a past Expires', true, [`${CDN}: max-age=60`, `Expires: ${dateIn(-600)}`]],
  ['goes before no-store', true, [`${CDN}: max-age=60`, 'Cache-Control: no-store']],
  ['goes before private', true, [`${CDN}: max-age=60`, 'Cache-Control: private']],
  ['no-store goes before freshness', false, [`${CDN}: no-store`, 'Cache-Control: max-age=600']],
  ['private goes before freshness', false, [`${CDN}: private`, 'Cache-Control: max-age=600']],
  ['no-cache goes before freshness', false, [`${CDN}: no-cache`, 'Cache-Control: max-age=600', validator]],
  ['is counted against by Age', false, [`${CDN}: max-age=60`, 'Age: 61']],
  ['with an unknown member counts', true, [`${CDN}: foobar, max-age=60`]],
  ['on two lines is one field', true, [`${CDN}: foo`, `${CDN}: max-age=60`, 'Cache-Control: no-store']],
  ['that is no dictionary is as good as absent', false, [`${CDN}: max-age=60, &&&&&`, 'Cache-Control: no-store']],
  ['likewise where Cache-Control is the kinder one', true, [`${CDN}: max-age =0`, 'Cache-Control: max-age=60']],
  ['that is empty is as good as absent', true, [`${CDN}: `, 'Cache-Control: max-age=60']],
  ['with a lifetime of the wrong type gives none', false, [`${CDN}: max-age="60"`, 'Cache-Control: max-age=60']],
]

for (const [i, [claim, isReused, fields]] of rules.entries()) {
  test(`CDN-Cache-Control ${claim}`, async () => {
    const path = `/cdn/${i}`
    site.answer(path, ok('x', ...fields))
    await site.get(path)
    const second = await site.get(path)
    assert.equal(isHit(second), isReused, cacheStatus(second))
    assert.equal(site.asked(path).length, isReused ? 1 : 2)
  })
}

test('what a 304 says in CDN-Cache-Control governs from then on', async () => {
  site.answer('/cdn-304', ({ fields }) =>
    fields.get('if-none-match') !== undefined
      ? `HTTP/1.1 304 \r\nETag: "a"\r\n${CDN}: max-age=60\r\n\r\n`
      : ok('x', 'ETag: "a"', `${CDN}: max-age=0`, 'Cache-Control: max-age=600'),
  )
  await site.get('/cdn-304')
  assert.match(cacheStatus(await site.get('/cdn-304')), /fwd=stale; fwd-status=304/)
  assert.equal(isHit(await site.get('/cdn-304')), true)
})

test('a rule that obeys Cache-Control alone does not read it', async () => {
  site.answer('/plain/a', ok('x', `${CDN}: no-store`, 'Cache-Control: max-age=60'))
  await site.get('/plain/a')
  assert.equal(isHit(await site.get('/plain/a')), true)
})

test('no-store with must-understand keeps a status that is understood, and no other', async () => {
  const control = 'Cache-Control: max-age=60, no-store, must-understand'
  for (const [path, status, isReused] of [
    ['/must/200', 200, true],
    ['/must/404', 404, true],
    ['/must/599', 599, false],
  ] as const) {
    site.answer(path, reply(status, 'x', control))
    await site.get(path)
    assert.equal(isHit(await site.get(path)), isReused, path)
  }
})

test('a guess is made for each status that may be guessed for, and for no other without "public"', async () => {
  const guessed = [200, 203, 300, 301, 308, 404, 405, 410, 414, 501]
  const not = [201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599]
  for (const status of [...guessed, ...not]) {
    const path = `/guess/${status}`
    site.answer(path, reply(status, 'x', `Last-Modified: ${dateIn(-86_400)}`, `Date: ${dateIn(0)}`))
    await site.get(path)
    assert.equal(isHit(await site.get(path)), guessed.includes(status), path)
  }
})

test('interim responses reach the client that caused the fetch, and nothing of them is stored', async () => {
  const hints = 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nX-Hint: 1\r\n\r\n'
  site.answer('/interim', () => hints + ok('final', 'Cache-Control: max-age=60'))
  const first = await site.get('/interim')
  assert.deepEqual([first.interim.map(({ status }) => status), first.status], [[102, 103], 200])
  assert.equal(first.interim[1]?.fields.get('x-hint'), '1')
  const hit = await site.get('/interim')
  assert.deepEqual([hit.interim.length, hit.body.toString(), isHit(hit)], [0, 'final', true])
  assert.deepEqual(
    [first.fields.get('x-hint'), hit.fields.get('x-hint'), hit.fields.get('link')],
    [undefined, undefined, undefined],
  )
})

test('trailers are not stored, nor announced where they are not sent', async () => {
  site.answer(
    '/trailers',
    'HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n',
  )
  await site.get('/trailers')
  const hit = await site.get('/trailers')
  assert.deepEqual([hit.body.toString(), isHit(hit)], ['x', true])
  assert.deepEqual([hit.fields.get('trailer'), hit.fields.get('x-sum')], [undefined, undefined])
})

test('a response whose coding nobody knows is read to its end and stored without the field', async () => {
  site.answer('/coding', () => ({
    close: 'HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nTransfer-Encoding: foo\r\n\r\nall there is',
  }))
  const first = await site.get('/coding')
  assert.deepEqual([first.body.toString(), first.fields.get('transfer-encoding')], ['all there is', 'chunked'])
  const hit = await site.get('/coding')
  assert.deepEqual(
    [hit.body.toString(), isHit(hit), hit.fields.get('transfer-encoding')],
    ['all there is', true, undefined],
  )
})

test('the first member of the first line of Age counts, and what is no number is ignored', async () => {
  const ages: readonly [lines: string[], isReused: boolean][] = [
    [['Age: 7200, 0'], false],
    [['Age: 0, 7200'], true],
    [['Age: 7200', 'Age: 0'], false],
    [['Age: 0', 'Age: 7200'], true],
    [['Age: -7200'], true],
    [['Age: 7200.0'], true],
    [['Age: abc'], true],
    [['Age: 2147483649'], false],
  ]
  for (const [i, [lines, isReused]] of ages.entries()) {
    const path = `/age/${i}`
    site.answer(path, ok('x', 'Cache-Control: max-age=3600', `Date: ${dateIn(0)}`, ...lines))
    await site.get(path)
    assert.equal(isHit(await site.get(path)), isReused, lines.join(' / '))
  }
})
