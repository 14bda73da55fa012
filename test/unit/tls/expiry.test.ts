import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expiryOf } from '../../../src/tls/expiry.ts'

const DAY_MS = 86_400_000

test('a month before its end is when somebody is told', () => {
  const end = 1_000 * DAY_MS
  assert.equal(expiryOf(end, end - 30 * DAY_MS - 1), 'valid')
  assert.equal(expiryOf(end, end - 30 * DAY_MS), 'soon')
  assert.equal(expiryOf(end, end - 1), 'soon')
  assert.equal(expiryOf(end, end), 'expired')
})
