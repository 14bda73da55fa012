import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DistributionName, HashName, PlacementPlan } from '../../../src/plan/memcached-plan.ts'
import { hashFunctions } from '../../../src/ring/hash.ts'
import { NOBODY, Placement, type Ring } from '../../../src/ring/placement.ts'

const hashNames = Object.keys(hashFunctions) as HashName[]
const distributions: readonly DistributionName[] = ['ketama', 'modula', 'random', 'maglev', 'rendezvous']

function planOf(distribution: DistributionName, weights: readonly number[]): PlacementPlan {
  const servers = weights.map((weight, i) => ({ label: `10.0.0.${i + 1}`, weight }))
  return { hash: 'fnv1a_64', hashTag: undefined, distribution, servers }
}

function ringOf(distribution: DistributionName, weights: readonly number[]): Ring {
  return new Placement(planOf(distribution, weights)).build(() => true)
}

/** How many of some keys each server has. */
function counts(ring: Ring, servers: number, keys = 60_000): number[] {
  const found = new Array<number>(servers).fill(0)
  for (let i = 0; i < keys; i++) {
    const owner = ring.ownerOfHash(Math.imul(i, 0x9e3779b1))
    found[owner] = found[owner]! + 1
  }
  return found
}

describe('a placement', () => {
  for (const distribution of distributions) {
    describe(distribution, () => {
      it('gives keys to live servers only, and to nobody when none is live', () => {
        const placement = new Placement(planOf(distribution, [1, 1, 1, 1]))
        const found = counts(
          placement.build((server) => server === 1 || server === 3),
          4,
        )
        assert.deepEqual([found[0], found[2]], [0, 0])
        assert.ok(found[1]! > 10_000 && found[3]! > 10_000)
        const key = Buffer.from('key')
        const nobody = placement.build(() => false)
        assert.equal(nobody.ownerOf(key, 0, 3), NOBODY)
        assert.equal(nobody.ownerOfHash(7), NOBODY)
        assert.deepEqual(nobody.shares(), [0, 0, 0, 0])
        assert.equal(nobody.points, 0)
      })

      it('gives the only live server everything', () => {
        const ring = new Placement(planOf(distribution, [1, 1, 5])).build((server) => server === 1)
        assert.equal(ring.ownerOf(Buffer.from('key'), 0, 3), 1)
        assert.equal(ring.ownerOfHash(-1), 1)
        const shares = ring.shares()
        assert.ok(Math.abs(shares[1]! - 1) < 1e-9)
        assert.deepEqual([shares[0], shares[2]], [0, 0])
      })

      it('says the shares that keys really have', () => {
        const weights = [1, 2, 3, 4]
        const ring = ringOf(distribution, weights)
        const shares = ring.shares()
        assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9)
        for (const [i, count] of counts(ring, 4).entries()) assert.ok(Math.abs(count / 60_000 - shares[i]!) < 0.02)
        if (distribution === 'random') return
        for (const [i, share] of shares.entries()) assert.ok(Math.abs(share - weights[i]! / 10) < 0.05)
      })

      it('does not depend on the order in the file', () => {
        if (distribution === 'random') return
        const plan = planOf(distribution, [1, 2, 1, 5, 1])
        const turned = { ...plan, servers: plan.servers.toReversed() }
        const ring = new Placement(plan).build(() => true)
        const other = new Placement(turned).build(() => true)
        for (let i = 0; i < 2000; i++) {
          const hash = Math.imul(i, 0x9e3779b1)
          assert.equal(plan.servers[ring.ownerOfHash(hash)], turned.servers[other.ownerOfHash(hash)])
        }
      })
    })
  }

  it('knows the order of labels', () => {
    const plan = { ...planOf('modula', []), servers: ['bb', 'c', 'aaa', 'a'].map((label) => ({ label, weight: 1 })) }
    assert.deepEqual(new Placement(plan).order, [3, 1, 0, 2])
  })

  it('takes any 32 bits for a hash, signed or not', () => {
    for (const distribution of ['ketama', 'modula', 'maglev', 'rendezvous'] as const) {
      const ring = ringOf(distribution, [1, 2, 3])
      for (const hash of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xdeadbeef]) {
        assert.equal(ring.ownerOfHash(hash), ring.ownerOfHash(hash | 0))
      }
    }
  })

  it('allocates nothing for a key', () => {
    const keys = Array.from({ length: 64 }, (_, i) => Buffer.from(`user:{${i}}:a-key-of-usual-length`))
    const kinds = [
      ...distributions.map((distribution) => [distribution, 'fnv1a_64'] as const),
      ...hashNames.map((hash) => ['ketama', hash] as const),
    ]
    for (const [distribution, hash] of kinds) {
      const ring = new Placement({ ...planOf(distribution, [1, 1, 2]), hash, hashTag: '{}' }).build(() => true)
      // 64,000 keys: a number on the heap for every second one is 0.5 MB. Until the optimizing compiler has seen the code,
      // sums of 32-bit numbers do lie there; a heap that has become smaller was collected, and says nothing.
      const growths: number[] = []
      do growths.push(heapGrowth(() => lookUp(ring, keys, 1000)))
      while (growths.length < 30 && !isNothing(growths.at(-1)!))
      assert.ok(isNothing(growths.at(-1)!), `${distribution} ${hash}: ${growths}`)
    }
  })
})

function heapGrowth(run: () => void): number {
  const before = process.memoryUsage().heapUsed
  run()
  return process.memoryUsage().heapUsed - before
}

function isNothing(bytes: number): boolean {
  return bytes >= 0 && bytes < 100_000
}

function lookUp(ring: Ring, keys: readonly Buffer[], times: number): void {
  for (let i = 0; i < times; i++) for (const key of keys) ring.ownerOf(key, 0, key.length)
}
