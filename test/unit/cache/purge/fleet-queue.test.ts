import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FleetQueue } from '../../../../src/cache/purge/fleet-queue.ts'
import type { PurgeOrder } from '../../../../src/cache/purge/order.ts'

const NODE = '0123456789abcdef'

function urls(...targets: string[]): PurgeOrder {
  return { scope: 'url', isHard: false, targets }
}

function none(): void {}

describe('the queue of purges for the fleet', () => {
  test('gives the oldest first, at least one, and counts by thread', () => {
    const queue = new FleetQueue(NODE, 1000)
    const done: string[] = []
    queue.add(urls('/a'), 0, 5, () => done.push('a'))
    queue.add(urls('/b'), 1, 6, () => done.push('b'))
    assert.deepEqual(queue.head(1), [{ node: NODE, id: 1, atMs: 5, order: urls('/a') }])
    assert.equal(queue.head(1000).length, 2)
    assert.deepEqual([queue.length, queue.countOf(0), queue.countOf(1)], [2, 1, 1])
    assert.equal(queue.take(9), undefined)
    queue.take(2)!.published()
    assert.deepEqual([queue.length, queue.countOf(1), done], [1, 0, ['b']])
  })

  test('cuts what is too large, and tells when all parts are published', () => {
    const queue = new FleetQueue(NODE, 100)
    const targets = Array.from({ length: 10 }, (_, n) => `/${n}`.padEnd(30, 'x'))
    let published = 0
    queue.add(urls(...targets), 0, 5, () => published++)
    const parts = queue.head(1e6)
    assert.ok(parts.length > 1)
    assert.deepEqual(
      parts.flatMap(({ order }) => order.targets),
      targets,
    )
    assert.equal(queue.countOf(0), 1)
    for (const { id } of parts) {
      assert.equal(published, 0)
      queue.take(id)!.published()
    }
    assert.equal(published, 1)
  })

  test('makes one target that is too large a purge of everything', () => {
    const queue = new FleetQueue(NODE, 100)
    queue.add({ scope: 'tag', isHard: true, targets: ['x'.repeat(200), 'y'] }, 0, 5, none)
    assert.deepEqual(
      queue.head(1e6).map(({ order }) => order),
      [{ scope: 'all', isHard: true, targets: [] }],
    )
  })

  test('becomes one purge of everything when more waits than may, hard if one of them is', () => {
    for (const isHard of [false, true]) {
      const queue = new FleetQueue(NODE, 10_000)
      let published = 0
      queue.add({ scope: 'url', isHard, targets: ['/'] }, 3, 5, () => published++)
      for (let n = 0; n < 1024; n++) queue.add(urls(`/${n}`), 1, 5, () => published++)
      const [only, ...others] = queue.head(1e6)
      assert.deepEqual([only!.order, others], [{ scope: 'all', isHard, targets: [] }, []])
      assert.deepEqual([queue.countOf(1), queue.countOf(3)], [1024, 1])
      queue.take(only!.id)!.published()
      assert.deepEqual([published, queue.length], [1025, 0])
    }
  })

  test('is bounded in bytes, too', () => {
    const queue = new FleetQueue(NODE, 20_000)
    for (let n = 0; n < 20; n++) queue.add(urls('x'.repeat(15_000)), 0, 5, none)
    assert.ok(queue.length < 20)
    assert.equal(queue.head(1)[0]!.order.scope, 'all')
  })

  test('moves on to another log', () => {
    const old = new FleetQueue(NODE, 1000)
    const queue = new FleetQueue('fedcba9876543210', 1000)
    let published = 0
    old.add(urls('/a'), 2, 5, () => published++)
    queue.takeAll(old, 9)
    assert.deepEqual([old.length, queue.countOf(2)], [0, 1])
    assert.deepEqual(queue.head(1), [{ node: 'fedcba9876543210', id: 1, atMs: 5, order: urls('/a') }])
    queue.take(1)!.published()
    assert.equal(published, 1)
  })
})
