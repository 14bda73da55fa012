/** Requests for one missing object at once: one fetch, which all of them read while it grows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import type { ReceivedResponse } from '../support/http-message.ts'
import type { ScriptedClient } from '../support/scripted-client.ts'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import {
  bodyFor,
  type CachingSite,
  cacheStatus,
  gate,
  isHit,
  startSite,
  WORKER_FIELD,
  workerOf,
} from './caching-site.ts'

const LED = 'Shellac; fwd=uri-miss; fwd-status=200; stored; detail=absent'
const WAITED = 'Shellac; fwd=uri-miss; fwd-status=200; stored; collapsed; detail=absent'

const rules = {
  site: `${WORKER_FIELD}
    route alone { path /alone/**; cache alone; }
    route few { path /few/**; cache few; }
    route short { path /short/**; cache short; }`,
  more: `
    rule alone { collapse off; }
    rule few { collapse { waiters 3; } }
    rule short { collapse { wait 200ms; } }`,
}
const one = await startSite({ workers: 1, ...rules })
const two = await startSite({ workers: 2, ...rules })

/** Sends a request on each connection without waiting for answers. */
function ask(clients: readonly ScriptedClient[], target: string): void {
  for (const client of clients) client.send(`GET ${target} HTTP/1.1\r\nHost: test.example\r\n\r\n`)
}

function connectMany(site: CachingSite, count: number): Promise<ScriptedClient[]> {
  return Promise.all(Array.from({ length: count }, () => site.connect()))
}

function answersTo(clients: readonly ScriptedClient[]): Promise<ReceivedResponse[]> {
  return Promise.all(clients.map((client) => client.response()))
}

/** Resets a connection, and comes back when the daemon has noticed. */
async function leave(site: CachingSite, client: ScriptedClient): Promise<void> {
  const aborts = async () => (await statsOf(site.shellac)).counters.clientAborts
  const before = await aborts()
  client.reset()
  await waitFor('the daemon to notice', async () => (await aborts()) > before)
}

for (const [site, workers] of [
  [one, 'one worker'],
  [two, 'two workers'],
] as const) {
  test(`200 clients and a slow origin: one fetch, on ${workers}`, async () => {
    const body = bodyFor('/slow', 20_000)
    site.answer('/slow', async (_request, peer) => {
      await peer.wait(400)
      return Buffer.concat([
        Buffer.from(`HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n`),
        body,
      ])
    })
    const clients = await connectMany(site, 200)
    ask(clients, '/slow')
    const answers = await answersTo(clients)
    assert.equal(site.asked('/slow').length, 1)
    assert.ok(answers.every((answer) => answer.status === 200 && answer.body.equals(body)))
    assert.equal(answers.filter((answer) => cacheStatus(answer) === LED).length, 1)
    assert.ok(answers.every((answer) => [LED, WAITED].includes(cacheStatus(answer)) || isHit(answer)))
    assert.equal(new Set(answers.map(workerOf)).size, workers === 'one worker' ? 1 : 2)
    for (const client of clients) client.socket.destroy()
  })

  for (const framing of ['Content-Length: 6', 'Transfer-Encoding: chunked']) {
    test(`${workers}: those who wait get the first bytes before the origin sends the last (${framing})`, async () => {
      const path = `/growing/${framing.slice(0, 7)}`
      const isChunked = framing.endsWith('chunked')
      const held = gate()
      site.answer(path, async (_request, peer) => {
        peer.send(
          `HTTP/1.1 200 \r\nCache-Control: max-age=60\r\n${framing}\r\n\r\n${isChunked ? '3\r\nabc\r\n' : 'abc'}`,
        )
        await held.opened
        return isChunked ? '3\r\ndef\r\n0\r\n\r\n' : 'def'
      })
      const clients = await connectMany(site, 12)
      ask(clients, path)
      await Promise.all(clients.map((client) => client.until('the first bytes', () => client.buffer.includes('abc'))))
      held.open()
      const answers = await answersTo(clients)
      assert.deepEqual([...new Set(answers.map((answer) => answer.body.toString()))], ['abcdef'])
      assert.equal(site.asked(path).length, 1)
      assert.equal(isHit(await site.get(path)), true)
    })
  }

  for (const framing of ['Content-Length: 99', 'Transfer-Encoding: chunked']) {
    test(`${workers}: a body cut off is taken for complete by nobody, and not kept (${framing})`, async () => {
      const path = `/cut/${framing.slice(0, 7)}`
      const held = gate()
      site.answer(path, async (_request, peer) => {
        const part = framing.endsWith('chunked') ? '3\r\nabc\r\n' : 'abc'
        peer.send(`HTTP/1.1 200 \r\nCache-Control: max-age=60\r\n${framing}\r\n\r\n${part}`)
        await held.opened
        return { close: '' }
      })
      const clients = await connectMany(site, 8)
      ask(clients, path)
      await Promise.all(clients.map((client) => client.until('the first bytes', () => client.buffer.includes('abc'))))
      held.open()
      const results = await Promise.allSettled(clients.map((client) => client.response()))
      assert.deepEqual([...new Set(results.map((result) => result.status))], ['rejected'])
      site.answer(path, ok('whole', 'Cache-Control: max-age=60'))
      const next = await site.get(path)
      assert.deepEqual([next.body.toString(), cacheStatus(next)], ['whole', LED])
    })
  }

  test(`${workers}: the client that caused a fetch goes away; the fetch goes on for the others`, async () => {
    const held = gate()
    site.answer('/left', async () => {
      await held.opened
      return ok('hello', 'Cache-Control: max-age=60')
    })
    const leader = await site.connect()
    ask([leader], '/left')
    await waitFor('the fetch', () => site.asked('/left').length === 1)
    const others = await connectMany(site, 8)
    ask(others, '/left')
    await leave(site, leader)
    held.open()
    assert.deepEqual([...new Set((await answersTo(others)).map((answer) => answer.body.toString()))], ['hello'])
    assert.equal(site.asked('/left').length, 1)
  })

  test(`${workers}: nobody is left waiting for a fetch that fails; each is told`, async () => {
    const held = gate()
    site.answer('/failing', async () => {
      await held.opened
      return { close: 'nonsense\r\n\r\n' }
    })
    const clients = await connectMany(site, 8)
    ask(clients, '/failing')
    await waitFor('the fetch', () => site.asked('/failing').length === 1)
    held.open()
    const answers = await answersTo(clients)
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [502])
  })

  test(`${workers}: what turns out not to be shareable is fetched for each; later requests do not wait`, async () => {
    const held = gate()
    let number = 0
    site.answer('/personal', async () => {
      number++
      const own = number
      if (own === 1) await held.opened
      return ok(`for ${own}`, 'Cache-Control: private')
    })
    const clients = await connectMany(site, 10)
    ask(clients, '/personal')
    await waitFor('the first fetch', () => site.asked('/personal').length === 1)
    held.open()
    const answers = await answersTo(clients)
    assert.equal(new Set(answers.map((answer) => answer.body.toString())).size, 10)
    const last = await site.get('/personal')
    assert.equal(cacheStatus(last), 'Shellac; fwd=uri-miss; fwd-status=200; detail=hit-for-miss:response-private')
  })
}

test('a client that went away with nobody waiting: the response is stored all the same', async () => {
  const held = gate()
  one.answer('/abandoned', async () => {
    await held.opened
    return ok('hello', 'Cache-Control: max-age=60')
  })
  const client = await one.connect()
  ask([client], '/abandoned')
  await waitFor('the fetch', () => one.asked('/abandoned').length === 1)
  await leave(one, client)
  held.open()
  await waitFor('the stored response', async () => isHit(await one.get('/abandoned')))
  assert.equal(one.asked('/abandoned').length, 1)
})

test('a client that takes nothing holds up neither the fetch nor the others', async () => {
  const body = bodyFor('/large', 6_000_000)
  one.answer(
    '/large',
    Buffer.concat([
      Buffer.from('HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nContent-Length: 6000000\r\n\r\n'),
      body,
    ]).toString('latin1'),
  )
  const lazy = await one.connect()
  lazy.pause()
  ask([lazy], '/large')
  await waitFor('the fetch', () => one.asked('/large').length === 1)
  assert.ok((await one.get('/large')).body.equals(body))
  lazy.resume()
  assert.ok((await lazy.response()).body.equals(body))
  assert.equal(one.asked('/large').length, 1)
})

test('an error of the origin is not remembered as hit-for-miss: the next answer is kept', async () => {
  one.answer('/recovering', reply(503, 'busy'))
  assert.equal((await one.get('/recovering')).status, 503)
  one.answer('/recovering', ok('hello', 'Cache-Control: max-age=60'))
  await one.get('/recovering')
  assert.equal(isHit(await one.get('/recovering')), true)
})

test('"collapse off": each client causes a fetch of its own', async () => {
  const held = gate()
  one.answer('/alone/a', async () => {
    await held.opened
    return ok('hello', 'Cache-Control: max-age=60')
  })
  const clients = await connectMany(one, 5)
  ask(clients, '/alone/a')
  await waitFor('all fetches', () => one.asked('/alone/a').length === 5)
  held.open()
  assert.deepEqual([...new Set((await answersTo(clients)).map((answer) => answer.body.toString()))], ['hello'])
})

test('beyond "waiters" clients go to the origin themselves', async () => {
  const held = gate()
  one.answer('/few/a', async () => {
    await held.opened
    return ok('hello', 'Cache-Control: max-age=60')
  })
  const clients = await connectMany(one, 6)
  ask(clients, '/few/a')
  await waitFor('the fetches', () => one.asked('/few/a').length === 3)
  held.open()
  const told = (await answersTo(clients)).map(cacheStatus)
  const full = 'Shellac; fwd=uri-miss; fwd-status=200; detail=collapse-full'
  assert.deepEqual(told.sort(), [full, full, WAITED, WAITED, WAITED, LED].sort())
})

test('after "wait" a client goes to the origin itself', async () => {
  const held = gate()
  let asked = 0
  one.answer('/short/a', async () => {
    asked++
    if (asked === 1) await held.opened
    return reply(200, `answer ${asked}`, 'Cache-Control: max-age=60')
  })
  const clients = await connectMany(one, 2)
  ask(clients.slice(0, 1), '/short/a')
  await waitFor('the first fetch', () => asked === 1)
  ask(clients.slice(1), '/short/a')
  const patience = await clients[1]!.response()
  assert.equal(cacheStatus(patience), 'Shellac; fwd=uri-miss; fwd-status=200; detail=collapse-timeout')
  held.open()
  assert.equal(cacheStatus(await clients[0]!.response()), LED)
})

test('who waited, and now fetches, is not given up when the time for waiting is over', async () => {
  const held = [gate(), gate()]
  one.answer('/short/b', async (request) => {
    const index = one.asked('/short/b').indexOf(request)
    await held[index]?.opened
    return reply(200, `answer ${index}`, index === 0 ? 'Cache-Control: max-age=60' : 'Cache-Control: private')
  })
  one.answer('/short/next', ok('the next answer'))
  const [first, second, third] = await connectMany(one, 3)
  first!.send('GET /short/b HTTP/1.1\r\nHost: test.example\r\nAuthorization: Basic eDp5\r\n\r\n')
  await waitFor('the first fetch', () => one.asked('/short/b').length === 1)
  ask([second!], '/short/b')
  await one.get('/short/next') // read behind the second one, which waits by now
  held[0]!.open()
  await waitFor('the fetch of the second', () => one.asked('/short/b').length === 2)
  ask([third!], '/short/b')
  assert.equal((await third!.response()).body.toString(), 'answer 2') // began to wait later, and has waited long enough
  held[1]!.open()
  const answer = await second!.response()
  assert.equal(answer.body.toString(), 'answer 1')
  assert.match(cacheStatus(answer), /detail=response-private$/)
  assert.equal((await second!.get('/short/next')).body.toString(), 'the next answer')
  assert.equal(one.asked('/short/b').length, 3)
})
