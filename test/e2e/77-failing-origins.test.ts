/** A stampede on a cold object, fetches that fail with a crowd behind them, and how often a failing origin is asked again. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ScriptedClient } from '../support/scripted-client.ts'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import {
  type CachingSite,
  cacheStatus,
  dateIn,
  gate,
  isHit,
  startSite,
  WORKER_FIELD,
  workerOf,
} from './caching-site.ts'

const CROWD = 1000
/** What an answer shows that a fetch of somebody else brought. */
const WAITED = 'Shellac; fwd=uri-miss; fwd-status=200; stored; collapsed; detail=absent'
const BRIDGED = /^Shellac; hit; ttl=-[0-9]+; detail=stale-if-error$/

const rules = {
  site: `${WORKER_FIELD}
    route graceful { path /graceful/**; cache graceful; }
    route enduring { path /enduring/**; cache enduring; }`,
  more: `
    rule graceful { grace 1h; }
    rule enduring { stale-if-error 1h; }`,
  backend: 'first-byte-timeout 1s; connections 20; queue 2000 for 30s;',
}
const one = await startSite({ workers: 1, ...rules })
const two = await startSite({ workers: 2, ...rules })
const slow = {
  'one worker': await startSite({ workers: 1, site: WORKER_FIELD }),
  'two workers': await startSite({ workers: 2, site: WORKER_FIELD }),
}

/** Never tried again by itself: a byte of an answer came. */
const garbage = () => ({ close: 'SSH-2.0-x\r\n\r\n' })
const fresh = (body: string) => ok(body, 'Cache-Control: max-age=60')
/** Fresh for ten seconds, fifty seconds ago. */
const staleNow = (body: string) => ok(body, 'Cache-Control: max-age=10', 'ETag: "v"', `Date: ${dateIn(-60)}`)

function connectMany(site: CachingSite, count: number): Promise<ScriptedClient[]> {
  return Promise.all(Array.from({ length: count }, () => site.connect()))
}

function ask(clients: readonly ScriptedClient[], target: string, method = 'GET'): void {
  for (const client of clients) client.send(`${method} ${target} HTTP/1.1\r\nHost: test.example\r\n\r\n`)
}

async function answersTo(clients: readonly ScriptedClient[], method = 'GET') {
  const answers = await Promise.all(clients.map((client) => client.response(method)))
  for (const client of clients) client.socket.destroy()
  return answers
}

describe('a stampede', { concurrency: true }, () => {
  for (const [workers, site] of Object.entries(slow)) {
    test(`${CROWD} clients, one cold object, an origin that takes two seconds: one fetch, on ${workers}`, async () => {
      site.answer('/cold', async (_request, peer) => {
        await peer.wait(2000)
        return fresh('hello')
      })
      const clients = await connectMany(site, CROWD)
      ask(clients, '/cold')
      const answers = await answersTo(clients)
      assert.equal(site.asked('/cold').length, 1)
      assert.deepEqual([...new Set(answers.map((answer) => `${answer.status} ${answer.body}`))], ['200 hello'])
      assert.equal(new Set(answers.map(workerOf)).size, workers === 'one worker' ? 1 : 2)
    })
  }
})

for (const [site, workers] of [
  [one, 'one worker'],
  [two, 'two workers'],
] as const) {
  for (const [what, name, status, script] of [
    ['does not answer in time', 'late', 504, async () => new Promise<undefined>(() => {})],
    ['sends what is not HTTP', 'garbage', 502, garbage],
    ['says 503', 'unavailable', 503, () => reply(503, 'later')],
  ] as const) {
    test(`${workers}: an origin that ${what} is asked once for a whole crowd, and all get the same ${status}`, async () => {
      const path = `/failing/${name}`
      const held = gate()
      site.answer(path, async () => {
        if (name !== 'late') await held.opened
        return script()
      })
      const clients = await connectMany(site, 100)
      ask(clients, path)
      await waitFor('the fetch', () => site.asked(path).length === 1)
      // What is asked behind the crowd on each worker has been read after it.
      for (const client of await site.connectToEach(workers === 'one worker' ? 1 : 2)) client.socket.destroy()
      held.open()
      const answers = await answersTo(clients)
      assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [status])
      assert.equal(site.asked(path).length, 1)
    })
  }

  test(`${workers}: a crowd behind what turns out not to be shareable comes to the origin within "connections"`, async () => {
    const held = gate()
    let running = 0
    let peak = 0
    site.answer('/personal', async (_request, peer) => {
      running++
      peak = Math.max(peak, running)
      if (running === 1) await held.opened
      await peer.wait(5)
      running--
      return ok('mine', 'Cache-Control: private')
    })
    const clients = await connectMany(site, 300)
    ask(clients, '/personal')
    await waitFor('the first fetch', () => site.asked('/personal').length === 1)
    held.open()
    const answers = await answersTo(clients)
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200])
    assert.ok(peak <= (workers === 'one worker' ? 20 : 40), `${peak} at once`)
  })

  test(`${workers}: a crowd without credentials behind a request that has some is answered by one fetch of its own`, async () => {
    const held = gate()
    site.answer('/basic', async ({ fields }) => {
      await held.opened
      return fresh(fields.get('authorization') ? 'mine' : 'ours')
    })
    const leader = await site.connect()
    leader.send('GET /basic HTTP/1.1\r\nHost: test.example\r\nAuthorization: Basic eDp5\r\n\r\n')
    await waitFor('the fetch', () => site.asked('/basic').length === 1)
    const clients = await connectMany(site, 50)
    ask(clients, '/basic')
    for (const client of await site.connectToEach(workers === 'one worker' ? 1 : 2)) client.socket.destroy()
    held.open()
    assert.equal((await leader.response()).body.toString(), 'mine')
    const answers = await answersTo(clients)
    assert.deepEqual([...new Set(answers.map((answer) => answer.body.toString()))], ['ours'])
    assert.equal(site.asked('/basic').length, 2)
  })

  test(`${workers}: HEAD waits for a fetch that runs, and is answered by its head`, async () => {
    const held = gate()
    site.answer('/head', async (_request, peer) => {
      await held.opened
      peer.send('HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nhe')
      await waitFor('the answers to HEAD', () => isAnswered)
      return 'llo'
    })
    let isAnswered = false
    const getter = await site.connect()
    ask([getter], '/head')
    await waitFor('the fetch', () => site.asked('/head').length === 1)
    const clients = await connectMany(site, 20)
    ask(clients, '/head', 'HEAD')
    held.open()
    const answers = await answersTo(clients, 'HEAD')
    isAnswered = true
    assert.deepEqual([...new Set(answers.map((answer) => answer.fields.get('content-length')))], ['5'])
    assert.ok(answers.every((answer) => cacheStatus(answer) === WAITED))
    assert.equal((await getter.response()).body.toString(), 'hello')
    assert.deepEqual(
      site.asked('/head').map(({ method }) => method),
      ['GET'],
    )
  })
}

test('a HEAD for what is neither stored nor being fetched is passed on as it is', async () => {
  one.answer('/head-alone', 'HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n')
  assert.equal((await one.get('/head-alone', [], 'HEAD')).fields.get('content-length'), '5')
  assert.deepEqual(
    one.asked('/head-alone').map(({ method }) => method),
    ['HEAD'],
  )
})

for (const rule of ['graceful', 'enduring']) {
  test(`a failed fetch of a stale object (${rule}) is not repeated for every client, on any worker`, async () => {
    const path = `/${rule}/dead`
    two.answer(path, staleNow('old'))
    await two.get(path)
    two.answer(path, garbage)
    const startedMs = performance.now()
    await two.get(path)
    await waitFor('the first attempt', () => two.asked(path).length === 2)
    for (let number = 0; number < 200; number++) assert.equal((await two.get(path)).body.toString(), 'old')
    // The next attempts come a second, then two and four seconds later; one may have begun before its failure was noted.
    const seconds = (performance.now() - startedMs) / 1000
    assert.ok(two.asked(path).length <= 3 + seconds, `${two.asked(path).length} attempts in ${seconds} s`)
  })
}

test('while an origin hangs, "stale-if-error" answers at once, and attempts are made behind the answers', async () => {
  const path = '/enduring/hanging'
  two.answer(path, staleNow('old'))
  await two.get(path)
  let isBack = false
  const held = gate()
  two.answer(path, async () => {
    if (!isBack) await held.opened
    return fresh('new')
  })
  assert.match(cacheStatus(await two.get(path)), BRIDGED)
  await waitFor('another attempt', async () => {
    assert.equal((await two.get(path)).body.toString(), 'old')
    return two.asked(path).length === 3
  })
  const answers = await Promise.all(Array.from({ length: 20 }, () => two.get(path)))
  assert.ok(answers.every((answer) => BRIDGED.test(cacheStatus(answer))))
  assert.equal(two.asked(path).length, 3)
  isBack = true
  held.open()
  await waitFor('the new response', async () => isHit(await two.get(path)))
  assert.equal((await two.get(path)).body.toString(), 'new')
})

test('a client that demands a fresh answer is not put off while the origin is given time', async () => {
  const path = '/enduring/demanded'
  one.answer(path, staleNow('old'))
  await one.get(path)
  one.answer(path, garbage)
  assert.match(cacheStatus(await one.get(path)), BRIDGED)
  one.answer(path, fresh('new'))
  assert.equal((await one.get(path, ['Cache-Control: no-cache'])).body.toString(), 'new')
  assert.equal(isHit(await one.get(path)), true)
})
