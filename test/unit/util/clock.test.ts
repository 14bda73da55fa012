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

it('gives whole milliseconds of the wall clock, which never run ahead of it', () => {
  const clock = new Clock()
  for (let i = 0; i < 1000; i++) {
    clock.update()
    assert.ok(Number.isInteger(clock.nowMs))
    assert.ok(clock.nowMs <= Date.now() + 1)
  }
})

it('follows the wall clock when it is told to', (context) => {
  const clock = new Clock()
  const later = Date.now() + 3_600_000
  context.mock.method(Date, 'now', () => later)
  clock.update()
  assert.ok(clock.nowMs < later - 3_000_000)
  clock.synchronise()
  assert.ok(Math.abs(clock.nowMs - later) <= 1)
})
