/** Origins that are slow, or do not keep to HTTP. One daemon, one backend per matter; its timeouts are short. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { onTestEnd } from '../support/cleanup.ts'
import { startShellac } from '../support/daemon.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { type ScriptedOrigin, startConnectionOrigin } from '../support/scripted-origin.ts'
import { connectSocket } from '../support/wire.ts'

/** Listens, accepts nobody: the kernel takes as many connections as the backlog holds, and answers no more. */
const DEAF = `
  const { createServer } = require('node:net')
  const { parentPort } = require('node:worker_threads')
  const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`

async function startDeafOrigin(): Promise<number> {
  const worker = new Worker(DEAF, { eval: true })
  onTestEnd(async () => {
    await worker.terminate()
  })
  const [port] = (await once(worker, 'message')) as [number]
  const fillers = [await connectSocket({ port, host: '127.0.0.1' }), await connectSocket({ port, host: '127.0.0.1' })]
  for (const filler of fillers) filler.on('error', () => {}) // the end of the thread resets them
  return port
}

/** Sends the text behind the path of the first request, then what `then` says. */
const starts = (text: string, close: boolean): Promise<ScriptedOrigin> =>
  startConnectionOrigin(async (peer) => {
    await peer.request()
    peer.send(text)
    if (close) peer.end()
  })

const deafPort = await startDeafOrigin()
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const SIZED = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'
const origins = new Map<string, ScriptedOrigin>([
  ['silent', await starts('', false)],
  ['sized-stops', await starts(`${SIZED}12345`, false)],
  ['chunked-stops', await starts(`${CHUNKED}5\r\n12345\r\n`, false)],
  ['sized-closes', await starts(`${SIZED}12345`, true)],
  ['chunked-closes', await starts(`${CHUNKED}5\r\n12345\r\n`, true)],
  ['bad-chunk', await starts(`${CHUNKED}x\r\n`, false)],
  ['late-bad-chunk', await starts(`${CHUNKED}5\r\n12345\r\n`, false)],
  ['two-lengths', await starts('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', false)],
  ['not-http', await starts('SSH-2.0-OpenSSH_9.2\r\n', false)],
  ['large-head', await starts(`HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(2000)}\r\nContent-Length: 0\r\n\r\n`, false)],
  ['many-fields', await starts(`HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(30)}Content-Length: 0\r\n\r\n`, false)],
  ['endless-interim', await starts('HTTP/1.1 102 Processing\r\n\r\n'.repeat(40), false)],
  [
    'unasked-switch',
    await starts('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', false),
  ],
])

const settings = `connect-timeout 300ms; first-byte-timeout 300ms; between-bytes-timeout 300ms;
  response-limits { header-bytes 1KiB; headers 20; } retry { attempts 1; } eject after 1000 for 1s;`
const sites = [...origins].map(
  ([name, { port }]) => `
    backend ${name} { server a 127.0.0.1:${port}; ${settings} }
    site ${name}.example { proxy ${name}; }
    site ${name}.cached.example { proxy ${name}; use-cache pages; }`,
)
const shellac = await startShellac({
  config: `shellac 1;
    process { workers 1; }
    admin { listen unix:%dir%/admin.sock; }
    listener web { address %listen%; }
    cache pages { tier memory 16MiB; ttl 200 1h; }
    backend deaf { server a 127.0.0.1:${deafPort}; ${settings} }
    site deaf.example { proxy deaf; }
    ${sites.join('\n')}`,
})

const get = (host: string) => exchange(shellac.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

/** The request through the plain site and through the cached one. */
const hostsOf = (name: string) => [`${name}.example`, `${name}.cached.example`]

async function expectError(host: string, status: number, message: string): Promise<void> {
  const answer = await get(host)
  assert.equal(answer.status, status, host)
  assert.equal(answer.body.toString(), `${message}\n`, host)
  assert.equal(answer.fields.get('cache-status'), 'Shellac; detail=origin-error', host)
}

/** The answer begins and breaks off: the client must be able to tell. */
async function expectBrokenOff(host: string): Promise<void> {
  const client = await connectClient(shellac.port)
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  await assert.rejects(client.response(), /peer closed/, host)
}

test('a connection that is not accepted within connect-timeout is a 504', async () => {
  await expectError('deaf.example', 504, '504 Gateway Timeout: the server did not accept the connection in time')
})

test('an origin that says nothing within first-byte-timeout is a 504', async () => {
  for (const host of hostsOf('silent'))
    await expectError(host, 504, '504 Gateway Timeout: the server did not answer in time')
})

test('an origin that falls silent inside the body ends the answer so that it does not look complete', async () => {
  for (const name of ['sized-stops', 'chunked-stops']) for (const host of hostsOf(name)) await expectBrokenOff(host)
})

test('an origin that closes inside the body ends the answer so that it does not look complete', async () => {
  for (const name of ['sized-closes', 'chunked-closes']) {
    for (const host of hostsOf(name)) await expectBrokenOff(host)
    // Nothing of it was stored: the origin is asked again.
    await expectBrokenOff(`${name}.cached.example`)
    assert.equal(origins.get(name)!.requests.length, 3)
  }
})

test('a broken body is a 502 as long as nothing of it has reached the client', async () => {
  for (const host of hostsOf('bad-chunk'))
    await expectError(host, 502, '502 Bad Gateway: the server broke the framing of its response body')
})

test('a head that is not HTTP, ambiguous or beyond the limits is a 502', async () => {
  for (const name of ['not-http', 'two-lengths', 'large-head', 'many-fields'])
    for (const host of hostsOf(name))
      await expectError(host, 502, '502 Bad Gateway: the server sent a response head that is not HTTP')
})

test('an origin that sends nothing but interim responses is given up', async () => {
  const answer = await get('endless-interim.example')
  assert.equal(answer.status, 502)
  assert.equal(answer.body.toString(), '502 Bad Gateway: the server sent too many interim responses\n')
})

test('a 101 that nobody asked for is a 502', async () => {
  for (const host of hostsOf('unasked-switch'))
    await expectError(host, 502, '502 Bad Gateway: the server switched protocols without being asked')
})
