import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { config } from './daemon-config.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A site that answers with a word, so that one can see which configuration is live. */
function answering(word: string): string {
  return `shellac 1;
reload { debounce 30ms; }
admin { listen unix:%dir%/admin.sock; }
listener web { address %listen%; }
site * { route all { path /**; respond 200 "${word}"; } }
`
}

async function bodyOf(shellac: Daemon): Promise<string> {
  return (await exchange(shellac.port, GET)).body.toString()
}

function waitForBody(shellac: Daemon, body: string): Promise<unknown> {
  return waitFor(`the answer ${body}`, async () => (await bodyOf(shellac)) === body)
}

test('a saved file is live at once; a broken one changes nothing and is told with its caret', async () => {
  const shellac = await startShellac({ config: answering('one') })
  await shellac.writeConfig(answering('two'))
  await waitForBody(shellac, 'two')
  await shellac.writeConfig(`${answering('three')}listenr x { address *:80; }\n`)
  const failed = await shellac.waitForLog('reload failed')
  assert.match(String(failed.diagnostics), /error: unknown directive "listenr"[\s\S]*\^\^\^\^\^\^\^/)
  assert.equal(await bodyOf(shellac), 'two')
  await shellac.writeConfig(answering('four'))
  await waitForBody(shellac, 'four')
})

test('SIGHUP reloads where files are not watched', async () => {
  const unwatched = (word: string) => answering(word).replace('debounce 30ms', 'watch off')
  const shellac = await startShellac({ config: unwatched('one') })
  await shellac.writeConfig(unwatched('two'))
  assert.equal(await bodyOf(shellac), 'one')
  shellac.process.kill('SIGHUP')
  await waitForBody(shellac, 'two')
})

test('shellac reload prints what changed, or the diagnostics with exit code 1', async () => {
  const quiet = (word: string) => answering(word).replace('debounce 30ms', 'watch off')
  const shellac = await startShellac({ config: quiet('one') })
  await shellac.writeConfig(`${quiet('two')}listener more { address %listen:more%; }\n`)
  const good = await shellac.command('reload')
  assert.equal(good.code, 0, good.stderr)
  assert.match(good.stdout, /generation 2 is live: listeners \+more; sites ~/)
  assert.equal((await exchange(shellac.portOf('more'), GET)).body.toString(), 'two')
  await shellac.writeConfig(`${quiet('three')}listenr x;\n`)
  const bad = await shellac.command('reload')
  assert.equal(bad.code, 1)
  assert.match(bad.stderr, /unknown directive "listenr"/)
  assert.match(bad.stderr, /not reloaded: 1 error in the configuration; the old one stays/)
  assert.equal(await bodyOf(shellac), 'two')
})

test('shellac diff tells what a reload would change, and changes nothing', async () => {
  const quiet = (word: string) => answering(word).replace('debounce 30ms', 'watch off')
  const shellac = await startShellac({ config: quiet('one') })
  assert.deepEqual(await shellac.command('diff'), {
    code: 0,
    stdout: 'no object changed; 2 kept\n',
    stderr: '',
  })
  await shellac.writeConfig(`${quiet('two')}listener more { address %listen:more%; }\n`)
  const changed = await shellac.command('diff')
  assert.equal(changed.code, 0, changed.stderr)
  assert.equal(changed.stdout, 'listeners +more; sites ~*; 1 kept\n')
  assert.equal(await bodyOf(shellac), 'one')
  await assert.rejects(connectClient(shellac.portOf('more')))
  await shellac.writeConfig(`${quiet('three')}listenr x;\n`)
  const broken = await shellac.command('diff')
  assert.deepEqual([broken.code, broken.stdout], [1, ''])
  assert.match(broken.stderr, /unknown directive "listenr"/)
})

test('an editor that renames, an include that appears, links that are swapped', async () => {
  const shellac = await startShellac({
    config: answering('one').replace('site *', 'include sites/*.conf;\nsite *'),
    files: { 'sites/readme': '' },
  })
  const file = shellac.configFile!
  writeFileSync(`${file}.new`, (await textOf(shellac)).replace('"one"', '"two"'))
  renameSync(`${file}.new`, file)
  await waitForBody(shellac, 'two')
  writeFileSync(join(shellac.dir, 'sites', 'a.conf'), 'site a { route all { path /**; respond 200 "included"; } }\n')
  await waitForBody(shellac, 'included')

  const text = (await textOf(shellac)).replace('include sites/*.conf;', '')
  for (const word of ['linked', 'swapped']) {
    mkdirSync(join(shellac.dir, `..${word}`))
    writeFileSync(join(shellac.dir, `..${word}`, 'shellac.conf'), text.replace('"two"', `"${word}"`))
  }
  symlinkSync('..linked', join(shellac.dir, '..data'))
  symlinkSync('..data/shellac.conf', `${file}.link`)
  renameSync(`${file}.link`, file)
  await waitForBody(shellac, 'linked')
  symlinkSync('..swapped', join(shellac.dir, '..data_tmp'))
  renameSync(join(shellac.dir, '..data_tmp'), join(shellac.dir, '..data'))
  await waitForBody(shellac, 'swapped')
})

test('the cache and open connections outlive a reload, a request in flight ends on its own', async () => {
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const origin = await startOrigin(async (request) => {
    if (request.target === '/slow') await held
    return ok('from origin', 'Cache-Control: max-age=60')
  })
  const shellac = await startShellac({ config: config(origin.port) })
  const client = await connectClient(shellac.port)
  await client.get('/a')
  const slow = await connectClient(shellac.port)
  const answer = slow.get('/slow')
  await waitFor('the slow request', () => origin.requests.length === 2)

  await shellac.reload(config(origin.port, 'listener more { address %listen:more%; }\n'))
  const hit = await client.get('/a')
  assert.match(hit.fields.get('cache-status') ?? '', /hit/)
  release()
  assert.equal((await answer).body.toString(), 'from origin')
  assert.equal(origin.requests.length, 2)

  await shellac.reload(config(origin.port))
  await assert.rejects(connectClient(shellac.portOf('more')))
  assert.match((await client.get('/a')).fields.get('cache-status') ?? '', /hit/)
})

async function textOf(shellac: Daemon): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  return readFile(shellac.configFile!, 'utf8')
}
