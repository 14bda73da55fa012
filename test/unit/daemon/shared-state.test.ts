import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryTier } from '../../../src/cache/tiers/memory-tier.ts'
import { releaseWorker, SharedStateFactory } from '../../../src/daemon/shared-state.ts'
import { PoolState, Use } from '../../../src/memcached/pool-state.ts'
import { proxyRow, Tally } from '../../../src/memcached-proxy/proxy-state.ts'
import { makeBackend, makeCache, makeMemcachedProxy, makePlan, makePool } from './fixture/plans.ts'

const MEBIBYTE = 1 << 20

test('what means the same keeps its identity, what does not gets another', () => {
  const factory = new SharedStateFactory(2)
  const plan = makePlan({
    caches: [makeCache('kept', MEBIBYTE), makeCache('grown', MEBIBYTE), makeCache('gone', MEBIBYTE)],
    backends: [makeBackend('kept', [1, 2]), makeBackend('other', [3])],
  })
  const before = { plan, shared: factory.build(plan, undefined) }
  const next = makePlan({
    caches: [makeCache('kept', MEBIBYTE), makeCache('grown', 2 * MEBIBYTE)],
    backends: [{ ...makeBackend('kept', [1, 2]), balance: 'least-requests' }, makeBackend('other', [4])],
  })
  const after = factory.build(next, before)
  assert.deepEqual([...after.caches.keys()], ['kept', 'grown'])
  assert.equal(after.caches.get('kept'), before.shared.caches.get('kept'))
  assert.notEqual(after.caches.get('grown')!.id, before.shared.caches.get('grown')!.id)
  assert.equal(after.backends.get('kept'), before.shared.backends.get('kept'))
  assert.notEqual(after.backends.get('other')!.id, before.shared.backends.get('other')!.id)
  const ids = [...before.shared.caches.values(), ...before.shared.backends.values()].map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
})

test('a kept cache keeps its contents', () => {
  const factory = new SharedStateFactory(1)
  const plan = makePlan({ caches: [makeCache('shop', MEBIBYTE)] })
  const first = factory.build(plan, undefined)
  const writer = new MemoryTier(first.caches.get('shop')!.value, 0).lead('key')!
  writer.start(new Float64Array(16), Buffer.from('head'), 4)
  writer.write(Buffer.from('body'), 0, 4)
  writer.complete()
  const second = factory.build(plan, { plan, shared: first })
  assert.equal(new MemoryTier(second.caches.get('shop')!.value, 0).find('key')?.bodyBytes, 4)
})

test('memory that cannot be had is an error that names the cache', () => {
  const plan = makePlan({ caches: [makeCache('huge', 2 ** 52)] })
  assert.throws(() => new SharedStateFactory(1).build(plan, undefined), /cannot make room for cache "huge"/)
})

test('a drained server stays so while the pool has it, in whatever place; a new server begins anew', () => {
  const factory = new SharedStateFactory(1)
  const first = makePlan({ memcached: [makePool('edge', ['a 1', 'b 2'])] })
  const before = { plan: first, shared: factory.build(first, undefined) }
  new PoolState(before.shared.pools.get('edge')!.value).setDrained(1, true)

  const same = makePlan({ memcached: [makePool('edge', ['a 1', 'b 2'], { timeoutMs: 7 })] })
  assert.equal(factory.build(same, before).pools.get('edge'), before.shared.pools.get('edge'))

  const grown = makePlan({ memcached: [makePool('edge', ['c 3', 'b 2', 'a 1'])] })
  const after = factory.build(grown, before).pools.get('edge')!
  assert.notEqual(after.id, before.shared.pools.get('edge')!.id)
  const state = new PoolState(after.value)
  assert.deepEqual(
    [0, 1, 2].map((server) => state.isDrained(server)),
    [false, true, false],
  )

  const moved = makePlan({ memcached: [makePool('edge', ['a 1', 'b 22'])] })
  assert.equal(new PoolState(factory.build(moved, before).pools.get('edge')!.value).isDrained(1), false)
})

test('a proxy keeps its counts by its name, whatever else changes', () => {
  const factory = new SharedStateFactory(1)
  const pool = makePool('edge', ['a 1'])
  const plan = makePlan({ memcached: [pool], memcachedProxies: [makeMemcachedProxy('local', [])] })
  const shared = factory.build(plan, undefined)
  const next = makePlan({
    memcached: [pool],
    memcachedProxies: [{ ...makeMemcachedProxy('local', []), backlog: 9 }, makeMemcachedProxy('more', [])],
  })
  const after = factory.build(next, { plan, shared })
  assert.equal(after.memcachedProxies.get('local'), shared.memcachedProxies.get('local'))
  assert.deepEqual([...after.memcachedProxies.keys()], ['local', 'more'])
})

test('a dead worker has nothing open', () => {
  const plan = makePlan({
    memcached: [makePool('edge', ['a 1'])],
    memcachedProxies: [makeMemcachedProxy('local', [])],
  })
  const shared = new SharedStateFactory(2).build(plan, undefined)
  const pool = new PoolState(shared.pools.get('edge')!.value)
  const proxy = shared.memcachedProxies.get('local')!
  for (const worker of [0, 1]) {
    pool.useOf(worker, 0)[Use.serverConnections] = 1
    pool.useOf(worker, 0)[Use.requests] = 10
    proxyRow(proxy, worker).tallies[Tally.clientConnections] = 5
  }
  releaseWorker(shared, 1)
  assert.equal(pool.use(0).serverConnections, 1)
  assert.equal(pool.use(0).requests, 20)
  assert.equal(proxyRow(proxy, 0).tallies[Tally.clientConnections], 5)
  assert.equal(proxyRow(proxy, 1).tallies[Tally.clientConnections], 0)
})
