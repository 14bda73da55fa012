/** Reloads while wrk asks as fast as it can: no request notices, and nothing is left behind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseWrk } from '../../bench/wrk.ts'
import { reload, statsOf, statusOf } from '../support/admin.ts'
import { startShellac } from '../support/daemon.ts'
import { Background } from '../support/process.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { sized } from '../support/soak.ts'
import { waitFor } from '../support/wait.ts'
import { config } from './daemon-config.ts'

const RELOADS = sized(100, 1000)
/** The first ones warm up: code is compiled, heaps find their size. */
const WARM_RELOADS = RELOADS / 4
const CHANGES = sized(30, 300)
const MEBIBYTE = 1024 * 1024

/** Every other one is broken; the others add and remove a listener, a backend and a route, or change a cache's rules. */
const EDITS = [
  'listener extra { address %listen:extra%; }\nbackend spare { server a 127.0.0.1:9; }\n',
  'listenr extra { address %listen:extra%; }\n',
  'rule quick { ttl 5m override; }\nsite extra.test { proxy app; route all { path /**; cache quick; use-cache main; } }\n',
  'site broken { route all { path /** \n',
]

test(`${RELOADS} reloads under full load, half of them with a broken file, fail no request`, async (t) => {
  const origin = await startOrigin(() => ok('x'.repeat(1024), 'Cache-Control: max-age=3600'))
  const shellac = await startShellac({ config: config(origin.port).replace('debounce 30ms', 'watch off') })
  const load = new Background('wrk', ['-t1', '-c64', '-d300s', '--timeout', '5s', shellac.url('/a')])
  await load.waitFor('the load', async () => (await statsOf(shellac)).counters.requests > 1000)

  let warm = { rss: 0, files: 0 }
  for (let round = 0; round < RELOADS; round++) {
    const edit = EDITS[round % EDITS.length] ?? ''
    const isBroken = round % 2 === 1
    await shellac.writeConfig(`${config(origin.port).replace('debounce 30ms', 'watch off')}${edit}`)
    const result = await reload(shellac)
    assert.equal(result.ok, !isBroken, result.summary)
    assert.equal(result.configErrors > 0, isBroken)
    if (round + 1 === WARM_RELOADS) warm = { rss: shellac.rssBytes(), files: shellac.openFiles() }
  }
  const growth = shellac.rssBytes() - warm.rss
  const files = shellac.openFiles() - warm.files

  load.kill('SIGINT') // wrk then prints what it has
  assert.equal(await load.waitForExit(), 0)
  const report = parseWrk(load.lines.join('\n'))
  t.diagnostic(
    `${report.requests} requests, ${Math.round(report.requestsPerSec)}/s; RSS grew by ${(growth / MEBIBYTE).toFixed(1)} MiB, open files by ${files}`,
  )
  assert.equal(report.non2xx, 0)
  assert.deepEqual(report.socketErrors, { connect: 0, read: 0, write: 0, timeout: 0 })
  assert.equal(origin.requests.length, 1, 'the cache was kept')
  assert.ok(growth < 32 * MEBIBYTE, `RSS grew by ${growth} bytes`)
  assert.ok(files <= 4, `${files} more open files`)
  const status = await statusOf(shellac)
  assert.equal(status.workerRestarts, 0)
  assert.equal(status.caches[0]?.tier.objects, 1)
})

test('reloads that change the backend, the cache and the listener under full load fail no request', async (t) => {
  const origin = await startOrigin(() => ok('x'.repeat(1024), 'Cache-Control: no-store'))
  const changing = (round: number) =>
    config(origin.port)
      .replace('debounce 30ms', 'watch off')
      .replace('tier memory 8MiB', `tier memory ${8 + (round % 3)}MiB`)
      .replace('address %listen%;', `address %listen%; limits { headers ${50 + (round % 2)}; }`)
      .replace('backend app {', `backend app { connections ${100 + round}; `)
  const shellac = await startShellac({ config: changing(0) })
  const load = new Background('wrk', ['-t1', '-c32', '-d300s', '--timeout', '5s', shellac.url('/a')])
  await load.waitFor('the load', async () => (await statsOf(shellac)).counters.requests > 500)
  for (let round = 1; round <= CHANGES; round++) {
    await shellac.writeConfig(changing(round))
    const { ok: isLive, summary } = await reload(shellac)
    assert.ok(isLive, summary)
  }
  load.kill('SIGINT')
  assert.equal(await load.waitForExit(), 0)
  const report = parseWrk(load.lines.join('\n'))
  t.diagnostic(`${report.requests} requests, ${origin.connections} connections to the origin`)
  assert.equal(report.non2xx, 0)
  assert.deepEqual(report.socketErrors, { connect: 0, read: 0, write: 0, timeout: 0 })
  assert.deepEqual(origin.errors, [])
  await waitFor('the connections of old backends to be closed', () => origin.openConnections <= 2 * 32)
})
