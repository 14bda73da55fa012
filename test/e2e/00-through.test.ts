/** The least a proxy does: one request goes through, and a stored answer is not fetched again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'

const head = `shellac 1;
  admin { listen unix:%dir%/admin.sock; }
  listener web { address %listen%; }`
const caching = (origin: number) => `${head}
  backend app { server a 127.0.0.1:${origin}; }
  cache pages { tier memory 16MiB; }
  site * { on web; proxy app; use-cache pages; }`

test('a request reaches the origin and its answer the client', async () => {
  const origin = await startOrigin((request) => ok(`for ${request.target}`, 'Cache-Control: no-store', 'X-Origin: a'))
  const shellac = await startShellac({ config: caching(origin.port) })
  const client = await connectClient(shellac.port)
  const answer = await client.get('/path?query=1')
  assert.deepEqual([answer.status, answer.body.toString()], [200, 'for /path?query=1'])
  assert.equal(answer.fields.get('x-origin'), 'a')
  assert.equal(origin.requests.length, 1)
})

test('a second request is a hit', async () => {
  const origin = await startOrigin(() => ok('hello', 'Cache-Control: max-age=60'))
  const shellac = await startShellac({ config: caching(origin.port) })
  const client = await connectClient(shellac.port)
  const miss = await client.get('/a')
  const hit = await client.get('/a')
  assert.equal(hit.body.toString(), 'hello')
  assert.match(miss.fields.get('cache-status') ?? '', /fwd=uri-miss/)
  assert.match(hit.fields.get('cache-status') ?? '', /; ?hit/)
  assert.equal(origin.requests.length, 1)
})

test('a reload changes what is answered on connections that stay', async () => {
  const origin = await startOrigin(() => ok('hello', 'Cache-Control: no-store'))
  const shellac = await startShellac({ config: caching(origin.port) })
  const client = await connectClient(shellac.port)
  assert.equal((await client.get('/')).body.toString(), 'hello')
  await shellac.reload(`${head} site * { on web; route all { path /**; respond 200 "changed"; } }`)
  assert.equal((await client.get('/')).body.toString(), 'changed')
})

test('the process that ended has left its port', async () => {
  const origin = await startOrigin(() => ok('hello'))
  const shellac = await startShellac({ config: caching(origin.port) })
  await shellac.stop()
  await assert.rejects(connectClient(shellac.port), /ECONNREFUSED/)
})
