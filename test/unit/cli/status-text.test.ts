import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationText, sizeText } from '../../../src/cli/status-text.ts'

test('sizes and durations in the unit that reads best', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 200 << 20, 2 ** 40].map(sizeText), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '200 MiB',
    '1.0 TiB',
  ])
  assert.deepEqual([0, 59, 61, 3600, 90_000].map(durationText), ['0s', '59s', '1m 1s', '1h 0m', '1d 1h'])
})
