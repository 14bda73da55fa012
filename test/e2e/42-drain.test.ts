/** The end of the process: what is in flight finishes, what is idle closes, and a deadline cuts the rest. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { EXIT_FORCED } from '../../src/daemon/exit-codes.ts'
import { statsOf } from '../support/admin.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import { ok, type ScriptedOrigin, startConnectionOrigin, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

const BODY_BYTES = 8 * 1024 * 1024

for (const signal of ['SIGTERM', 'SIGQUIT'] as const) {
  test(`${signal} closes idle clients, lets downloads and uploads end, and ends with code 0`, async () => {
    const origin = await startOrigin((request) => ok(request.method === 'POST' ? `${request.body.length}` : BODY))
    const shellac = await startBeside(origin, '20s')
    const [idle, fresh, download, upload] = [
      await connectClient(shellac.port),
      await connectClient(shellac.port),
      await connectClient(shellac.port),
      await connectClient(shellac.port),
    ]
    await idle.get('/idle')
    download.send('GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.equal((await download.responseHead()).status, 200)
    download.pause()
    upload.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345`)
    await waitFor('the upload', async () => (await statsOf(shellac)).counters.requests === 3)

    shellac.process.kill(signal)
    await shellac.waitForLog('stopping')
    assert.equal(await idle.expectClose(), 'end')
    assert.equal(await fresh.expectClose(), 'end')
    upload.send('67890')
    const answer = await upload.response('POST')
    assert.equal(answer.body.toString(), '10')
    assert.equal(answer.fields.get('connection'), 'close')
    download.resume()
    await download.skip(BODY_BYTES)
    assert.equal(await download.expectClose(), 'end')
    assert.equal(await shellac.process.waitForExit(), 0)
    assert.equal(existsSync(shellac.adminSocket), false)
  })
}

test('what has not ended by the deadline is cut, and the log says how much that was', async () => {
  const { origin, shellac, client } = await startHanging('300ms')
  const tunnel = await connectClient(shellac.port)
  tunnel.send('GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  assert.equal((await tunnel.responseHead()).status, 101)
  shellac.process.kill('SIGTERM')
  const cut = await shellac.waitForLog('the drain deadline has passed; open connections are cut')
  assert.equal(cut.connections, 2)
  assert.equal(await shellac.process.waitForExit(), 0)
  await client.until('the close', () => client.closed !== undefined)
  await tunnel.until('the close', () => tunnel.closed !== undefined)
  await waitFor('the origin to be left', () => origin.openConnections === 0)
})

test('a second signal ends it at once', async () => {
  const { shellac, client } = await startHanging('60s')
  shellac.process.kill('SIGTERM')
  await shellac.waitForLog('stopping')
  shellac.process.kill('SIGTERM')
  assert.equal(await shellac.process.waitForExit(), EXIT_FORCED)
  await client.until('the close', () => client.closed !== undefined)
  assert.equal(existsSync(shellac.adminSocket), false)
})

test('a fill that nobody waits for does not hold up the end', async () => {
  const { shellac, client } = await startHanging('60s')
  client.reset()
  shellac.process.kill('SIGTERM')
  assert.equal(await shellac.process.waitForExit(), 0)
})

const BODY = 'x'.repeat(BODY_BYTES)

function startBeside(origin: ScriptedOrigin, drain: string): Promise<Daemon> {
  return startShellac({
    config: `shellac 1;
      process { workers 2; drain ${drain}; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; }
      backend app { server a 127.0.0.1:${origin.port}; }
      cache main { tier memory 8MiB; }
      site * { proxy app; use-cache main; upgrade websocket; }`,
  })
}

/** A client waits for an answer that never comes. */
async function startHanging(
  drain: string,
): Promise<{ origin: ScriptedOrigin; shellac: Daemon; client: ScriptedClient }> {
  const origin = await startConnectionOrigin(async (peer) => {
    const request = await peer.request()
    if (request?.target === '/tunnel') {
      peer.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    }
    await peer.until('the end', () => peer.closed !== undefined)
    peer.end()
  })
  const shellac = await startBeside(origin, drain)
  const client = await connectClient(shellac.port)
  client.send('GET /hangs HTTP/1.1\r\nHost: a\r\n\r\n')
  await origin.waitForRequests(1)
  return { origin, shellac, client }
}
