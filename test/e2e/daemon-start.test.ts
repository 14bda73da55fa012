import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { onTestEnd } from '../support/cleanup.ts'
import { launchShellac, startShellac } from '../support/daemon.ts'
import { exchange } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { config } from './daemon-config.ts'

test('starts, serves through all workers, tells its state, and ends on stop', async () => {
  const origin = await startOrigin(() => ok('hello', 'Cache-Control: max-age=60'))
  const shellac = await startShellac({ config: config(origin.port) })
  const ready = await shellac.waitForLog('ready')
  assert.equal(ready.generation, 1)
  assert.deepEqual(ready.listeners, [{ kind: 'listener', name: 'web', addresses: [`127.0.0.1:${shellac.port}`] }])
  assert.equal((await exchange(shellac.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200)

  const status = JSON.parse((await shellac.command('status', '--json')).stdout)
  assert.equal(status.pid, shellac.pid)
  assert.equal(status.state, 'serving')
  assert.equal(status.workers.length, 2)
  assert.equal(status.caches[0].name, 'main')
  assert.equal(status.caches[0].tier.objects, 1)
  assert.equal(status.backends[0].servers[0].sent, 1)
  assert.match((await shellac.command('status')).stdout, /web +127\.0\.0\.1:/)
  const stats = JSON.parse((await shellac.command('stats', '--json')).stdout)
  assert.equal(stats.counters.requests, 1)
  assert.equal(stats.counters.misses, 1)

  assert.equal((await shellac.command('stop')).code, 0)
  assert.equal(await shellac.process.waitForExit(), 0)
  assert.equal(existsSync(shellac.adminSocket), false)
  assert.equal((await shellac.command('status')).code, 3)
})

test('errors in the configuration are printed with carets, and nothing starts', async () => {
  const shellac = await launchShellac({ config: `${config(1)}listenr x { address *:80; }\n` })
  assert.equal(await shellac.process.waitForExit(), 1)
  const text = shellac.process.lines.join('\n')
  assert.match(text, /error: unknown directive "listenr"/)
  assert.match(text, /\^\^\^\^\^\^\^/)
})

test('warnings at the start are told once: in the log, and on stderr where the log is not there', async () => {
  const unused = 'match @unused { source 127.0.0.1; }'
  const shellac = await startShellac({ config: `${config(1)}${unused}\n` })
  assert.match(
    String((await shellac.waitForLog('the configuration has warnings')).diagnostics),
    /"@unused" is never used/,
  )
  assert.equal(shellac.process.lines.filter((line) => line.includes('is never used')).length, 1)
  const elsewhere = await startShellac({ config: `${config(1)}${unused}\nlog daemon { to file:%dir%/daemon.log; }\n` })
  assert.match(elsewhere.process.lines.join('\n'), /warning: matcher "@unused" is never used/)
})

test('an include that cannot be read is named where it is included', async () => {
  const shellac = await launchShellac({ config: `${config(1)}include missing.conf;\n` })
  assert.equal(await shellac.process.waitForExit(), 1)
  assert.match(shellac.process.lines.join('\n'), /missing\.conf.*no such file/)
})

test('a port in use is named with its listener and what to do', async () => {
  const shellac = await launchShellac({ config: config(1) })
  await shellac.waitForLog('ready')
  const second = await launchShellac({
    config: `shellac 1; listener web { address 127.0.0.1:${shellac.port}; } site * { route r { path /**; respond 200 "x"; } }`,
  })
  assert.equal(await second.process.waitForExit(), 4)
  assert.match(
    second.process.lines.join('\n'),
    new RegExp(
      `shellac: cannot listen on 127\\.0\\.0\\.1:${shellac.port} \\(listener "web", .*:1\\): address already in use \\(EADDRINUSE\\); stop the program`,
    ),
  )
})

test('the quick start needs no file', async () => {
  const origin = await startOrigin(() => ok('quick'))
  const shellac = await startShellac({ args: ['--origin', `127.0.0.1:${origin.port}`, '--listen', '%listen%'] })
  const response = await exchange(shellac.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(response.body.toString(), 'quick')
})

test('the admin socket answers strangers with what it knows', async () => {
  const shellac = await startShellac({ config: config(1) })
  const taken = createServer()
  onTestEnd(() => void taken.close())
  const other = await launchShellac({
    config: `shellac 1; admin { listen unix:${shellac.adminSocket}; } listener l { address %listen%; } site * { route r { path /**; respond 200 "x"; } }`,
  })
  assert.equal(await other.process.waitForExit(), 4)
  assert.match(other.process.lines.join('\n'), /cannot open the admin socket ".*": another daemon answers there/)
})
