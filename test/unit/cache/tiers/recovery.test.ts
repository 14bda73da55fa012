import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Control } from '../../../../src/cache/tiers/layout.ts'
import { createMemoryTier, MemoryTier, releaseWorker } from '../../../../src/cache/tiers/memory-tier.ts'
import { bodyFor, headFor } from './support/bodies.ts'
import { removeAll } from './support/empty.ts'

const KIB = 1024
/** What the lock holds while worker 1 owns it. */
const OWNED_BY_WORKER_1 = 3

function store(tier: MemoryTier, key: string, bytes = 3000): void {
  const writer = tier.lead(key)!
  assert.ok(writer.start([1], headFor(key, 1), bytes))
  assert.ok(writer.write(Buffer.alloc(bytes, key), 0, bytes))
  writer.complete()
}

test('what a dead worker held is released', () => {
  const shared = createMemoryTier({ bytes: 1024 * KIB, workers: 2, maxObjectBytes: 256 * KIB })
  const [living, dead] = [new MemoryTier(shared, 0), new MemoryTier(shared, 1)]
  store(living, '/pinned')
  assert.ok(dead.pin(dead.find('/pinned')!))
  dead.lead('/filling')!.start([], headFor('/filling', 1), 10)
  const reader = living.follow('/filling')!
  dead.lead('/waiting')
  const waiting = living.follow('/waiting')!
  living.remove('/pinned')
  assert.equal(living.stats().zombies, 1)

  assert.equal(releaseWorker(shared, 1), true)
  assert.equal(living.stats().zombies, 2, 'the fills that are still read')
  assert.deepEqual([reader.state, waiting.state], ['aborted', 'left'])
  reader.close()
  waiting.close()
  assert.deepEqual([living.stats().zombies, living.stats().fills, living.stats().resets], [0, 0, 0])
  assert.notEqual(living.lead('/filling'), undefined)
})

test('a worker that died inside the lock leaves an empty store; what the living read stays as it is', () => {
  const shared = createMemoryTier({ bytes: 1024 * KIB, workers: 2, maxObjectBytes: 256 * KIB })
  const living = new MemoryTier(shared, 0)
  for (let n = 0; n < 20; n++) store(living, `/${n}`)
  const pinned = living.find('/7')!
  assert.ok(living.pin(pinned))
  const fill = living.lead('/fill')!
  const reader = living.follow('/fill')!
  const body = bodyFor('/fill', 4, 80 * KIB)
  assert.ok(fill.start([], headFor('/fill', 4), -1))
  assert.ok(fill.write(body, 0, 1))

  // As bad as it gets: every list and table of the store is noise, and the index is in the middle of a move.
  const control = new Int32Array(shared.control)
  control[Control.lock] = OWNED_BY_WORKER_1
  control.fill(0x55555, Control.freeClasses)
  control[Control.indexVersion] = 7
  control[Control.smallHead] = 99
  new Int32Array(shared.index).fill(3)

  assert.equal(releaseWorker(shared, 1), true)
  assert.deepEqual([living.stats().objects, living.stats().zombies, living.stats().resets], [0, 2, 1])
  assert.equal(reader.state, 'aborted')
  assert.equal(fill.write(body, 1, 2), false)
  for (let n = 0; n < 400; n++) store(living, `/after/${n}`)
  assert.deepEqual(pinned.head, headFor('/7', 1))
  assert.deepEqual(Buffer.concat(pinned.body), Buffer.alloc(3000, '/7'))
  assert.equal(living.find('/7'), undefined)

  living.unpin(pinned)
  reader.close()
  fill.abort()
  removeAll(living)
  assert.deepEqual([living.stats().usedBytes, living.stats().zombies, living.stats().fragmentation], [0, 0, 0])
})

test('a lock owned by another dead worker is not waited for without end', () => {
  const shared = createMemoryTier({ bytes: 1024 * KIB, workers: 2, maxObjectBytes: 256 * KIB })
  store(new MemoryTier(shared, 0), '/a')
  new Int32Array(shared.control)[Control.lock] = OWNED_BY_WORKER_1
  const main = new MemoryTier(shared, -1)
  assert.throws(() => main.inspect('/a'), /a thread that has just died/)
  assert.throws(() => main.state('/a', 0), /a thread that has just died/)
  assert.equal(releaseWorker(shared, 0), false)
  assert.equal(releaseWorker(shared, 1), true)
  assert.equal(releaseWorker(shared, 0), true)
})

test('mixed sizes waste less than an eighth of the space they take', () => {
  const shared = createMemoryTier({ bytes: 8192 * KIB, workers: 1, maxObjectBytes: 1024 * KIB })
  const tier = new MemoryTier(shared, 0)
  const sizes = new Map<string, number>()
  for (let n = 0; n < 3000; n++) {
    const bytes = 300 + ((n * 7919) % 40) ** 3
    store(tier, `/${n}`, bytes)
    sizes.set(`/${n}`, bytes)
  }
  let wanted = 0
  for (const [key, bytes] of sizes) if (tier.find(key)) wanted += bytes + headFor(key, 1).length + key.length
  const { usedBytes, freeBytes } = tier.stats()
  assert.ok(wanted / usedBytes > 0.875, `${wanted} of ${usedBytes}`)
  assert.ok(usedBytes / (usedBytes + freeBytes) > 0.85, `${usedBytes} used, ${freeBytes} free`)
})
