import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FleetOwn } from '../../../../src/cache/purge/fleet-own.ts'
import { FleetRows } from '../../../../src/cache/purge/fleet-rows.ts'
import { FLEET_CELLS, FLEET_ROW_CELLS, OWN_CELLS } from '../../../../src/cache/purge/layout.ts'

function rowsOf(capacity: number): FleetRows {
  return new FleetRows(new SharedArrayBuffer((FLEET_CELLS + capacity * FLEET_ROW_CELLS) * 4), 0, capacity)
}

describe('rows of fleet numbers', () => {
  test('give the local number of the greatest row that is not above', () => {
    const rows = rowsOf(8)
    assert.deepEqual([rows.known, rows.reach, rows.since(1)], [0, 0, -1])
    rows.restart(100, 3)
    rows.add(101, 4)
    rows.add(2 ** 50, 2 ** 40)
    assert.deepEqual([rows.known, rows.reach], [2 ** 50, 100])
    const since = [99, 100, 101, 102, 2 ** 50 - 1, 2 ** 50, 2 ** 51].map((fleet) => rows.since(fleet))
    assert.deepEqual(since, [-1, 3, 4, 4, 4, 2 ** 40, 2 ** 40])
  })

  test('keep reaching back to the first when there are more than fit, and never say a number that is too great', () => {
    const rows = rowsOf(64)
    rows.restart(1000, 0)
    for (let n = 1; n <= 5000; n++) {
      rows.add(1000 + n, n)
      assert.equal(rows.since(1000 + n), n, 'the last is exact')
    }
    assert.equal(rows.reach, 1000)
    for (let n = 0; n <= 5000; n++) {
      const since = rows.since(1000 + n)
      assert.ok(since >= 0 && since <= n, `${since} for ${n}`)
      if (n > 4980) assert.equal(since, n, 'young ones are exact')
    }
  })

  test('of another log forget those of the first', () => {
    const rows = rowsOf(8)
    rows.restart(100, 3)
    rows.add(101, 4)
    rows.restart(50, 9)
    assert.deepEqual([rows.known, rows.since(49), rows.since(101)], [50, -1, 9])
  })
})

describe('own purges on their way', () => {
  const own = new FleetOwn(new SharedArrayBuffer(3 * OWN_CELLS * 4), 0, 3)

  test('bound what a row may say by the first of them, until all are found', () => {
    assert.equal(own.bound(10), 10)
    own.begin(0, 10)
    own.begin(0, 14)
    own.begin(2, 12)
    assert.deepEqual([own.bound(20), own.count], [10, 3])
    own.end(0)
    assert.equal(own.bound(20), 10)
    own.end(0)
    assert.equal(own.bound(20), 12)
    own.end(2)
    assert.deepEqual([own.bound(20), own.count], [20, 0])
  })

  test('of a thread that has ended are those that had left it', () => {
    own.begin(1, 5)
    own.begin(1, 5)
    own.keepOnly(1, 1)
    assert.deepEqual([own.bound(20), own.count], [5, 1])
    own.end(1)
    own.end(1)
    assert.equal(own.count, 0)
  })
})
