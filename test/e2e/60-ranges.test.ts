/** Ranges cut out of a stored response (RFC 9110 §13.1.5, §14, §15.3.7, §15.5.17). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, reply } from '../support/scripted-origin.ts'
import { cacheStatus, dateIn, isHit, startSite } from './caching-site.ts'
import { contentRange, partsOf } from './range-origin.ts'

const site = await startSite({
  site: `
    route edited { path /edited/**; headers { response set X-Status "is $cache.status"; response remove X-Secret; } }
    route grace { path /grace/**; cache grace; }`,
  more: 'rule grace { grace 1h; }',
})
const BODY = '0123456789'
const DATE = `Date: ${dateIn(0)}`
const CHANGED = dateIn(-3600)
const FIELDS = ['Cache-Control: max-age=60', 'ETag: "v"', 'Content-Type: text/x', DATE]

/** Has a response stored under the path. */
async function store(path: string, fields: readonly string[] = FIELDS, body = BODY): Promise<void> {
  site.answer(path, ok(body, ...fields))
  await site.get(path)
}

await store('/a')

const ranges: [range: string, body: string, contentRange: string][] = [
  ['bytes=0-4', '01234', 'bytes 0-4/10'],
  ['bytes=9-', '9', 'bytes 9-9/10'],
  ['bytes=-3', '789', 'bytes 7-9/10'],
  ['bytes=-30', BODY, 'bytes 0-9/10'],
  ['bytes=5-99999999999999999999', '56789', 'bytes 5-9/10'],
  ['bytes=0-1,1-4,4-5', '012345', 'bytes 0-5/10'],
  ['bytes=2-3,50-60', '23', 'bytes 2-3/10'],
]
for (const [range, body, written] of ranges) {
  test(`${range} is cut out of what is stored`, async () => {
    const answer = await site.get('/a', [`Range: ${range}`])
    assert.deepEqual([answer.status, answer.body.toString(), contentRange(answer)], [206, body, written])
    assert.equal(isHit(answer), true)
    assert.equal(answer.fields.get('etag'), '"v"')
    assert.equal(answer.fields.get('content-type'), 'text/x')
    assert.match(answer.fields.get('age') ?? '', /^[0-9]+$/)
    assert.equal(site.asked('/a').length, 1)
  })
}

test('several ranges come in the order asked for, as multipart/byteranges', async () => {
  const answer = await site.get('/a', ['Range: bytes=-1, 0-1'])
  assert.equal(answer.status, 206)
  assert.equal(contentRange(answer), undefined)
  assert.deepEqual(partsOf(answer), [
    { range: 'bytes 9-9/10', type: 'text/x', body: '9' },
    { range: 'bytes 0-1/10', type: 'text/x', body: '01' },
  ])
  assert.equal(isHit(answer), true)
})

test('a range with none of its bytes in the resource is answered with 416 and its length', async () => {
  for (const range of ['bytes=10-', 'bytes=-0', 'bytes=50-60,70-80']) {
    const answer = await site.get('/a', [`Range: ${range}`])
    assert.deepEqual([answer.status, contentRange(answer), answer.body.length], [416, 'bytes */10', 0])
    assert.equal(answer.fields.get('cache-control'), undefined, 'nobody keeps it as the answer to the whole')
    assert.equal(isHit(answer), true)
  }
})

const ignored = ['items=0-1', 'bytes=5-2', 'bytes=a', '0-1', `bytes=${'0-0,'.repeat(17)}`]
for (const range of ignored) {
  test(`"Range: ${range.slice(0, 20)}" is ignored`, async () => {
    const answer = await site.get('/a', [`Range: ${range}`])
    assert.deepEqual([answer.status, answer.body.toString(), contentRange(answer)], [200, BODY, undefined])
  })
}

test('HEAD ignores Range', async () => {
  const answer = await site.get('/a', ['Range: bytes=0-1'], 'HEAD')
  assert.deepEqual([answer.status, answer.fields.get('content-length')], [200, '10'])
})

test('a response that is no 200 is sent whole', async () => {
  site.answer('/gone', reply(410, BODY, ...FIELDS))
  await site.get('/gone')
  const answer = await site.get('/gone', ['Range: bytes=0-1'])
  assert.deepEqual([answer.status, answer.body.toString(), isHit(answer)], [410, BODY, true])
})

test('a condition that holds is answered with 304 before the range is looked at', async () => {
  const answer = await site.get('/a', ['Range: bytes=0-1', 'If-None-Match: "v"'])
  const other = await site.get('/a', ['Range: bytes=0-1', 'If-None-Match: "w"'])
  assert.deepEqual([answer.status, other.status, other.body.toString()], [304, 206, '01'])
})

test('If-Range gives the range where it names the stored response strongly, else the whole', async () => {
  const dated = ['Cache-Control: max-age=60', `Last-Modified: ${CHANGED}`, DATE]
  await store('/dated', dated)
  await store('/weak', ['Cache-Control: max-age=60', 'ETag: W/"v"'])
  const now = dateIn(0)
  await store('/young', ['Cache-Control: max-age=60', `Last-Modified: ${now}`, `Date: ${now}`])
  const cases: [path: string, ifRange: string, status: number][] = [
    ['/a', '"v"', 206],
    ['/a', '"w"', 200],
    ['/a', 'W/"v"', 200],
    ['/a', CHANGED, 200],
    ['/weak', 'W/"v"', 200],
    ['/dated', CHANGED, 206],
    ['/dated', dateIn(-3000), 200],
    ['/dated', 'nonsense', 200],
    ['/young', now, 200],
  ]
  for (const [path, ifRange, status] of cases) {
    const answer = await site.get(path, ['Range: bytes=0-1', `If-Range: ${ifRange}`])
    assert.equal(answer.status, status, `${path} ${ifRange}`)
    assert.equal(answer.body.toString(), status === 206 ? '01' : BODY)
  }
})

test('edits of the response run on a range, with its own fields in place', async () => {
  await store('/edited/a', [...FIELDS, 'X-Secret: 1', 'Content-Range: nonsense'])
  const answer = await site.get('/edited/a', ['Range: bytes=0-1'])
  assert.deepEqual([answer.status, answer.body.toString(), contentRange(answer)], [206, '01', 'bytes 0-1/10'])
  assert.equal(answer.fields.get('x-status'), 'is hit')
  assert.equal(answer.fields.get('x-secret'), undefined)
})

test('a range of a stale object is answered under grace, and the whole is fetched behind it', async () => {
  const old = ok(BODY, 'Cache-Control: max-age=1', `Date: ${dateIn(-100)}`, 'ETag: "old"')
  site.answer('/grace/a', old)
  await site.get('/grace/a')
  site.answer('/grace/a', ok('abcdefghij', 'Cache-Control: max-age=60', 'ETag: "new"'))
  const stale = await site.get('/grace/a', ['Range: bytes=0-1'])
  assert.deepEqual([stale.status, stale.body.toString()], [206, '01'])
  assert.match(cacheStatus(stale), /^Shellac; hit; ttl=-[0-9]+; detail=expired$/)
  let fresh = await site.get('/grace/a', ['Range: bytes=-2'])
  while (!isHit(fresh)) fresh = await site.get('/grace/a', ['Range: bytes=-2'])
  assert.equal(fresh.body.toString(), 'ij')
  const [, behind] = site.asked('/grace/a')
  assert.deepEqual([behind?.fields.get('range'), behind?.fields.get('if-none-match')], [undefined, '"old"'])
})

test('a range of a stale object that the origin confirms is cut out of it', async () => {
  site.answer('/confirmed', (request) =>
    request.fields.get('if-none-match') === '"v"'
      ? 'HTTP/1.1 304 \r\nCache-Control: max-age=60\r\nETag: "v"\r\n\r\n'
      : ok(BODY, 'Cache-Control: max-age=1, stale-while-revalidate=0', 'ETag: "v"', `Date: ${dateIn(-100)}`),
  )
  await site.get('/confirmed')
  const answer = await site.get('/confirmed', ['Range: bytes=0-1', 'If-Range: "v"'])
  assert.deepEqual([answer.status, answer.body.toString(), contentRange(answer)], [206, '01', 'bytes 0-1/10'])
  assert.match(cacheStatus(answer), /fwd=stale; fwd-status=304/)
  assert.equal(site.asked('/confirmed')[1]?.fields.get('range'), undefined)
})

test('ranges that follow one another on a connection are each right', async () => {
  const client = await site.connect()
  client.send(
    [3, 0, 9].map((at) => `GET /a HTTP/1.1\r\nHost: test.example\r\nRange: bytes=${at}-${at}\r\n\r\n`).join(''),
  )
  for (const at of [3, 0, 9]) assert.equal((await client.response()).body.toString(), String(at))
})
