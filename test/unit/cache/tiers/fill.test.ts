import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createMemoryTier, MemoryTier } from '../../../../src/cache/tiers/memory-tier.ts'
import { bodyFor, headFor } from './support/bodies.ts'

const KIB = 1024

function tierOf(bytes: number, workers = 1): MemoryTier[] {
  const shared = createMemoryTier({ bytes, workers, maxObjectBytes: bytes })
  return Array.from({ length: workers }, (_, worker) => new MemoryTier(shared, worker))
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a reader follows a fill from before its start to its end', async () => {
  const tier = tierOf(1024 * KIB)[0]!
  const body = bodyFor('/a', 3, 200 * KIB)
  const writer = tier.lead('/a')!
  const reader = tier.follow('/a')!
  let calls = 0
  const count = (): void => {
    calls++
  }
  assert.equal(reader.state, 'pending')
  assert.equal(reader.read(0, 10), undefined)
  reader.onChange(count)
  await turn()
  assert.equal(calls, 0)

  assert.ok(writer.start([42], headFor('/a', 3), -1))
  assert.equal(calls, 0, 'not from within the writer')
  await turn()
  assert.equal(calls, 1)
  assert.equal(reader.state, 'streaming')
  assert.equal(reader.meta[0], 42)
  assert.deepEqual(reader.head, headFor('/a', 3))
  assert.equal(reader.bodyBytes, -1)

  reader.onChange(count)
  for (let at = 0; at < body.length; at += 1000) writer.write(body, at, Math.min(body.length, at + 1000))
  await turn()
  assert.equal(calls, 2, 'once per registration')
  assert.equal(reader.available, body.length)
  writer.complete()
  reader.onChange(count)
  await turn()
  assert.equal(calls, 3, 'a change before the registration counts')
  assert.equal(reader.state, 'complete')
  assert.equal(reader.bodyBytes, body.length)
  assert.deepEqual(readAll(reader, 7000), body)
  assert.deepEqual(reader.read(5, 10), body.subarray(5, 15), 'also backwards')
  reader.onChange(count)
  reader.close()
  reader.close()
  await turn()
  assert.equal(calls, 3)
  assert.equal(tier.follow('/a'), undefined)
})

function readAll(reader: { read(offset: number, max: number): Buffer | undefined }, max: number): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (let part = reader.read(0, max); part !== undefined; part = reader.read(at, max)) {
    parts.push(part)
    at += part.length
  }
  return Buffer.concat(parts)
}

test('what another tier gives is shown when it is whole, and then as an object to look up', async () => {
  const tier = tierOf(1024 * KIB)[0]!
  const body = bodyFor('/a', 3, 40 * KIB)
  const writer = tier.lead('/a')!
  const reader = tier.follow('/a')!
  let calls = 0
  reader.onChange(() => calls++)
  assert.ok(writer.startHidden([42], headFor('/a', 3), body.length, Buffer.from('label')))
  assert.ok(writer.write(body, 0, KIB))
  await turn()
  assert.equal(calls, 0)
  assert.equal(reader.state, 'pending')
  assert.equal(reader.available, 0)
  assert.ok(writer.write(body, KIB, body.length))
  writer.keep()
  await turn()
  assert.equal(calls, 1)
  assert.equal(reader.state, 'left')
  reader.close()
  const object = tier.find('/a')!
  assert.deepEqual(Buffer.concat(object.body), body)
  assert.equal(object.meta[0], 42)
  assert.equal(tier.labelsOf(object), 'label')
})

test('what another tier does not give to its end, or gives for a removed key, is not kept', () => {
  const tier = tierOf(1024 * KIB)[0]!
  const begin = () => {
    const writer = tier.lead('/a')!
    writer.startHidden([42], headFor('/a', 3), 2, Buffer.alloc(0))
    writer.write(Buffer.from('ab'), 0, 1)
    return writer
  }
  begin().keep()
  assert.equal(tier.find('/a'), undefined)
  const removed = begin()
  removed.write(Buffer.from('ab'), 1, 2)
  tier.remove('/a')
  removed.keep()
  assert.equal(tier.find('/a'), undefined)
  assert.equal(tier.stats().fills, 0)
  assert.equal(tier.stats().usedBytes, 0)
})

test('each end of a fill has its state, and only whole bodies are kept', () => {
  const tier = tierOf(1024 * KIB)[0]!
  const ends = {
    aborted: (writer: NonNullable<ReturnType<MemoryTier['lead']>>) => writer.abort(503),
    declined: (writer: NonNullable<ReturnType<MemoryTier['lead']>>) => writer.decline(14),
    left: (writer: NonNullable<ReturnType<MemoryTier['lead']>>) => writer.leave(),
  }
  for (const [state, end] of Object.entries(ends)) {
    const writer = tier.lead('/a')!
    const reader = writer.reader()!
    writer.start([], headFor('/a', 1), 10)
    writer.write(Buffer.from('0123'), 1, 3)
    end(writer)
    writer.complete()
    assert.equal(writer.write(Buffer.from('0123'), 1, 3), false)
    assert.equal(reader.state, state)
    assert.equal(reader.cause, { aborted: 503, declined: 14, left: 0 }[state])
    assert.equal(reader.read(0, 10)!.toString(), '12', 'what was written stays')
    assert.equal(tier.state('/a', 0), 'absent')
    assert.equal(writer.reader(), undefined)
    reader.close()
  }
  assert.equal(tier.stats().usedBytes, 0)
})

test('a body that outgrows the store ends for itself, not for what is stored', () => {
  const tier = tierOf(512 * KIB)[0]!
  const writer = tier.lead('/big')!
  const reader = writer.reader()!
  const piece = Buffer.alloc(32 * KIB, 'x')
  assert.ok(writer.start([], headFor('/big', 1), -1))
  while (writer.write(piece, 0, piece.length));
  const { written } = writer
  assert.ok(written > 200 * KIB)
  writer.decline(19, 1000)
  assert.equal(readAll(reader, 1e9).length, written)
  assert.equal(tier.hitForMissReason('/big', 0), 19)
  reader.close()
  assert.equal(tier.stats().usedBytes, 0)
})

test('without room for a fill the leader is told at start', () => {
  const [tier] = tierOf(256 * KIB) as [MemoryTier]
  const writers = []
  for (let n = 0; n < 5000; n++) writers.push(tier.lead(`/${n}`)!)
  const refused = writers.filter((writer) => !writer.start([], headFor('/', 1), 100))
  assert.ok(refused.length > 0 && refused.length < 5000)
  assert.equal(writers.at(-1)!.reader(), undefined)
  for (const writer of writers) writer.abort()
  assert.deepEqual({ used: tier.stats().usedBytes, fills: tier.stats().fills }, { used: 0, fills: 0 })
})

test('a stampede from four threads: one leader, and all followers get all bytes while they come', async () => {
  const shared = createMemoryTier({ bytes: 4096 * KIB, workers: 4, maxObjectBytes: 2048 * KIB })
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const script = new URL('./support/stampede-worker.ts', import.meta.url)
  const threads = [0, 1, 2, 3].map(
    (worker) => new Worker(script, { workerData: { shared, worker, gate, rounds: 5, followers: 100 } }),
  )
  const exits = threads.map((thread) => once(thread, 'exit'))
  const results = await Promise.all(threads.map(async (thread) => (await once(thread, 'message'))[0] as Outcome))
  await Promise.all(exits)
  assert.equal(
    results.reduce((sum, { led }) => sum + led, 0),
    5,
  )
  for (const { served } of results) assert.equal(served, 500)
  assert.ok(results.some(({ early }) => early > 0))
  const tier = new MemoryTier(shared, -1)
  assert.deepEqual({ fills: tier.stats().fills, zombies: tier.stats().zombies }, { fills: 0, zombies: 0 })
  for (const row of shared.pins) assert.ok(new Int32Array(row).every((count) => count === 0))
})

/** What a thread of the stampede reports: fetches it led, requests it served, and those begun before the end. */
interface Outcome {
  readonly led: number
  readonly served: number
  readonly early: number
}

test('the beginning of a fill that failed can be kept: an object for who looks it up, aborted for who read along', () => {
  const [tier, other] = tierOf(4096 * KIB, 2) as [MemoryTier, MemoryTier]
  const body = bodyFor('/kept', 1, 300 * KIB)
  const writer = tier.lead('/kept')!
  assert.ok(writer.start([200], headFor('/kept', 1), 500 * KIB))
  const reader = other.follow('/kept')!
  assert.ok(writer.write(body, 0, body.length))
  writer.keepBeginning([206, 7], 504)
  assert.deepEqual([reader.state, reader.available], ['aborted', body.length])
  assert.equal(
    reader.bodyBytes,
    500 * KIB,
    'a reader about to announce the length must not announce that of the beginning',
  )
  reader.close()
  const object = other.find('/kept')!
  assert.deepEqual([object.meta[0], object.meta[1], object.bodyBytes], [206, 7, body.length])
  assert.ok(Buffer.concat(object.body).equals(body))
  assert.equal(tier.stats().fills, 0)
})

test('of a fill that was removed, or has not begun, no beginning is kept', () => {
  const tier = tierOf(1024 * KIB)[0]!
  const removed = tier.lead('/removed')!
  removed.start([200], headFor('/removed', 1), -1)
  removed.write(Buffer.from('x'), 0, 1)
  tier.remove('/removed')
  removed.keepBeginning([206])
  tier.lead('/pending')!.keepBeginning([206])
  assert.deepEqual([tier.find('/removed'), tier.find('/pending'), tier.stats().fills], [undefined, undefined, 0])
})
