/** Every decision has an address: `cache-status`, from nothing to the key and the route with its line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, reply } from '../support/scripted-origin.ts'
import { cacheStatus, startSite } from './caching-site.ts'

const site = await startSite({
  site: `cache-status off;
route said { path /said/**; cache-status reason; }
route told { path /told/**; cache-status full; }
route made { path /made; cache-status full; respond 200 "made"; }
`,
})

function answerWith(path: string, ...fields: string[]): void {
  site.answer(path, () => ok('text', ...fields))
}

/** ` @ FILE:LINE` of a route, as the daemon names its file. */
const place = String.raw`@ [^"]*shellac\.conf:[0-9]+`

test('"full" names key and route, on a miss, a hit and a 304', async () => {
  answerWith('/told/a', 'Cache-Control: max-age=60', 'ETag: "1"')
  const key = String.raw`key="http\|test\.example\|/told/a\?q=\\"x\\\\"`
  const miss = await site.get('/told/a?q="x\\')
  assert.match(
    cacheStatus(miss),
    new RegExp(`^Shellac; fwd=uri-miss; fwd-status=200; stored; ${key}; detail="absent; route told ${place}"$`),
  )
  const hit = await site.get('/told/a?q="x\\')
  assert.match(cacheStatus(hit), new RegExp(`^Shellac; hit; ttl=[0-9]+; ${key}; detail="route told ${place}"$`))
  const unchanged = await site.get('/told/a?q="x\\', ['If-None-Match: "1"'])
  assert.equal(unchanged.status, 304)
  assert.match(cacheStatus(unchanged), new RegExp(`; ${key}; detail="route told ${place}"$`))
})

test('"full" shows what selects a variant', async () => {
  answerWith('/told/v', 'Cache-Control: max-age=60', 'Vary: X-Color')
  for (const _ of [1, 2]) await site.get('/told/v', ['X-Color: red'])
  const hit = await site.get('/told/v', ['X-Color: red'])
  assert.match(cacheStatus(hit), /; hit; .*key="http\|[^"|]*\|\/told\/v [0-9]+:x-color=red"; detail="route told /)
})

test('"full" on what never asked the cache has no key', async () => {
  answerWith('/told/post', 'Cache-Control: no-store')
  const pass = await site.get('/told/post', ['Content-Length: 0'], 'POST')
  assert.match(
    cacheStatus(pass),
    new RegExp(`^Shellac; fwd=method; fwd-status=200; detail="method; route told ${place}"$`),
  )
  const made = await site.get('/made')
  assert.match(cacheStatus(made), new RegExp(`^Shellac; detail="no-cache-configured; route made ${place}"$`))
})

test('"reason", the default, is what a route may go back to', async () => {
  answerWith('/said/a', 'Cache-Control: max-age=60')
  assert.equal(cacheStatus(await site.get('/said/a')), 'Shellac; fwd=uri-miss; fwd-status=200; stored; detail=absent')
  assert.match(cacheStatus(await site.get('/said/a')), /^Shellac; hit; ttl=[0-9]+$/)
})

test('"off" says nothing of this cache, and passes on what caches before it said', async () => {
  answerWith('/off', 'Cache-Control: max-age=60')
  for (const _ of [1, 2]) assert.equal((await site.get('/off')).fields.get('cache-status'), undefined)
  assert.equal(site.asked('/off').length, 1, 'the second was a hit')
  site.answer('/behind', () => reply(200, 'x', 'Cache-Control: no-store', 'Cache-Status: Inner; hit'))
  assert.equal(cacheStatus(await site.get('/behind')), 'Inner; hit')
})
