import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Clock } from '../../../src/util/clock.ts'

it('stands still between updates and never goes back on the monotonic side', () => {
  const clock = new Clock()
  const { nowMs, monotonicMs } = clock
  assert.ok(Math.abs(nowMs - Date.now()) < 1000)
  while (performance.now() < monotonicMs + 2);
  assert.equal(clock.monotonicMs, monotonicMs)
  clock.update()
  assert.ok(clock.monotonicMs >= monotonicMs + 2)
})
