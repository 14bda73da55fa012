import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import {
  createMemoryTier,
  MemoryTier,
  type MemoryTierShared,
  releaseWorker,
} from '../../../../src/cache/tiers/memory-tier.ts'
import { removeAll } from './support/empty.ts'

const KIB = 1024

const script = new URL('./support/stress-worker.ts', import.meta.url)

interface Crew {
  readonly shared: MemoryTierShared
  readonly flags: Int32Array
}

function assemble(workers: number): Crew {
  return {
    shared: createMemoryTier({ bytes: 2048 * KIB, workers, maxObjectBytes: 256 * KIB }),
    flags: new Int32Array(new SharedArrayBuffer(4)),
  }
}

async function start(crew: Crew, worker: number): Promise<Worker> {
  const thread = new Worker(script, { workerData: { ...crew, worker, keys: 150, mostBytes: 80 * KIB } })
  const [word] = await once(thread, 'message')
  assert.equal(word, 'ready')
  return thread
}

/** Lets the threads come to their end; the number of checks each has made. */
async function stop(crew: Crew, threads: readonly Worker[]): Promise<number[]> {
  const results = threads.map((thread) => once(thread, 'message'))
  const exits = threads.map((thread) => once(thread, 'exit'))
  Atomics.store(crew.flags, 0, 1)
  const checks = (await Promise.all(results)).map(([count]) => count as number)
  await Promise.all(exits)
  return checks
}

function assertNothingHeld({ shared }: Crew): void {
  for (const row of shared.pins)
    assert.equal(
      new Int32Array(row).some((count) => count !== 0),
      false,
    )
  const tier = new MemoryTier(shared, -1)
  const before = tier.stats()
  assert.deepEqual({ fills: before.fills, zombies: before.zombies }, { fills: 0, zombies: 0 })
  removeAll(tier)
  const after = tier.stats()
  assert.deepEqual({ used: after.usedBytes, objects: after.objects }, { used: 0, objects: 0 })
  assert.equal(after.freeBytes, before.freeBytes + before.usedBytes)
  assert.equal(after.fragmentation, 0)
}

test('three threads change and read everything; no byte is ever wrong, nothing is lost', async () => {
  const crew = assemble(3)
  const threads = await Promise.all([0, 1, 2].map((worker) => start(crew, worker)))
  await delay(2500)
  const checks = await stop(crew, threads)
  for (const count of checks) assert.ok(count > 1000, `${checks}`)
  assert.ok(new MemoryTier(crew.shared, -1).stats().evictions > 1000)
  assert.equal(new MemoryTier(crew.shared, -1).stats().resets, 0)
  assertNothingHeld(crew)
})

test('threads are terminated in the middle of anything; the others read on and nothing is lost', async () => {
  const crew = assemble(2)
  const survivor = await start(crew, 0)
  for (let round = 0; round < 12; round++) {
    const victim = await start(crew, 1)
    await delay(5 + 13 * (round % 5))
    await victim.terminate()
    assert.equal(releaseWorker(crew.shared, 1), true)
  }
  const checks = await stop(crew, [survivor])
  assert.ok(checks[0]! > 1000)
  assertNothingHeld(crew)
})
