import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Age,
  createPoolState,
  keepPoolState,
  MAIN_THREAD,
  PoolState,
  releaseWorker,
  Use,
} from '../../../src/memcached/pool-state.ts'
import type { MemcachedPlan } from '../../../src/plan/memcached-plan.ts'
import { poolPlan } from '../../support/memcached-pool.ts'

const WORKERS = 3

function planOf(...ports: number[]): MemcachedPlan {
  const plan = poolPlan(ports.map((port) => ({ kind: 'tcp', host: 'Host.test', port })))
  return { ...plan, servers: plan.servers.map((server, i) => ({ ...server, label: `p${ports[i]}` })) }
}

test('all is well in the beginning', () => {
  const state = new PoolState(createPoolState(planOf(1, 2), WORKERS))
  assert.deepEqual([state.servers, state.workers, state.changes], [2, WORKERS, 0])
  for (const server of [0, 1]) {
    assert.equal(state.isLive(server), true)
    assert.deepEqual([state.failures(server), state.ejections(server), state.age(server)], [0, 0, Age.unknown])
    assert.deepEqual([state.ejectedAtUs(server), state.returnedAtMs(server)], [0, 0])
    assert.ok(Object.values(state.use(server)).every((count) => count === 0))
  }
})

test('rows of threads and servers do not overlap, and are summed', () => {
  const buffer = createPoolState(planOf(1, 2, 3), WORKERS)
  const state = new PoolState(buffer)
  let stamp = 1
  const expected = new Map<string, number>()
  for (let worker = MAIN_THREAD; worker < WORKERS; worker++) {
    for (let server = 0; server < 3; server++) {
      for (const [name, row] of [
        ['use', state.useOf(worker, server)],
        ['latency', state.latenciesOf(worker, server)],
      ] as const) {
        row.fill(stamp)
        expected.set(`${name} ${worker} ${server}`, stamp++)
      }
    }
    state.commandsOf(worker).fill(stamp)
    expected.set(`commands ${worker}`, stamp++)
  }
  state.setAge(0, Age.modern)
  for (let worker = MAIN_THREAD; worker < WORKERS; worker++) {
    for (let server = 0; server < 3; server++) {
      assert.ok(state.useOf(worker, server).every((cell) => cell === expected.get(`use ${worker} ${server}`)))
      assert.ok(state.latenciesOf(worker, server).every((cell) => cell === expected.get(`latency ${worker} ${server}`)))
    }
    assert.ok(state.commandsOf(worker).every((cell) => cell === expected.get(`commands ${worker}`)))
  }
  const sum = (name: string) =>
    [...expected].filter(([key]) => key.startsWith(name)).reduce((n, [, cell]) => n + cell, 0)
  assert.equal(state.use(0).requests + state.use(1).requests + state.use(2).requests, sum('use'))
  assert.equal(state.commands().get, sum('commands'))
  assert.equal(buffer.byteLength % 64, 0)
})

test('a failure counts unless the connection was there when the last one was counted', () => {
  const state = new PoolState(createPoolState(planOf(1), WORKERS))
  assert.equal(state.addFailure(0, 5n, 10n), 1)
  assert.equal(state.addFailure(0, 6n, 11n), 0)
  assert.equal(state.addFailure(0, 10n, 12n), 0)
  assert.equal(state.addFailure(0, 11n, 12n), 2)
  state.clearFailures(0)
  assert.equal(state.addFailure(0, 13n, 14n), 1)
})

test('ejecting and taking back are done by one caller each, and seen by their number', () => {
  const buffer = createPoolState(planOf(1, 2), WORKERS)
  const [state, other] = [new PoolState(buffer), new PoolState(buffer)]
  assert.equal(state.eject(1, 1000, 500), true)
  assert.equal(other.eject(1, 1001, 500), false)
  assert.equal(other.changes, 1)
  assert.deepEqual([other.isLive(1), other.isEjected(1), other.isLive(0)], [false, true, true])
  assert.deepEqual([other.ejections(1), other.ejectedAtUs(1), other.failures(1)], [1, 1_000_000, 0])
  assert.equal(state.claimProbe(1, 1400, 500), false)
  assert.equal(state.claimProbe(0, 9999, 500), false, 'it is not ejected')
  assert.equal(state.claimProbe(1, 1501, 500), true)
  assert.equal(other.claimProbe(1, 1501, 500), false, 'somebody has it')
  assert.equal(other.claimProbe(1, 2002, 500), true, 'the probe was not heard of again')
  assert.equal(state.claimProbe(1, 2002, 500), false)
  assert.equal(state.claimProbe(1, 100, 500), true, 'the clock was set back')
  assert.equal(state.readmit(1, 2003), true)
  assert.equal(other.readmit(1, 2004), false)
  assert.equal(state.isLive(1), true)
  assert.equal(state.returnedAtMs(1), 2004)
})

test('draining is apart from ejection', () => {
  const state = new PoolState(createPoolState(planOf(1), WORKERS))
  assert.equal(state.setDrained(0, true), true)
  assert.equal(state.setDrained(0, true), false)
  assert.deepEqual([state.isLive(0), state.isDrained(0), state.isEjected(0)], [false, true, false])
  state.eject(0, 1000, 500)
  state.setDrained(0, false)
  assert.equal(state.isLive(0), false)
  state.readmit(0, 2000)
  assert.equal(state.isLive(0), true)
})

test('of several times of return the latest counts', () => {
  const state = new PoolState(createPoolState(planOf(1), WORKERS))
  state.noteReturn(0, 5000)
  const { changes } = state
  state.noteReturn(0, 4000)
  state.noteReturn(0, 5000)
  assert.deepEqual([state.returnedAtMs(0), state.changes], [5000, changes])
})

test('one caller looks in each second', () => {
  const state = new PoolState(createPoolState(planOf(1), WORKERS))
  assert.deepEqual([state.claimLook(0, 7), state.claimLook(0, 7), state.claimLook(0, 8)], [true, false, true])
})

test('what a dead worker had in flight is forgotten, what it counted is not', () => {
  const buffer = createPoolState(planOf(1, 2), WORKERS)
  const state = new PoolState(buffer)
  for (const worker of [0, 1]) state.useOf(worker, 1).fill(3)
  releaseWorker(buffer, 0)
  const { inQueue, inQueueBytes, outQueue, outQueueBytes, serverConnections, requests, serverEof } = state.use(1)
  assert.deepEqual([inQueue, inQueueBytes, outQueue, outQueueBytes, serverConnections], [3, 3, 3, 3, 3])
  assert.deepEqual([requests, serverEof], [6, 6])
  assert.throws(() => releaseWorker(buffer, WORKERS))
  assert.throws(() => releaseWorker(buffer, MAIN_THREAD))
})

test('a reload with the same servers keeps the state itself', () => {
  const plan = planOf(1, 2)
  const state = createPoolState(plan, WORKERS)
  const other = {
    ...plan,
    timeoutMs: 7,
    hash: 'crc32' as const,
    servers: plan.servers.map((server) => ({ ...server, weight: 9 })),
  }
  assert.equal(keepPoolState(plan, state, other, WORKERS), state)
  assert.notEqual(keepPoolState(plan, state, planOf(2, 1), WORKERS), state)
  assert.notEqual(keepPoolState(plan, state, plan, WORKERS + 1), state)
})

test('a reload with other servers keeps what is known of those that stay', () => {
  const plan = planOf(1, 2, 3)
  const buffer = createPoolState(plan, WORKERS)
  const state = new PoolState(buffer)
  state.eject(1, 1000, 500)
  state.setDrained(2, true)
  state.noteReturn(2, 4321)
  state.setAge(1, Age.old)
  for (const worker of [MAIN_THREAD, 0, 2]) {
    state.useOf(worker, 1)[Use.requests] = 10
    state.useOf(worker, 1)[Use.outQueue] = 5
    state.latenciesOf(worker, 1)[3] = 4
    state.commandsOf(worker)[0] = 2
  }
  const next = new PoolState(keepPoolState(plan, buffer, planOf(4, 2, 3), WORKERS))
  assert.deepEqual([next.isLive(0), next.isEjected(1), next.isDrained(2)], [true, true, true])
  assert.deepEqual([next.ejectedUntilMs(1), next.ejectedAtUs(1), next.age(1)], [1500, 1_000_000, Age.old])
  assert.equal(next.returnedAtMs(2), 4321)
  assert.deepEqual([next.use(1).requests, next.use(1).outQueue, next.latencies(1)[3]], [30, 0, 12])
  assert.equal(next.commands().get, 6)
  const moved = planOf(1, 2, 3)
  const elsewhere = { ...moved, servers: moved.servers.map((server) => ({ ...server, label: `${server.label}x` })) }
  assert.equal(new PoolState(keepPoolState(plan, buffer, elsewhere, WORKERS)).isEjected(1), false, 'another label')
})
