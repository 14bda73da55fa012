/** Several requests in one connection, sent at once: answered in order, each by its own answer, up to the first bad one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

const origin = await startOrigin(async (request, peer) => {
  const { target, method } = request
  if (target.startsWith('/slow')) await peer.wait(100)
  if (target.startsWith('/big')) return ok(`${target}${'x'.repeat(300_000)}`, 'Cache-Control: max-age=60')
  if (target.startsWith('/close')) return { close: `HTTP/1.1 200 OK\r\n\r\n${target}` }
  const cache = target.startsWith('/hit') ? 'max-age=60' : 'no-store'
  return ok(`${method} ${target} ${request.body}`, `Cache-Control: ${cache}`)
})
const shellac = await startShellac({
  config: `shellac 1;
process { workers 1; }
listener web { address %listen%; limits { send-timeout 1s; requests 50; } }
listener endless { address %listen:endless%; }
backend app { server a 127.0.0.1:${origin.port}; }
cache pages { tier memory 16MiB; }
site * { proxy app; use-cache pages; route rest { path /**; } route own { path /own; respond 200 "own"; } }`,
})

const get = (target: string, ...fields: string[]) =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n`

async function bodies(client: ScriptedClient, count: number): Promise<string[]> {
  const texts: string[] = []
  for (let i = 0; i < count; i++) texts.push((await client.response()).body.toString())
  return texts
}

test('hits, misses, passes, uploads and own answers come in the order of their requests', async () => {
  const client = await connectClient(shellac.port)
  await client.get('/hit')
  client.send(
    `${get('/hit')}${get('/slow')}${get('/hit')}${get('/own')}` +
      `POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst${get('/hit/new')}` +
      `POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n${get('/close')}${get('/hit')}`,
  )
  assert.deepEqual(await bodies(client, 9), [
    'GET /hit ',
    'GET /slow ',
    'GET /hit ',
    'own',
    'POST /post first',
    'GET /hit/new ',
    'POST /chunks abc',
    '/close',
    'GET /hit ',
  ])
})

test('the same at any cut of the bytes', async () => {
  const client = await connectClient(shellac.port)
  const bytes = `${get('/slow')}POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${get('/hit')}${get('/own')}`
  for (const byte of bytes) {
    client.send(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(await bodies(client, 4), ['GET /slow ', 'POST /post abc', 'GET /hit ', 'own'])
})

test('a bad request behind good ones is refused in its turn, and ends the connection', async () => {
  const before = origin.requests.length
  const client = await connectClient(shellac.port)
  client.send(`${get('/slow/a')}${get('/own')}GET / HTTP/1.1\r\nHost : a\r\n\r\n${get('/after')}`)
  assert.deepEqual(await bodies(client, 2), ['GET /slow/a ', 'own'])
  assert.equal((await client.response()).status, 400)
  assert.equal(await client.expectClose(), 'end')
  assert.deepEqual(
    origin.requests.slice(before).map((request) => request.target),
    ['/slow/a'],
  )
})

test('nothing behind Connection: close is read', async () => {
  const before = origin.requests.length
  const client = await connectClient(shellac.port)
  client.send(`${get('/slow/b', 'Connection: close')}${get('/after')}`)
  assert.equal((await client.response()).fields.get('connection'), 'close')
  assert.equal(await client.expectClose(), 'end')
  assert.equal(origin.requests.length, before + 1)
})

test('requests behind one that a response until close answers for HTTP/1.0 are not read', async () => {
  const before = origin.requests.length
  const client = await connectClient(shellac.port)
  client.send('GET /close/10 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /after HTTP/1.0\r\n\r\n')
  assert.equal((await client.response()).body.toString(), '/close/10')
  assert.equal(origin.requests.length, before + 1)
})

test('a client that shuts its sending side behind its requests gets all answers, then the end', async () => {
  const client = await connectClient(shellac.port)
  client.send(`${get('/slow/c')}${get('/hit')}${get('/own')}`)
  client.end()
  assert.deepEqual(await bodies(client, 3), ['GET /slow/c ', 'GET /hit ', 'own'])
  assert.equal(await client.expectClose(), 'end')
})

test('a hundred requests in one packet are a hundred answers', async () => {
  const client = await connectClient(shellac.portOf('endless'))
  client.send(get('/hit').repeat(50) + get('/pass').repeat(50))
  const texts = await bodies(client, 100)
  assert.deepEqual(texts, [...Array(50).fill('GET /hit '), ...Array(50).fill('GET /pass ')])
})

test('the connection ends with the last request it may carry', async () => {
  const client = await connectClient(shellac.port)
  client.send(get('/own').repeat(51))
  for (let i = 1; i < 50; i++) assert.equal((await client.response()).fields.get('connection'), undefined)
  assert.equal((await client.response()).fields.get('connection'), 'close')
  assert.equal(await client.expectClose(), 'end')
})

test('a client that sends a flood of requests and reads nothing is not read either, and ends', async () => {
  const warm = await connectClient(shellac.port)
  await warm.get('/big/hit')
  const before = { rss: shellac.rssBytes(), requests: origin.requests.length }
  const client = await connectClient(shellac.port)
  client.pause()
  // More than the kernel takes, so that the end of the connection is seen by a write that waits.
  client.send(`${get('/big/hit')}${get('/big/pass')}`.repeat(100_000))
  await waitFor('the end of the connection', () => client.closed !== undefined)
  assert.ok(origin.requests.length - before.requests < 40, 'requests wait where they are')
  assert.ok(shellac.rssBytes() - before.rss < 64 * 1024 * 1024, 'answers do not pile up')
})

test('requests of many connections at once get their own answers each', async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, () => connectClient(shellac.portOf('endless'))))
  await Promise.all(
    clients.map(async (client, i) => {
      client.send(`${get(`/slow/${i}`)}${get(`/pass/${i}`)}${get(`/hit/${i % 3}`)}`)
      assert.deepEqual(await bodies(client, 3), [`GET /slow/${i} `, `GET /pass/${i} `, `GET /hit/${i % 3} `])
    }),
  )
})
