import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PlacementPlan } from '../../../src/plan/memcached-plan.ts'
import { movedShare, unreachedServers } from '../../../src/ring/moved-share.ts'

const plain: PlacementPlan = { hash: 'fnv1a_64', hashTag: undefined, distribution: 'ketama', servers: servers(4) }

function servers(count: number): PlacementPlan['servers'] {
  return Array.from({ length: count }, (_, i) => ({ label: `10.0.0.${i + 1}:11212`, weight: 1 }))
}

function near(actual: number, expected: number, within: number): void {
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not near ${expected}`)
}

describe('the share of keys that a change moves', () => {
  it('is none where nothing changes but the order', () => {
    assert.equal(movedShare(plain, plain), 0)
    assert.equal(movedShare(plain, { ...plain, servers: servers(4).toReversed() }), 0)
  })

  it('is that of the server that comes or goes', () => {
    near(movedShare(plain, { ...plain, servers: servers(5) }), 1 / 5, 0.05)
    near(movedShare({ ...plain, servers: servers(5) }, plain), 1 / 5, 0.05)
    const replaced = [...servers(3), { label: 'new', weight: 1 }]
    near(movedShare(plain, { ...plain, servers: replaced }), 1 / 4 + (3 / 4) * (1 / 4), 0.08)
    const rendezvous = { ...plain, distribution: 'rendezvous' } as const
    near(movedShare(rendezvous, { ...rendezvous, servers: servers(5) }), 1 / 5, 0.01)
  })

  it('is nearly everything under modula, and under another hash', () => {
    const modula = { ...plain, distribution: 'modula' } as const
    near(movedShare(modula, { ...modula, servers: servers(5) }), 4 / 5, 0.02)
    near(movedShare(plain, { ...plain, hash: 'murmur' }), 3 / 4, 0.05)
  })

  it('is everything where no server stays, and nothing where keys have no owner', () => {
    assert.equal(movedShare(plain, { ...plain, servers: [{ label: 'other', weight: 1 }] }), 1)
    const random = { ...plain, distribution: 'random' } as const
    assert.equal(movedShare(random, random), 0)
    assert.ok(movedShare(plain, random) > 0.5)
  })

  it('is the same whenever it is asked', () => {
    const after = { ...plain, servers: servers(7) }
    assert.equal(movedShare(plain, after), movedShare(plain, after))
  })
})

describe('servers that get no keys', () => {
  const lopsided = [
    { label: 'a', weight: 100_000 },
    { label: 'b', weight: 1 },
  ]

  it('are those too light for one point of the ring', () => {
    assert.deepEqual(unreachedServers({ ...plain, servers: lopsided }), [1])
    assert.deepEqual(unreachedServers({ ...plain, servers: lopsided, distribution: 'maglev' }), [1])
  })

  it('are none where weights count exactly, or not at all', () => {
    assert.deepEqual(unreachedServers(plain), [])
    for (const distribution of ['modula', 'random', 'rendezvous'] as const) {
      assert.deepEqual(unreachedServers({ ...plain, servers: lopsided, distribution }), [])
    }
  })
})
