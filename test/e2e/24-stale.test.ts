/** Stale answers: while a new one is fetched behind them, and while the origin fails (RFC 5861, RFC 9111 §4.2.4). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { bodyFor, cacheStatus, dateIn, gate, isHit, startSite } from './caching-site.ts'

const site = await startSite({
  workers: 2,
  site: `
    route graceful { path /graceful/**; cache graceful; }
    route enduring { path /enduring/**; cache enduring; }
    route strict { path /strict/**; cache strict; }`,
  more: `
    rule graceful { grace 1h; }
    rule strict { stale-if-error 0s; }
    rule enduring { stale-if-error 1h; }`,
})

const STALE = /^Shellac; hit; ttl=-[0-9]+; detail=expired$/
const BRIDGED = /^Shellac; hit; ttl=-[0-9]+; detail=stale-if-error$/

/** Fresh for ten seconds, fifty seconds ago. */
function staleNow(body: string, control = ''): string {
  return ok(body, `Cache-Control: max-age=10${control}`, 'ETag: "v"', `Date: ${dateIn(-60)}`)
}

const fresh = (body: string) => ok(body, 'Cache-Control: max-age=60')
const broken = () => ({ close: 'HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nContent-Length: 99\r\n\r\nhalf' })

for (const [path, control, why] of [
  ['/graceful/a', '', '"grace" serves a stale response and fetches a new one behind it'],
  ['/own/a', ', stale-while-revalidate=600', 'stale-while-revalidate does the same without configuration'],
] as const) {
  test(why, async () => {
    const held = gate()
    site.answer(path, staleNow('old', control))
    await site.get(path)
    site.answer(path, async () => {
      await held.opened
      return fresh('new')
    })
    const stale = await site.get(path)
    assert.equal(stale.body.toString(), 'old')
    assert.match(cacheStatus(stale), STALE)
    assert.equal((await site.get(path)).body.toString(), 'old')
    held.open()
    await waitFor('the new response', async () => isHit(await site.get(path)))
    assert.equal((await site.get(path)).body.toString(), 'new')
    assert.equal(site.asked(path)[1]?.fields.get('if-none-match'), '"v"')
  })
}

test('one refresh is made for the whole machine, however many ask on whatever worker', async () => {
  const held = gate()
  site.answer('/graceful/many', staleNow('old'))
  await site.get('/graceful/many')
  site.answer('/graceful/many', async () => {
    await held.opened
    return fresh('new')
  })
  const answers = await Promise.all(Array.from({ length: 60 }, () => site.get('/graceful/many')))
  assert.ok(answers.every((answer) => answer.body.toString() === 'old'))
  await waitFor('the refresh', () => site.asked('/graceful/many').length === 2)
  held.open()
  await waitFor('the new response', async () => isHit(await site.get('/graceful/many')))
  assert.equal(site.asked('/graceful/many').length, 2)
})

test('a refresh behind that is confirmed by a 304 makes the stale response fresh', async () => {
  site.answer('/graceful/same', staleNow('old'))
  await site.get('/graceful/same')
  site.answer('/graceful/same', 'HTTP/1.1 304 \r\nETag: "v"\r\nCache-Control: max-age=60\r\n\r\n')
  assert.equal((await site.get('/graceful/same')).body.toString(), 'old')
  await waitFor('the 304', async () => isHit(await site.get('/graceful/same')))
  assert.equal(site.asked('/graceful/same').length, 2)
})

test('a refresh behind that fails is tried again, and nobody sees an error', async () => {
  site.answer('/graceful/dead', staleNow('old'))
  await site.get('/graceful/dead')
  site.answer('/graceful/dead', broken)
  for (let round = 0; round < 2; round++) {
    // Asked again and again, since attempts that failed are repeated after a while only.
    await waitFor('the attempt', async () => {
      assert.equal((await site.get('/graceful/dead')).body.toString(), 'old')
      return site.asked('/graceful/dead').length >= round + 2
    })
  }
})

test('a response past its window is not served stale', async () => {
  site.answer('/own/late', staleNow('old', ', stale-while-revalidate=20'))
  await site.get('/own/late')
  site.answer('/own/late', fresh('new'))
  assert.equal((await site.get('/own/late')).body.toString(), 'new')
})

for (const control of [', must-revalidate', ', proxy-revalidate', ', s-maxage=10', ', no-cache']) {
  test(`${control.slice(2)} forbids stale answers, whatever "grace" and "stale-if-error" say`, async () => {
    for (const folder of ['/graceful', '/enduring']) {
      const path = `${folder}/${control.slice(2)}`
      site.answer(path, staleNow('old', control))
      await site.get(path)
      site.answer(path, reply(503, 'failed'))
      assert.deepEqual([(await site.get(path)).status, site.asked(path).length], [503, 2])
    }
  })
}

const failures: [what: string, path: string, script: () => ReturnType<typeof broken> | string][] = [
  ['closes without an answer', '/enduring/closed', () => ({ close: '' })],
  ['sends what is not HTTP', '/enduring/garbage', () => ({ close: 'SSH-2.0-x\r\n\r\n' })],
  ...[500, 502, 503, 504].map(
    (status) =>
      [`answers ${status}`, `/enduring/${status}`, () => reply(status, 'failed')] as (typeof failures)[number],
  ),
]
for (const [what, path, script] of failures) {
  test(`"stale-if-error" answers while the origin ${what}`, async () => {
    site.answer(path, staleNow('old'))
    await site.get(path)
    site.answer(path, script)
    for (let round = 0; round < 2; round++) {
      const bridged = await site.get(path)
      assert.deepEqual([bridged.status, bridged.body.toString()], [200, 'old'])
      assert.match(cacheStatus(bridged), BRIDGED)
    }
  })
}

test('whatever the failure was, the next attempt that succeeds ends it', async () => {
  for (const [, path] of failures) site.answer(path, fresh('new'))
  for (const [, path] of failures) {
    await waitFor('the new response', async () => (await site.get(path)).body.toString() === 'new')
    assert.equal(isHit(await site.get(path)), true)
  }
})

test('stale-if-error of the response itself bridges too, and ends with its window', async () => {
  for (const [path, seconds, status] of [
    ['/own/bridge', 600, 200],
    ['/own/short', 20, 503],
  ] as const) {
    site.answer(path, staleNow('old', `, stale-if-error=${seconds}`))
    await site.get(path)
    site.answer(path, reply(503, 'failed'))
    assert.equal((await site.get(path)).status, status)
  }
})

test('without any word an error that the origin answers is passed on, and one that gives no answer is bridged', async () => {
  site.answer('/own/plain', staleNow('old'))
  await site.get('/own/plain')
  site.answer('/own/plain', reply(503, 'failed'))
  assert.equal((await site.get('/own/plain')).status, 503)
  site.answer('/own/plain', () => ({ close: '' }))
  // At once and, with the failure known, without an attempt.
  for (let round = 0; round < 2; round++) {
    const bridged = await site.get('/own/plain')
    assert.deepEqual([bridged.status, bridged.body.toString()], [200, 'old'])
    assert.match(cacheStatus(bridged), BRIDGED)
  }
})

for (const [path, control] of [
  ['/strict/a', ''],
  ['/own/zero', ', stale-if-error=0'],
  ['/own/s-maxage', ', s-maxage=10'],
  ['/own/must-revalidate', ', must-revalidate'],
] as const) {
  test(`an outage is not bridged for ${path} ("${control}"), and the stale response stays for the next attempt`, async () => {
    site.answer(path, staleNow('old', control))
    await site.get(path)
    site.answer(path, () => ({ close: '' }))
    const failed = await site.get(path)
    assert.deepEqual([failed.status, cacheStatus(failed)], [502, 'Shellac; detail=origin-error'])
    site.answer(path, 'HTTP/1.1 304 \r\nETag: "v"\r\nCache-Control: max-age=60\r\n\r\n')
    assert.equal((await site.get(path)).body.toString(), 'old')
  })
}

test('404 is no failure: it takes the place of the stale response, and may itself bridge an outage', async () => {
  site.answer('/enduring/gone', staleNow('old'))
  await site.get('/enduring/gone')
  site.answer('/enduring/gone', reply(404, 'gone'))
  assert.equal((await site.get('/enduring/gone')).status, 404)
  site.answer('/enduring/gone', () => ({ close: '' }))
  assert.equal((await site.get('/enduring/gone')).status, 404)
})

test('an origin that dies in the middle of the new body does not cost the old one', async () => {
  const old = bodyFor('/enduring/cut', 5000).toString()
  site.answer('/enduring/cut', staleNow(old))
  await site.get('/enduring/cut')
  site.answer('/enduring/cut', broken)
  await assert.rejects(site.get('/enduring/cut'), /closed/)
  site.answer('/enduring/cut', () => ({ close: '' }))
  const bridged = await site.get('/enduring/cut')
  assert.equal(bridged.body.toString(), old)
  assert.match(cacheStatus(bridged), BRIDGED)
})

test('a dead origin: stale answers for whoever asks on both workers, and 502 for what was never stored', async () => {
  const dying = await startSite({ workers: 2, cache: 'stale-if-error 1h;', backend: 'connect-timeout 1s;' })
  dying.answer('/a', staleNow('old'))
  await dying.get('/a')
  await dying.origin.stop()
  const answers = await Promise.all(Array.from({ length: 20 }, () => dying.get('/a')))
  assert.deepEqual([...new Set(answers.map((answer) => `${answer.status} ${answer.body}`))], ['200 old'])
  assert.equal((await dying.get('/b')).status, 502)
})
