import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_USES, Uses } from '../../../../src/cache/tiers/uses.ts'
import { MAX_MIN_USES } from '../../../../src/config/directives/cache-settings.ts'

const usesOf = (cells: number) => new Uses(new SharedArrayBuffer(cells * 4))

test('a key is counted from one on, up to what a cell holds', () => {
  const uses = usesOf(64)
  for (let n = 1; n <= MAX_USES + 5; n++) assert.equal(uses.count(3, -1), Math.min(n, MAX_USES))
  assert.equal(uses.count(3, 1 << 8), 1)
})

test('in a table with room every key has its true count, whatever the order', () => {
  const keys = fc.array(fc.integer({ min: 0, max: 63 }), { maxLength: 200 })
  fc.assert(
    fc.property(keys, (list) => {
      const uses = usesOf(256)
      const model = new Map<number, number>()
      for (const key of list) {
        model.set(key, (model.get(key) ?? 0) + 1)
        assert.equal(uses.count(key, key << 8), model.get(key))
      }
    }),
  )
})

test('a crawl through other keys cannot hold the table: who comes back is counted again', () => {
  const uses = usesOf(4)
  for (let key = 0; key < 1000; key++) assert.equal(uses.count(0, key << 8), 1)
  uses.count(0, 5000 << 8)
  assert.equal(uses.count(0, 5000 << 8), 2)
})

test('what is asked for often outlives some strangers, what is asked for no more leaves', () => {
  const uses = usesOf(4)
  for (let n = 0; n < 10; n++) uses.count(0, 1 << 8)
  for (let key = 2; key < 7; key++) uses.count(0, key << 8)
  const kept = uses.count(0, 1 << 8)
  assert.ok(kept > 2 && kept < 11, `${kept}`)
  for (let key = 10; key < 40; key++) uses.count(0, key << 8)
  assert.equal(uses.count(0, 1 << 8), 1)
})

test('as many uses are counted as "min-uses" may ask for', () => {
  assert.ok(MAX_MIN_USES <= MAX_USES)
})
