/** The fleet's log on a real memcached, in the protocol of both kinds of pools. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fleetLogKey, fleetLogServers, openFleetStores } from '../../../../src/cache/purge/fleet-store.ts'
import type { FleetItem, FleetStore } from '../../../../src/cache/purge/fleet-view.ts'
import { prepareMemcached, startMemcached, type TestMemcached } from '../../../support/memcached.ts'
import { poolPlan, testPool } from '../../../support/memcached-pool.ts'
import { startSaslMemcached } from '../../../support/sasl-memcached.ts'
import { waitFor } from '../../../support/wait.ts'
import { Node } from './support/fleet.ts'

const auth = { user: 'shop', password: 'a secret: %&?' }
const value = Buffer.from('some log, of which this is the head, and more')

interface Kind {
  readonly name: string
  start(): Promise<TestMemcached>
  readonly overrides: Parameters<typeof poolPlan>[1]
}

/** Of a server that is to answer, on a loaded machine; and of one that is not. */
const [PATIENT, BRIEF] = [{ timeoutMs: 5000 }, { timeoutMs: 1000 }]

const kinds: Kind[] = [
  { name: 'without auth', start: () => startMemcached(), overrides: {} },
  { name: 'with auth', start: () => startSaslMemcached(auth.user, auth.password), overrides: { auth } },
]

async function itemIn(store: FleetStore, known?: string): Promise<FleetItem> {
  const item = await store.read(known)
  assert.ok(typeof item !== 'string', String(item))
  return item
}

for (const { name, start, overrides } of kinds) {
  describe(`a log in a pool ${name}`, () => {
    test('is written only over what was read, and every change shows', async () => {
      const server = await start()
      const { pool, faults } = testPool(poolPlan([server.address], { ...PATIENT, ...overrides }))
      const [store] = openFleetStores(pool, 'shop') as [FleetStore]
      assert.deepEqual([await store.read(undefined), await store.read('x')], ['absent', 'absent'])
      assert.equal(await store.write(value, 7, '123'), 'changed', 'over nothing')
      assert.equal(await store.write(value, 7, undefined), 'stored')
      assert.equal(await store.write(value, 8, undefined), 'changed', 'there is one')
      const first = await itemIn(store)
      assert.deepEqual(first.value, value)
      assert.equal(await store.read(first.stamp), 'same')
      const longer = Buffer.concat([value, value])
      assert.equal(await store.write(longer, 8, first.cas), 'stored')
      assert.equal(await store.write(value, 9, first.cas), 'changed')
      const second = await itemIn(store, first.stamp)
      assert.deepEqual(second.value, longer)
      assert.notEqual(second.stamp, first.stamp)
      assert.equal(await openFleetStores(pool, 'other')[0]!.read(undefined), 'absent', 'every cache has its own')
      assert.deepEqual(faults, [])
    })

    test('carries purges from node to node', async () => {
      const server = await start()
      const plan = poolPlan([server.address], { ...PATIENT, ...overrides })
      const nodes = [0, 1].map(() => new Node(openFleetStores(testPool(plan).pool, 'shop')))
      const [one, two] = nodes as [Node, Node]
      for (const node of nodes) assert.ok(await node.member.turn())
      const number = two.numbers.current()
      for (let round = 0; round < 3; round++) {
        one.purge({ scope: 'url', isHard: false, targets: ['a|/x'] })
        two.purge({ scope: 'tag', isHard: true, targets: ['t'] })
        await Promise.all(nodes.map((node) => node.member.turn()))
        for (const node of nodes) assert.ok(await node.member.turn())
      }
      for (const node of nodes) {
        assert.deepEqual([node.member.stats().applied, node.gaps], [3, []])
        assert.equal(node.judge(number, { url: 'a|/x', tags: [] }), 1)
        assert.equal(node.judge(number, { url: 'a|/x', tags: ['t'] }), 2)
        assert.equal(node.judge(node.numbers.current(), { url: 'a|/x', tags: ['t'] }), 0)
      }
      assert.equal(one.numbers.current(), two.numbers.current())
    })

    test('is out of reach while its server is stopped, and lost when that was started anew', async () => {
      const server = await start()
      const { pool } = testPool(poolPlan([server.address], { ...BRIEF, ...overrides }))
      const node = new Node(openFleetStores(pool, 'shop'))
      assert.ok(await node.member.turn())
      await server.pause()
      node.purge({ scope: 'all', isHard: false, targets: [] })
      assert.equal(await node.member.turn(), false)
      server.resume()
      await waitFor('the log', () => node.member.turn())
      assert.deepEqual([node.member.stats().pending, node.gaps], [0, []])
      await server.kill()
      assert.equal(await node.member.turn(), false)
      await server.start()
      await waitFor('the log', () => node.member.turn())
      assert.deepEqual(node.gaps, ['log lost'])
    })
  })
}

test('a server that gives the same CAS values again is not mistaken', async () => {
  const server = await startMemcached()
  const plan = poolPlan([server.address], { timeoutMs: 300 })
  const [one, two] = [0, 1].map(() => new Node(openFleetStores(testPool(plan).pool, 'shop'))) as [Node, Node]
  for (const node of [one, two]) assert.ok(await node.member.turn())
  // A look that remembers the item.
  assert.ok(await one.member.turn())
  const [before] = (await server.ask(`mg ${fleetLogKey('shop')} c s\r\n`)).split('\r\n')
  await server.kill()
  await server.start()
  await waitFor('the log', () => two.member.turn())
  assert.equal(
    (await server.ask(`mg ${fleetLogKey('shop')} c s\r\n`)).split('\r\n')[0],
    before,
    'as it was for the test',
  )
  await waitFor('the log', () => one.member.turn())
  assert.deepEqual(one.gaps, ['orders lost'])
})

test('the log has its first place on the owner of its key, the second on the owner without that, whatever is ejected', async () => {
  const servers = [await startMemcached(), await startMemcached(), await prepareMemcached()]
  const { pool } = testPool(
    poolPlan(
      servers.map(({ address }) => address),
      { timeoutMs: 300, eject: { afterFailures: 1, forMs: 60_000 } },
    ),
  )
  // A cache whose log lies on the server that is down.
  const names = Array.from({ length: 100 }, (_, n) => `cache-${n}`)
  const name = names.find((one) => fleetLogServers(pool, fleetLogKey(one))[0] === 2)!
  const key = Buffer.from(fleetLogKey(name))
  const places = fleetLogServers(pool, fleetLogKey(name))
  const [first, second] = openFleetStores(pool, name) as [FleetStore, FleetStore]
  assert.deepEqual([first.server, second.server], [`s${places[0]}`, `s${places[1]}`])
  assert.equal(await first.read(undefined), 'unreachable')
  assert.equal(pool.ownerOf(key, 0, key.length), places[1], 'it is ejected')
  assert.deepEqual(fleetLogServers(pool, fleetLogKey(name)), places)
  await servers[2]!.start()
  assert.equal(await first.write(value, 7, undefined), 'stored')
  assert.match(await servers[2]!.ask(`mg ${fleetLogKey(name)} s\r\n`), new RegExp(`^HD s${value.length}\r\n$`))
})

test('a value that is no log of any size is none', async () => {
  const server = await startMemcached({ args: ['-I', '4m'] })
  const { pool } = testPool(poolPlan([server.address], { timeoutMs: 2000 }))
  const node = new Node(openFleetStores(pool, 'shop'))
  const huge = 'x'.repeat(2 * 1024 * 1024)
  assert.equal(await server.ask(`ms ${fleetLogKey('shop')} ${huge.length}\r\n${huge}\r\n`), 'HD\r\n')
  assert.ok(await node.member.turn())
  assert.deepEqual([node.gaps, node.numbers.current() > 0], [[], true])
})
