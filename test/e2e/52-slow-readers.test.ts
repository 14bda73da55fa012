/** Clients that hardly read: what they hold is bounded, and nobody else waits for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusOf } from '../support/admin.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { startFileOrigin } from '../support/file-origin.ts'
import { peakGrowth } from '../support/peak.ts'
import { connectClient, exchange, type ScriptedClient } from '../support/scripted-client.ts'
import { startConnectionOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

const MEBIBYTE = 1024 * 1024
const BODY_BYTES = 10 * MEBIBYTE
const CLIENTS = 40
/** Far below the 400 MiB that collecting the bodies would take; twice what the windows of the connections allow. */
const MOST_GROWTH = 48 * MEBIBYTE

test('clients that take a byte at a time of what is passed on cost a window each', async () => {
  const shellac = await startBeside()
  await holdSlowClients(shellac, '/passed')
})

test('clients that take a byte at a time of a hit cost no copy of it', async () => {
  const shellac = await startBeside()
  const first = await connectClient(shellac.port)
  assert.equal((await first.get('/cached', ['Host: a'])).body.length, BODY_BYTES)
  first.end()
  await holdSlowClients(shellac, '/cached')
  assert.equal((await statusOf(shellac)).caches[0]?.tier.objects, 1)
})

test('clients that take a byte at a time of one fill share it', async () => {
  const shellac = await startBeside()
  // The object itself comes into the store's memory while they wait, once.
  await holdSlowClients(shellac, '/cached', BODY_BYTES)
  assert.equal((await statusOf(shellac)).caches[0]?.tier.fills, 0)
})

test('a client that takes nothing for as long as the limit allows is cut off', async () => {
  const shellac = await startBeside('limits { send-timeout 1s; }')
  const client = await askSlowly(shellac, '/passed')
  await waitFor('the cut', async () => (await statusOf(shellac)).connections === 0)
  client.resume()
  assert.notEqual(await client.readToEnd().catch((error: Error) => error.message), '')
})

test('uploads to an origin that does not read are held back, and whole when it does', async () => {
  const gate = Promise.withResolvers<void>()
  const received: number[] = []
  const origin = await startConnectionOrigin(async (peer) => {
    await peer.requestHead()
    peer.pause()
    await gate.promise
    peer.resume()
    await peer.skip(BODY_BYTES)
    received.push(BODY_BYTES)
    peer.send('HTTP/1.1 204 No Content\r\n\r\n')
  })
  const shellac = await startBefore(origin.port)
  const body = Buffer.alloc(BODY_BYTES)
  const growth = await peakGrowth(shellac.pid, async () => {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectClient(shellac.port)))
    for (const client of clients) {
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
      client.send(body)
    }
    await waitFor('all of them at the origin', () => origin.openConnections === CLIENTS)
    gate.resolve()
    for (const client of clients) {
      client.deadlineMs = 30_000
      assert.equal((await client.response('POST')).status, 204)
    }
  })
  assert.equal(received.length, CLIENTS)
  assert.ok(growth < MOST_GROWTH, `RSS grew by ${growth} bytes`)
})

async function startBeside(listener = ''): Promise<Daemon> {
  const body = Buffer.alloc(BODY_BYTES, 'shellac ')
  const origin = await startFileOrigin({
    '/passed': { body, headers: { 'Cache-Control': 'no-store' } },
    '/cached': { body, headers: { 'Cache-Control': 'max-age=60' } },
    '/small': { body: 'small', headers: { 'Cache-Control': 'no-store' } },
  })
  return startBefore(origin.port, listener)
}

function startBefore(originPort: number, listener = ''): Promise<Daemon> {
  return startShellac({
    config: `shellac 1;
      process { workers 1; drain 100ms; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; ${listener} }
      backend app { server a 127.0.0.1:${originPort}; }
      cache main { tier memory 64MiB; max-object 16MiB; }
      site * { proxy app; use-cache main; }`,
  })
}

/** Has many slow clients ask, looks whether others are served meanwhile, and holds the daemon's memory to its bound. */
async function holdSlowClients(shellac: Daemon, path: string, extraBytes = 0): Promise<void> {
  const growth = await peakGrowth(shellac.pid, async () => {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => askSlowly(shellac, path)))
    for (let round = 0; round < 5; round++) {
      for (const client of clients) client.socket.read(1)
      const other = await exchange(shellac.port, 'GET /small HTTP/1.1\r\nHost: a\r\n\r\n')
      assert.equal(other.body.toString(), 'small')
    }
    await waitFor('the others to be gone', async () => (await statusOf(shellac)).connections === CLIENTS)
    for (const client of clients) client.reset()
    await waitFor('no connection', async () => (await statusOf(shellac)).connections === 0)
  })
  assert.ok(growth < MOST_GROWTH + extraBytes, `RSS grew by ${growth} bytes`)
  assert.equal((await statusOf(shellac)).backends[0]?.servers[0]?.inFlight, 0)
}

/** Asks, and stops reading when the head has come. */
async function askSlowly(shellac: Daemon, path: string): Promise<ScriptedClient> {
  const client = await connectClient(shellac.port)
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  assert.equal((await client.responseHead()).status, 200)
  client.pause()
  return client
}
