/** Peers that are slow or go away: every wait has its end, what they held is released, and others are not held up. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startShellac } from '../support/daemon.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import { type OriginPeer, ok, startConnectionOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { expectUsable } from './conversation.ts'

const BIG = 'x'.repeat(8 * 1024 * 1024)
/** More than the kernel takes of it for a client that does not read. */
const HUGE = 'x'.repeat(24 * 1024 * 1024)

/** Peers whose request was for something below /hold: they wait for the test. */
const held: OriginPeer[] = []
const origin = await startConnectionOrigin(async (peer) => {
  for (let request = await peer.request(); request; request = await peer.request()) {
    const { target } = request
    if (target.startsWith('/hold')) held.push(peer)
    else if (target.startsWith('/stored/huge')) peer.send(ok(HUGE, 'Cache-Control: max-age=60'))
    else if (target.startsWith('/big')) peer.send(ok(BIG, 'Cache-Control: no-store'))
    else if (target.startsWith('/stored')) peer.send(ok(BIG, 'Cache-Control: max-age=60'))
    else peer.send(ok('fine', 'Cache-Control: no-store'))
  }
  peer.end()
})
const shellac = await startShellac({
  config: `shellac 1;
process { workers 1; }
listener web {
    address %listen%;
    limits { header-timeout 500ms; idle-timeout 700ms; body-timeout 600ms; send-timeout 800ms; }
}
listener patient { address %listen:patient%; }
backend app { server a 127.0.0.1:${origin.port}; connections 3; queue 5 for 10s; first-byte-timeout 5s; }
cache pages { tier memory 64MiB; max-object 32MiB; }
site * { proxy app; use-cache pages; }`,
})

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`

const endOf = (client: ScriptedClient): Promise<string> => waitFor('the end of the connection', () => client.closed)

// Side by side, since all they do is wait.
describe('a wait that has its end', { concurrency: true }, () => {
  test('a connection without a request is closed without a word', async () => {
    const client = await connectClient(shellac.port)
    assert.equal(await client.expectClose(), 'end')
  })

  test('a head that does not end is a 408, however it drips', async () => {
    for (const head of ['G', 'GET / HTTP/1.1\r\nHost: a\r\n', '\r\n']) {
      const client = await connectClient(shellac.port)
      client.send(head)
      const answer = await client.response()
      assert.deepEqual([answer.status, answer.fields.get('connection')], [408, 'close'])
      assert.equal(await client.expectClose(), 'end')
    }
    const dripping = await connectClient(shellac.port)
    dripping.send('GET / HTTP/1.1\r\nHost: a\r\n')
    const drip = setInterval(() => dripping.send('X: y\r\n'), 50)
    const answer = await dripping.response().finally(() => clearInterval(drip))
    assert.equal(answer.status, 408, 'each byte buys no time')
  })

  test('the head behind an answered request has its own time', async () => {
    const client = await connectClient(shellac.port)
    await expectUsable(client)
    client.send('GET / HT')
    assert.equal((await client.response()).status, 408)
  })

  test('a connection that rests too long between requests is closed without a word', async () => {
    const client = await connectClient(shellac.port)
    await expectUsable(client)
    assert.equal(await client.expectClose(), 'end')
  })

  test('a request that waits for its origin is no idle connection', async () => {
    const client = await connectClient(shellac.port)
    client.send(get('/hold/long'))
    const peer = await waitFor('the request', () => held.pop())
    await client.expectQuiet(1500)
    peer.send(ok('at last'))
    assert.equal((await client.response()).body.toString(), 'at last')
  })

  test('a client that takes nothing of a large answer is cut off, whether it was stored or not', async () => {
    for (const target of ['/big', '/stored', '/stored']) {
      const client = await connectClient(shellac.port)
      client.pause()
      client.send(get(target))
      // A write that waits sees the end; the proxy reads nothing while it answers.
      client.send(get('/x').repeat(200_000))
      await endOf(client)
    }
    await expectUsable(await connectClient(shellac.port))
  })

  test('a client that reads slowly but reads gets all of it', async () => {
    const client = await connectClient(shellac.port)
    client.send(get('/big'))
    await client.responseHead()
    for (let left = BIG.length; left > 0; ) {
      client.pause()
      await new Promise((resolve) => setTimeout(resolve, 5))
      client.resume()
      const before = left
      await client.until('more', () => client.buffer.length > 0)
      left -= client.take(Math.min(left, client.buffer.length)).length
      assert.ok(left < before)
    }
    assert.equal(client.buffer.length, 0)
  })
})

/** Requests that each leave their client at another moment; the connection to the origin must come free every time. */
const departures: readonly (readonly [when: string, leave: (client: ScriptedClient) => Promise<void>])[] = [
  ['within the head', async (client) => client.send('GET /hold HTTP/1.1\r\nHos')],
  [
    'while the origin is silent',
    async (client) => {
      client.send(get('/hold/pass?nocache').replace('GET', 'DELETE'))
      await waitFor('the request', () => held.pop())
    },
  ],
  [
    'within an upload',
    async (client) => client.send('POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbeginning'),
  ],
  [
    'within a response body',
    async (client) => {
      client.send(get('/hold/body').replace('GET', 'PUT'))
      const peer = await waitFor('the request', () => held.pop())
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning')
      await client.until('the beginning', () => client.buffer.includes('beginning'))
    },
  ],
  [
    'within a large answer it does not read',
    async (client) => {
      client.pause()
      client.send(get('/big'))
    },
  ],
  ['with more requests in line', async (client) => client.send(get('/fine').repeat(20) + get('/big').repeat(5))],
]

for (const [when, leave] of departures) {
  test(`clients that reset ${when} leave nothing behind`, async () => {
    for (let i = 0; i < 6; i++) {
      const client = await connectClient(shellac.portOf('patient'))
      await leave(client)
      client.reset()
    }
    // Six would fill the pool of three and its queue if anything stayed.
    const next = await connectClient(shellac.portOf('patient'))
    for (let i = 0; i < 6; i++) await expectUsable(next)
    await waitFor('the origin to be let go', () => origin.openConnections <= 3)
  })
}

test('a client that half-closes and waits gets its answer', async () => {
  const client = await connectClient(shellac.port)
  client.send(get('/hold/half'))
  client.end()
  const peer = await waitFor('the request', () => held.pop())
  peer.send(ok('still there'))
  assert.equal((await client.response()).body.toString(), 'still there')
  assert.equal(await client.expectClose(), 'end')
})

test('a thousand clients that send half a head keep nobody else from being served', async () => {
  const crowd = await Promise.all(Array.from({ length: 1000 }, () => connectClient(shellac.port)))
  for (const client of crowd) client.send('GET / HTTP/1.1\r\nHost: a\r\nX: ')
  const other = await connectClient(shellac.portOf('patient'))
  for (let i = 0; i < 20; i++) await expectUsable(other)
  for (const client of crowd) await endOf(client)
})

test('nothing is done for requests in line behind an answer that the client did not stay for', async () => {
  const first = await connectClient(shellac.portOf('patient'))
  await first.get('/stored/huge')
  for (let i = 0; i < 5; i++) {
    const client = await connectClient(shellac.portOf('patient'))
    // Paused before it asks: one that reads may have taken the whole answer by then, and its DELETE would be due.
    client.pause()
    client.send(`${get('/stored/huge')}DELETE /pay HTTP/1.1\r\nHost: a\r\n\r\n`)
    await sleep(50)
    client.reset()
  }
  await expectUsable(await connectClient(shellac.portOf('patient')))
  assert.ok(!origin.requests.some(({ target }) => target === '/pay'))
})
