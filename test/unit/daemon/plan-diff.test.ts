import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeDiff, diffPlans } from '../../../src/daemon/plan-diff.ts'
import { makeBackend, makeCache, makeListener, makePlan } from './fixture/plans.ts'

test('objects are compared by name and meaning, not by place', () => {
  const before = makePlan({
    listeners: [makeListener('web', 80), makeListener('old', 81)],
    backends: [makeBackend('app', [1, 2])],
  })
  const moved = { ...makeBackend('app', [1, 2]), place: { file: 'other.conf', line: 9, column: 1 } }
  const after = makePlan({ listeners: [makeListener('web', 8080), makeListener('new', 82)], backends: [moved] })
  const diff = diffPlans(before, after)
  assert.deepEqual(diff.listeners, { added: ['new'], removed: ['old'], changed: ['web'], kept: [] })
  assert.deepEqual(diff.backends, { added: [], removed: [], changed: [], kept: ['app'] })
  assert.equal(describeDiff(diff), 'listeners +new -old ~web; 1 kept')
})

test('nothing changed is said so', () => {
  assert.equal(describeDiff(diffPlans(makePlan(), makePlan())), 'no object changed; 0 kept')
})

test('a cache of a new size and settings that wait for a restart are told', () => {
  const before = makePlan({ caches: [makeCache('shop', 1024), makeCache('same', 1024)] })
  const after = makePlan({
    caches: [makeCache('shop', 2048), makeCache('same', 1024)],
    process: { ...makePlan().process, workers: 7, pidFile: '/run/x.pid', drainMs: 1 },
  })
  const diff = diffPlans(before, after)
  assert.deepEqual(diff.caches.changed, ['shop'])
  assert.deepEqual(diff.notes, [
    'cache "shop" has a new size and starts empty',
    'process workers changes with the next restart',
    'process pid-file changes with the next restart',
  ])
})
