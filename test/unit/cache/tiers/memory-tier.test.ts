import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createMemoryTier,
  Fate,
  META_CELLS,
  MemoryTier,
  type MemoryTierShared,
} from '../../../../src/cache/tiers/memory-tier.ts'
import type { StoredObject } from '../../../../src/cache/tiers/stored-object.ts'
import { removeAll } from './support/empty.ts'

const KIB = 1024
const head = Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n', 'latin1')

function tierOf(bytes: number, workers = 1, maxObjectBytes = bytes): { shared: MemoryTierShared; tiers: MemoryTier[] } {
  const shared = createMemoryTier({ bytes, workers, maxObjectBytes })
  return { shared, tiers: Array.from({ length: workers }, (_, worker) => new MemoryTier(shared, worker)) }
}

function put(tier: MemoryTier, key: string, body: Buffer, knowsLength = true, meta: number[] = [1, 2.5]): boolean {
  tier.find(key)
  const writer = tier.lead(key)!
  const isStored = writer.start(meta, head, knowsLength ? body.length : -1) && writer.write(body, 0, body.length)
  if (isStored) writer.complete()
  else writer.decline(0)
  return isStored
}

function bodyOf(object: StoredObject | undefined): string | undefined {
  return object && Buffer.concat(object.body).toString('latin1')
}

function patterned(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + (at >> 8)) & 255))
}

test('what is stored is found, in every worker', () => {
  const { tiers } = tierOf(1024 * KIB, 2)
  assert.equal(tiers[0]!.find('/a'), undefined)
  assert.ok(put(tiers[0]!, '/a', Buffer.from('hello')))
  for (const tier of tiers) {
    const object = tier.find('/a')!
    assert.equal(object.key, '/a')
    assert.equal(bodyOf(object), 'hello')
    assert.equal(object.bodyBytes, 5)
    assert.deepEqual(object.head, head)
    assert.deepEqual([...object.meta], [1, 2.5, ...new Array(META_CELLS - 2).fill(0)])
    assert.equal(object.headAndBody?.toString('latin1'), `${head}hello`)
    assert.equal(object.softPurged, false)
    assert.equal(tier.find('/a'), object)
  }
})

test('an empty body, a large body, a body of unknown length', () => {
  const { tiers } = tierOf(8192 * KIB)
  const tier = tiers[0]!
  for (const bytes of [0, 1, 15 * KIB, 16 * KIB, 17 * KIB, 64 * KIB, 1500 * KIB]) {
    for (const knowsLength of [true, false]) {
      const body = patterned(bytes)
      assert.ok(put(tier, `/${bytes}`, body, knowsLength))
      const object = tier.find(`/${bytes}`)
      assert.equal(bodyOf(object), body.toString('latin1'))
      if (knowsLength || bytes < 16 * KIB)
        assert.equal(object!.headAndBody !== undefined, bytes <= 1024 * KIB, `${bytes}`)
    }
  }
  removeAll(tier)
  assert.equal(tier.stats().usedBytes, 0)
  assert.equal(tier.stats().fragmentation, 0)
})

test('keys beyond latin1 are keys of their own', () => {
  const tier = tierOf(1024 * KIB).tiers[0]!
  const keys = ['é', 'Ã©', '\u20ac', '\ud800', '\ufffd', '', 'x'.repeat(5000)]
  for (const key of keys) assert.ok(put(tier, key, Buffer.from(`body of ${key.length} ${keys.indexOf(key)}`)))
  for (const key of keys) assert.equal(bodyOf(tier.find(key)), `body of ${key.length} ${keys.indexOf(key)}`)
})

test('the newest object replaces the older one, which stays until the fill completes', () => {
  const { tiers } = tierOf(1024 * KIB, 2)
  const [tier, other] = tiers as [MemoryTier, MemoryTier]
  put(tier, '/a', Buffer.from('old'))
  const old = other.find('/a')!
  assert.equal(tier.lead('/a'), undefined, 'not over an object that this worker has not seen')
  assert.equal(bodyOf(tier.find('/a')), 'old')
  const writer = tier.lead('/a')!
  assert.equal(other.lead('/a'), undefined)
  assert.ok(writer.start([], head, -1))
  assert.ok(writer.write(Buffer.from('new'), 0, 3))
  assert.equal(bodyOf(other.find('/a')), 'old')
  assert.ok(other.pin(old))
  writer.complete()
  assert.equal(bodyOf(other.find('/a')), 'new')
  assert.equal(Buffer.concat(old.body).toString(), 'old')
  assert.equal(tier.stats().zombies, 1)
  other.unpin(old)
  assert.equal(tier.stats().zombies, 0)
  assert.equal(other.pin(old), false)
})

test('states of a key', () => {
  const tier = tierOf(1024 * KIB).tiers[0]!
  assert.equal(tier.state('/a', 0), 'absent')
  const writer = tier.lead('/a')!
  assert.equal(tier.state('/a', 0), 'filling')
  writer.decline(14, 1000)
  assert.equal(tier.state('/a', 999), 'hit-for-miss')
  assert.equal(tier.hitForMissReason('/a', 999), 14)
  assert.equal(tier.hitForMissReason('/a', 1000), 0)
  assert.equal(tier.state('/a', 1000), 'absent')
  put(tier, '/a', Buffer.from('x'))
  assert.equal(tier.state('/a', 0), 'complete')
  assert.equal(tier.hitForMissReason('/a', 0), 0)
  tier.lead('/b')!.decline(14, 10)
  assert.equal(tier.state('/b', 9), 'hit-for-miss')
  assert.equal(tier.remove('/b'), false)
  assert.equal(tier.state('/b', 9), 'absent')
})

test('a failed fetch is remembered in all workers, with a longer delay each time, until one succeeds', () => {
  const { tiers } = tierOf(1024 * KIB, 2)
  const [tier, other] = [tiers[0]!, tiers[1]!]
  assert.equal(other.retryAtMs('/a', 0), 0)
  tier.noteFailure('/a', 10_000, true)
  assert.equal(other.wasUnanswered('/a'), true)
  assert.equal(other.retryAtMs('/a', 10_000), 11_000)
  other.noteFailure('/a', 10_999, false)
  assert.equal(other.retryAtMs('/a', 10_999), 11_000, 'a failure before its time puts nothing off')
  other.noteFailure('/a', 11_000, false)
  assert.equal(tier.wasUnanswered('/a'), false)
  assert.equal(tier.retryAtMs('/a', 11_000), 13_000)
  assert.equal(tier.retryAtMs('/b', 11_000), 0)
  assert.equal(tier.retryAtMs('/a', 13_000 + 60_000), 0)
  other.forgetFailures('/a')
  assert.equal(tier.retryAtMs('/a', 11_000), 0)
  tier.noteFailure('/a', 20_000, false)
  put(other, '/a', Buffer.from('x'))
  assert.equal(tier.retryAtMs('/a', 20_000), 0)
})

test('uses of a key are counted over all workers', () => {
  const { tiers } = tierOf(1024 * KIB, 2)
  assert.deepEqual([tiers[0]!.countUse('/a'), tiers[1]!.countUse('/a'), tiers[0]!.countUse('/b')], [1, 2, 1])
})

test('remove takes what lies under a key, discard only the object it was given', () => {
  const { tiers } = tierOf(1024 * KIB, 2)
  put(tiers[0]!, '/a', Buffer.from('x'))
  const old = tiers[1]!.find('/a')!
  put(tiers[0]!, '/a', Buffer.from('y'))
  tiers[1]!.discard(old)
  assert.equal(bodyOf(tiers[1]!.find('/a')), 'y')
  tiers[1]!.discard(tiers[1]!.find('/a')!)
  assert.equal(tiers[0]!.find('/a'), undefined)
  assert.equal(tiers[0]!.remove('/a'), false)
})

test('a sweep sees every object once, and expires or removes it for all workers', () => {
  const { tiers } = tierOf(1024 * KIB, 2)
  const [tier, main] = tiers as [MemoryTier, MemoryTier]
  for (const key of ['/keep', '/expire', '/remove']) put(tier, key, Buffer.from('x'), true, [7])
  const [kept, expired] = [tier.find('/keep')!, tier.find('/expire')!]
  tier.lead('/filling')!.start([], head, 1)
  const seen: string[] = []
  let from = 0
  while (from !== -1) {
    from = main.sweep(from, 2, ({ key, meta }) => {
      seen.push(`${key} ${meta[0]}`)
      return key === '/remove' ? Fate.remove : key === '/expire' ? Fate.expire : Fate.keep
    })
  }
  assert.deepEqual(seen.toSorted(), ['/expire 7', '/keep 7', '/remove 7'])
  assert.deepEqual([kept.softPurged, expired.softPurged, tier.find('/remove')], [false, true, undefined])
})

test('labels are kept with the object, are read from a fill, and change with a refresh', () => {
  const tier = tierOf(1024 * KIB).tiers[0]!
  const writer = tier.lead('/a', { mark: 5, hold() {}, release() {} })!
  const reader = tier.follow('/a')!
  assert.ok(writer.start([], head, -1, Buffer.from('one\ntwo')))
  assert.deepEqual([reader.mark, reader.labels], [5, 'one\ntwo'])
  assert.deepEqual(reader.head, head)
  assert.ok(writer.write(Buffer.from('body'), 0, 4))
  writer.complete()
  reader.close()
  const object = tier.find('/a')!
  assert.deepEqual([tier.labelsOf(object), bodyOf(object)], ['one\ntwo', 'body'])
  assert.deepEqual(object.head, head)
  const newHead = Buffer.from('new\r\n\r\n')
  assert.ok(tier.refresh(object, [1], newHead, Buffer.from('three')))
  const fresh = tier.find('/a')!
  assert.deepEqual([tier.labelsOf(fresh), tier.labelsOf(object), bodyOf(fresh)], ['three', undefined, 'body'])
  assert.deepEqual(fresh.head, newHead)
})

test('the owner of a fill hears of its beginning and, once, of its end, whatever that is', () => {
  const { tiers } = tierOf(300 * KIB)
  const tier = tiers[0]!
  let held = 0
  const owner = { mark: 0, hold: () => held++, release: () => held-- }
  const endings = ['complete', 'abort', 'leave'] as const
  for (const ending of endings) {
    const writer = tier.lead(`/${ending}`, owner)!
    assert.equal(held, 1)
    writer.start([], head, 0)
    writer[ending]()
    writer.abort()
    assert.equal(held, 0)
  }
  const fills = Array.from({ length: 300 }, (_, n) => tier.lead(`/full/${n}`, owner)!)
  assert.equal(held, 300, 'those for which there was no room as well')
  for (const fill of fills) fill.decline(0)
  assert.equal(held, 0)
})

test('a fill that is disowned serves its readers and is not kept', () => {
  const tier = tierOf(1024 * KIB).tiers[0]!
  const fill = tier.lead('/a')!
  const reader = tier.follow('/a')!
  reader.disown()
  assert.equal(tier.follow('/a'), undefined)
  fill.start([], head, 1)
  fill.write(Buffer.from('x'), 0, 1)
  fill.complete()
  assert.equal(reader.read(0, 100)!.toString(), 'x')
  assert.equal(tier.find('/a'), undefined)
  reader.disown()
  reader.close()
  assert.equal(tier.stats().usedBytes, 0)
})

test('a fill is removed with its key', () => {
  const tier = tierOf(1024 * KIB).tiers[0]!
  const removed = tier.lead('/b')!
  const reader = tier.follow('/b')!
  removed.start([], head, 1)
  assert.equal(tier.remove('/b'), true)
  assert.equal(tier.follow('/b'), undefined)
  assert.notEqual(tier.lead('/b'), undefined)
  removed.write(Buffer.from('x'), 0, 1)
  removed.complete()
  assert.equal(reader.state, 'complete')
  assert.equal(reader.read(0, 100)!.toString(), 'x')
  assert.equal(tier.find('/b'), undefined)
  reader.close()
})

test('too large, too short, too long', () => {
  const tier = tierOf(1024 * KIB, 1, 10_000).tiers[0]!
  assert.equal(put(tier, '/a', patterned(10_000)), false)
  assert.equal(put(tier, '/a', patterned(10_000), false), false)
  assert.equal(put(tier, '/a', patterned(10_000 - head.length), false), true)
  const short = tier.lead('/b')!
  short.start([], head, 2)
  assert.equal(short.write(Buffer.from('xyz'), 0, 3), false)
  assert.equal(short.write(Buffer.from('x'), 0, 1), true)
  short.complete()
  assert.equal(tier.state('/b', 0), 'absent')
})

test('the bound holds, what is looked at stays, and nothing is lost', () => {
  const { shared, tiers } = tierOf(1024 * KIB)
  const tier = tiers[0]!
  const inSegments = shared.segments.reduce((sum, segment) => sum + segment.byteLength, 0)
  assert.ok(inSegments + shared.tableBytes <= shared.bytes)
  for (let n = 0; n < 3000; n++) {
    assert.ok(put(tier, `/${n}`, patterned(1000 + (n % 7) * 500)))
    if (n === 0) assert.ok(put(tier, '/hot', Buffer.from('hot')))
    tier.find('/hot')
  }
  const stats = tier.stats()
  assert.ok(stats.evictions > 2000)
  assert.equal(bodyOf(tier.find('/hot')), 'hot')
  assert.ok(stats.usedBytes > 0.9 * inSegments, `${stats.usedBytes} of ${inSegments}`)
  removeAll(tier)
  assert.deepEqual(
    { ...tier.stats(), evictions: 0 },
    {
      ...stats,
      ...{ usedBytes: 0, objects: 0, fills: 0, zombies: 0, evictions: 0, fragmentation: 0 },
      freeBytes: stats.usedBytes + stats.freeBytes,
    },
  )
})

test('refresh gives the body a new head and meta', () => {
  for (const bytes of [0, 5000, 100 * KIB, 1500 * KIB]) {
    const { tiers } = tierOf(8192 * KIB, 2)
    const [tier, other] = tiers as [MemoryTier, MemoryTier]
    const body = patterned(bytes)
    put(tier, '/a', body)
    const old = other.find('/a')!
    assert.ok(other.pin(old))
    const newHead = Buffer.from('HTTP/1.1 200 OK\r\nX-New: 1\r\n\r\n')
    assert.equal(tier.refresh(tier.find('/a')!, [7], newHead), true)
    assert.equal(tier.refresh(old, [8], newHead), false)
    const fresh = other.find('/a')!
    assert.notEqual(fresh, old)
    assert.deepEqual(fresh.head, newHead)
    assert.equal(fresh.meta[0], 7)
    assert.equal(Buffer.concat(fresh.body).equals(body), true)
    assert.equal(Buffer.concat(old.body).equals(body), true)
    assert.deepEqual(old.head, head)
    assert.equal(fresh.headAndBody !== undefined, bytes <= 64 * KIB)
    assert.equal(tier.refresh(fresh, [9], head), true)
    assert.equal(Buffer.concat(tier.find('/a')!.body).equals(body), true)
    other.unpin(old)
    assert.equal(tier.remove('/a'), true)
    assert.equal(tier.stats().usedBytes, 0)
  }
})

test('a tier that is full of pinned objects says so', () => {
  const tier = tierOf(512 * KIB).tiers[0]!
  const pinned: StoredObject[] = []
  for (let n = 0; put(tier, `/${n}`, patterned(20_000)); n++) {
    const object = tier.find(`/${n}`)!
    assert.ok(tier.pin(object))
    pinned.push(object)
  }
  assert.ok(pinned.length > 15)
  for (const object of pinned) {
    assert.ok(Buffer.concat(object.body).equals(patterned(20_000)))
    tier.unpin(object)
  }
  assert.ok(put(tier, '/next', patterned(20_000)))
})
