import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CrashBackoff } from '../../../src/daemon/crash-backoff.ts'

test('the first death costs no wait, early ones in a row double it up to ten seconds', () => {
  const backoff = new CrashBackoff()
  const delays = Array.from({ length: 10 }, () => backoff.died(5))
  assert.deepEqual(delays, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
})

test('a sound life ends the row', () => {
  const backoff = new CrashBackoff()
  for (let at = 0; at < 5; at++) backoff.died(5)
  assert.equal(backoff.died(60_000), 0)
  assert.equal(backoff.deaths, 1)
})
