import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DcProgress } from '../../../src/cli/dc-progress.ts'
import { OperationCount } from '../../../src/distcache/operation-count.ts'

function start(every: number) {
  const lines: string[] = []
  const state = { nowMs: 0, sessions: 0 }
  const count = new OperationCount(every, () => progress.report())
  const progress = new DcProgress(every, {
    count,
    sessions: () => state.sessions,
    now: () => state.nowMs,
    print: (line) => lines.push(line),
  })
  const work = (operations: number) => {
    for (let i = 0; i < operations; i++) count.add()
  }
  return { lines, state, progress, work }
}

test('the lines are those of the original', () => {
  const { lines, state, work } = start(500)
  state.sessions = 8
  work(500)
  state.sessions = 3
  work(500)
  work(500)
  assert.deepEqual(lines, [
    'Info, total operations =     500  (+   500), total sessions =     8  (+  8)\n',
    'Info, total operations =    1000  (+   500), total sessions =     3  (-  5)\n',
    'Info, total operations =    1500  (+   500), total sessions =     3  (=  0)\n',
  ])
})

test('a line a second at most, and none while the sessions are as many as before', () => {
  const { lines, state, progress, work } = start(0)
  work(10)
  state.nowMs = 5000
  progress.tick()
  assert.equal(lines.length, 0)
  state.sessions = 1
  progress.tick()
  assert.equal(lines.length, 1)
  state.sessions = 2
  state.nowMs = 5999
  progress.tick()
  assert.equal(lines.length, 1)
  state.nowMs = 6000
  progress.tick()
  assert.equal(lines.length, 2)
  progress.tick()
  assert.equal(lines[1], 'Info, total operations =      10  (+     0), total sessions =     2  (+  1)\n')
})
