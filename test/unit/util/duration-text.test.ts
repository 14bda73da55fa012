import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readDuration } from '../../../src/config/values/duration.ts'
import { durationText } from '../../../src/util/duration-text.ts'
import { argumentOf } from '../../support/config.ts'

test('a duration is written in the largest units there are', () => {
  const cases = [
    [0, '0s'],
    [1, '1ms'],
    [1500, '1s500ms'],
    [5_400_000, '1h30m'],
    [86_400_000, '1d'],
    [-120_000, '-2m'],
    [0.4, '0s'],
    [8 * 86_400_000, '1w1d'],
  ] as const
  for (const [ms, text] of cases) assert.equal(durationText(ms), text)
})

test('what is written is what the configuration would read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 366 * 86_400_000 }), (ms) => {
      const read = readDuration(argumentOf(durationText(ms)))
      assert.ok(read.ok)
      assert.equal(read.value, ms)
    }),
  )
})
