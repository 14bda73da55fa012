import assert from 'node:assert/strict'
import { test } from 'node:test'
import { latencyBucket } from '../../../src/memcached/latency.ts'
import { Command, commandNames } from '../../../src/memcached-proxy/commands.ts'
import { ProxyRuntime } from '../../../src/memcached-proxy/proxy-runtime.ts'
import {
  createProxyState,
  proxyRow,
  readProxyUse,
  releaseProxyWorker,
  Tally,
} from '../../../src/memcached-proxy/proxy-state.ts'
import { poolPlan, testPool } from '../../support/memcached-pool.ts'
import { proxyPlan } from './parts.ts'

test('workers count in rows of their own, and readers see the sums', () => {
  const state = createProxyState(2)
  for (const [worker, count] of [
    [0, 3],
    [1, 4],
  ] as const) {
    const row = proxyRow(state, worker)
    row.tallies[Tally.clientEof]! += count
    row.commands[Command.get]! += 10 * count
  }
  const use = readProxyUse(state)
  assert.equal(use.tallies.clientEof, 7)
  assert.equal(use.tallies.clientErr, 0)
  assert.equal(use.commands.get, 70)
  assert.equal(use.commands.set, 0)
})

test('latencies are kept by command', () => {
  const state = createProxyState(1)
  const { pool } = testPool(poolPlan([{ kind: 'tcp', host: '127.0.0.1', port: 1 }]), undefined, 0)
  const runtime = new ProxyRuntime(proxyPlan(), { get: () => pool }, state, 0)
  runtime.latency(Command.set, 2)
  runtime.latency(Command.set, 2)
  runtime.latency(Command.quit, 1000)
  const { latencies } = readProxyUse(state)
  assert.equal(latencies.set![latencyBucket(2)], 2)
  assert.equal(latencies.quit![latencyBucket(1000)], 1)
  assert.equal(
    latencies.get!.every((count) => count === 0),
    true,
  )
})

test('what a dead worker had open is taken back, what it has counted stays', () => {
  const state = createProxyState(2)
  for (const worker of [0, 1]) {
    const { tallies } = proxyRow(state, worker)
    tallies[Tally.clientConnections] = 5
    tallies[Tally.listening] = 2
    tallies[Tally.accepted] = 9
  }
  releaseProxyWorker(state, 1)
  const { tallies } = readProxyUse(state)
  assert.deepEqual([tallies.clientConnections, tallies.listening, tallies.accepted], [5, 2, 18])
})

test('every command has a name', () => {
  assert.equal(commandNames.length, Object.keys(Command).length)
  for (const [name, number] of Object.entries(Command))
    assert.equal(commandNames[number], name === 'flush' ? 'flush_all' : name)
})
