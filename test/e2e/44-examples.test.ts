/** The shipped configurations do what their first lines say, in front of real origins. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Daemon, startShellac } from '../support/daemon.ts'
import type { ReceivedResponse } from '../support/http-message.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, type ScriptedOrigin, startOrigin } from '../support/scripted-origin.ts'

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const MEBIBYTE = 1024 * 1024

test('the web accelerator asks its origin once for each page and asset', async () => {
  const origin = await startOrigin((request) => {
    const fields = request.target.startsWith('/assets/')
      ? ['Cache-Control: max-age=0', 'Set-Cookie: tracker=1', 'Server: origin']
      : ['Cache-Control: max-age=60']
    return ok(`body of ${request.target}`, ...fields)
  })
  const shellac = await startExample('web-accelerator', { ORIGIN: at(origin) })

  assert.equal(outcome(await get(shellac, '/news')), 'stored')
  assert.equal(outcome(await get(shellac, '/news')), 'hit')
  assert.match(origin.requests[0]?.fields.get('x-request-id') ?? '', /./)

  await get(shellac, '/list?b=2&a=1')
  assert.equal(outcome(await get(shellac, '/list?a=1&utm_source=mail&b=2')), 'hit')

  const first = await get(shellac, '/assets/site.css', 'Cookie: session=1')
  assert.equal(outcome(first), 'stored')
  assert.deepEqual(first.fields.all('set-cookie'), [])
  assert.deepEqual(first.fields.all('server'), [])
  const asset = await get(shellac, '/assets/site.css', 'Cookie: session=2')
  assert.equal(outcome(asset), 'hit')
  assert.equal(asset.body.toString(), 'body of /assets/site.css')
  assert.deepEqual(origin.requests[2]?.fields.all('cookie'), [])
  assert.equal(origin.requests.length, 3)
})

test('the web accelerator passes those who are logged in, and fetches anew what was purged', async () => {
  const origin = await startOrigin(() => ok('page', 'Cache-Control: max-age=60'))
  const shellac = await startExample('web-accelerator', { ORIGIN: at(origin) })
  await get(shellac, '/')
  assert.equal(outcome(await get(shellac, '/', 'Cookie: session=1')), 'bypass')
  assert.equal(outcome(await get(shellac, '/', 'Authorization: Basic eA==')), 'bypass')
  assert.equal(origin.requests.length, 3)
  const client = await connectClient(shellac.port)
  const purged = await client.get('/', ['Host: a'], 'PURGE')
  assert.deepEqual([purged.status, JSON.parse(purged.body.toString()).purged], [200, 'url'])
  await get(shellac, '/')
  await origin.waitForRequests(4)
})

test('the web accelerator answers what it has while its origin is down', async () => {
  const origin = await startOrigin(() => ok('page', 'Cache-Control: max-age=0', 'ETag: "1"'))
  const shellac = await startExample('web-accelerator', { ORIGIN: at(origin) })
  await get(shellac, '/')
  await origin.stop()
  const answer = await get(shellac, '/')
  assert.equal(answer.status, 200)
  assert.equal(answer.body.toString(), 'page')
  assert.equal((await get(shellac, '/never-seen')).status, 502)
})

test('the load balancer shares requests by weight, and asks the backup only when the others are gone', async () => {
  const [a, b, c] = await startThree()
  const shellac = await startExample('load-balancer', { SERVER_A: at(a), SERVER_B: at(b), SERVER_C: at(c) })
  for (let round = 0; round < 60; round++) assert.equal((await get(shellac, '/')).status, 200)
  // Each worker takes turns by itself, and the kernel deals the clients out to them.
  assert.ok(Math.abs(b.requests.length - 2 * a.requests.length) <= 6, `${a.requests.length} to ${b.requests.length}`)
  assert.equal(c.requests.length, 0)
  const asked = b.requests.length

  await b.stop()
  for (let round = 0; round < 20; round++) assert.equal((await get(shellac, '/')).body.toString(), 'a')
  assert.equal(b.requests.length, asked)

  await a.stop()
  for (let round = 0; round < 20; round++) assert.equal((await get(shellac, '/')).body.toString(), 'c')
})

test('the load balancer caches nothing, takes large bodies only where it should, and tells its state', async () => {
  const [a, b, c] = await startThree()
  const shellac = await startExample('load-balancer', { SERVER_A: at(a), SERVER_B: at(b), SERVER_C: at(c) })
  for (let round = 0; round < 6; round++) await get(shellac, '/same')
  assert.equal(a.requests.length + b.requests.length, 6)
  assert.equal((await post(shellac, '/form', 11 * MEBIBYTE)).status, 413)
  assert.equal((await post(shellac, '/upload/file', 11 * MEBIBYTE)).status, 200)
  assert.equal((await get(shellac, '/_status')).body.toString(), 'ok')
  assert.equal(c.requests.length, 0)
})

test('the caching load balancer shares what it passes on, and keeps the rest', async () => {
  const [a, b, files] = await startThree()
  const shellac = await startExample('caching-load-balancer', { APP_A: at(a), APP_B: at(b), FILES: at(files) })
  for (let round = 0; round < 20; round++) assert.equal(outcome(await get(shellac, '/api/orders')), 'bypass')
  assert.ok(Math.abs(a.requests.length - b.requests.length) <= 2, `${a.requests.length} to ${b.requests.length}`)

  assert.equal(outcome(await get(shellac, '/media/logo.png')), 'stored')
  assert.equal(outcome(await get(shellac, '/media/logo.png')), 'hit')
  assert.deepEqual(
    files.requests.map((request) => request.target),
    ['/logo.png'],
  )
  assert.equal(outcome(await get(shellac, '/site.css')), 'stored')
  assert.equal(outcome(await get(shellac, '/site.css', 'Cookie: session=1')), 'hit')

  assert.equal(outcome(await get(shellac, '/', 'Cookie: currency=EUR')), 'stored')
  assert.equal(outcome(await get(shellac, '/', 'Cookie: currency=USD')), 'stored')
  assert.equal(outcome(await get(shellac, '/', 'Cookie: currency=EUR; theme=dark')), 'hit')
  assert.equal(outcome(await get(shellac, '/', 'Cookie: session=1')), 'bypass')

  const moved = await get(shellac, '/old/page?q=1')
  assert.equal(moved.status, 308)
  assert.equal(moved.fields.get('location'), '/new/page')
})

test('the caching load balancer goes on with a server less, and without any where it has an answer', async () => {
  const [a, b, files] = await startThree()
  const shellac = await startExample('caching-load-balancer', { APP_A: at(a), APP_B: at(b), FILES: at(files) })
  await get(shellac, '/page')
  await a.stop()
  for (let round = 0; round < 20; round++) assert.equal((await get(shellac, '/api/orders')).body.toString(), 'b')
  await b.stop()
  assert.equal((await get(shellac, '/api/orders')).status, 502)
  assert.equal(outcome(await get(shellac, '/page')), 'hit')
})

test('the default configuration starts as it is shipped, in front of a server on its port', async () => {
  const origin = await startOrigin(() => ok('page', 'Cache-Control: max-age=60'))
  const text = readFileSync(file('shellac.conf'), 'utf8')
  const config = text.replace('address *:8000;', 'address %listen%;').replace('127.0.0.1:8080;', `${at(origin)};`)
  assert.notEqual(config, text)
  const shellac = await startShellac({ config })
  assert.equal(outcome(await get(shellac, '/')), 'stored')
  assert.equal(outcome(await get(shellac, '/')), 'hit')
})

function startExample(name: string, env: Readonly<Record<string, string>>): Promise<Daemon> {
  return startShellac({ config: { file: file(`examples/${name}.conf`) }, env: { LISTEN: '%listen%', ...env } })
}

/** Origins that answer with their own letter, for a minute. */
async function startThree(): Promise<[ScriptedOrigin, ScriptedOrigin, ScriptedOrigin]> {
  const start = (name: string) => startOrigin(() => ok(name, 'Cache-Control: max-age=60'))
  return [await start('a'), await start('b'), await start('c')]
}

function at(origin: ScriptedOrigin): string {
  return `127.0.0.1:${origin.port}`
}

function get(shellac: Daemon, path: string, ...fields: string[]): Promise<ReceivedResponse> {
  return exchange(shellac.port, `GET ${path} HTTP/1.1\r\n${['Host: a', ...fields].join('\r\n')}\r\n\r\n`)
}

async function post(shellac: Daemon, path: string, bytes: number): Promise<ReceivedResponse> {
  const client = await connectClient(shellac.port)
  client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`)
  client.send(Buffer.alloc(bytes))
  return client.response('POST')
}

/** What Cache-Status says became of the request. */
function outcome(response: ReceivedResponse): 'hit' | 'stored' | 'bypass' | string {
  const status = response.fields.get('cache-status') ?? ''
  if (/; hit/.test(status)) return 'hit'
  if (/; stored/.test(status)) return 'stored'
  return /fwd=bypass/.test(status) ? 'bypass' : status
}
