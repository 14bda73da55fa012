/** Response edits and the cache: what is stored is the origin's, what is sent is edited by the configuration of today. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'

const config = (origin: number, edits: string) => `shellac 1;
  admin { listen unix:%dir%/admin.sock; }
  listener web { address %listen%; }
  backend app { server a 127.0.0.1:${origin}; }
  cache pages { tier memory 16MiB; }
  site * { on web; proxy app; use-cache pages; headers { ${edits} } }`

test('a changed edit shows on hits at once, also on 304 and HEAD', async () => {
  const origin = await startOrigin(() => ok('hello', 'Cache-Control: max-age=60', 'ETag: "1"', 'X-Origin: a'))
  const shellac = await startShellac({ config: config(origin.port, 'response set X-Greeting hello;') })
  const client = await connectClient(shellac.port)
  assert.equal((await client.get('/')).fields.get('x-greeting'), 'hello')
  const hit = await client.get('/')
  assert.deepEqual([hit.fields.get('x-greeting'), hit.fields.get('x-origin')], ['hello', 'a'])

  await shellac.reload(config(origin.port, 'response set X-Greeting bye; response remove X-Origin;'))
  const edited = await client.get('/')
  assert.deepEqual([edited.fields.get('x-greeting'), edited.fields.get('x-origin')], ['bye', undefined])
  assert.equal(edited.body.toString(), 'hello')
  assert.equal((await client.get('/', [], 'HEAD')).fields.get('x-greeting'), 'bye')
  const unchanged = await client.get('/', ['If-None-Match: "1"'])
  assert.deepEqual([unchanged.status, unchanged.fields.get('x-greeting')], [304, 'bye'])

  await shellac.reload(config(origin.port, ''))
  const plain = await client.get('/')
  assert.deepEqual([plain.fields.get('x-greeting'), plain.fields.get('x-origin')], [undefined, 'a'])
  assert.equal(origin.requests.length, 1)
})

test('edits without a variable come before the decision to store', async () => {
  const origin = await startOrigin(() => ok('hello', 'Cache-Control: no-store'))
  const shellac = await startShellac({
    config: config(origin.port, 'response set Cache-Control "public, max-age=60";'),
  })
  const client = await connectClient(shellac.port)
  await client.get('/')
  assert.match((await client.get('/')).fields.get('cache-status') ?? '', /; hit/)
  assert.equal(origin.requests.length, 1)
})

test('a Set-Cookie that an edit removed never comes back, whatever later configurations say', async () => {
  const origin = await startOrigin(() => ok('hello', 'Cache-Control: max-age=60', 'Set-Cookie: session=1'))
  const shellac = await startShellac({ config: config(origin.port, 'response remove Set-Cookie;') })
  const client = await connectClient(shellac.port)
  assert.equal((await client.get('/')).fields.get('set-cookie'), undefined)
  await shellac.reload(config(origin.port, ''))
  const hit = await client.get('/')
  assert.match(hit.fields.get('cache-status') ?? '', /; hit/)
  assert.equal(hit.fields.get('set-cookie'), undefined)
})

test('edits with a variable or a condition are made for each answer, those around them in their order', async () => {
  const origin = await startOrigin(() => ok('hello', 'Cache-Control: max-age=60'))
  const edits =
    'response set X-A 1; response set X-Path $request.path; response remove X-A; response add X-B $request.id;'
  const shellac = await startShellac({ config: config(origin.port, edits) })
  const client = await connectClient(shellac.port)
  const miss = await client.get('/p')
  const hit = await client.get('/p')
  for (const answer of [miss, hit]) {
    assert.deepEqual([answer.fields.get('x-a'), answer.fields.get('x-path')], [undefined, '/p'])
  }
  assert.notEqual(hit.fields.get('x-b'), miss.fields.get('x-b'))
})

test('$cache.status tells how each answer came about', async () => {
  let isChanged = false
  const origin = await startOrigin(({ target, fields }) => {
    if (target === '/private') return ok('x', 'Cache-Control: private')
    if (fields.get('if-none-match') === '"1"' && !isChanged) return 'HTTP/1.1 304 \r\nCache-Control: max-age=60\r\n\r\n'
    return ok('hello', 'Cache-Control: max-age=60, stale-while-revalidate=60', 'ETag: "1"')
  })
  const shellac = await startShellac({ config: config(origin.port, 'response set X-Cache $cache.status;') })
  const client = await connectClient(shellac.port)
  const wordFor = async (target: string, ...fields: string[]) =>
    (await client.get(target, fields)).fields.get('x-cache')
  assert.equal(await wordFor('/a'), 'miss')
  assert.equal(await wordFor('/a'), 'hit')
  assert.equal(await wordFor('/a', 'If-None-Match: "1"'), 'hit')
  assert.equal(await wordFor('/a', 'Cache-Control: no-cache'), 'revalidated')
  isChanged = true
  assert.equal(await wordFor('/a', 'Cache-Control: no-cache'), 'miss')
  assert.equal(await wordFor('/private'), 'pass')
})
