/**
 * The memory tier of two workers against a Map, with random operations from one thread. In a tier large enough that
 * nothing is evicted, what the Map holds is exactly what is found. In a small one an object may be gone, but what is found
 * is what the Map holds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FillWriter } from '../../src/cache/tiers/fill-writer.ts'
import { createMemoryTier, Fate, MemoryTier } from '../../src/cache/tiers/memory-tier.ts'
import type { StoredObject } from '../../src/cache/tiers/stored-object.ts'
import { removeAll } from '../unit/cache/tiers/support/empty.ts'

const KIB = 1024
const WORKERS = 2
const keys = ['', '/a', '/b', '/c', '/d', '/e', '/f', 'é', '€']

interface Expected {
  readonly body: Buffer
  readonly head: Buffer
  readonly mark: number
  softPurged: boolean
}

interface Running {
  readonly writer: FillWriter
  readonly expected: Expected
  isListed: boolean
}

interface Operation {
  readonly kind: string
  readonly worker: number
  readonly key: string
  readonly size: number
  readonly choice: number
}

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom(
    'fill',
    'fill',
    'end',
    'end',
    'find',
    'pin',
    'unpin',
    'remove',
    'expire',
    'refresh',
    'removeAll',
  ),
  worker: fc.nat(WORKERS - 1),
  key: fc.constantFrom(...keys),
  size: fc.oneof(fc.nat(200), fc.nat(40_000), fc.nat(120_000)),
  choice: fc.nat(9),
})

class Comparison {
  readonly #tiers: MemoryTier[]
  readonly #stored = new Map<string, Expected>()
  readonly #running = new Map<string, Running>()
  readonly #unlisted: Running[] = []
  readonly #pins: { tier: MemoryTier; object: StoredObject; expected: Expected }[] = []
  readonly #mayForget: boolean
  #mark = 0

  constructor(bytes: number, mayForget: boolean) {
    const shared = createMemoryTier({ bytes, workers: WORKERS, maxObjectBytes: bytes })
    this.#tiers = Array.from({ length: WORKERS }, (_, worker) => new MemoryTier(shared, worker))
    this.#mayForget = mayForget
  }

  apply({ kind, worker, key, size, choice }: Operation): void {
    const tier = this.#tiers[worker]!
    if (kind === 'fill') this.#fill(tier, key, size, choice)
    else if (kind === 'end') this.#end(key, choice)
    else if (kind === 'find') this.#find(tier, key)
    else if (kind === 'pin') this.#pin(tier, key)
    else if (kind === 'unpin') this.#unpin()
    else if (kind === 'remove') this.#remove(tier, key)
    else if (kind === 'expire') this.#expire(tier, key)
    else if (kind === 'refresh') this.#refresh(tier, key, size % 300)
    else if (choice === 0) this.#removeAll(tier)
  }

  #expect(body: Buffer, headBytes: number): Expected {
    this.#mark++
    return { body, head: Buffer.alloc(headBytes, `head ${this.#mark}`), mark: this.#mark, softPurged: false }
  }

  #fill(tier: MemoryTier, key: string, size: number, choice: number): void {
    this.#find(tier, key)
    const writer = tier.lead(key)
    assert.equal(writer === undefined, this.#running.has(key))
    if (writer === undefined) return
    const expected = this.#expect(Buffer.alloc(size, `${key}${this.#mark}`), 20)
    const isStarted = writer.start([expected.mark], expected.head, choice < 5 ? size : -1)
    if (isStarted && writer.write(expected.body, 0, size)) this.#running.set(key, { writer, expected, isListed: true })
    else {
      assert.ok(this.#mayForget)
      writer.decline(0)
    }
  }

  #end(key: string, choice: number): void {
    const running = this.#running.get(key) ?? this.#unlisted.shift()
    if (running === undefined) return
    if (choice === 0) running.writer.abort()
    else running.writer.complete()
    if (running.isListed) this.#running.delete(key)
    if (running.isListed && choice !== 0) this.#stored.set(key, running.expected)
  }

  #find(tier: MemoryTier, key: string): StoredObject | undefined {
    const object = tier.find(key)
    const expected = this.#stored.get(key)
    if (object === undefined) {
      assert.ok(expected === undefined || this.#mayForget, `"${key}" is lost`)
      this.#stored.delete(key)
      return undefined
    }
    assert.ok(expected !== undefined, `"${key}" should be gone`)
    assert.equal(object.softPurged, expected.softPurged)
    assertSame(object, expected)
    return object
  }

  #pin(tier: MemoryTier, key: string): void {
    const object = this.#find(tier, key)
    if (object === undefined) return
    assert.ok(tier.pin(object))
    this.#pins.push({ tier, object, expected: this.#stored.get(key)! })
  }

  #unpin(): void {
    const pin = this.#pins.shift()
    if (pin === undefined) return
    assertSame(pin.object, pin.expected)
    pin.tier.unpin(pin.object)
  }

  #remove(tier: MemoryTier, key: string): void {
    const wasThere = tier.remove(key)
    if (!this.#mayForget) assert.equal(wasThere, this.#stored.has(key) || this.#running.has(key))
    this.#stored.delete(key)
    this.#unlist(key)
  }

  #expire(tier: MemoryTier, key: string): void {
    for (let from = 0; from !== -1; ) {
      from = tier.sweep(from, 3, (object) => (object.key === key ? Fate.expire : Fate.keep))
    }
    const known = this.#stored.get(key)
    if (known !== undefined) known.softPurged = true
  }

  #refresh(tier: MemoryTier, key: string, headBytes: number): void {
    const object = this.#find(tier, key)
    if (object === undefined) return
    const expected = this.#expect(this.#stored.get(key)!.body, headBytes)
    if (tier.refresh(object, [expected.mark], expected.head)) this.#stored.set(key, expected)
    else assert.ok(this.#mayForget)
  }

  #removeAll(tier: MemoryTier): void {
    removeAll(tier)
    this.#stored.clear()
  }

  #unlist(key: string): void {
    const running = this.#running.get(key)
    if (running === undefined) return
    running.isListed = false
    this.#running.delete(key)
    this.#unlisted.push(running)
  }

  /** After all is let go, nothing is held. Returns the evictions there were. */
  finish(): number {
    while (this.#pins.length > 0) this.#unpin()
    for (const key of keys) for (const tier of this.#tiers) this.#find(tier, key)
    for (const { writer } of [...this.#running.values(), ...this.#unlisted]) writer.abort()
    const tier = this.#tiers[0]!
    removeAll(tier)
    const { usedBytes, objects, fills, zombies, fragmentation, evictions } = tier.stats()
    assert.deepEqual([usedBytes, objects, fills, zombies, fragmentation], [0, 0, 0, 0, 0])
    return evictions
  }
}

function assertSame(object: StoredObject, expected: Expected): void {
  assert.equal(object.meta[0], expected.mark)
  assert.ok(object.head.equals(expected.head))
  assert.equal(object.bodyBytes, expected.body.length)
  assert.ok(Buffer.concat(object.body).equals(expected.body))
  if (object.headAndBody) assert.ok(object.headAndBody.equals(Buffer.concat([expected.head, expected.body])))
}

/** Evictions in all runs together. */
function compare(bytes: number, mayForget: boolean): number {
  let evictions = 0
  fc.assert(
    fc.property(fc.array(operation, { minLength: 50, maxLength: 200, size: 'max' }), (operations) => {
      const comparison = new Comparison(bytes, mayForget)
      for (const step of operations) comparison.apply(step)
      evictions += comparison.finish()
    }),
    { numRuns: 100 },
  )
  return evictions
}

test('a large tier holds exactly what the model holds', () => {
  assert.equal(compare(16 * 1024 * KIB, false), 0)
})

test('a small tier holds nothing that the model does not hold', () => {
  assert.ok(compare(300 * KIB, true) > 0)
})
