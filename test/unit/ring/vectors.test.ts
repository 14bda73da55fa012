/** Every placement that was observed behind nutcracker 0.5.0. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HashName } from '../../../src/plan/memcached-plan.ts'
import { hashFunctions } from '../../../src/ring/hash.ts'
import { Placement } from '../../../src/ring/placement.ts'
import { placementPlanOf, vectors } from './vectors.ts'

describe('placements observed behind nutcracker', () => {
  it('are 3,164 in 57 pools', () => {
    assert.equal(vectors.pools.length, 57)
    assert.equal(
      vectors.pools.reduce((sum, { owners }) => sum + owners.length, 0),
      3164,
    )
  })

  for (const pool of vectors.pools) {
    it(`are ours too: ${pool.name}`, () => {
      const keys = vectors.keys[pool.keys]
      assert.equal(keys.length, pool.owners.length)
      const placement = new Placement(placementPlanOf(pool))
      const ring = placement.build((server) => pool.ejected?.includes(server) !== true)
      for (const [i, key] of keys.entries()) {
        // Keys lie somewhere in what was read, never at its start.
        const bytes = Buffer.from(`get ${key} {}\r\n`)
        const end = 4 + Buffer.byteLength(key)
        assert.equal(ring.ownerOf(bytes, 4, end), pool.owners[i], `owner of ${JSON.stringify(key)}`)
        assert.equal(ring.ownerOfHash(placement.hashOf(bytes, 4, end)), pool.owners[i])
      }
      if (pool.points !== undefined) assert.equal(ring.points, pool.points)
    })
  }

  for (const [name, values] of Object.entries(vectors.hashes)) {
    it(`come from the same ${name}`, () => {
      const keys = vectors.keys.plain
      assert.equal(values.length, keys.length)
      for (const [i, key] of keys.entries()) {
        const bytes = Buffer.from(`-${key}-`)
        const hash = hashFunctions[name as HashName](bytes, 1, bytes.length - 1)
        assert.equal(hash, hash | 0)
        assert.equal(hash >>> 0, values[i], `${name} of ${JSON.stringify(key)}`)
      }
    })
  }
})
