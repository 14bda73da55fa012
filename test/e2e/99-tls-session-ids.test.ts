/** Sessions kept by their ids, in a session server or a pool: whichever machine negotiated, all resume. */
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { EXIT_START } from '../../src/daemon/exit-codes.ts'
import { SessionClient } from '../../src/distcache/client.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { type Daemon, launchShellac } from '../support/daemon.ts'
import { startDistcacheServer } from '../support/distcache.ts'
import { startMemcached } from '../support/memcached.ts'
import {
  clients,
  type FleetAnswer,
  type FleetNode,
  fleetConfig,
  fleetFiles,
  SEAL,
  sessionsOf,
  startFleetNode,
  versions,
} from '../support/tls-fleet.ts'
import { NodeClient, OpensslClient } from '../support/tls-resumption.ts'
import { waitFor } from '../support/wait.ts'

/** A wait that a loaded machine does not use up. */
const PATIENT = 'wait 10s;'

/** Where sessions are kept; the fleet that does so. */
const places: readonly (readonly [string, () => Promise<FleetNode>])[] = [
  [
    'a session server',
    async () => {
      const { server } = await startDistcacheServer()
      return { sessions: `mode ids; ids { distcache 127.0.0.1:${server.port}; ${PATIENT} }` }
    },
  ],
  [
    'a pool',
    async () => {
      const servers = [await startMemcached(), await startMemcached()]
      const lines = servers.map((server, index) => `server mc${index} ${server.text};`).join(' ')
      return {
        sessions: `mode ids; ${SEAL} ids { store memcached edge; ${PATIENT} }`,
        objects: `memcached edge { ${lines} timeout 5s; }`,
      }
    },
  ],
]

interface Visitor {
  visit(port: number): Promise<{ isReused: boolean; answer: FleetAnswer | undefined }>
}

/** Every visit is answered; whether it resumed a session is returned. */
async function comesBack(client: Visitor, daemon: Daemon): Promise<boolean> {
  const { isReused, answer } = await client.visit(daemon.port)
  assert.deepEqual(answer, { served: true })
  return isReused
}

describe('sessions by their ids', () => {
  for (const [place, start] of places) {
    for (const version of versions) {
      for (const [name, make] of clients) {
        test(`in ${place} are resumed by every machine: ${version}, ${name}`, async () => {
          const node = await start()
          const [one, two] = [await startFleetNode(node), await startFleetNode(node)]
          const client = make(version)
          assert.equal(await comesBack(client, one), false)
          for (const other of [two, one, two]) assert.equal(await comesBack(client, other), true)
          await one.stop()
          assert.equal(await comesBack(client, await startFleetNode(node)), true, 'after a restart')
          const { counters, lookupMs, tickets } = await sessionsOf(two)
          assert.deepEqual([counters.found, counters.resumed, counters.ticketsIssued], [2, 2, 0])
          assert.ok(lookupMs.p99 > 0)
          assert.equal(tickets, null)
        })
      }
    }
  }

  test('of TLS 1.3 are used once, wherever', async () => {
    const { server } = await startDistcacheServer()
    const node = { sessions: `mode ids; ids { distcache 127.0.0.1:${server.port}; ${PATIENT} }` }
    const [one, two] = [await startFleetNode(node), await startFleetNode(node)]
    const client = new OpensslClient<FleetAnswer>('TLSv1.3')
    await client.visit(one.port)
    const uses = await Promise.all([one, two, one, two].map(({ port }) => client.visit(port, { keep: false })))
    assert.equal(uses.filter(({ isReused }) => isReused).length, 1)
    for (const { answer } of uses) assert.deepEqual(answer, { served: true })
  })

  test('of TLS 1.3 stay for another time when the hello has no legacy session id', async () => {
    const { server } = await startDistcacheServer()
    const daemon = await startFleetNode({
      sessions: `mode ids; ids { distcache 127.0.0.1:${server.port}; ${PATIENT} }`,
    })
    const client = new OpensslClient<FleetAnswer>('TLSv1.3')
    await client.visit(daemon.port)
    const without = await client.visit(daemon.port, { keep: false, args: ['-no_middlebox'] })
    assert.deepEqual([without.isReused, without.answer], [false, { served: true }])
    assert.equal(await comesBack(client, daemon), true)
  })

  test('of TLS 1.3 do not keep a client from saying hello again', async () => {
    const { server } = await startDistcacheServer()
    const sessions = `mode ids; ids { distcache 127.0.0.1:${server.port}; ${PATIENT} }`
    const daemon = await startFleetNode({ sessions, tls: 'groups P-256;' })
    const client = new OpensslClient<FleetAnswer>('TLSv1.3')
    for (let visit = 0; visit < 3; visit++) {
      const { answer } = await client.visit(daemon.port, { args: ['-groups', 'X25519:P-256'] })
      assert.deepEqual(answer, { served: true })
    }
    assert.equal((await client.visit(daemon.port, { args: ['-groups', 'P-256'] })).isReused, true)
  })

  test('are found for many who come at once', async () => {
    const memcached = await startMemcached()
    const node = {
      sessions: `mode ids; ${SEAL} ids { store memcached edge; ${PATIENT} }`,
      objects: `memcached edge { server a ${memcached.text}; timeout 10s; }`,
    }
    const [one, two] = [await startFleetNode(node), await startFleetNode(node)]
    for (const version of versions) {
      const many = Array.from({ length: 60 }, () => new NodeClient<FleetAnswer>(version))
      await Promise.all(many.map((client) => comesBack(client, one)))
      const resumed = await Promise.all(many.map((client) => comesBack(client, two)))
      assert.deepEqual(new Set(resumed), new Set([true]), version)
    }
  })

  test('cost nothing but full handshakes while the session server is away', async () => {
    const { server } = await startDistcacheServer()
    const { port } = server
    const node = { sessions: `mode ids; ids { distcache 127.0.0.1:${port}; ${PATIENT} }` }
    const daemon = await startFleetNode(node)
    const visitors = versions.map((version) => new NodeClient<FleetAnswer>(version))
    for (const client of visitors) {
      await comesBack(client, daemon)
      assert.equal(await comesBack(client, daemon), true)
    }
    server.close()
    for (const client of visitors) {
      for (let visit = 0; visit < 3; visit++) assert.equal(await comesBack(client, daemon), false)
    }
    const { counters } = await sessionsOf(daemon)
    assert.ok(counters.failed > 0 && counters.notStored > 0)
    const again = await startDistcacheServer({}, { kind: 'tcp', host: '127.0.0.1', port, family: 4 })
    assert.equal(again.server.port, port)
    for (const client of visitors) {
      // The daemon tries again a moment after it was refused.
      let isBack = false
      for (let visit = 0; visit < 400 && !isBack; visit++) isBack = await comesBack(client, daemon)
      assert.ok(isBack)
    }
  })

  test('are asked of the second session server while the first is away', async () => {
    const [first, second] = [await startDistcacheServer(), await startDistcacheServer()]
    const servers = `127.0.0.1:${first.server.port} 127.0.0.1:${second.server.port}`
    const daemon = await startFleetNode({ sessions: `mode ids; ids { distcache ${servers}; ${PATIENT} }`, workers: 1 })
    first.server.close()
    const client = new NodeClient<FleetAnswer>('TLSv1.3')
    let isBack = false
    for (let visit = 0; visit < 100 && !isBack; visit++) isBack = await comesBack(client, daemon)
    assert.ok(isBack)
    assert.ok(second.server.operations > 0)
  })

  test('wait no longer than they may for a place that says nothing', async () => {
    const memcached = await startMemcached()
    const daemon = await startFleetNode({
      sessions: `mode ids; ${SEAL} ids { store memcached edge; wait 20ms; }`,
      objects: `memcached edge { server a ${memcached.text}; timeout 1h; eject off; }`,
    })
    const visitors = versions.map((version) => new NodeClient<FleetAnswer>(version))
    for (const client of visitors) await comesBack(client, daemon)
    await memcached.pause()
    try {
      for (const client of visitors) {
        for (let visit = 0; visit < 5; visit++) assert.equal(await comesBack(client, daemon), false)
      }
    } finally {
      memcached.resume()
    }
    const { counters } = await sessionsOf(daemon)
    assert.ok(counters.late > 0, 'answers that never came')
  })

  test('that were not kept here are not resumed', async () => {
    const { server } = await startDistcacheServer()
    const node = { sessions: `mode ids; ids { distcache 127.0.0.1:${server.port}; ${PATIENT} }` }
    const [one, other] = [await startFleetNode(node), await startFleetNode({ sessions: '' })]
    for (const version of versions) {
      const client = new NodeClient<FleetAnswer>(version)
      await comesBack(client, other)
      assert.equal(await comesBack(client, one), false)
      assert.equal(await comesBack(client, one), true)
    }
  })
})

describe('the place that a daemon serves', () => {
  for (const [place, start] of places) {
    test(`gives other programs the sessions in ${place}, on every machine`, async () => {
      const node = await start()
      const serving = {
        ...node,
        sessions: node.sessions!.replace('ids {', 'ids { serve unix:%dir%/dc.sock mode 0640;'),
      }
      const [one, two] = [await startFleetNode(serving), await startFleetNode(serving)]
      const clientOf = ({ dir }: Daemon): SessionClient => {
        const client = new SessionClient({ connect: `UNIX:${dir}/dc.sock`, timeoutMs: 10_000 })
        onTestEnd(() => client.close())
        return client
      }
      assert.equal(statSync(join(one.dir, 'dc.sock')).mode & 0o777, 0o640)
      const [atOne, atTwo] = [clientOf(one), clientOf(two)]
      const [id, data] = [Buffer.from('an id'), Buffer.from('a session of another program')]
      assert.equal(await atOne.add(id, data, 60_000), 'ok')
      assert.deepEqual(await atTwo.get(id), data)
      assert.equal(await atTwo.add(id, data, 60_000), 'present')
      assert.equal(await atTwo.remove(id), true)
      assert.equal(await atOne.have(id), false)

      await two.reload(fleetConfig({ ...serving, sessions: serving.sessions.replace('0640', '0600') }))
      assert.equal(statSync(join(two.dir, 'dc.sock')).mode & 0o777, 0o600)
      assert.equal(await atTwo.add(id, data, 60_000), 'ok', 'the connection of before')
      await two.reload(fleetConfig(node))
      assert.equal(existsSync(join(two.dir, 'dc.sock')), false)
      assert.deepEqual(await atOne.get(id), data)
    })
  }

  test('answers that it does not know while the session server is away', async () => {
    const { server } = await startDistcacheServer()
    const ids = `distcache 127.0.0.1:${server.port}; ${PATIENT} serve unix:%dir%/dc.sock;`
    const daemon = await startFleetNode({ sessions: `mode ids; ids { ${ids} }` })
    const client = new SessionClient({ connect: `UNIX:${daemon.dir}/dc.sock`, timeoutMs: 10_000 })
    onTestEnd(() => client.close())
    server.close()
    assert.equal(await client.have(Buffer.from('an id')), false)
    assert.notEqual(await client.add(Buffer.from('an id'), Buffer.from('some data'), 1000), 'ok')
  })

  test('in the way of something else stops a start, and a reload changes nothing', async () => {
    const { server } = await startDistcacheServer()
    const ids = `distcache 127.0.0.1:${server.port}; ${PATIENT}`
    const blocked = `mode ids; ids { ${ids} serve unix:%dir%/edge.crt; }`
    const failed = await launchShellac({ config: fleetConfig({ sessions: blocked }), files: fleetFiles() })
    assert.equal(await failed.process.waitForExit(), EXIT_START)
    assert.ok(failed.process.lines.some((line) => line.includes('in the way')))
    const daemon = await startFleetNode({ sessions: `mode ids; ids { ${ids} }` })
    await assert.rejects(daemon.reload(fleetConfig({ sessions: blocked })), /in the way/)
    const client = new NodeClient<FleetAnswer>('TLSv1.2')
    assert.equal(await comesBack(client, daemon), false)
    assert.equal(await comesBack(client, daemon), true)
  })
})

describe('no connection fails, whatever happens to the pool', () => {
  for (const mode of ['tickets', 'ids', 'both']) {
    test(`mode ${mode}`, async () => {
      const memcached = await startMemcached()
      const node = {
        sessions: `mode ${mode}; ${SEAL}
          ${mode === 'ids' ? '' : 'tickets { store memcached edge; }'}
          ${mode === 'tickets' ? '' : 'ids { store memcached edge; wait 100ms; }'}`,
        objects: `memcached edge { server a ${memcached.text}; timeout 200ms; eject after 3 for 1s; }`,
      }
      const daemons = [await startFleetNode(node), await startFleetNode(node)]
      const visitors = versions.flatMap((version) => [
        new NodeClient<FleetAnswer>(version),
        new NodeClient<FleetAnswer>(version),
      ])
      const visits = async (): Promise<boolean> => {
        const resumed: boolean[] = []
        for (const daemon of [...daemons, ...daemons]) {
          resumed.push(...(await Promise.all(visitors.map((client) => comesBack(client, daemon)))))
        }
        return resumed.some((one) => one)
      }
      const incidents = [
        () => memcached.stop(),
        () => memcached.start(),
        () => memcached.pause(),
        () => memcached.resume(),
        () => memcached.flush(),
        () => memcached.kill(),
        () => memcached.start(),
        () => daemons[0]!.reload(),
      ]
      await visits()
      for (const incident of incidents) {
        await incident()
        await visits()
      }
      await waitFor('sessions to be resumed again', visits)
    })
  }
})

describe('mode both', () => {
  test('keeps ids of those who cannot keep tickets, and asks nothing for others', async () => {
    const { server } = await startDistcacheServer()
    const memcached = await startMemcached()
    const node = {
      sessions: `mode both; ${SEAL} tickets { store memcached edge; } ids { distcache 127.0.0.1:${server.port}; ${PATIENT} }`,
      objects: `memcached edge { server a ${memcached.text}; }`,
    }
    const one = await startFleetNode(node)
    const two = await startFleetNode(node)
    for (const version of versions) {
      const client = new OpensslClient<FleetAnswer>(version)
      assert.equal(await comesBack(client, one), false)
      assert.equal(await comesBack(client, two), true, version)
    }
    assert.equal(server.operations, 0)
    const client = new OpensslClient<FleetAnswer>('TLSv1.2')
    const args = ['-no_ticket']
    assert.equal((await client.visit(one.port, { args })).isReused, false)
    assert.equal((await client.visit(two.port, { args })).isReused, true)
    assert.equal(server.operations, 2, 'stored, and found')
    const { counters } = await sessionsOf(two)
    const byTicket = counters.ticketsAccepted + counters.ticketsOlder
    assert.deepEqual([counters.found, byTicket, counters.resumed], [1, 2, 3])
  })
})
