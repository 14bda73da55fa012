import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { BoundSocket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startShellac } from '../support/daemon.ts'
import { connectMemcached } from '../support/memcached.ts'
import { exchange } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { config } from './daemon-config.ts'

const HOOK = fileURLToPath(new URL('./daemon-crash-hook.ts', import.meta.url))
const GET = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

test('a worker that dies is replaced at once, the others and the cache go on', async (context) => {
  const origin = await startOrigin(() => ok('kept', 'Cache-Control: max-age=60'))
  const shellac = await startShellac({
    config: config(origin.port),
    nodeArgs: ['--import', HOOK],
    env: { CRASH_FILE: '%dir%/crash' },
  })
  await shellac.waitForLog('ready')
  await exchange(shellac.port, GET)
  for (const worker of [0, 1]) {
    const before = shellac.logs().length
    writeFileSync(join(shellac.dir, 'crash'), String(worker))
    const ended = await shellac.waitForLog('worker ended and is replaced', before)
    assert.equal(ended.worker, worker)
    assert.equal(ended.error, 'thrown by the crash hook')
    const replaced = await shellac.waitForLog('worker replaced', before)
    assert.equal(ended.delayMs, 0)
    // A quarter of a second on a machine that has nothing else to do; a loaded one may take any time.
    context.diagnostic(`replaced after ${Date.parse(String(replaced.time)) - Date.parse(String(ended.time))} ms`)
    for (let at = 0; at < 10; at++) {
      const response = await exchange(shellac.port, GET)
      assert.equal(response.body.toString(), 'kept')
      assert.match(response.fields.get('cache-status') ?? '', /hit/)
    }
  }
  assert.equal(origin.requests.length, 1)
  const status = JSON.parse((await shellac.command('status', '--json')).stdout)
  assert.equal(status.workerRestarts, 2)
})

/** A port that only root may open, and nobody has; below `most`. */
function privilegedPort(most = 1024): number {
  for (let port = most - 1; port > 512; port--) {
    try {
      new BoundSocket({ host: '127.0.0.1', port }).close()
      return port
    } catch {
      // Somebody has it.
    }
  }
  return assert.fail('no port below 1024 is free')
}

test('a worker that dies after root was given up is replaced on a port below 1024 too', {
  skip: process.getuid!() !== 0 && 'needs root',
}, async () => {
  const port = privilegedPort()
  const memcachedPort = privilegedPort(port)
  const shellac = await startShellac({
    config: `shellac 1;
process { workers 2; user nobody; }
reload { watch off; }
admin { listen unix:%dir%/admin.sock; }
listener web { address 127.0.0.1:${port}; }
memcached edge { server a 127.0.0.1:${memcachedPort}; }
memcached-proxy local { listen 127.0.0.1:${memcachedPort}; pool edge; }
site * { route all { path /**; respond 200 "here"; } }`,
    nodeArgs: ['--import', HOOK],
    env: { CRASH_FILE: '%dir%/crash' },
  })
  chmodSync(shellac.dir, 0o777) // the worker that is to crash removes the file that says so
  for (const worker of [0, 1, 0]) {
    const before = shellac.logs().length
    writeFileSync(join(shellac.dir, 'crash'), String(worker))
    await shellac.waitForLog('worker replaced', before)
  }
  for (let at = 0; at < 20; at++) {
    assert.equal((await exchange(port, GET)).status, 200)
    const client = await connectMemcached({ port: memcachedPort, host: '127.0.0.1' })
    client.send('version\r\n')
    assert.match(await client.line(), /^VERSION /)
  }
})
