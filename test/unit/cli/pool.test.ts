/** `shellac pool`, asked of a daemon's admin socket and, for the ring, of a file alone. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type AdminCommand, CommandTable } from '../../../src/admin/commands.ts'
import { AdminServer } from '../../../src/admin/server.ts'
import { runCli } from '../../../src/cli/cli.ts'
import { realFileAccess } from '../../../src/config/file-access.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { findKeys, reportPools, runDrain } from '../../../src/daemon/pool-commands.ts'
import { SharedStateFactory } from '../../../src/daemon/shared-state.ts'
import { PoolSet } from '../../../src/memcached/pool-set.ts'
import { MAIN_THREAD, PoolState, Use } from '../../../src/memcached/pool-state.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { tempDir } from '../../support/temp.ts'

async function shellac(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const terminal = {
    out: (text: string) => {
      out += text
    },
    err: (text: string) => {
      err += text
    },
    readInput: () => '',
    color: false,
  }
  return { code: await runCli(args, terminal), out, err }
}

const POOLS = `shellac 1;
memcached edge { server mc1 127.0.0.1:1; server mc2 127.0.0.1:2; server mc3 127.0.0.1:3 weight 2; hash-tag "{}"; }
memcached spare { server 127.0.0.1:4; }
memcached-proxy local { listen 127.0.0.1:11211; pool edge; failover spare; }
`

function writeConfig(text: string): string {
  const file = join(tempDir(), 'shellac.conf')
  writeFileSync(file, text)
  return file
}

/** A daemon as far as pools go, with the state it keeps of "edge". */
async function startDaemon(): Promise<{ file: string; edge: PoolState }> {
  const socket = join(tempDir(), 'admin.sock')
  const file = writeConfig(`${POOLS}admin { listen unix:${socket}; }\n`)
  const { plan } = loadConfig({ kind: 'file', path: file }, realFileAccess)
  assert.ok(plan)
  const shared = new SharedStateFactory(1).build(plan, undefined)
  const context = { worker: MAIN_THREAD, log: () => {}, onFault: (error: unknown) => assert.fail(String(error)) }
  const pools = new PoolSet(plan.memcached, shared.pools, context, undefined)
  onTestEnd(() => pools.destroy())
  const live = { plan, shared, pools }
  const commands: AdminCommand[] = [
    { name: 'pools', doc: '', run: (given) => reportPools(given, live) },
    { name: 'pool-ring', doc: '', run: (given) => findKeys(given, live) },
    { name: 'pool-drain', doc: '', run: (given) => runDrain(given, live) },
  ]
  const server = await AdminServer.open(socket, 0o600, new CommandTable(commands))
  onTestEnd(() => server.close())
  return { file, edge: new PoolState(shared.pools.get('edge')!.value) }
}

test('list shows every server, what it owns and how it does', async () => {
  const { file, edge } = await startDaemon()
  edge.eject(1, Date.now(), 30_000)
  edge.useOf(0, 0)[Use.requests] = 1234
  const { code, out } = await shellac('-c', file, 'pool')
  assert.equal(code, 0)
  const [head, ...rows] = out.trimEnd().split('\n')
  assert.match(head!, /^pool +server +address +state +weight +share +open +requests +errors +ejected +p50 +p99$/)
  assert.equal(rows.length, 4)
  assert.match(rows[0]!, /^edge +mc1 +127\.0\.0\.1:1 +live +1 +\d+\.\d% +0 +1234 +0 +0 +- +-$/)
  assert.match(rows[1]!, /^edge +mc2 +127\.0\.0\.1:2 +ejected \((29|30) s\) +1 +0\.0% +0 +0 +0 +1 +- +-$/)
  assert.match(rows[3]!, /^spare +127\.0\.0\.1:4 +127\.0\.0\.1:4 +live +1 +100\.0% /)
  assert.equal((await shellac('-c', file, 'pool', 'list', '--pool', 'spare')).out.trimEnd().split('\n').length, 2)
})

test('stats shows all counters, and JSON for programs', async () => {
  const { file, edge } = await startDaemon()
  edge.useOf(0, 2)[Use.serverTimedOut] = 7
  const { out } = await shellac('-c', file, 'pool', 'stats', '--pool', 'edge')
  assert.match(out, /^pool edge: ketama over fnv1a_64, hash tag "\{\}"\n/)
  assert.match(out, /^mc3 .* 7$/m)
  const [facts] = JSON.parse((await shellac('-c', file, 'pool', 'stats', '--json', '--pool', 'edge')).out)
  assert.equal(facts.servers[2].use.serverTimedOut, 7)
})

test('ring tells the owner now, and who owns it otherwise', async () => {
  const { file, edge } = await startDaemon()
  const ring = async () =>
    JSON.parse((await shellac('-c', file, 'pool', 'ring', 'a{x}b', '--pool', 'edge', '--json')).out)
  const [{ home, hash }] = await ring()
  edge.setDrained(['mc1', 'mc2', 'mc3'].indexOf(home), true)
  const { code, out } = await shellac('-c', file, 'pool', 'ring', 'a{x}b', '--pool', 'edge')
  assert.equal(code, 0)
  const [{ owner }] = await ring()
  const digits = hash.toString(16).padStart(8, '0')
  assert.match(out, new RegExp(`^a\\{x\\}b +edge +0x${digits} of "x" +${owner} \\(in place of ${home}\\)$`, 'm'))
})

test('without a daemon the ring is that of the file, and says so', async () => {
  const socket = join(tempDir(), 'none.sock')
  const { file } = await startDaemon()
  const asked = await shellac('-c', file, 'pool', 'ring', 'k1', 'k2', '--json')
  for (const config of [writeConfig(POOLS), writeConfig(`${POOLS}admin { listen unix:${socket}; }`)]) {
    const alone = await shellac('-c', config, 'pool', 'ring', 'k1', 'k2', '--json')
    assert.deepEqual([alone.code, alone.out], [0, asked.out])
    assert.match(alone.err, /no daemon answers; this is what the configuration says, with every server live/)
  }
  const wrong = await shellac('-c', writeConfig(POOLS), 'pool', 'ring', 'k', '--pool', 'edg')
  assert.equal(wrong.code, 5)
  assert.match(wrong.err, /there is no pool "edg"; did you mean "edge"\? \[no-pool\]/)
  assert.equal((await shellac('-c', writeConfig('shellac 1; memcached edge { }'), 'pool', 'ring', 'k')).code, 1)
  const named = await shellac('--socket', socket, 'pool', 'ring', 'k')
  assert.equal(named.code, 3)
  assert.match(named.err, /no daemon to talk to/)
})

test('drain and undrain say what becomes of the keys', async () => {
  const { file, edge } = await startDaemon()
  const drained = await shellac('-c', file, 'pool', 'drain', 'mc2')
  assert.equal(drained.code, 0)
  assert.match(
    drained.out,
    /^server mc2 of pool edge is drained: \d+\.\d% of the keys go to the others, also after reloads/,
  )
  assert.equal(edge.isDrained(1), true)
  assert.match((await shellac('-c', file, 'pool', 'list')).out, /mc2 +127\.0\.0\.1:2 +drained /)
  assert.match((await shellac('-c', file, 'pool', 'drain', 'mc2')).out, /was drained already/)
  assert.match((await shellac('-c', file, 'pool', 'undrain', 'mc2')).out, /gets its keys back: .* may be older/)
  assert.equal(edge.isDrained(1), false)
  assert.match(
    (await shellac('-c', file, 'pool', 'drain', '127.0.0.1:4')).out,
    /^server 127\.0\.0\.1:4 of pool spare is drained, and no other one is live: its requests fail/,
  )
  const unknown = await shellac('-c', file, 'pool', 'drain', 'mc22')
  assert.equal(unknown.code, 5)
  assert.match(unknown.err, /there is no server "mc22"; did you mean "mc2"\? \[no-server\]/)
})

test('what makes no sense is told before anybody is asked', async () => {
  const wrong: [args: string[], says: RegExp][] = [
    [['rings', 'k'], /"shellac pool rings" is not known; did you mean "ring"\?/],
    [['constructor'], /"shellac pool constructor" is not known; write one of list, stats, ring, drain, undrain/],
    [['ring'], /name a key: shellac pool ring KEY/],
    [['ring', 'a b'], /"a b" is no key: 1 to 250 bytes without blanks/],
    [['ring', 'k'.repeat(251)], /is no key/],
    [['list', 'edge'], /"shellac pool list" does not know what to do with "edge"/],
    [['drain'], /name the server: shellac pool drain SERVER/],
    [['undrain', 'a', 'b'], /"shellac pool undrain" takes one server, so what is "b"\?/],
  ]
  for (const [args, says] of wrong) {
    const { code, err } = await shellac('-c', writeConfig(POOLS), 'pool', ...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, says)
  }
})
