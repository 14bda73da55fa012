import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyMarks } from '../../../../src/cache/tiers/key-marks.ts'

const BUFFER_BYTES = 8 * 16

/** Two threads' views of a table of eight entries. */
function tables(): readonly [KeyMarks, KeyMarks] {
  const buffer = new SharedArrayBuffer(BUFFER_BYTES)
  return [new KeyMarks(buffer), new KeyMarks(buffer)]
}

function found(marks: KeyMarks, low: number, high: number): readonly [number, number] | undefined {
  return marks.find(low, high) ? [marks.timeMs, marks.number] : undefined
}

test('a mark gives back its time and number, in every thread, for its own key alone', () => {
  const [mine, other] = tables()
  mine.set(-5, 7, 1_790_000_000_123.9, 255)
  assert.deepEqual(found(other, -5, 7), [1_790_000_000_123, 255])
  assert.equal(found(other, -5, 8), undefined)
  assert.equal(found(other, 3, 7), undefined)
  assert.deepEqual([other.timeMs, other.number], [0, 0])
})

test('a newer mark takes the place of another; forgetting one leaves the others', () => {
  const [marks] = tables()
  marks.set(1, 1, 1000, 1)
  marks.set(9, 1, 1000, 2)
  marks.set(2, 1, 1000, 3)
  assert.equal(found(marks, 1, 1), undefined)
  marks.forget(1, 1)
  assert.deepEqual(found(marks, 9, 1), [1000, 2])
  marks.forget(9, 1)
  assert.equal(found(marks, 9, 1), undefined)
  assert.deepEqual(found(marks, 2, 1), [1000, 3])
})

test('a time beyond what fits ends in the year 3084, and spoils no number', () => {
  const [marks] = tables()
  marks.set(1, 1, Number.MAX_SAFE_INTEGER, 200)
  assert.deepEqual(found(marks, 1, 1), [2 ** 45 - 1, 200])
})
