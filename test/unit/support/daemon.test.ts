/** How a test starts, watches and stops a daemon; a few lines of script stand in for Shellac itself. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { launchShellac, startShellac } from '../../support/daemon.ts'
import { connectClient } from '../../support/scripted-client.ts'

/** Run by `node -e` with Shellac's arguments: listens where the first line of the configuration says. */
const STAND_IN = `
  const text = require('fs').readFileSync(process.argv[process.argv.indexOf('-c') + 1], 'utf8')
  if (text.includes('broken')) { console.error('shellac.conf:1:1: error: broken'); process.exit(1) }
  const port = Number(/:(\\d+)/.exec(text)[1])
  require('net').createServer((s) => s.end('HTTP/1.1 204 No Content\\r\\n\\r\\n')).listen(port, '127.0.0.1', () => {
    console.error('not JSON')
    console.log(JSON.stringify({ level: 30, msg: 'ready', home: process.env.HOME_FOLDER }))
  })`
const nodeArgs = ['-e', STAND_IN]

let lastDir = ''
let lastPid = 0
after(() => {
  assert.ok(!existsSync(lastDir), 'the folder is gone')
  assert.ok(!existsSync(`/proc/${lastPid}`), 'the process is gone')
})

test('ports and folder are filled in, in configuration, files and environment, and stay the same', async () => {
  const shellac = await startShellac({
    nodeArgs,
    config: 'listen %listen%; second %listen:b%; folder %dir%;',
    files: { 'conf.d/more.conf': 'again %listen:b%;' },
    env: { HOME_FOLDER: '%dir%' },
  })
  lastDir = shellac.dir
  lastPid = shellac.pid
  const b = shellac.portOf('b')
  assert.notEqual(shellac.port, b)
  const config = readFileSync(shellac.configFile ?? '', 'utf8')
  assert.equal(config, `listen 127.0.0.1:${shellac.port}; second 127.0.0.1:${b}; folder ${shellac.dir};`)
  assert.equal(readFileSync(join(shellac.dir, 'conf.d/more.conf'), 'utf8'), `again 127.0.0.1:${b};`)
  assert.equal((await shellac.waitForLog('ready')).home, shellac.dir)
  await shellac.writeConfig('listen %listen%;')
  assert.equal(readFileSync(shellac.configFile ?? '', 'utf8'), `listen 127.0.0.1:${shellac.port};`)
  assert.throws(() => shellac.portOf('c'), /nothing listens on %listen:c%/)
})

test('it serves when the start comes back, and no longer when it was stopped', async () => {
  const shellac = await startShellac({ nodeArgs, config: 'listen %listen%;' })
  const client = await connectClient(shellac.port)
  assert.equal((await client.get('/')).status, 204)
  assert.ok(shellac.rssBytes() > 1e6)
  assert.ok(shellac.openFiles() > 3)
  await shellac.stop()
  await assert.rejects(connectClient(shellac.port), /ECONNREFUSED/)
})

test('a start that fails rejects with what was printed', async () => {
  await assert.rejects(
    startShellac({ nodeArgs, config: 'broken' }),
    /ended \(1\) before ready:\nshellac.conf:1:1: error: broken/,
  )
  const launched = await launchShellac({ nodeArgs, config: 'broken' })
  assert.equal(await launched.process.waitForExit(), 1)
})
