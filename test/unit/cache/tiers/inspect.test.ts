/** Looking at what a tier holds, from a thread that serves nothing. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createMemoryTier, MemoryTier } from '../../../../src/cache/tiers/memory-tier.ts'

const head = Buffer.from('A: 1\r\n\r\n', 'latin1')

function tierPair(bytes = 1 << 20): { worker: MemoryTier; onlooker: MemoryTier } {
  const shared = createMemoryTier({ bytes, workers: 1, maxObjectBytes: bytes })
  return { worker: new MemoryTier(shared, 0), onlooker: new MemoryTier(shared, -1) }
}

function put(tier: MemoryTier, key: string, body = 'body'): void {
  tier.find(key)
  const writer = tier.lead(key)!
  writer.start([7], head, body.length)
  writer.write(Buffer.from(body), 0, body.length)
  writer.complete()
}

describe('inspect', () => {
  it('tells numbers, head, sizes and marks of an object, and nothing of what is not there', () => {
    const { worker, onlooker } = tierPair()
    put(worker, '/a')
    const facts = onlooker.inspect('/a')!
    assert.equal(facts.meta[0], 7)
    assert.deepEqual(facts.head, head)
    assert.equal(facts.bodyBytes, 4)
    assert.ok(facts.spaceBytes >= 4 + head.length && facts.spaceBytes < 1024)
    assert.deepEqual([facts.softPurged, facts.hits], [false, 0])
    onlooker.expire(worker.find('/a')!)
    assert.equal(onlooker.inspect('/a')!.softPurged, true)
    assert.equal(onlooker.inspect('/b'), undefined)
    worker.lead('/b')
    assert.equal(onlooker.inspect('/b'), undefined, 'a running fill is no object yet')
  })

  it('gives a copy that stays when the object goes', () => {
    const { worker, onlooker } = tierPair()
    put(worker, '/a')
    const facts = onlooker.inspect('/a')!
    worker.remove('/a')
    put(worker, '/z', 'z'.repeat(500))
    assert.deepEqual(facts.head, head)
  })
})

describe('the hits of an object', () => {
  it('are exact at first, and behind by at most an eighth', () => {
    const { worker, onlooker } = tierPair()
    put(worker, '/a')
    const object = worker.find('/a')!
    worker.pin(object)
    for (let hits = 1; hits <= 1000; hits++) {
      object.countHit()
      const told = onlooker.inspect('/a')!.hits
      assert.ok(told <= hits && told >= hits - Math.floor(hits / 8) - (hits < 9 ? 0 : 1), `${told} of ${hits}`)
      if (hits < 9) assert.equal(told, hits)
    }
    worker.unpin(object)
  })

  it('outlive a refresh, and not a new object', () => {
    const { worker, onlooker } = tierPair()
    put(worker, '/a')
    const object = worker.find('/a')!
    object.countHit()
    object.countHit()
    assert.ok(worker.refresh(object, [8], head))
    assert.equal(onlooker.inspect('/a')!.hits, 2)
    put(worker, '/a')
    assert.equal(onlooker.inspect('/a')!.hits, 0)
  })
})

describe('findKeys', () => {
  it('finds what begins and ends so, among any keys, and no more than is wanted', async () => {
    const part = fc.string({ unit: fc.constantFrom('1', ':', '\n', '/', 'ā'), maxLength: 4 })
    const keys = fc.uniqueArray(
      fc.tuple(fc.constantFrom('', '\n'), part, part).map((parts) => parts.join('')),
      { maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(keys, part, part, fc.nat(10), async (stored, prefix, end, most) => {
        const { worker, onlooker } = tierPair()
        for (const key of stored) put(worker, key)
        const start = `\n${prefix}`
        const found = await onlooker.findKeys(start, end, most)
        const wanted = stored.filter((key) => key.startsWith(start) && key.endsWith(end))
        assert.equal(found.length, Math.min(most, wanted.length))
        assert.ok(found.every((key) => wanted.includes(key)))
      }),
      { numRuns: 50 },
    )
  })
})
