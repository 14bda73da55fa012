/** A process that may open no more files: clients wait or are turned away, and all is well when there is room again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusOf } from '../support/admin.ts'
import { startShellac } from '../support/daemon.ts'
import { runProgram } from '../support/process.ts'
import { connectClient, exchange, type ScriptedClient } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { config } from './daemon-config.ts'

const CLIENTS = 60
const SPARE_FILES = 20

test('a process without file descriptors turns clients away or answers 503, and serves again when some are free', async () => {
  const origin = await startOrigin(() => ok('x', 'Cache-Control: no-store'))
  const shellac = await startShellac({ config: config(origin.port) })
  await shellac.waitForLog('ready')
  const hit = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  assert.equal((await exchange(shellac.port, hit)).status, 200)
  const most = shellac.openFiles() + SPARE_FILES
  const limited = await runProgram('prlimit', ['--pid', `${shellac.pid}`, `--nofile=${most}:${most}`])
  assert.equal(limited.code, 0, limited.stderr)

  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectClient(shellac.port)))
  const statuses = await Promise.all(clients.map(statusFor))
  assert.ok(
    statuses.some((status) => status !== 200),
    'files have run out',
  )
  // The connections to the origin take files too.
  assert.ok(
    statuses.every((status) => [200, 503, undefined].includes(status)),
    statuses.join(),
  )
  for (const client of clients) client.reset()

  await waitFor('an answer', async () => (await exchange(shellac.port, hit)).status === 200)
  await waitFor('no client', async () => (await statusOf(shellac)).connections === 0)
  const status = await statusOf(shellac)
  assert.equal(status.workerRestarts, 0)
  const server = status.backends[0]?.servers[0]
  assert.deepEqual([server?.inFlight, server?.failedTotal], [0, 0], 'the server is not to blame')
})

/** Status of one answer; undefined: turned away, or not accepted within a second. */
async function statusFor(client: ScriptedClient): Promise<number | undefined> {
  client.deadlineMs = 1000
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  try {
    return (await client.response()).status
  } catch {
    return undefined
  }
}
