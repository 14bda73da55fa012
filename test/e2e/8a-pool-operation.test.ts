/** Memcached pools while the daemon runs: reloads, drains, what commands and statistics say; before real servers. */
import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DaemonStats, DaemonStatus } from '../../src/daemon/status.ts'
import type { KeyOwner } from '../../src/memcached/key-owner.ts'
import { reload, statsOf, statusOf } from '../support/admin.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { type Conversation, connectMemcached, startMemcached, type TestMemcached } from '../support/memcached.ts'
import { startSaslMemcached } from '../support/sasl-memcached.ts'
import { exchange } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const KEYS = Array.from({ length: 300 }, (_, index) => `key:${index}:${(index * 7919) % 1000}`)

type Servers = Readonly<Record<string, TestMemcached>>

/** A proxy before these servers; `more` stands in its block, `rest` at the top level. */
function configOf(servers: Servers, { more = '', pool = '', rest = '' } = {}): string {
  const lines = Object.entries(servers).map(([name, server]) => `server ${name} ${server.text};`)
  return `shellac 1;
    process { workers 2; drain 200ms; }
    reload { watch off; }
    admin { listen unix:%dir%/admin.sock; }
    memcached edge { ${lines.join(' ')} timeout 2s; ${pool} }
    memcached-proxy local { listen %listen%; pool edge; ${more} }
    ${rest}`
}

const proxyOf = (shellac: Daemon): Promise<Conversation> => connectMemcached({ port: shellac.port, host: '127.0.0.1' })

async function setAll(client: Conversation, keys: readonly string[]): Promise<void> {
  client.send(keys.map((key) => `set ${key} 0 0 ${key.length}\r\n${key}\r\n`).join(''))
  for (const key of keys) assert.equal(await client.line(), 'STORED', key)
}

/** Those of the keys that are found. */
async function found(client: Conversation, keys: readonly string[]): Promise<readonly string[]> {
  client.send(`get ${keys.join(' ')}\r\n`)
  const hits: string[] = []
  for (let line = await client.line(); line !== 'END'; line = await client.line()) {
    hits.push(line.split(' ')[1]!)
    assert.equal(await client.line(), hits.at(-1))
  }
  return hits
}

/** Connections that memcached has accepted since its start, the one of this question among them. */
async function accepted(server: TestMemcached): Promise<number> {
  return Number(await server.stat('total_connections'))
}

test('a reload that adds a server leaves the connections to the others, and says what share of the keys moved', async () => {
  const [mc1, mc2, mc3, mc4] = await Promise.all([1, 2, 3, 4].map(() => startMemcached()))
  const before = { mc1: mc1!, mc2: mc2!, mc3: mc3! }
  const idle = await Promise.all([mc1!, mc4!].map((server) => server.stat('curr_connections')))
  const shellac = await startShellac({ config: configOf(before, { pool: 'preconnect;' }) })
  const client = await proxyOf(shellac)
  await setAll(client, KEYS)
  assert.equal((await found(client, KEYS)).length, KEYS.length)
  for (const server of Object.values(before)) {
    await waitFor('two workers', async () => Number(await server.stat('curr_connections')) === Number(idle[0]) + 2)
  }
  const counts = await Promise.all(Object.values(before).map(accepted))

  await shellac.writeConfig(configOf({ ...before, mc4: mc4! }, { pool: 'preconnect;' }))
  const preview = await shellac.command('diff')
  assert.match(preview.stdout, /; memcached edge: server mc4 added, 2\d\.\d % of the keys move\n$/)
  const { ok: isLive, summary } = await reload(shellac)
  assert.equal(isLive, true)
  assert.match(summary, /^memcached ~edge; 1 kept; memcached edge: server mc4 added, 2\d\.\d % of the keys moved$/)

  const kept = await found(client, KEYS)
  assert.ok(kept.length > KEYS.length * 0.6 && kept.length < KEYS.length * 0.9, `${kept.length} of ${KEYS.length} stay`)
  const after = await Promise.all(Object.values(before).map(accepted))
  assert.deepEqual(
    after,
    counts.map((count) => count + 1),
  )
  assert.ok(Number(await mc4!.stat('cmd_get')) > 0)

  await shellac.reload(configOf(before))
  await waitFor('the server that is gone to be left', async () => (await mc4!.stat('curr_connections')) === idle[1])
  assert.deepEqual(await found(client, KEYS), KEYS)
})

test('a reload under load answers every request of every client', async () => {
  const [mc1, mc2, mc3] = await Promise.all([1, 2, 3].map(() => startMemcached()))
  const two = { mc1: mc1!, mc2: mc2! }
  const three = { ...two, mc3: mc3! }
  const shellac = await startShellac({ config: configOf(two) })
  const clients = await Promise.all(Array.from({ length: 8 }, () => proxyOf(shellac)))
  let isOver = false
  let rounds = 0
  const load = clients.map(async (client, number) => {
    while (!isOver) {
      const keys = KEYS.slice(0, 20).map((key) => `${number}:${key}`)
      await setAll(client, keys)
      rounds++
    }
  })
  for (let round = 0; round < 6; round++) {
    const seen = rounds
    await shellac.writeConfig(configOf(round % 2 === 0 ? three : two, { pool: `max-backlog ${16 + round}MiB;` }))
    assert.equal((await reload(shellac)).ok, true)
    await waitFor('requests of this generation', () => rounds > seen + 8)
  }
  isOver = true
  await Promise.all(load)
  const { memcachedProxies } = await statsOf(shellac)
  assert.equal(memcachedProxies[0]!.tallies.forwardError, 0)
  assert.equal(memcachedProxies[0]!.tallies.accepted, 8)
})

test('many reloads leave no connection and no descriptor behind', async () => {
  const [mc1, mc2, mc3] = await Promise.all([1, 2, 3].map(() => startMemcached()))
  const two = { mc1: mc1!, mc2: mc2! }
  const three = { ...two, mc3: mc3! }
  const idle = await mc3!.stat('curr_connections')
  const shellac = await startShellac({ config: configOf(three) })
  const client = await proxyOf(shellac)
  // Each generation is used, so that its pools connect; then the first one is as open as the last.
  const use = async (servers: Servers): Promise<void> => {
    await shellac.writeConfig(configOf(servers))
    assert.equal((await reload(shellac)).ok, true)
    for (let round = 0; round < 2; round++) await setAll(client, KEYS.slice(0, 50))
  }
  await use(three)
  await use(two)
  await waitFor('what the first generations had to end', async () => (await mc3!.stat('curr_connections')) === idle)
  const [files, connections] = [shellac.openFiles(), await mc1!.stat('curr_connections')]
  for (let round = 0; round < 15; round++) {
    await use(three)
    await use(two)
  }
  await waitFor('what the later ones had to end', async () => (await mc3!.stat('curr_connections')) === idle)
  await waitFor('as many descriptors as before', () => shellac.openFiles() <= files)
  assert.equal(await mc1!.stat('curr_connections'), connections)
  const { pools } = await statusOf(shellac)
  const open = pools[0]!.servers.map(({ use: { serverConnections } }) => serverConnections)
  assert.ok(
    open.every((count) => count <= 2),
    `${open} connections of two workers`,
  )
})

test('a reload that is refused leaves pool, proxy and their clients as they were', async () => {
  const [mc1, mc2] = await Promise.all([startMemcached(), startMemcached()])
  const shellac = await startShellac({ config: configOf({ mc1 }) })
  const client = await proxyOf(shellac)
  await setAll(client, KEYS)
  const count = await accepted(mc1)
  const other = createServer()
  onTestEnd(() => void other.close())
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  await shellac.writeConfig(configOf({ mc1, mc2 }, { more: `stats 127.0.0.1:${port};` }))
  const refused = await reload(shellac)
  assert.equal(refused.ok, false)
  assert.match(refused.summary, new RegExp(`cannot listen on 127.0.0.1:${port} \\(memcached-proxy "local", .*:6\\)`))
  assert.deepEqual(await found(client, KEYS), KEYS)
  assert.equal(await accepted(mc1), count + 1)
  assert.equal((await statusOf(shellac)).generation, 1)
})

test('a drained server gets no more keys, also after a reload, until it is undrained', async () => {
  const [mc1, mc2] = await Promise.all([startMemcached(), startMemcached()])
  const servers = { mc1, mc2 }
  const shellac = await startShellac({ config: configOf(servers) })
  const client = await proxyOf(shellac)
  await setAll(client, KEYS)
  const [held1, held2] = await Promise.all([mc1, mc2].map(async (server) => Number(await server.stat('curr_items'))))
  assert.ok(held1! > 0 && held2! > 0)

  const drained = await shellac.command('pool', 'drain', 'mc2')
  assert.match(drained.stdout, /^server mc2 of pool edge is drained: \d+\.\d% of the keys go to the others/)
  await waitFor('both workers to see it', async () => (await found(client, KEYS)).length < KEYS.length)
  await setAll(client, KEYS)
  const sets = await mc2.stat('cmd_set')
  assert.ok(Number(await mc1.stat('curr_items')) >= KEYS.length)

  await shellac.reload(configOf(servers, { pool: 'eject off;' }))
  await shellac.reload(configOf({ mc2, mc1 }, { pool: 'eject off;' }))
  await setAll(client, KEYS)
  assert.equal(await mc2.stat('cmd_set'), sets)
  const status = (await shellac.command('status')).stdout
  assert.match(status, /^edge +mc2 +127\.0\.0\.1:\d+ +drained +1 +0\.0% /m)

  assert.equal((await shellac.command('pool', 'undrain', mc2.text)).code, 0)
  await waitFor('its keys', async () => {
    await setAll(client, KEYS)
    return Number(await mc2.stat('cmd_set')) > Number(sets) + 1
  })
})

test('who owns a key is told as the proxy has it, with and without the daemon', async () => {
  const [mc1, mc2, mc3] = await Promise.all([1, 2, 3].map(() => startMemcached()))
  const servers = { mc1: mc1!, mc2: mc2!, mc3: mc3! }
  const shellac = await startShellac({ config: configOf(servers, { pool: 'hash-tag "{}";' }) })
  const keys = ['user:{17}:name', 'user:{18}:name', ...KEYS.slice(0, 20)]
  const client = await proxyOf(shellac)
  await setAll(client, keys)
  const asked = await shellac.command('pool', 'ring', '--json', ...keys)
  const owners = JSON.parse(asked.stdout) as KeyOwner[]
  for (const { key, owner } of owners) {
    const answer = await servers[owner as keyof typeof servers].ask(`mg ${key} v\r\n`, /\r\n/)
    assert.match(answer, /^VA /, `${owner} has ${key}`)
  }
  await shellac.stop()
  const alone = await shellac.command('pool', 'ring', '--json', ...keys)
  assert.deepEqual(JSON.parse(alone.stdout), owners)
})

test('status and stats tell of pools, proxies, commands and latencies', async () => {
  const [mc1, mc2] = await Promise.all([startMemcached(), startMemcached()])
  const shellac = await startShellac({ config: configOf({ mc1, mc2 }, { more: 'stats %listen:stats%;' }) })
  const client = await proxyOf(shellac)
  await setAll(client, KEYS)
  await found(client, KEYS)
  const status: DaemonStatus = await statusOf(shellac)
  assert.deepEqual(
    status.listeners.map(({ kind, name, addresses }) => [kind, name, addresses.length]),
    [['memcached-proxy', 'local', 2]],
  )
  assert.equal(status.connections, 1)
  const stats: DaemonStats = await statsOf(shellac)
  const [proxy] = stats.memcachedProxies
  assert.equal(proxy!.tallies.clientConnections, 1)
  const counts = Object.fromEntries(proxy!.commands.map(({ name, count }) => [name, count]))
  assert.deepEqual(counts, { get: 1, set: KEYS.length })
  for (const command of proxy!.commands) assert.ok(command.p99Ms! >= command.p50Ms! && command.p50Ms! > 0)
  const [pool] = stats.pools
  const responses = pool!.servers.reduce((sum, { use }) => sum + use.responses, 0)
  // Each set, and of the one get what each server has of its keys.
  assert.equal(responses, KEYS.length + 2)
  for (const server of pool!.servers) assert.ok(server.p99Ms! >= server.p50Ms! && server.share > 0.2)
  const shown = (await shellac.command('stats')).stdout
  assert.match(shown, /^local +set +300 +[\d.]+ ms +[\d.]+ ms$/m)
  const twemproxy = await connectMemcached({ port: shellac.portOf('stats'), host: '127.0.0.1' })
  const json = JSON.parse(await twemproxy.readUntil(/\n$/))
  assert.equal(json.edge.client_connections, 1)
  assert.equal(json.edge.mc1.requests + json.edge.mc2.requests, KEYS.length + 2)
})

test('a unix socket of a proxy is served again when its worker died, and a dead worker has nothing open', async () => {
  const mc1 = await startMemcached()
  const shellac = await startShellac({
    config: configOf({ mc1 }, { more: 'listen unix:%dir%/mc.sock mode 0600;' }),
    nodeArgs: ['--import', fileURLToPath(new URL('./daemon-crash-hook.ts', import.meta.url))],
    env: { CRASH_FILE: '%dir%/crash' },
  })
  const path = join(shellac.dir, 'mc.sock')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await setAll(await connectMemcached({ path }), ['a'])
  assert.equal((await statsOf(shellac)).memcachedProxies[0]!.tallies.clientConnections, 1)
  writeFileSync(join(shellac.dir, 'crash'), '0')
  await shellac.waitForLog('worker replaced')
  assert.deepEqual(await found(await connectMemcached({ path }), ['a']), ['a'])
  const { pools, memcachedProxies } = await statsOf(shellac)
  assert.equal(memcachedProxies[0]!.tallies.clientConnections, 1)
  assert.equal(pools[0]!.servers[0]!.use.serverConnections, 1)
})

test('explain tells under which key, and on which server, a pool keeps a page', async () => {
  const servers = await Promise.all([1, 2, 3].map(() => startMemcached()))
  const origin = await startOrigin(() => ok('page', 'Cache-Control: max-age=60'))
  const shellac = await startShellac({
    config: `shellac 1;
    listener web { address %listen%; }
    backend app { server a 127.0.0.1:${origin.port}; }
    memcached edge { ${servers.map(({ text }, index) => `server mc${index} ${text};`).join(' ')} timeout 2s; }
    cache pages { tier memory 8MiB; tier memcached edge; }
    site * { proxy app; use-cache pages; }`,
  })
  await exchange(shellac.port, GET)
  const { stdout } = await shellac.command('explain', '--json', `http://a:${shellac.port}/a`)
  const asked = await shellac.command('explain', 'http://a/a')
  const { pool } = JSON.parse((await shellac.command('explain', '--json', 'http://a/a')).stdout)
  assert.notDeepEqual(JSON.parse(stdout).pool.key, pool.key)
  assert.match(asked.stdout, new RegExp(`^pool {6}edge: ${pool.key} on ${pool.server}$`, 'm'))
  const server = servers[Number(pool.server.slice(2))]!
  await waitFor('the page in the pool', async () => /^VA /.test(await server.ask(`mg ${pool.key} v\r\n`, /\r\n/)))
})

test('the password of a pool is used, and shown by nothing that shows anything', async () => {
  const password = 'open-sesame-4711'
  const server = await startSaslMemcached('shop', password)
  const origin = await startOrigin(() => ok(`page ${origin.requests.length}`, 'Cache-Control: max-age=60'))
  const config = (hash: string) => `shellac 1;
    process { workers 1; }
    reload { watch off; }
    admin { listen unix:%dir%/admin.sock; }
    log daemon { to stderr; level debug; }
    listener web { address %listen%; }
    backend app { server a 127.0.0.1:${origin.port}; }
    memcached edge { server mc1 ${server.text}; timeout 2s; hash ${hash}; auth sasl shop \${file:%dir%/password}; }
    cache pages { tier memcached edge; }
    site * { proxy app; use-cache pages; cache-status full; }`
  const shellac = await startShellac({ config: config('murmur'), files: { password: `${password}\n` } })
  const first = await exchange(shellac.port, GET)
  assert.equal(first.body.toString(), 'page 1')
  await waitFor('the page in the pool', async () => {
    return (await exchange(shellac.port, GET)).fields.get('cache-status')?.includes('hit') === true
  })
  await shellac.writeConfig(config('md5'))
  const shown = []
  const commands = ['check', 'diff', 'reload', 'config show', 'stats', 'pool stats', 'explain http://a/']
  for (const command of [...commands, 'status --json', 'stats --json', 'pool stats --json']) {
    const { code, stdout, stderr } = await shellac.command(...command.split(' '))
    assert.equal(code, 0, `${command}: ${stderr}`)
    shown.push(stdout, stderr)
  }
  // A password that the server refuses is no reason to show it either.
  writeFileSync(join(shellac.dir, 'password'), `wrong-${password}`)
  await shellac.reload()
  await exchange(shellac.port, GET.replace('/a', '/b'))
  shown.push((await shellac.command('pool', 'stats', '--json')).stdout)
  const text = [...shown, ...shellac.process.lines, first.fields.get('cache-status')].join('\n')
  assert.match(text, /memcached edge/)
  assert.doesNotMatch(text, new RegExp(password))
})
