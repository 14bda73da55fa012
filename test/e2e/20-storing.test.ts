/** What is stored and for how long (RFC 9111 §3, §4.2), and what an answer from the store says of itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, reply } from '../support/scripted-origin.ts'
import { cacheStatus, dateIn, isHit, startSite } from './caching-site.ts'

const site = await startSite({
  cache: 'ttl 404 410 30s;',
  site: `
    route typed { path /typed/**; cache by-type; }
    route static { path /static/**; cache static; }
    route lifted { path /lifted/**; cache lifted; }`,
  more: `
    rule by-type { ttl type image/* 1h; ttl path /typed/private/** 0s override; }
    rule static { ttl 1h override; }
    rule lifted { ttl 1h override; override private no-store no-cache authorization; store set-cookie; }`,
})

/** Asks twice; gives both answers and whether the second came from the store. */
async function twice(path: string, answer: string, fields: string[] = []) {
  site.answer(path, answer)
  const client = await site.connect()
  const first = await client.get(path, fields)
  const second = await client.get(path, fields)
  client.socket.destroy()
  assert.equal(site.asked(path).length, isHit(second) ? 1 : 2)
  return { first, second, isStored: isHit(second) }
}

const past = `Date: ${dateIn(-100)}`
const changed = `Last-Modified: ${dateIn(-36_000)}`

const lifetimes: [claim: string, isStored: boolean, status: number, fields: string[]][] = [
  ['max-age gives a lifetime', true, 200, ['Cache-Control: max-age=60']],
  ['s-maxage goes before max-age', true, 200, ['Cache-Control: max-age=0, s-maxage=60']],
  ['s-maxage=0 goes before max-age too', false, 200, ['Cache-Control: max-age=60, s-maxage=0']],
  ['Expires gives one where there is no max-age', true, 200, [`Expires: ${dateIn(60)}`]],
  ['max-age goes before Expires', true, 200, ['Cache-Control: max-age=60', `Expires: ${dateIn(-60)}`]],
  ['Expires counts from Date, not from now', false, 200, [past, `Expires: ${dateIn(-40)}`]],
  ['an Expires that is no date is in the past', false, 200, ['Expires: 0']],
  ['a tenth of the time since Last-Modified is guessed', true, 200, [changed]],
  ['a guess is made for 204', true, 204, [changed]],
  ['no guess is made for 302', false, 302, [changed]],
  ['a guess is made for any status with public', true, 302, [changed, 'Cache-Control: public']],
  ['without freshness and validator nothing is kept', false, 200, []],
  ['explicit freshness keeps an error', true, 500, ['Cache-Control: max-age=60']],
  ['explicit freshness keeps an unknown status', true, 299, ['Cache-Control: max-age=60']],
  ['a response older than its lifetime on arrival is stale', false, 200, [past, 'Cache-Control: max-age=60']],
  ['Age counts against the lifetime', false, 200, ['Age: 61', 'Cache-Control: max-age=60']],
  ['Cache-Control lines add up', true, 200, ['Cache-Control: public', 'Cache-Control: max-age=60']],
  ['no-store is not kept', false, 200, ['Cache-Control: max-age=60, no-store']],
  ['private is not kept', false, 200, ['Cache-Control: max-age=60, private']],
  ['no-cache without a validator is not kept', false, 200, ['Cache-Control: max-age=60, no-cache']],
  ['Set-Cookie is not kept', false, 200, ['Cache-Control: max-age=60', 'Set-Cookie: a=b']],
  ['Vary: * is not kept', false, 200, ['Cache-Control: max-age=60', 'Vary: *']],
  ['206 is not kept', false, 206, ['Cache-Control: max-age=60', 'Content-Range: bytes 0-1/2']],
  ['CDN-Cache-Control replaces Cache-Control', true, 200, ['Cache-Control: no-store', 'CDN-Cache-Control: max-age=60']],
  ['404 is kept as "ttl 404" says', true, 404, []],
  ['410 is kept as "ttl 410" says', true, 410, []],
]
for (const [index, [claim, isStored, status, fields]] of lifetimes.entries()) {
  test(claim, async () => {
    const body = status === 204 ? '' : 'ab'
    const answer = status === 204 ? `HTTP/1.1 204 \r\n${fields.join('\r\n')}\r\n\r\n` : reply(status, body, ...fields)
    const { first, second, isStored: isKept } = await twice(`/lifetime/${index}`, answer)
    assert.equal(isKept, isStored, cacheStatus(second))
    assert.deepEqual([first.status, second.status], [status, status])
    assert.deepEqual([first.body.toString(), second.body.toString()], [body, body])
  })
}

test('a hit has every end-to-end field as the origin sent it, with Age, and no hop-by-hop field', async () => {
  const fields = ['X-One: 1', 'X-One: 2', 'ETag: "v"', 'Cache-Control: max-age=60', 'Content-Type: text/x']
  const answer = ok('hello', ...fields, 'Connection: X-Hop', 'X-Hop: 1', 'Keep-Alive: timeout=5', 'Date: nonsense')
  const { second } = await twice('/fields', answer)
  assert.deepEqual(second.fields.all('x-one'), ['1', '2'])
  assert.equal(second.fields.get('etag'), '"v"')
  assert.equal(second.fields.get('content-type'), 'text/x')
  assert.equal(second.fields.get('date'), 'nonsense')
  assert.equal(second.fields.get('x-hop'), undefined)
  assert.equal(second.fields.get('keep-alive'), undefined)
  assert.match(second.fields.get('age') ?? '', /^[0-9]+$/)
  assert.equal(second.fields.get('content-length'), '5')
})

test('Age is what the origin said and what has passed since Date, whichever is more', async () => {
  const aged = await twice('/age/field', ok('x', 'Cache-Control: max-age=3600', 'Age: 500', `Date: ${dateIn(0)}`))
  const dated = await twice('/age/date', ok('x', 'Cache-Control: max-age=3600', `Date: ${dateIn(-900)}`))
  assert.equal(between(aged.second.fields.get('age'), 500, 560), true, aged.second.raw)
  assert.equal(between(dated.second.fields.get('age'), 900, 960), true, dated.second.raw)
  const ttl = /ttl=([0-9]+)$/.exec(cacheStatus(dated.second))?.[1]
  assert.equal(between(ttl, 2640, 2700), true, cacheStatus(dated.second))
})

test('an origin that gives no Date is given one, which stays', async () => {
  const { first, second } = await twice('/dateless', ok('x', 'Cache-Control: max-age=60'))
  assert.match(first.fields.get('date') ?? '', / GMT$/)
  assert.equal(second.fields.get('date'), first.fields.get('date'))
})

test('a response to a request with Authorization is shared only where it says so', async () => {
  const fields = ['Authorization: Basic eDp5']
  assert.equal((await twice('/auth/plain', ok('x', 'Cache-Control: max-age=60'), fields)).isStored, false)
  assert.equal((await twice('/auth/public', ok('x', 'Cache-Control: max-age=60, public'), fields)).isStored, true)
  assert.equal((await twice('/auth/shared', ok('x', 'Cache-Control: s-maxage=60'), fields)).isStored, true)
  assert.equal(site.asked('/auth/plain')[0]?.fields.get('authorization'), 'Basic eDp5')
})

test('a field that no-cache or private names is not kept, the rest is', async () => {
  const cookie = ok('x', 'Cache-Control: max-age=60, no-cache="x-mine", private="X-Yours"', 'X-Mine: 1', 'X-Yours: 2')
  const { first, second, isStored } = await twice('/qualified', cookie)
  assert.equal(isStored, true)
  assert.deepEqual([second.fields.get('x-mine'), second.fields.get('x-yours')], [undefined, undefined])
  assert.deepEqual([first.fields.get('x-mine'), first.fields.get('x-yours')], ['1', '2'])
})

test('ttl by type and by path decides, "override" over the origin, "0s" against storing', async () => {
  const typed = await twice('/typed/a', ok('x', 'Content-Type: image/png; q=1'))
  const other = await twice('/typed/b', ok('x', 'Content-Type: text/html'))
  const never = await twice('/typed/private/c', ok('x', 'Content-Type: image/png', 'Cache-Control: max-age=60'))
  const longer = await twice('/static/d', ok('x', 'Cache-Control: max-age=0'))
  assert.deepEqual([typed.isStored, other.isStored, never.isStored, longer.isStored], [true, false, false, true])
  assert.match(cacheStatus(never.first), /detail=ttl-zero$/)
  assert.match(cacheStatus(longer.second), /ttl=3(600|5[0-9]{2})$/)
})

test('a ttl counts from arrival, whatever the age on arrival', async () => {
  const { second } = await twice('/static/old', ok('x', 'Age: 86400', 'Cache-Control: max-age=60'))
  assert.match(cacheStatus(second), /hit; ttl=3(600|5[0-9]{2})$/)
})

test('"ttl override" makes nothing storable that is refused; each refusal is lifted by its own word', async () => {
  const refused: [field: string, path: string, request: string[]][] = [
    ['Cache-Control: private', 'private', []],
    ['Cache-Control: no-store', 'no-store', []],
    ['Cache-Control: no-cache', 'no-cache', []],
    ['Set-Cookie: a=b', 'set-cookie', []],
    ['X-Any: 1', 'authorization', ['Authorization: Basic eDp5']],
  ]
  for (const [field, name, request] of refused) {
    assert.equal((await twice(`/static/${name}`, ok('x', field), request)).isStored, false, name)
    assert.equal((await twice(`/lifted/${name}`, ok('x', field), request)).isStored, true, name)
  }
})

test('what is not kept says why', async () => {
  const reasons: [reason: string, path: string, answer: string][] = [
    ['response-no-store', '/why/a', ok('x', 'Cache-Control: no-store')],
    ['response-private', '/why/b', ok('x', 'Cache-Control: private')],
    ['set-cookie', '/why/c', ok('x', 'Cache-Control: max-age=60', 'Set-Cookie: a=b')],
    ['vary-star', '/why/d', ok('x', 'Cache-Control: max-age=60', 'Vary: *')],
    ['no-freshness', '/why/e', ok('x')],
    ['status', '/why/f', reply(302, 'x')],
    ['partial', '/why/g', reply(206, 'x', 'Cache-Control: max-age=60', 'Content-Range: bytes 0-0/2')],
    ['response-no-cache', '/why/h', ok('x', 'Cache-Control: no-cache')],
    ['unknown-directive', '/why/i', reply(299, 'x', 'Cache-Control: must-understand, max-age=60')],
  ]
  for (const [reason, path, answer] of reasons) {
    site.answer(path, answer)
    const status = answer.slice(9, 12)
    assert.equal(cacheStatus(await site.get(path)), `Shellac; fwd=uri-miss; fwd-status=${status}; detail=${reason}`)
  }
})

function between(text: string | undefined, least: number, most: number): boolean {
  return text !== undefined && Number(text) >= least && Number(text) <= most
}
