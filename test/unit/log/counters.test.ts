import assert from 'node:assert/strict'
import { test } from 'node:test'
import { C, Counters, counterTable, createCounters, REASON_BASE, sumCounters } from '../../../src/log/counters.ts'
import { reasonNumber, reasons } from '../../../src/log/reasons.ts'

test('the cells by name are the positions in the table', () => {
  assert.deepEqual(Object.fromEntries(counterTable.map(({ name }, index) => [name, index])), C)
})

test('rows are summed and do not touch each other', () => {
  const shared = createCounters(3)
  const rows = [0, 1, 2].map((worker) => new Counters(shared, worker))
  rows[0]!.add(C.requests, 1)
  rows[1]!.add(C.requests, 2)
  rows[2]!.add(C.requests, 2 ** 40)
  rows[2]!.reason('too-large')
  rows[0]!.add(REASON_BASE + reasonNumber('too-large'), 1)
  const sums = sumCounters(shared)
  assert.equal(sums.counters.requests, 3 + 2 ** 40)
  assert.equal(sums.reasons['too-large'], 2)
  const total = [...Object.values(sums.counters), ...Object.values(sums.reasons)].reduce((a, b) => a + b)
  assert.equal(total, 5 + 2 ** 40)
})

test('refusals are counted apart from reasons, one by one', () => {
  const shared = createCounters(2)
  for (const { name } of reasons) new Counters(shared, 1).refusal(name)
  const sums = sumCounters(shared)
  assert.deepEqual(new Set(Object.values(sums.refusals)), new Set([1]))
  assert.deepEqual(new Set([...Object.values(sums.counters), ...Object.values(sums.reasons)]), new Set([0]))
})

test('a replacement goes on in the row of its predecessor', () => {
  const shared = createCounters(1)
  new Counters(shared, 0).add(C.hits, 5)
  new Counters(shared, 0).add(C.hits, 5)
  assert.equal(sumCounters(shared).counters.hits, 10)
})
