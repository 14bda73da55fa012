/** Purges from machine to machine through a real memcached, and what reloads and deaths do to them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FleetNumbers } from '../../../src/cache/purge/fleet-numbers.ts'
import { FleetPurger } from '../../../src/cache/purge/fleet-purger.ts'
import { labelTexts } from '../../../src/cache/purge/labels.ts'
import type { PurgeOrder } from '../../../src/cache/purge/order.ts'
import { PurgeLog } from '../../../src/cache/purge/purge-log.ts'
import type { MemoryTierShared } from '../../../src/cache/tiers/memory-tier.ts'
import { FleetPurges } from '../../../src/daemon/fleet-purges.ts'
import { SharedStateFactory } from '../../../src/daemon/shared-state.ts'
import { PoolSet } from '../../../src/memcached/pool-set.ts'
import { MAIN_THREAD } from '../../../src/memcached/pool-state.ts'
import type { MemcachedPlan } from '../../../src/plan/memcached-plan.ts'
import type { CachePlan, Plan } from '../../../src/plan/plan.ts'
import type { SharedState } from '../../../src/proxy/runtime.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { prepareMemcached, startMemcached, type TestMemcached } from '../../support/memcached.ts'
import { poolPlan } from '../../support/memcached-pool.ts'
import { waitFor } from '../../support/wait.ts'
import { makeCache, makePlan } from './fixture/plans.ts'

const MEBIBYTE = 1024 * 1024
const [UNTOUCHED, STALE, GONE] = [0, 1, 2]
const page = { url: 'a|/x', tags: ['news'] }

function order(scope: PurgeOrder['scope'], isHard: boolean, ...targets: string[]): PurgeOrder {
  return { scope, isHard, targets }
}

function poolAt(servers: readonly TestMemcached[], overrides: Partial<MemcachedPlan> = {}): MemcachedPlan {
  return poolPlan(
    servers.map(({ address }) => address),
    { timeoutMs: 500, ...overrides },
  )
}

function planOf(pools: readonly MemcachedPlan[], ...caches: readonly CachePlan[]): Plan {
  return makePlan({ memcached: pools, caches })
}

function shared(name: string, pool = 'edge', bytes = MEBIBYTE): CachePlan {
  return { ...makeCache(name, bytes), pool }
}

/** The main thread of one daemon, as far as purges go. */
class Machine {
  readonly logs: { message: string; fields: Record<string, unknown> }[] = []
  readonly fleets = new FleetPurges((_, message, fields) => this.logs.push({ message, fields: { ...fields } }))
  readonly #factory = new SharedStateFactory(1)
  #live: { plan: Plan; shared: SharedState } | undefined = undefined
  #pools: PoolSet | undefined = undefined

  /** As a reload does; `isRefused`: a worker says no. */
  async load(plan: Plan, isRefused = false): Promise<void> {
    const target = { plan, shared: this.#factory.build(plan, this.#live) }
    const context = { worker: MAIN_THREAD, log: () => {}, onFault: (error: unknown) => assert.ifError(error) }
    const pools = new PoolSet(plan.memcached, target.shared.pools, context, this.#pools)
    const prepared = await this.fleets.prepare(target, pools)
    if (isRefused) {
      prepared.rollback()
      pools.rollback()
      return
    }
    pools.commit()
    prepared.commit()
    this.#live = target
    this.#pools = pools
  }

  memory(cache: string): MemoryTierShared {
    return this.#live!.shared.caches.get(cache)!.value
  }

  id(cache: string): number {
    return this.#live!.shared.caches.get(cache)!.id
  }

  /** In a worker. */
  worker(cache: string): { purges: PurgeLog; numbers: FleetNumbers; purger: FleetPurger } {
    const memory = this.memory(cache)
    const purges = new PurgeLog(memory, 0)
    return { purges, numbers: new FleetNumbers(memory, purges), purger: new FleetPurger(memory, purges, 0) }
  }

  number(cache: string): number {
    return this.worker(cache).numbers.current()
  }

  judge(cache: string, number: number): number {
    const { purges, numbers } = this.worker(cache)
    return numbers.judge(number, purges.hashLabels(labelTexts(page)), page.url)
  }

  reasons(): unknown[] {
    return this.logs.flatMap(({ message, fields }) => (/may have been missed/.test(message) ? [fields.reason] : []))
  }

  end(): void {
    this.fleets.close()
    this.#pools?.destroy()
  }
}

async function machineWith(plan: Plan): Promise<Machine> {
  const machine = new Machine()
  onTestEnd(() => machine.end())
  await machine.load(plan)
  return machine
}

test('a purge of one machine is obeyed by the others, in the cache it was meant for', async () => {
  const plan = planOf([poolAt([await startMemcached()])], shared('shop'), shared('other'), makeCache('own', MEBIBYTE))
  const [one, two] = [await machineWith(plan), await machineWith(plan)]
  const [shop, other] = [two.number('shop'), two.number('other')]
  assert.ok(shop > 0 && other > 0, 'known as soon as it is loaded')
  assert.equal(await one.fleets.purge('shop', order('tag', false, 'news')), 'published')
  await two.fleets.poll()
  assert.deepEqual([two.judge('shop', shop), two.judge('other', other)], [STALE, UNTOUCHED])
  const status = two.fleets.statusOf('shop')!
  assert.deepEqual(
    [status.pool, status.server, status.applied, status.pending, status.gaps, status.failures],
    ['edge', 's0', 1, 0, 0, 0],
  )
  assert.ok(status.lagMs! >= 0 && status.sequence === one.number('shop'))
  assert.deepEqual([one.fleets.purge('own', order('all', true)), one.fleets.statusOf('own')], [undefined, undefined])
})

test('a worker hears how far its purge came', async () => {
  const server = await startMemcached()
  const machine = await machineWith(planOf([poolAt([server])], shared('shop')))
  const { purger } = machine.worker('shop')
  const publish = (): Promise<string> => {
    assert.ok(purger.obey(order('tag', true, 'news')))
    const publication = { number: 1, cacheName: 'shop', cacheId: machine.id('shop'), order: order('tag', true, 'news') }
    return machine.fleets.publish(0, publication)
  }
  assert.deepEqual(await Promise.all([publish(), publish()]), ['published', 'published'])
  await server.kill()
  assert.equal(await publish(), 'pending')
  assert.equal(machine.fleets.statusOf('shop')!.pending, 1)
  await waitFor('the log line', async () => {
    await machine.fleets.poll()
    return machine.logs.length > 0
  })
  await server.start()
  await waitFor('the purge', async () => {
    await machine.fleets.poll()
    return machine.fleets.statusOf('shop')!.pending === 0
  })
  const said = machine.logs.map(({ message }) => message.split(' ').slice(0, 4).join(' '))
  assert.equal(said.filter((text) => text === 'purges do not reach').length, 1)
  assert.equal(said.filter((text) => text === 'purges go to other').length, 1)
})

test('a reload that keeps pool and cache goes on with the same log, also over new connections', async () => {
  const server = await startMemcached()
  const machine = await machineWith(planOf([poolAt([server])], shared('shop')))
  const number = machine.number('shop')
  await machine.load(planOf([poolAt([server])], shared('shop'), shared('more')))
  await machine.load(planOf([poolAt([server], { timeoutMs: 600, maxItemBytes: 4096 })], shared('shop')))
  assert.equal(await machine.fleets.purge('shop', order('tag', true, 'news')), 'published')
  assert.deepEqual([machine.number('shop') - number, machine.judge('shop', number), machine.reasons()], [1, GONE, []])
})

test('a reload that is refused changes nothing', async () => {
  const [server, elsewhere] = [await startMemcached(), await startMemcached()]
  const machine = await machineWith(planOf([poolAt([server])], shared('shop')))
  const number = machine.number('shop')
  await machine.load(planOf([poolAt([elsewhere])], shared('shop'), shared('more')), true)
  assert.equal(await machine.fleets.purge('shop', order('tag', true, 'else')), 'published')
  assert.deepEqual([machine.judge('shop', number), machine.reasons()], [UNTOUCHED, []])
  assert.equal(machine.fleets.statusOf('more'), undefined)
})

test('a cache whose log moves to another server begins anew there, and what waited is published there', async () => {
  const [dead, server] = [await startMemcached(), await startMemcached()]
  const machine = await machineWith(planOf([poolAt([dead])], shared('shop')))
  const neighbour = await machineWith(planOf([poolAt([server])], shared('shop')))
  const numbers = [machine.number('shop'), neighbour.number('shop')] as const
  await dead.kill()
  assert.equal(await machine.fleets.purge('shop', order('tag', true, 'news')), 'pending')
  await machine.load(planOf([poolAt([server])], shared('shop')))
  await waitFor('the purge', () => machine.fleets.statusOf('shop')!.pending === 0)
  assert.deepEqual([machine.reasons(), machine.judge('shop', numbers[0])], [['log moved'], GONE])
  await neighbour.fleets.poll()
  assert.deepEqual([neighbour.reasons(), neighbour.judge('shop', numbers[1])], [[], GONE])
})

test('what was purged before the log moves is given again in the new one, for those who have moved already', async () => {
  const [old, server] = [await startMemcached(), await startMemcached()]
  const machine = await machineWith(planOf([poolAt([old])], shared('shop')))
  const neighbour = await machineWith(planOf([poolAt([server])], shared('shop')))
  const number = neighbour.number('shop')
  assert.equal(await machine.fleets.purge('shop', order('tag', false, 'news')), 'published')
  await machine.load(planOf([poolAt([server])], shared('shop')))
  await waitFor('the purge', async () => {
    await neighbour.fleets.poll()
    return neighbour.judge('shop', number) === STALE
  })
  assert.deepEqual(neighbour.reasons(), [])
})

test('what waits is obeyed again in the new memory of a cache that has become larger', async () => {
  const server = await startMemcached()
  const machine = await machineWith(planOf([poolAt([server])], shared('shop')))
  const number = machine.number('shop')
  const before = machine.id('shop')
  await server.pause()
  assert.equal(await machine.fleets.purge('shop', order('tag', true, 'news')), 'pending')
  const loaded = machine.load(planOf([poolAt([server])], shared('shop', 'edge', 2 * MEBIBYTE)))
  server.resume()
  await loaded
  await waitFor('the purge', async () => {
    await machine.fleets.poll()
    return machine.fleets.statusOf('shop')!.pending === 0
  })
  assert.notEqual(machine.id('shop'), before)
  assert.equal(machine.judge('shop', number), GONE)
  // A request of the old generation has purged the memory that is gone.
  const now = machine.number('shop')
  const publication = { number: 1, cacheName: 'shop', cacheId: before, order: order('url', true, page.url) }
  assert.equal(await machine.fleets.publish(0, publication), 'published')
  assert.equal(machine.judge('shop', now), GONE)
})

test('purges that nobody will hear of are told in the log', async () => {
  const server = await prepareMemcached()
  const machine = await machineWith(planOf([poolAt([server])], shared('shop')))
  assert.equal(machine.number('shop'), 0, 'nothing is known, and it serves all the same')
  assert.equal(await machine.fleets.purge('shop', order('tag', true, 'news')), 'pending')
  await machine.load(planOf([], makeCache('shop', MEBIBYTE)))
  assert.deepEqual(machine.logs.at(-1), {
    message: 'purges that other nodes have not heard of are lost',
    fields: { cache: 'shop', pending: 1 },
  })
})

test('a worker that dies between its purge and the word of it holds up nothing', async () => {
  const machine = await machineWith(planOf([poolAt([await startMemcached()])], shared('shop')))
  const { purger } = machine.worker('shop')
  assert.ok(purger.obey(order('tag', true, 'news')))
  assert.equal(await machine.fleets.purge('shop', order('tag', true, 'else')), 'published')
  assert.equal(machine.judge('shop', machine.number('shop')), GONE, 'it may come yet')
  machine.fleets.releaseWorker(0)
  assert.equal(await machine.fleets.purge('shop', order('tag', true, 'else')), 'published')
  assert.equal(machine.judge('shop', machine.number('shop')), UNTOUCHED)
})
