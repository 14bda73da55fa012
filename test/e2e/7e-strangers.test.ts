/** What one client may do to what the others are served: ask for it anew, and no more. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { objectAt } from '../support/admin.ts'
import type { ReceivedRequest } from '../support/http-message.ts'
import { reply } from '../support/scripted-origin.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus, gate, isHit, startSite } from './caching-site.ts'

const site = await startSite({
  cache: 'hit-for-miss 60s;',
  site: 'route heads { method HEAD; path /heads; }',
})
const page = reply(200, 'for all', 'Cache-Control: max-age=60', 'ETag: "p"')
const personal = reply(200, 'for me', 'Cache-Control: max-age=60', 'ETag: "me"')
const ANEW = 'Cache-Control: no-cache'

/** One of the requests by which the cases try to do harm. */
function isOdd(fields: ReceivedRequest['fields']): boolean {
  return fields.get('x-odd') !== undefined || fields.get('authorization') !== undefined
}

const refusals: [claim: string, answer: string, ...fields: string[]][] = [
  ['credentials', personal, 'Authorization: Basic eA=='],
  ['credentials that fail', reply(401, 'no', 'WWW-Authenticate: Basic'), 'Authorization: Basic eA=='],
  ['a field the origin cannot read', reply(400, 'bad'), 'X-Odd: {'],
  ['more fields than the origin takes', reply(431, 'large', 'Cache-Control: no-store'), 'X-Odd: {'],
  ['more haste than the origin allows', reply(429, 'slow down'), 'X-Odd: {'],
]
for (const [index, [claim, answer, field]] of refusals.entries()) {
  test(`a request with ${claim} takes nothing from the others`, async () => {
    const path = `/kept/${index}`
    site.answer(path, ({ fields }) => (isOdd(fields) ? answer : page))
    await site.get(path)
    await site.get(path, [ANEW, field!])
    const after = await site.get(path)
    assert.deepEqual([after.body.toString(), isHit(after)], ['for all', true], cacheStatus(after))
  })

  test(`a request with ${claim} does not keep the next ones from being collapsed`, async () => {
    const path = `/first/${index}`
    const held = gate()
    site.answer(path, async ({ fields }) => {
      if (isOdd(fields)) return answer
      await held.opened
      return page
    })
    await site.get(path, [field!])
    const answers = [site.get(path), site.get(path)]
    await site.get('/elsewhere') // by now the worker has met both
    held.open()
    for (const { body } of await Promise.all(answers)) assert.equal(body.toString(), 'for all')
    assert.equal(site.asked(path).length, 2)
  })
}

test('a revalidation by one with credentials takes nothing from the others', async () => {
  site.answer('/confirmed', ({ fields }) => (isOdd(fields) ? reply(304, '', 'ETag: "p"') : page))
  await site.get('/confirmed')
  const answer = await site.get('/confirmed', [ANEW, 'Authorization: Basic eA=='])
  assert.deepEqual([answer.status, answer.body.toString()], [200, 'for all'])
  assert.equal(isHit(await site.get('/confirmed')), true)
})

test('a HEAD with credentials takes nothing from the others, whatever its answer', async () => {
  for (const [index, answer] of [reply(200, '', 'ETag: "p"'), reply(200, '', 'ETag: "me"')].entries()) {
    const path = `/head/${index}`
    site.answer(path, ({ method }) => (method === 'HEAD' ? answer : page))
    await site.get(path)
    await site.get(path, [ANEW, 'Authorization: Basic eA=='], 'HEAD')
    assert.equal(isHit(await site.get(path)), true)
  }
})

test('an answer that concerns the resource still takes the place of what is stored', async () => {
  for (const [index, answer] of [reply(403, 'no'), reply(200, 'x', 'Cache-Control: no-store')].entries()) {
    const path = `/gone/${index}`
    let now = page
    site.answer(path, () => now)
    await site.get(path)
    now = answer
    await site.get(path, [ANEW])
    now = page
    assert.doesNotMatch(cacheStatus(await site.get(path)), /hit/)
  }
})

test('a HEAD that was asked before what is stored came says nothing of it', async () => {
  const held = gate()
  site.answer('/late', async ({ method }) => {
    if (method !== 'HEAD') return page
    await held.opened
    return reply(200, '', 'ETag: "old"')
  })
  const head = site.get('/late', [ANEW], 'HEAD')
  await waitFor('the HEAD at the origin', () => site.asked('/late').length === 1)
  await site.get('/late')
  held.open()
  assert.equal((await head).fields.get('etag'), '"old"')
  assert.equal(isHit(await site.get('/late')), true)
})

test('a HEAD that takes another route than GET says nothing of what is stored', async () => {
  site.answer('/heads', ({ method }) => (method === 'HEAD' ? reply(200, '', 'ETag: "other"') : page))
  await site.get('/heads')
  await site.get('/heads', [ANEW], 'HEAD')
  assert.equal(isHit(await site.get('/heads')), true)
})

test('an answer to a POST is kept although its URL was purged for its own sake', async () => {
  const keyed = await startSite({ cache: 'key { cookie keep c; }' })
  keyed.answer('/p', ({ method }) => reply(200, `from ${method}`, 'Cache-Control: max-age=60', 'Content-Location: /p'))
  await keyed.get('/p', ['Cookie: c=1'])
  await keyed.get('/p', ['Cookie: c=2', 'Content-Length: 0'], 'POST')
  assert.equal((await keyed.get('/p', ['Cookie: c=2'])).body.toString(), 'from POST')
  assert.equal(isHit(await keyed.get('/p', ['Cookie: c=1'])), false, 'what another cookie had is gone')
})

test('a secret that the origin varies on is told to nobody', async () => {
  const file = join(tempDir(), 'secret')
  writeFileSync(file, 'hush')
  const told = await startSite({
    site: `cache-status full; headers { request set X-Api-Key \${file:${file}}; }`,
    cache: 'key { header X-Api-Key; }',
  })
  told.answer('/s', reply(200, 'x', 'Cache-Control: max-age=60', 'Vary: X-Api-Key, Accept'))
  for (const answer of [await told.get('/s'), await told.get('/s')]) {
    assert.match(cacheStatus(answer), /key="[^"]*x-api-key=\[secret\]/)
    assert.doesNotMatch(answer.raw, /hush/)
  }
  assert.equal(told.asked('/s')[0]?.fields.get('x-api-key'), 'hush')
  const report = await objectAt(told.shellac, 'main', 'http|test.example|x-api-key=hush|/s')
  assert.equal(report.state, 'varies')
  assert.doesNotMatch(JSON.stringify(report.variants), /hush/)
})

const guarded = await startSite({
  cache: 'purge { allow @ops; methods PURGE PURGEKEY BAN; }',
  site: 'route passed { path /passed; cache off; }',
  more: 'match @ops { source 127.0.0.9; }',
})
const claims: [claim: string, method: string, target: string, ...fields: string[]][] = [
  ['as it is', 'PURGE', '/page'],
  ['in another spelling', 'purge', '/page'],
  ['in absolute form', 'PURGE', 'http://test.example/page'],
  ['for another host', 'PURGE', 'http://127.0.0.9/page', 'Host: 127.0.0.9'],
  ['with forwarding fields', 'PURGE', '/page', 'X-Forwarded-For: 127.0.0.9', 'Forwarded: for=127.0.0.9'],
  ['with X-Real-IP', 'PURGE', '/page', 'X-Real-IP: 127.0.0.9'],
  ['in the name of a GET', 'GET', '/page', 'X-HTTP-Method-Override: PURGE'],
  ['of everything', 'PURGE', '/', 'Purge-Scope: all', 'Purge-Mode: hard'],
  ['where nothing is cached', 'PURGE', '/passed', 'Purge-Scope: all'],
  ['by tag', 'PURGEKEY', '/', 'Surrogate-Key: page'],
  ['by a method of the list', 'BAN', '/page'],
]
for (const [claim, method, target, ...fields] of claims) {
  test(`a stranger purges nothing: ${claim}`, async () => {
    guarded.answer('/page', ({ method: asked }) =>
      asked === 'GET' ? reply(200, 'for all', 'Cache-Control: max-age=60', 'Surrogate-Key: page') : reply(405, ''),
    )
    await guarded.get('/page')
    const answer = await guarded.get(target, fields, method)
    assert.ok(method === 'GET' || answer.status === 403 || answer.status === 405, answer.raw)
    assert.equal(isHit(await guarded.get('/page')), true)
  })
}

for (const [claim, later] of [
  ['no Vary any more', []],
  ['another Vary', ['Vary: X-Other']],
  ['the same Vary', ['Vary: X-Kind']],
] as const) {
  test(`what was fetched before an unsafe request is not kept behind it: ${claim}`, async () => {
    const path = `/changed/${later.join('').length}`
    const held = gate()
    let text = 'old'
    site.answer(path, async ({ method, fields }) => {
      const body = text
      if (method === 'POST') text = 'new'
      if (fields.get('x-kind') !== '2') return reply(200, body, 'Cache-Control: max-age=60', 'Vary: X-Kind')
      await held.opened
      return reply(200, body, 'Cache-Control: max-age=60', ...later)
    })
    await site.get(path, ['X-Kind: 1'])
    const slow = site.get(path, ['X-Kind: 2'])
    await waitFor('the slow request at the origin', () => site.asked(path).length === 2)
    await site.get(path, ['Content-Length: 0'], 'POST')
    held.open()
    assert.equal((await slow).body.toString(), 'old')
    for (const kind of [1, 2]) assert.equal((await site.get(path, [`X-Kind: ${kind}`])).body.toString(), 'new')
  })
}

test('requests that make the origin fail do not put off the attempts of others', async () => {
  site.answer('/failing', ({ fields }) =>
    isOdd(fields) ? reply(500, 'no') : reply(200, 'x', 'Cache-Control: max-age=0, stale-if-error=60', 'ETag: "v"'),
  )
  await site.get('/failing')
  for (let round = 0; round < 6; round++) await site.get('/failing', ['X-Odd: {', ANEW])
  const before = site.asked('/failing').length
  await waitFor('an attempt behind an answer', async () => {
    await site.get('/failing')
    return site.asked('/failing').length > before
  })
})
