/** Tickets of one daemon, and of several that share their keys over a pool: whoever issued one, all take it. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { statusOf } from '../support/admin.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { startMemcached, type TestMemcached } from '../support/memcached.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import {
  clients,
  type FleetAnswer,
  fleetConfig,
  fleetFiles,
  issuingKey,
  SEAL,
  sessionsOf,
  startFleetNode,
  versions,
} from '../support/tls-fleet.ts'
import { NodeClient, OpensslClient } from '../support/tls-resumption.ts'
import { waitFor } from '../support/wait.ts'

const SHARED = `${SEAL} tickets { store memcached edge; }`
/** Keys change often enough to be waited for, and are accepted for long enough to be sure of. */
const QUICK = `ttl 12s; ${SEAL} tickets { store memcached edge; rotate 4s; accept 3; }`

function pool(...servers: readonly TestMemcached[]): string {
  const all = servers.map((server, index) => `server mc${index} ${server.text};`).join(' ')
  return `memcached edge { ${all} timeout 1s; }`
}

interface Visitor {
  visit(port: number): Promise<{ isReused: boolean; answer: FleetAnswer | undefined }>
}

/** Every visit is answered; whether it resumed a session is returned. */
async function comesBack(client: Visitor, daemon: Daemon): Promise<boolean> {
  const { isReused, answer } = await client.visit(daemon.port)
  assert.deepEqual(answer, { served: true })
  return isReused
}

function isShared(daemon: Daemon): Promise<boolean> {
  return waitFor('a key of the fleet', async () => (await sessionsOf(daemon)).tickets?.isLone === false || undefined)
}

describe('tickets of one daemon', () => {
  for (const version of versions) {
    test(`are taken by each of its workers: ${version}`, async () => {
      const daemon = await startFleetNode({ workers: 3 })
      const client = new NodeClient<FleetAnswer>(version)
      assert.equal(await comesBack(client, daemon), false)
      for (let visit = 0; visit < 12; visit++) assert.equal(await comesBack(client, daemon), true)
      const { name, counters, tickets } = await sessionsOf(daemon)
      assert.deepEqual([name, counters.full, counters.resumed], [null, 1, 12])
      assert.deepEqual([tickets?.isLone, tickets?.reach], [false, null])
    })
  }

  test('outlive a reload', async () => {
    const node = { workers: 2, sessions: '' }
    const daemon = await startFleetNode(node)
    const client = new NodeClient<FleetAnswer>('TLSv1.3')
    await comesBack(client, daemon)
    await daemon.reload(fleetConfig({ ...node, sessions: 'tickets { rotate 6h; }' }))
    assert.equal(await comesBack(client, daemon), true)
  })

  test('outlive a worker', async () => {
    const hook = fileURLToPath(new URL('./daemon-crash-hook.ts', import.meta.url))
    const daemon = await startShellac({
      config: fleetConfig({ workers: 1 }),
      files: fleetFiles(),
      nodeArgs: ['--import', hook],
      env: { CRASH_FILE: '%dir%/crash' },
    })
    const client = new NodeClient<FleetAnswer>('TLSv1.3')
    await comesBack(client, daemon)
    writeFileSync(join(daemon.dir, 'crash'), '0')
    const serves = async (): Promise<boolean> => {
      const { workers, workerRestarts } = await statusOf(daemon)
      return workerRestarts === 1 && workers.every(({ state }) => state === 'serving')
    }
    await waitFor('another worker', serves)
    assert.equal(await comesBack(client, daemon), true)
  })

  test('end with it', async () => {
    const client = new NodeClient<FleetAnswer>('TLSv1.3')
    await comesBack(client, await startFleetNode({}))
    assert.equal(await comesBack(client, await startFleetNode({})), false)
  })
})

describe('tickets that are too old', () => {
  for (const version of versions) {
    test(`are full handshakes: ${version}`, async () => {
      const daemon = await startFleetNode({ sessions: 'ttl 6s;' })
      const client = new OpensslClient<FleetAnswer>(version)
      await client.visit(daemon.port)
      assert.equal((await client.visit(daemon.port, { keep: false })).isReused, true)
      await waitFor('the end of its time', async () => !(await client.visit(daemon.port, { keep: false })).isReused)
      assert.equal((await sessionsOf(daemon)).counters.ticketsRefused, 0, 'the key is good, the session is not')
    })
  }
})

describe('tickets of a fleet', () => {
  for (const version of versions) {
    for (const [name, make] of clients) {
      test(`are taken by every machine, and by those that start later: ${version}, ${name}`, async () => {
        const servers = [await startMemcached(), await startMemcached()]
        const node = { sessions: SHARED, objects: pool(...servers) }
        const [one, two] = [await startFleetNode(node), await startFleetNode(node)]
        const client = make(version)
        assert.equal(await comesBack(client, one), false)
        for (const other of [two, one, two]) {
          await waitFor('the other one to know the key', async () => {
            const keys = (await sessionsOf(other)).tickets?.keys ?? []
            const issuing = [await issuingKey(one), await issuingKey(two)]
            return issuing.every((id) => keys.some((key) => key.id === id)) || undefined
          })
          assert.equal(await comesBack(client, other), true)
        }
        await one.stop()
        const three = await startFleetNode(node)
        await isShared(three) // it may serve before it has looked at the pool
        assert.equal(await comesBack(client, three), true, 'a machine that knew nobody')
        assert.equal(await comesBack(client, two), true, 'with what the new one gave')
      })
    }
  }

  test('move to new keys, while clients come and go', async () => {
    const node = { sessions: QUICK, objects: pool(await startMemcached()) }
    const [one, two] = [await startFleetNode(node), await startFleetNode(node)]
    await isShared(one)
    await isShared(two)
    const visitors = versions.map((version) => new NodeClient<FleetAnswer>(version))
    for (const client of visitors) await comesBack(client, one)
    const keys = new Set<string | undefined>()
    for (let visit = 0; keys.size < 3; visit++) {
      for (const client of visitors) assert.equal(await comesBack(client, visit % 2 === 0 ? two : one), true)
      keys.add(await issuingKey(one))
    }
    const { counters } = await sessionsOf(two)
    assert.ok(counters.ticketsOlder > 0, 'some came with an older one')
    assert.equal(counters.ticketsRefused, 0)
  })

  test('are good while the pool is gone, and shared again when it is back, empty', async () => {
    const server = await startMemcached()
    const node = { sessions: SHARED, objects: pool(server) }
    const [one, two] = [await startFleetNode(node), await startFleetNode(node)]
    await isShared(one)
    await isShared(two)
    const before = await issuingKey(one)
    await server.stop()
    const client = new OpensslClient<FleetAnswer>('TLSv1.3')
    assert.equal(await comesBack(client, one), false)
    for (const other of [two, one, two]) assert.equal(await comesBack(client, other), true)
    for (const node of [one, two])
      await node.waitForLog(/the pool of the ticket keys does not answer: they stay as they are/)
    assert.equal((await sessionsOf(one)).tickets?.reach, 'unreachable')
    await server.start()
    await one.waitForLog('ticket keys are shared over the pool')
    await two.waitForLog('ticket keys are shared over the pool')
    assert.equal(await issuingKey(one), before)
    const three = await startFleetNode(node)
    assert.equal(await comesBack(client, three), true, 'the others have put the keys back')
  })

  test('of a machine that started without the pool are its own until it is there', async () => {
    const server = await startMemcached()
    const node = { sessions: SHARED, objects: pool(server) }
    const one = await startFleetNode(node)
    await isShared(one)
    await server.stop()
    const two = await startFleetNode(node)
    await two.waitForLog(/tickets are issued under a key that no other machine knows/)
    const client = new NodeClient<FleetAnswer>('TLSv1.3')
    assert.equal(await comesBack(client, two), false)
    assert.equal(await comesBack(client, two), true)
    assert.equal(await comesBack(client, one), false, 'a full handshake, and nothing worse')
    await server.start()
    const lone = new NodeClient<FleetAnswer>('TLSv1.3')
    await comesBack(lone, two)
    await isShared(two)
    await waitFor('all keys at the other one', async () => {
      const known = (await sessionsOf(one)).tickets?.keys.map(({ id }) => id) ?? []
      return (await sessionsOf(two)).tickets?.keys.every(({ id }) => known.includes(id)) || undefined
    })
    assert.equal(await comesBack(lone, one), true)
  })

  test('under another seal are not touched, and that is said', async () => {
    const server = await startMemcached()
    const objects = pool(server)
    const one = await startFleetNode({ sessions: SHARED, objects })
    await isShared(one)
    const stranger = await startFleetNode({ sessions: SHARED.replace(SEAL, 'seal "a secret of another";'), objects })
    const said = await stranger.waitForLog(/was sealed by others, and is left alone/)
    assert.equal(said.pool, 'edge')
    const client = new NodeClient<FleetAnswer>('TLSv1.3')
    assert.equal(await comesBack(client, one), false)
    assert.equal(await comesBack(client, stranger), false)
    assert.equal(await comesBack(client, stranger), true)
    const heir = await startFleetNode({ sessions: SHARED, objects })
    assert.equal((await sessionsOf(heir)).tickets?.reach, 'shared')
    assert.equal(await comesBack(client, heir), false, 'with what the stranger gave')
    const known = (await sessionsOf(heir)).tickets?.keys.map(({ id }) => id)
    assert.ok(known?.includes((await issuingKey(one))!), 'what the fleet knows is still there')
    assert.ok((await stranger.command('status')).stdout.includes('NOT SHARED: pool edge of edge-tls holds what others'))
  })

  test('go on under a new seal, one machine after the other', async () => {
    const objects = pool(await startMemcached())
    const sealed = (seals: string) => ({ sessions: SHARED.replace('"a secret of this fleet"', seals), objects })
    const [old, fresh] = ['"a secret of this fleet"', '"the secret of tomorrow"']
    const one = await startFleetNode(sealed(old))
    const two = await startFleetNode(sealed(old))
    await isShared(one)
    const client = new NodeClient<FleetAnswer>('TLSv1.3')
    await comesBack(client, one)
    for (const seals of [`${old} ${fresh}`, `${fresh} ${old}`, fresh]) {
      for (const daemon of [one, two]) {
        await daemon.reload(fleetConfig(sealed(seals)))
        assert.equal(await comesBack(client, daemon), true, seals)
      }
    }
    const three = await startFleetNode(sealed(fresh))
    assert.equal(await comesBack(client, three), true)
  })

  test('survive a flush of the pool', async () => {
    const server = await startMemcached()
    const node = { sessions: QUICK, objects: pool(server) }
    const one = await startFleetNode(node)
    await isShared(one)
    const client = new NodeClient<FleetAnswer>('TLSv1.2')
    await comesBack(client, one)
    const known = (await sessionsOf(one)).tickets?.keys.map(({ id }) => id) ?? []
    await server.flush()
    const two = await startFleetNode(node)
    await waitFor('the keys of the other one', async () => {
      const keys = (await sessionsOf(two)).tickets?.keys.map(({ id }) => id) ?? []
      return known.every((id) => keys.includes(id)) || undefined
    })
    assert.equal(await comesBack(client, two), true)
  })
})

test('the example of a fleet does what it says', async () => {
  const [first, second] = [await startMemcached(), await startMemcached()]
  const origin = await startOrigin(() => ok('{"served":true}\n', 'Cache-Control: max-age=60'))
  const env = {
    SEAL: 'a secret of this fleet',
    CERTIFICATE: '%dir%/edge.crt',
    KEY: '%dir%/edge.key',
    MC1: first.text,
    MC2: second.text,
    APP: `127.0.0.1:${origin.port}`,
    LISTEN: '%listen%',
    ADMIN: '%dir%/admin.sock',
  }
  const config = { file: fileURLToPath(new URL('../../examples/fleet.conf', import.meta.url)) }
  const [one, two] = [
    await startShellac({ config, files: fleetFiles(), env }),
    await startShellac({ config, files: fleetFiles(), env }),
  ]
  for (const version of versions) {
    const client = new OpensslClient<FleetAnswer>(version)
    assert.equal(await comesBack(client, one), false)
    assert.equal(await comesBack(client, two), true)
  }
})
