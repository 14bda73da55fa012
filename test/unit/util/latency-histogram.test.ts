import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LatencyHistogram } from '../../../src/util/latency-histogram.ts'

describe('the latency histogram', () => {
  it('tells shares to within a thirtieth, and the maximum exactly', () => {
    const values = Array.from({ length: 10_000 }, (_, i) => Math.round(1.0012 ** i))
    const histogram = new LatencyHistogram()
    for (const value of values) histogram.add(value)
    for (const share of [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = values[Math.ceil(share * values.length) - 1]!
      const told = histogram.microsAt(share)
      assert.ok(told >= exact && told <= exact * (1 + 1 / 30) + 1, `${share}: ${told} for ${exact}`)
    }
    assert.equal(histogram.count, values.length)
    assert.equal(histogram.maxMicros, values.at(-1))
  })

  it('has room for no time at all, and for the longest', () => {
    const histogram = new LatencyHistogram()
    assert.equal(histogram.microsAt(0.5), 0)
    histogram.add(0)
    assert.equal(histogram.microsAt(0.5), 1)
    histogram.add(1e15)
    assert.equal(histogram.microsAt(1), 2 ** 32 - 1)
    histogram.clear()
    assert.deepEqual([histogram.count, histogram.maxMicros, histogram.microsAt(1)], [0, 0, 0])
  })
})
