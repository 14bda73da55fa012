/** Pools that are dead, silent, full, emptied, forgetful or lying: clients see nothing of it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { entryKey, identityOf } from '../../src/cache/tiers/pool/keys.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { type Lie, startLyingMemcached } from '../support/lying-memcached.ts'
import { startMemcached, type TestMemcached } from '../support/memcached.ts'
import { ok, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus } from './caching-site.ts'
import { type Fleet, isPoolHit, type Node, startFleet } from './pool-site.ts'

/** Short bans, so that servers are taken back within a test. */
const POOL = 'timeout 250ms; eject after 3 for 1s;'

/** Of each server. */
async function stateOf(node: Node): Promise<string> {
  const { stdout } = await node.shellac.command('pool', 'stats', '--json')
  const [pool] = JSON.parse(stdout) as [{ servers: readonly { state: string }[] }]
  return pool.servers.map(({ state }) => state).join(' ')
}

/** Asks for `paths`, and wants the right answer to each. */
async function askAll(node: Node, paths: readonly string[]): Promise<void> {
  const client = await node.connect()
  for (const path of paths) {
    const response = await client.get(path)
    assert.equal(response.status, 200)
    assert.equal(response.body.toString(), path)
  }
  client.socket.destroy()
}

let named = 0

/** Paths never asked for before, each answered with itself. */
function freshPaths(fleet: Fleet, count: number): string[] {
  return Array.from({ length: count }, () => {
    const path = `/p${named++}`
    fleet.answer(path, ok(path, 'Cache-Control: max-age=60'))
    return path
  })
}

/** A way to make a server unreachable, and to end that. */
interface Harm {
  readonly begin: (server: TestMemcached) => Promise<void> | void
  readonly end: (server: TestMemcached) => Promise<void> | void
}

function iptables(...args: readonly string[]): boolean {
  return spawnSync('iptables', args, { stdio: 'ignore' }).status === 0
}

const drop = ({ port }: TestMemcached): string[] => ['OUTPUT', '-p', 'tcp', '--dport', `${port}`, '-j', 'DROP']

const harms: Readonly<Record<string, Harm>> = {
  'is killed': { begin: (server) => server.kill(), end: (server) => server.start() },
  'is stopped': { begin: (server) => server.pause(), end: (server) => server.resume() },
  'is cut off': {
    begin: (server) => {
      assert.ok(iptables('-I', ...drop(server)))
      onTestEnd(() => {
        iptables('-D', ...drop(server))
      })
    },
    end: (server) => {
      iptables('-D', ...drop(server))
    },
  },
}

for (const [name, harm] of Object.entries(harms)) {
  const skip = name === 'is cut off' && !iptables('-L', '-n') ? 'needs iptables' : false
  test(`a server that ${name} costs no answer, and is used again when it is back`, {
    skip,
    timeout: 120_000,
  }, async () => {
    const fleet = await startFleet({ nodes: 1, servers: 2, pool: POOL })
    const node = fleet.nodes[0]!
    const known = freshPaths(fleet, 40)
    await askAll(node, known)
    await harm.begin(fleet.servers[0]!)
    await askAll(node, freshPaths(fleet, 100))
    await waitFor('its ejection', async () => (await stateOf(node)).includes('ejected'))
    const errors = await node.count('poolErrors')
    await askAll(node, [...known, ...freshPaths(fleet, 100)])
    assert.equal(await node.count('poolErrors'), errors, 'once it is out it costs nobody anything')
    await harm.end(fleet.servers[0]!)
    await waitFor('its return', async () => (await stateOf(node)) === 'live live')
    const shared = freshPaths(fleet, 40)
    const before = await node.count('poolWrites')
    await askAll(node, shared)
    await node.written(shared.length, before + (await node.count('poolDropped')))
    assert.ok(Number(await fleet.servers[0]!.stat('cmd_set')) > 0)
  })
}

test('a server that slept through a change does not bring back what was changed', { timeout: 120_000 }, async () => {
  const fleet = await startFleet({ nodes: 1, pool: POOL })
  const node = fleet.nodes[0]!
  let version = 'old'
  fleet.answer('/slept', (request) =>
    request.method === 'POST' ? reply(204, '') : ok(version, 'Cache-Control: max-age=600'),
  )
  const before = await node.count('poolWrites')
  await node.get('/slept')
  await node.written(1, before)
  await fleet.servers[0]!.pause()
  await askAll(node, freshPaths(fleet, 20))
  await waitFor('its ejection', async () => (await stateOf(node)) === 'ejected')
  version = 'new'
  await node.get('/slept', ['Content-Length: 0'], 'POST')
  fleet.servers[0]!.resume()
  await waitFor('its return', async () => (await stateOf(node)) === 'live')
  assert.ok(await fleet.find(entryKey(identityOf('main', 'http|test.example|/slept'))), 'the old entry lies there')
  // First by one that knows of the change from nobody but the note on the server.
  const other = await fleet.start()
  assert.equal((await other.get('/slept')).body.toString(), 'new')
  assert.equal((await node.get('/slept')).body.toString(), 'new')
})

test('a pool that is emptied again and again costs no answer', { timeout: 120_000 }, async () => {
  const fleet = await startFleet({ nodes: 2, servers: 2, pool: POOL })
  let isOver = false
  const flushing = (async () => {
    while (!isOver) for (const server of fleet.servers) await server.flush()
  })()
  const paths = freshPaths(fleet, 100)
  for (let time = 0; time < 3; time++) for (const node of fleet.nodes) await askAll(node, paths)
  isOver = true
  await flushing
})

test('a pool that evicts, or takes nothing more, costs no answer', { timeout: 120_000 }, async () => {
  for (const args of [
    ['-m', '2'],
    ['-m', '2', '-M'],
  ]) {
    const fleet = await startFleet({ nodes: 1, tiers: 'tier memcached edge;', pool: 'timeout 5s;', serverArgs: args })
    const node = fleet.nodes[0]!
    const paths = Array.from({ length: 60 }, (_, number) => `/full/${number}`)
    for (const path of paths) fleet.answer(path, ok(path.repeat(8000), 'Cache-Control: max-age=60'))
    for (let time = 0; time < 2; time++) {
      for (const path of paths) assert.ok((await node.get(path)).body.toString() === path.repeat(8000))
    }
    assert.ok((await node.count('poolWrites')) > 0)
    if (args.includes('-M')) assert.ok((await node.count('poolDropped')) > 0)
  }
})

/** A right entry of another object, as a server would give it that mixes up its keys. */
let misplaced: Buffer = Buffer.from('EN\r\n')

const lies: Readonly<Record<string, () => Lie>> = {
  'ends connections': () => 'close',
  'answers nothing': () => 'nothing',
  'answers with noise': () => Buffer.from('\u0000\u00ff\u0016\u0003\u0001 noise\r\n', 'latin1'),
  'answers in HTTP': () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'answers with a line without end': () => Buffer.alloc(5000, 'x'),
  'knows no mg': () => Buffer.from('ERROR\r\n'),
  'is out of order': () => Buffer.from('SERVER_ERROR out of memory\r\n'),
  'says yes without a value': () => Buffer.from('HD\r\n'),
  'announces a length that is none': () => Buffer.from('VA -1\r\n\r\n'),
  'announces more than memory holds': () => Buffer.from('VA 99999999999\r\n'),
  'announces a gigabyte': () => Buffer.from('VA 1073741824\r\nabc'),
  'announces more than it sends': () => Buffer.from('VA 500\r\nabc\r\n'),
  'sends more than it announced': () => Buffer.from('VA 1\r\nabc\r\n'),
  'gives bytes of nobody': () => Buffer.from(`VA 200\r\n${'z'.repeat(200)}\r\n`),
  'gives an empty value': () => Buffer.from('VA 0\r\n\r\n'),
  'says that it has elected us': () => Buffer.from('VA 0 W\r\n\r\n'),
  'says that others are at it': () => Buffer.from('VA 0 Z\r\n\r\n'),
  'gives the entry of another key': () => misplaced,
  'answers twice': () => Buffer.from('EN\r\nEN\r\n'),
}

test('a pool that lies is not believed, in any way that we could think of', { timeout: 240_000 }, async (t) => {
  const real = await startMemcached()
  const liar = await startLyingMemcached(real)
  for (const tiers of ['tier memory 16MiB; tier memcached edge;', 'tier memcached edge;']) {
    const fleet = await startFleet({ nodes: 1, servers: [liar], tiers, pool: 'timeout 200ms; eject off;' })
    const node = fleet.nodes[0]!
    const [first] = freshPaths(fleet, 1)
    await askAll(node, [first!])
    await node.written(1)
    const key = entryKey(identityOf('main', `http|test.example|${first}`))
    misplaced = Buffer.from((await real.ask(`mg ${key} v\r\n`, /\r\n[\s\S]*\r\n$/)).toString(), 'latin1')
    for (const [name, lie] of Object.entries(lies)) {
      await t.test(`${name} (${tiers})`, async () => {
        liar.lie = lie
        const told = liar.told
        await askAll(node, freshPaths(fleet, 3))
        assert.ok(liar.told > told, 'it was asked')
        liar.lie = () => undefined
      })
    }
    await t.test(`is believed when it tells the truth again (${tiers})`, async () => {
      const [path] = freshPaths(fleet, 1)
      await askAll(node, [path!])
      await waitFor('a hit', async () => {
        const other = await fleet.nodes[0]!.get(path!)
        return isPoolHit(other) || cacheStatus(other).includes('hit')
      })
    })
    await node.shellac.stop()
  }
})
