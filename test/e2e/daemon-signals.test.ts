import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { config } from './daemon-config.ts'

test('SIGTERM answers what is in flight, takes nothing new, and ends with code 0', async () => {
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const origin = await startOrigin(async () => {
    await held
    return ok('late')
  })
  const shellac = await startShellac({ config: config(origin.port) })
  const idle = await connectClient(shellac.port)
  const client = await connectClient(shellac.port)
  const answer = client.get('/slow')
  await waitFor('the request', () => origin.requests.length === 1)
  shellac.process.kill('SIGTERM')
  await shellac.waitForLog('stopping')
  await waitFor('the closed port', () =>
    connectClient(shellac.port).then(
      () => false,
      () => true,
    ),
  )
  release()
  const response = await answer
  assert.equal(response.body.toString(), 'late')
  assert.equal(response.fields.get('connection'), 'close')
  await idle.expectClose()
  assert.equal(await shellac.process.waitForExit(), 0)
})

test('SIGUSR1 goes on in new log files after a rotation', async () => {
  const origin = await startOrigin(() => ok('x'))
  const logs = 'log access { to file:%dir%/access.log; format combined; }\nlog daemon { to file:%dir%/daemon.log; }\n'
  const shellac = await startShellac({ config: config(origin.port, logs) })
  const path = (name: string) => join(shellac.dir, name)
  await exchange(shellac.port, 'GET /before HTTP/1.1\r\nHost: a\r\nUser-Agent: te"st\r\n\r\n')
  await waitFor('the first line', () => textOf(path('access.log')).includes('/before'))
  assert.match(
    readFileSync(path('access.log'), 'utf8'),
    /^127\.0\.0\.1 - - \[.*\] "GET \/before HTTP\/1\.1" 200 \d+ "-" "te\\x22st" \S+ \S+\n$/,
  )
  for (const name of ['access.log', 'daemon.log']) renameSync(path(name), path(`${name}.1`))
  shellac.process.kill('SIGUSR1')
  await waitFor('the new files', () => ['access.log', 'daemon.log'].every((name) => existsSync(path(name))))
  await exchange(shellac.port, 'GET /after HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitFor('the second line', () => textOf(path('access.log')).includes('/after'))
  assert.match(readFileSync(path('daemon.log'), 'utf8'), /logs reopened/)
  assert.doesNotMatch(readFileSync(path('access.log.1'), 'utf8'), /after/)
})

test('a full file system for the access log costs its lines and no request', async () => {
  const origin = await startOrigin(() => ok('x'))
  const shellac = await startShellac({ config: config(origin.port, 'log access { to file:/dev/full; }\n') })
  for (let at = 0; at < 5; at++) assert.equal((await exchange(shellac.port, GET)).status, 200)
  const report = await shellac.waitForLog(/cannot write the access log "\/dev\/full": no space left on the device/)
  assert.equal(report.level, 'error')
  for (let at = 0; at < 5; at++) assert.equal((await exchange(shellac.port, GET)).status, 200)
})

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** Empty while the file is not there. */
function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
