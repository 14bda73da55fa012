/** HTTP and memcached go from one Plan to the next together, or not at all. */
import assert from 'node:assert/strict'
import { BoundSocket } from 'node:net'
import { test } from 'node:test'
import { SharedStateFactory } from '../../../src/daemon/shared-state.ts'
import { type HttpEngine, type MemcachedEngine, WorkerEngines } from '../../../src/daemon/worker-engines.ts'
import type { Pool } from '../../../src/memcached/pool.ts'
import type { PoolSet } from '../../../src/memcached/pool-set.ts'
import { addressText, type BoundAddress } from '../../../src/net/listener.ts'
import type { ListenAddress, Plan } from '../../../src/plan/plan.ts'
import { noMaterials } from '../../../src/tls/material.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { makeListener, makeMemcachedProxy, makePlan, makePool } from './fixture/plans.ts'

/** Notes what it is told, and refuses what it is told to. */
class NotingEngine {
  readonly told: string[] = []
  readonly sockets: string[] = []
  pools: PoolSet | undefined
  refuses = false
  onDrained: () => void = () => {}
  open: number

  constructor(open: number) {
    this.open = open
  }

  note(pools: PoolSet, sockets: readonly BoundAddress[]): Promise<void> {
    this.told.push('prepare')
    this.pools = pools
    for (const { address, socket } of sockets) {
      this.sockets.push(address)
      socket.close()
    }
    return this.refuses ? Promise.reject(new Error('refused')) : Promise.resolve()
  }

  commit(): void {
    this.told.push('commit')
  }

  rollback(): void {
    this.told.push('rollback')
  }

  drain(): Promise<void> {
    this.told.push('drain')
    return Promise.resolve()
  }

  destroy(): void {
    this.told.push('destroy')
  }

  connections(): number {
    return this.open
  }
}

class NotingHttp extends NotingEngine implements HttpEngine {
  prepare(...[, , { pools, sockets }]: Parameters<HttpEngine['prepare']>): Promise<void> {
    return this.note(pools, sockets)
  }

  renewCertificates(): void {}
}

class NotingMemcached extends NotingEngine implements MemcachedEngine {
  prepare(...[, , pools, sockets]: Parameters<MemcachedEngine['prepare']>): Promise<void> {
    return this.note(pools, sockets)
  }
}

function start() {
  const http = new NotingHttp(3)
  const memcached = new NotingMemcached(4)
  const engines = new WorkerEngines(http, memcached, {
    worker: 0,
    log: () => {},
    onFault: (error: unknown) => assert.fail(String(error)),
  })
  onTestEnd(() => engines.destroy())
  const factory = new SharedStateFactory(1)
  let before: { plan: Plan; shared: ReturnType<SharedStateFactory['build']> } | undefined
  const prepare = async (plan: Plan, sockets: readonly BoundAddress[] = []): Promise<void> => {
    const shared = factory.build(plan, before)
    await engines.prepare({ generation: 1, plan, shared, materials: noMaterials }, sockets)
    before = { plan, shared }
  }
  return { http, memcached, engines, prepare }
}

const plan = (servers: readonly string[]): Plan => makePlan({ memcached: [makePool('edge', servers)] })
const edgeOf = (engine: NotingEngine): Pool => engine.pools!.get('edge')

test('both follow one set of pools, and a pool that did not change is the same', async () => {
  const { http, memcached, engines, prepare } = start()
  await prepare(plan(['a 1']))
  engines.commit()
  assert.equal(http.pools, memcached.pools)
  const first = edgeOf(http)
  await prepare(plan(['a 1']))
  engines.commit()
  assert.equal(edgeOf(memcached), first)
  await prepare(plan(['a 1', 'b 2']))
  assert.equal(first.isClosed, false)
  engines.commit()
  assert.notEqual(edgeOf(http), first)
  assert.equal(first.isClosed, true)
  assert.equal(engines.connections(), 7)
  assert.deepEqual(
    http.told.filter((word) => word !== 'rollback'),
    memcached.told.filter((word) => word !== 'rollback'),
  )
})

for (const refusing of ['http', 'memcached'] as const) {
  test(`what ${refusing} refuses leaves nothing of the new Plan, and the old one goes on`, async () => {
    const parts = start()
    const { engines, prepare } = parts
    await prepare(plan(['a 1']))
    engines.commit()
    const first = edgeOf(parts.http)
    parts[refusing].refuses = true
    await assert.rejects(prepare(plan(['a 1', 'b 2'])), /refused/)
    assert.equal(edgeOf(parts.http).isClosed, true)
    assert.equal(first.isClosed, false)
    for (const { told } of [parts.http, parts.memcached]) assert.equal(told.at(-1), 'rollback')
    engines.commit()
    assert.deepEqual(parts.http.told.filter((word) => word === 'commit').length, 1)
    parts[refusing].refuses = false
    await prepare(plan(['a 1']))
    assert.equal(edgeOf(parts.memcached), first)
  })
}

test('sockets that are bound already go to whoever listens there', async () => {
  const { http, memcached, prepare } = start()
  const bound = Array.from({ length: 4 }, (): BoundAddress => {
    const socket = new BoundSocket({ host: '127.0.0.1', port: 0 })
    const address: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port: socket.address().port }
    return { address: addressText(address), socket }
  })
  const [web, cache, stats, unknown] = bound.map(({ socket }) => socket.address().port)
  const at = (port: number | undefined): ListenAddress => ({ kind: 'tcp', host: '127.0.0.1', port: port! })
  const listening = makePlan({
    listeners: [makeListener('web', web!)],
    memcached: [makePool('edge', ['a 1'])],
    memcachedProxies: [makeMemcachedProxy('local', [at(cache)], [at(stats)])],
  })
  await prepare(listening, bound)
  assert.deepEqual(
    http.sockets,
    [web, unknown].map((port) => `127.0.0.1:${port}`),
  )
  assert.deepEqual(
    memcached.sockets,
    [cache, stats].map((port) => `127.0.0.1:${port}`),
  )
})

test('the sockets of a proxy are closed when HTTP refuses before it is asked', async () => {
  const { http, memcached, prepare } = start()
  const socket = new BoundSocket({ host: '127.0.0.1', port: 0 })
  const { port } = socket.address()
  const address: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port }
  http.refuses = true
  const busy = makePlan({ memcachedProxies: [makeMemcachedProxy('local', [address])] })
  await assert.rejects(prepare(busy, [{ address: addressText(address), socket }]), /refused/)
  assert.deepEqual(memcached.sockets, [])
  new BoundSocket({ host: '127.0.0.1', port }).close()
})

test('both are drained', async () => {
  const { http, memcached, engines, prepare } = start()
  await prepare(plan(['a 1']))
  engines.commit()
  await engines.drain()
  for (const { told } of [http, memcached]) assert.equal(told.at(-1), 'drain')
})
