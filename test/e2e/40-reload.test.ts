/** What a reload changes, and what it must not touch. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { reload, statusOf } from '../support/admin.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, startConnectionOrigin, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

const MEBIBYTE = 1024 * 1024
const GET = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

const HEAD = `shellac 1;
  process { workers 2; drain 200ms; }
  reload { watch off; }
  admin { listen unix:%dir%/admin.sock; }
  listener web { address %listen%; }
`

test('a request in flight ends on the Plan it began with, on a listener, a backend and a cache that are gone', async () => {
  const gate = Promise.withResolvers<void>()
  const origin = await startConnectionOrigin(async (peer) => {
    await peer.request()
    peer.send('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nbegun')
    await gate.promise
    peer.send('ended')
    peer.end()
  })
  const shellac = await startShellac({
    config: `${HEAD}
      listener old { address %listen:old%; }
      backend app { server a 127.0.0.1:${origin.port}; }
      cache main { tier memory 8MiB; }
      site * { proxy app; headers { response set X-Plan one; }
        route cached { path /cached; use-cache main; } route rest { path /**; } }`,
  })
  const clients = await Promise.all([
    connectClient(shellac.portOf('old')),
    connectClient(shellac.portOf('old')),
    connectClient(shellac.port),
  ])
  const idle = await connectClient(shellac.portOf('old'))
  const targets = ['/cached', '/passed', '/passed']
  for (const [index, client] of clients.entries()) {
    client.send(`GET ${targets[index]} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.equal((await client.responseHead()).fields.get('x-plan'), 'one')
  }

  await shellac.reload(`${HEAD} site * { route all { path /**; respond 200 "new"; } }`)
  assert.equal(await idle.expectClose(), 'end')
  await assert.rejects(connectClient(shellac.portOf('old')), /ECONNREFUSED/)
  gate.resolve()
  for (const client of clients) await client.expect('begunended')
  const [first, second, third] = clients
  assert.equal(await first?.expectClose(), 'end')
  assert.equal(await second?.expectClose(), 'end')
  assert.equal((await third?.get('/'))?.body.toString(), 'new')
})

test('a listener that comes, moves or goes leaves the connections of others alone', async () => {
  const shellac = await startShellac({ config: withListeners('') })
  const client = await connectClient(shellac.port)
  await client.get('/')
  await shellac.reload(withListeners('listener more { address %listen:one%; }'))
  const [one, other] = [await connectClient(shellac.portOf('one')), await connectClient(shellac.portOf('one'))]
  assert.equal((await one.get('/')).status, 200)

  await shellac.reload(withListeners('listener more { address %listen:one%; address %listen:two%; }'))
  assert.equal((await one.get('/')).status, 200)
  assert.equal((await exchange(shellac.portOf('two'), GET)).status, 200)

  await shellac.reload(withListeners('listener more { address %listen:two%; }'))
  assert.equal(await one.expectClose(), 'end')
  assert.equal(await other.expectClose(), 'end')
  await assert.rejects(connectClient(shellac.portOf('one')), /ECONNREFUSED/)
  assert.equal((await exchange(shellac.portOf('two'), GET)).status, 200)
  assert.equal((await client.get('/')).status, 200)
})

test('limits and rules of a listener change on connections that are open', async () => {
  const shellac = await startShellac({ config: withListeners('') })
  const client = await connectClient(shellac.port)
  assert.equal((await client.get(`/${'x'.repeat(600)}`)).status, 200)
  await shellac.reload(
    withListeners('').replace('address %listen%;', 'address %listen%; limits { target-bytes 512B; }'),
  )
  assert.equal((await client.get(`/${'x'.repeat(600)}`)).status, 414)
})

test('a cache of another size starts empty, and the one beside it keeps what it has', async () => {
  const origin = await startOrigin((request) => ok(request.target, 'Cache-Control: max-age=60'))
  const sized = (size: string) => `${HEAD}
    backend app { server a 127.0.0.1:${origin.port}; }
    cache kept { tier memory 8MiB; }
    cache changed { tier memory ${size}; }
    site * { proxy app; route one { path /kept; use-cache kept; } route two { path /changed; use-cache changed; } }`
  const shellac = await startShellac({ config: sized('8MiB') })
  const client = await connectClient(shellac.port)
  for (const path of ['/kept', '/changed']) await client.get(path)

  await shellac.reload(`${sized('8MiB')} # a comment\n`)
  for (const path of ['/kept', '/changed']) await client.get(path)
  assert.equal(origin.requests.length, 2)

  await shellac.writeConfig(sized('16MiB'))
  assert.match((await reload(shellac)).summary, /caches ~changed; .*cache "changed" has a new size and starts empty/)
  for (const path of ['/kept', '/changed']) await client.get(path)
  assert.deepEqual(
    origin.requests.map((request) => request.target),
    ['/kept', '/changed', '/changed'],
  )
})

test('the memory of caches that are gone is given back', async () => {
  const body = 'x'.repeat(4 * MEBIBYTE)
  const origin = await startOrigin(() => ok(body, 'Cache-Control: max-age=60'))
  const sized = (mebibytes: number) => `${HEAD}
    backend app { server a 127.0.0.1:${origin.port}; }
    cache main { tier memory ${mebibytes}MiB; max-object 8MiB; }
    site * { proxy app; use-cache main; }`
  const fill = async (shellac: Daemon) => {
    const client = await connectClient(shellac.port)
    for (let at = 0; at < 8; at++) {
      client.send(`GET /${at} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await client.responseHead()
      await client.skip(body.length)
    }
    client.socket.destroy()
  }
  const shellac = await startShellac({ config: sized(48) })
  await fill(shellac)
  const one = shellac.rssBytes()
  for (let round = 0; round < 6; round++) {
    await shellac.reload(sized(49 + round))
    await fill(shellac)
  }
  // Six caches of 32 MiB each have come and gone; a worker lets go of the last one with its next look-up.
  await waitFor('the memory', () => shellac.rssBytes() - one < 96 * MEBIBYTE)
})

test('a port that is taken fails the reload, and nothing of it happens', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => void taken.close())
  const port = (taken.address() as { port: number }).port
  const shellac = await startShellac({ config: withListeners('') })
  const client = await connectClient(shellac.port)
  await client.get('/')
  await shellac.writeConfig(
    withListeners(`listener free { address %listen:free%; } listener more { address 127.0.0.1:${port}; }`, 'changed'),
  )
  const { ok: isLive, summary } = await reload(shellac)
  assert.equal(isLive, false)
  assert.match(
    summary,
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} \\(listener "more".*address already in use`),
  )
  await assert.rejects(connectClient(shellac.portOf('free')), /ECONNREFUSED/)
  assert.equal((await client.get('/')).body.toString(), 'here')
})

test('an include that can no longer be read fails the reload with its place', async () => {
  const config = (included: string) => `${withListeners('')}include ${included};\n`
  const shellac = await startShellac({ config: config('more.conf'), files: { 'more.conf': '# empty\n' } })
  mkdirSync(join(shellac.dir, 'folder.conf'))
  await shellac.writeConfig(config('folder.conf'))
  const { ok: isLive, diagnostics } = await reload(shellac)
  assert.equal(isLive, false)
  assert.match(diagnostics, /shellac\.conf:\d+:\d+: error: .*folder\.conf.*is a directory/)
  assert.match(diagnostics, /\n.*\^\^\^/)
  assert.equal((await exchange(shellac.port, GET)).status, 200)
})

test('a burst of SIGHUPs ends with the last file, and no more reloads than are needed', async () => {
  const shellac = await startShellac({ config: withListeners('') })
  await shellac.writeConfig(withListeners('', 'last'))
  for (let at = 0; at < 50; at++) shellac.process.kill('SIGHUP')
  await waitFor('the last file', async () => (await exchange(shellac.port, GET)).body.toString() === 'last')
  const { generation } = await statusOf(shellac)
  assert.ok(generation <= 10, `${generation} generations`)
})

test('a backend that is not touched keeps its connections and what is known of its servers', async () => {
  const origin = await startOrigin(() => ok('x', 'Cache-Control: no-store'))
  const one = (more: string) => `${HEAD}${more}
    backend app { server a 127.0.0.1:${origin.port}; server gone 127.0.0.1:9; eject after 1 for 60s; }
    site * { proxy app; }`
  const shellac = await startShellac({ config: one('').replace('workers 2', 'workers 1') })
  for (let at = 0; at < 6; at++) assert.equal((await exchange(shellac.port, GET)).status, 200)
  const before = (await statusOf(shellac)).backends[0]?.servers
  assert.equal(before?.[1]?.status, 'avoided')
  const connections = origin.connections

  await shellac.reload(one('listener more { address %listen:more%; }').replace('workers 2', 'workers 1'))
  for (let at = 0; at < 6; at++) assert.equal((await exchange(shellac.port, GET)).status, 200)
  const after = (await statusOf(shellac)).backends[0]?.servers
  assert.equal(origin.connections, connections)
  assert.equal(after?.[1]?.status, 'avoided')
  assert.equal(after?.[0]?.sent, (before?.[0]?.sent ?? 0) + 6)
})

function withListeners(more: string, body = 'here'): string {
  return `${HEAD}${more} site * { route all { path /**; respond 200 "${body}"; } }\n`
}
