import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PulseWatch } from '../../../src/daemon/pulse-watch.ts'

/** A watch over two workers and its clock; `run` lets seconds pass in which the workers of `beating` turn. */
function makeWatch() {
  const silent: (readonly [number, number])[] = []
  const watch = new PulseWatch(2, (worker, silentMs) => silent.push([worker, silentMs]))
  const cells = new Int32Array(watch.shared)
  let nowMs = 0
  const run = (seconds: number, beating: readonly number[]) => {
    for (let at = 0; at < seconds; at++) {
      for (const worker of beating) Atomics.add(cells, worker, 1)
      nowMs += 1000
      watch.look(nowMs)
    }
  }
  const sleep = (seconds: number) => {
    nowMs += seconds * 1000
    watch.look(nowMs)
  }
  return { silent, run, sleep }
}

test('a worker that stands still for 15 seconds is told, the other is not', () => {
  const { silent, run } = makeWatch()
  run(5, [0, 1])
  run(14, [0])
  assert.deepEqual(silent, [])
  run(1, [0])
  assert.deepEqual(silent, [[1, 15_000]])
})

test('a pause of the whole machine is no silence', () => {
  const { silent, run, sleep } = makeWatch()
  run(5, [0, 1])
  sleep(600)
  run(10, [0, 1])
  assert.deepEqual(silent, [])
})
