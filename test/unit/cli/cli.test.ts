import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CommandTable } from '../../../src/admin/commands.ts'
import { AdminServer } from '../../../src/admin/server.ts'
import { runCli } from '../../../src/cli/cli.ts'
import { commands } from '../../../src/cli/commands.ts'
import { optionTable } from '../../../src/cli/options.ts'
import { adminCommands } from '../../../src/daemon/admin-commands.ts'
import { exitCodes } from '../../../src/daemon/exit-codes.ts'
import type { ReloadResult } from '../../../src/daemon/reloader.ts'
import type { DaemonStats, DaemonStatus } from '../../../src/daemon/status.ts'
import { createCounters, sumCounters } from '../../../src/log/counters.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { tempDir } from '../../support/temp.ts'

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function shellac(args: readonly string[], input = ''): Promise<Outcome> {
  let out = ''
  let err = ''
  const code = await runCli(args, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    readInput: () => input,
    color: false,
  })
  return { code, out, err }
}

const GOOD = `shellac 1;

listener web { address 127.0.0.1:8000; }

backend app { server a 127.0.0.1:8080; }

site * { proxy app; }
`

function writeConfig(text: string): string {
  const file = join(tempDir(), 'shellac.conf')
  writeFileSync(file, text)
  return file
}

test('help names every command, option and exit code', async () => {
  for (const args of [['help'], ['--help'], ['-h']]) {
    const { code, out } = await shellac(args)
    assert.equal(code, 0)
    for (const { name } of [...commands, ...optionTable]) assert.ok(out.includes(name), name)
    for (const { doc } of exitCodes) assert.ok(out.includes(doc), doc)
  }
})

test('help on a command and on a word of the language', async () => {
  assert.match((await shellac(['help', 'fmt'])).out, /^usage: shellac fmt \[FILE\.\.\.\]\n/)
  assert.match((await shellac(['check', '--help'])).out, /^usage: shellac check \[FILE\]\n/)
  assert.match((await shellac(['help', 'proxy_pass'])).out, /proxy BACKEND;/)
  assert.match((await shellac(['help', 'purge'])).out, /^usage: shellac purge [\s\S]*\npurge \{ \.\.\. \}\n/)
})

test('version is the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  for (const args of [['version'], ['--version'], ['-V']])
    assert.equal((await shellac(args)).out, `shellac ${version} (node ${process.versions.node})\n`)
})

test('usage errors are exit code 2 and suggest', async () => {
  const cases: [string[], RegExp][] = [
    [['chekc'], /unknown command "chekc"; did you mean "check"\?/],
    [['version', '--json'], /"shellac version" has no option "--json"/],
    [['check', 'a', 'b'], /does not know what to do with "b"/],
    [['config'], /the config command is "shellac config show"/],
    [['fmt', '--check', '--write', 'x'], /--check or --write, not both/],
    [['--origin', 'a:1', '-c', 'x'], /a configuration of its own/],
    [['--listen', '*:80', '-c', 'x'], /--listen goes with --origin/],
    [['-c', writeConfig(GOOD), '--workers', 'many'], /--workers wants a number from 1 to 256, or "auto", not "many"/],
  ]
  for (const [args, message] of cases) {
    const { code, err } = await shellac(args)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, message)
  }
})

test('check: nothing to say, diagnostics, JSON', async () => {
  const good = writeConfig(GOOD)
  assert.deepEqual(await shellac(['check', good]), { code: 0, out: `${good}: no problems\n`, err: '' })
  assert.deepEqual(await shellac(['-c', good, 'check']), { code: 0, out: `${good}: no problems\n`, err: '' })
  const bad = writeConfig(`${GOOD}listenr x { address *:80; }\n`)
  const { code, err } = await shellac(['check', bad])
  assert.equal(code, 1)
  assert.match(err, /:8:1: error: unknown directive "listenr".*\[unknown-directive\]/)
  assert.match(err, /did you mean "listener"\?/)
  const json = await shellac(['check', '--json', bad])
  assert.equal(json.code, 1)
  assert.equal(JSON.parse(json.out)[0].code, 'unknown-directive')
  assert.equal((await shellac(['check', '/no/such/file'])).code, 1)
})

test('routes and config show speak of the configuration, the quick start too', async () => {
  assert.match((await shellac(['routes', writeConfig(GOOD)])).out, /\/\*\*/)
  assert.match((await shellac(['config', 'show', '--origin', 'localhost:8080'])).out, /server origin1 localhost:8080;/)
  assert.equal((await shellac(['config', 'show', '-c', writeConfig(GOOD)])).out, GOOD)
})

test('fmt prints, checks, and rewrites in place through links, keeping the mode', async () => {
  const untidy = 'shellac 1;\nlistener web {\n address *:80;  # here\n}\n'
  const tidy = 'shellac 1;\nlistener web {\n    address *:80; # here\n}\n'
  assert.deepEqual(await shellac(['fmt', '-'], untidy), { code: 0, out: tidy, err: '' })
  const dir = tempDir()
  mkdirSync(join(dir, 'real'))
  const file = join(dir, 'real', 'a.conf')
  writeFileSync(file, untidy)
  chmodSync(file, 0o640)
  symlinkSync(join('real', 'a.conf'), join(dir, 'link.conf'))
  const link = join(dir, 'link.conf')
  assert.deepEqual(await shellac(['fmt', '--check', link]), { code: 1, out: `${link}\n`, err: '' })
  assert.equal((await shellac(['fmt', '--write', link])).code, 0)
  assert.equal(readFileSync(file, 'utf8'), tidy)
  assert.equal(statSync(file).mode & 0o777, 0o640)
  assert.deepEqual(await shellac(['fmt', '--check', link]), { code: 0, out: '', err: '' })
  const broken = writeConfig('shellac 1;\nlistener {\n')
  const { code, err } = await shellac(['fmt', '--write', broken])
  assert.equal(code, 1)
  assert.match(err, /error:/)
  assert.equal(readFileSync(broken, 'utf8'), 'shellac 1;\nlistener {\n')
})

const status: DaemonStatus = {
  version: '1.0.0',
  pid: 4711,
  state: 'serving',
  uptimeSec: 3700,
  generation: 3,
  configuration: '/etc/shellac/shellac.conf',
  lastReload: null,
  rssBytes: 100 << 20,
  connections: 12,
  workerRestarts: 1,
  workers: [{ worker: 0, state: 'serving', generation: 3, connections: 12, heapUsedBytes: 8 << 20 }],
  listeners: [{ kind: 'listener', name: 'web', addresses: ['*:80'] }],
  caches: [],
  backends: [],
  pools: [],
  memcachedProxies: [],
  certificates: [],
  tlsSessions: [],
}
const reloaded: ReloadResult = {
  ok: true,
  cause: 'command',
  generation: 4,
  summary: 'listeners +more; 3 kept',
  diagnostics: '',
  configErrors: 0,
  atMs: 0,
  durationMs: 5,
}

/** A socket that answers as a daemon would, and a configuration that names it. */
async function fakeDaemon(reload: ReloadResult): Promise<{ file: string; socket: string; stops: () => number }> {
  const socket = join(tempDir(), 'admin.sock')
  let stops = 0
  const stats: DaemonStats = {
    uptimeSec: 5,
    ...sumCounters(createCounters(1)),
    caches: [],
    pools: [],
    memcachedProxies: [],
    certificates: [],
    tlsSessions: [],
  }
  const actions = {
    status: () => Promise.resolve(status),
    stats: () => ({ ...stats, counters: { ...stats.counters, hits: 7 } }),
    reload: () => Promise.resolve(reload),
    diff: () => Promise.resolve(reload),
    purge: () => Promise.resolve(undefined),
    reopenLogs: () => Promise.resolve(),
    pools: () => [],
    poolRing: () => [],
    poolDrain: () => Promise.resolve(undefined),
    object: () => Promise.reject(new Error('not asked here')),
    stop: () => {
      stops++
    },
  }
  const server = await AdminServer.open(socket, 0o600, new CommandTable(adminCommands(actions)))
  onTestEnd(() => server.close())
  const file = writeConfig(`${GOOD}\nadmin { listen unix:${socket}; }\n`)
  return { file, socket, stops: () => stops }
}

test('status, stats and stop ask the daemon of the configuration', async () => {
  const { file, socket, stops } = await fakeDaemon(reloaded)
  const shown = await shellac(['-c', file, 'status'])
  assert.equal(shown.code, 0)
  assert.match(shown.out, /^shellac 1\.0\.0, process 4711, serving for 1h 1m\n/)
  assert.match(shown.out, /web +\*:80/)
  assert.deepEqual(JSON.parse((await shellac(['--socket', socket, 'status', '--json'])).out), status)
  const stats = await shellac(['-c', file, 'stats'])
  assert.match(stats.out, /hits +7 {2}answers from the cache while fresh/)
  assert.doesNotMatch(stats.out, /misses/)
  assert.equal((await shellac(['-c', file, 'stop'])).code, 0)
  assert.equal(stops(), 1)
  assert.equal((await shellac(['-c', file, 'reopen-logs'])).code, 0)
})

test('reload prints what changed, or the diagnostics and why nothing did', async () => {
  const good = await fakeDaemon(reloaded)
  assert.deepEqual(await shellac(['-c', good.file, 'reload']), {
    code: 0,
    out: 'generation 4 is live: listeners +more; 3 kept\n',
    err: '',
  })
  const diagnostics = 'a.conf:1:1: error: x [y]\n'
  const bad = await fakeDaemon({ ...reloaded, ok: false, summary: 'the old one stays', diagnostics, configErrors: 1 })
  assert.deepEqual(await shellac(['-c', bad.file, 'reload']), {
    code: 1,
    out: '',
    err: `${diagnostics}shellac: not reloaded: the old one stays\n`,
  })
  const port = await fakeDaemon({ ...reloaded, ok: false, summary: 'cannot listen' })
  assert.equal((await shellac(['-c', port.file, 'reload'])).code, 5)
})

test('a configuration with errors still names the socket of its daemon', async () => {
  const { socket } = await fakeDaemon(reloaded)
  const broken = writeConfig(`${GOOD}\nadmin { listen unix:${socket}; }\nlistenr x { address *:80; }\n`)
  assert.equal((await shellac(['-c', broken, 'status'])).code, 0)
})

test('no daemon is exit code 3, no socket in the configuration is a usage error', async () => {
  const socket = join(tempDir(), 'none.sock')
  const nobody = await shellac(['--socket', socket, 'status'])
  assert.equal(nobody.code, 3)
  assert.match(nobody.err, /no daemon to talk to: there is no admin socket/)
  const silent = await shellac(['-c', writeConfig(GOOD), 'status'])
  assert.equal(silent.code, 2)
  assert.match(silent.err, /opens no admin socket; add "admin \{ listen unix:/)
})

test('purge refuses what does not go together before it asks the daemon', async () => {
  const wrong: [args: string[], says: RegExp][] = [
    [['--all', 'http://a/'], /--all purges everything, not only "http:\/\/a\/"/],
    [['--tag', '--glob', 'x'], /--glob and --tag do not go together/],
    [['--hard', '--soft', '--all'], /--hard and --soft do not go together/],
    [['--tag'], /name a tag to purge, or give --all/],
    [[], /name a URL to purge, or give --all/],
    [['--tag', 'x'.repeat(60_000)], /too much for one purge/],
  ]
  for (const [args, says] of wrong) {
    const { code, err } = await shellac(['purge', ...args])
    assert.equal(code, 2)
    assert.match(err, says)
  }
})
