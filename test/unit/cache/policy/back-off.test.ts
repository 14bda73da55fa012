import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRemembered, retryDelayMs } from '../../../../src/cache/policy/back-off.ts'

test('the delay doubles from a second to half a minute, and stays there', () => {
  const delays = Array.from({ length: 8 }, (_, at) => retryDelayMs(at + 1))
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  assert.equal(retryDelayMs(255), 30_000)
})

test('a failure is remembered for a minute past the time of the next attempt', () => {
  assert.equal(isRemembered(5000, 64_999), true)
  assert.equal(isRemembered(5000, 65_000), false)
})
