/** Bodies far larger than memory should hold go through whole, both ways, and leave no trace in memory. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestEnd } from '../support/cleanup.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { checkLargeBody, sendLargeBody } from '../support/large-body.ts'
import { peakGrowth } from '../support/peak.ts'
import { sized } from '../support/soak.ts'

const MEBIBYTE = 1024 * 1024
const MOST_GROWTH = 64 * MEBIBYTE
const FULL_BYTES = 2048 * MEBIBYTE
const SOME_BYTES = sized(128 * MEBIBYTE, FULL_BYTES)
/** What is larger begins in the cache's memory and goes on without it. */
const MAX_OBJECT_BYTES = 4 * MEBIBYTE
/** More than the kernel's buffers between daemon and client hold, so that a client can be behind. */
const MORE_THAN_SOCKETS_HOLD = 24 * MEBIBYTE

for (const { route, framing, bytes } of [
  { route: 'cached', framing: 'sized', bytes: SOME_BYTES },
  { route: 'cached', framing: 'chunked', bytes: FULL_BYTES },
  { route: 'passed', framing: 'sized', bytes: SOME_BYTES },
  { route: 'passed', framing: 'chunked', bytes: SOME_BYTES },
]) {
  test(`a ${framing} download of ${bytes / MEBIBYTE} MiB on a ${route} route arrives byte for byte`, async (t) => {
    const shellac = await startBeside(async (_request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      if (framing === 'sized') response.setHeader('Content-Length', bytes)
      await sendLargeBody(response, bytes)
    })
    await report(t, shellac, async () => {
      assert.equal(await download(shellac, `/${route}`), bytes)
    })
  })
}

for (const { framing, bytes } of [
  { framing: 'sized', bytes: SOME_BYTES },
  { framing: 'chunked', bytes: FULL_BYTES },
]) {
  test(`a ${framing} upload of ${bytes / MEBIBYTE} MiB arrives byte for byte`, async (t) => {
    let received = 0
    const shellac = await startBeside(async (incoming, response) => {
      received = await checkLargeBody(incoming)
      response.end('thanks')
    })
    await report(t, shellac, () => upload(shellac, framing === 'sized', bytes))
    assert.equal(received, bytes)
  })
}

for (const pieceBytes of [100, 5000, 200_000]) {
  test(`a body in chunks of ${pieceBytes} bytes that outgrows the cache before its client reads is whole`, async () => {
    const bytes = 2 * MORE_THAN_SOCKETS_HOLD
    const shellac = await startBeside(async (_request, response) => {
      response.setHeader('Cache-Control', 'max-age=60')
      await sendLargeBody(response, bytes, pieceBytes)
    })
    assert.equal(await download(shellac, '/roomy', 300), bytes)
  })
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

async function startBeside(handler: Handler): Promise<Daemon> {
  const server = createServer((incoming, response) => {
    handler(incoming, response).catch((error: Error) => response.destroy(error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return startShellac({
    config: `shellac 1;
      process { workers 1; }
      listener web { address %listen%; limits { body-bytes 4GiB; } }
      backend app { server a 127.0.0.1:${(server.address() as AddressInfo).port}; }
      cache main { tier memory 16MiB; max-object ${MAX_OBJECT_BYTES / MEBIBYTE}MiB; }
      cache roomy { tier memory 64MiB; max-object ${MORE_THAN_SOCKETS_HOLD / MEBIBYTE}MiB; }
      site * {
        proxy app;
        use-cache main;
        route roomy { path /roomy; use-cache roomy; }
        route cached { path /cached; }
        route passed { path /**; cache off; }
      }`,
  })
}

/** Runs the transfer, prints its speed and the growth of the daemon, and holds the latter against the bound. */
async function report(t: TestContext, shellac: Daemon, transfer: () => Promise<void>): Promise<void> {
  const startedMs = performance.now()
  const growth = await peakGrowth(shellac.pid, transfer)
  const seconds = (performance.now() - startedMs) / 1000
  t.diagnostic(`took ${seconds.toFixed(1)} s, RSS grew by ${(growth / MEBIBYTE).toFixed(1)} MiB at most`)
  assert.ok(growth < MOST_GROWTH, `RSS grew by ${growth} bytes`)
}

/** Bytes received, all of them right. Reading begins `delayMs` after the head has come. */
function download(shellac: Daemon, path: string, delayMs = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port: shellac.port, path, agent: false })
    asking.once('error', reject)
    asking.once('response', (response) => {
      sleep(delayMs)
        .then(() => checkLargeBody(response))
        .then(resolve, reject)
    })
    asking.end()
  })
}

function upload(shellac: Daemon, isSized: boolean, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = isSized ? { 'Content-Length': bytes } : { 'Transfer-Encoding': 'chunked' }
    const asking = request({ host: '127.0.0.1', port: shellac.port, path: '/', method: 'POST', headers, agent: false })
    asking.once('error', reject)
    asking.once('response', (response) => {
      response.resume()
      response.once('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`status ${response.statusCode}`))
      })
    })
    sendLargeBody(asking, bytes).catch(reject)
  })
}
