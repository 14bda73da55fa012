import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryTier } from '../../../src/cache/tiers/memory-tier.ts'
import { SharedStateFactory } from '../../../src/daemon/shared-state.ts'
import { makeBackend, makeCache, makePlan } from './fixture/plans.ts'

const MEBIBYTE = 1 << 20

test('what means the same keeps its identity, what does not gets another', () => {
  const factory = new SharedStateFactory(2)
  const plan = makePlan({
    caches: [makeCache('kept', MEBIBYTE), makeCache('grown', MEBIBYTE), makeCache('gone', MEBIBYTE)],
    backends: [makeBackend('kept', [1, 2]), makeBackend('other', [3])],
  })
  const before = { plan, shared: factory.build(plan, undefined) }
  const next = makePlan({
    caches: [makeCache('kept', MEBIBYTE), makeCache('grown', 2 * MEBIBYTE)],
    backends: [{ ...makeBackend('kept', [1, 2]), balance: 'least-requests' }, makeBackend('other', [4])],
  })
  const after = factory.build(next, before)
  assert.deepEqual([...after.caches.keys()], ['kept', 'grown'])
  assert.equal(after.caches.get('kept'), before.shared.caches.get('kept'))
  assert.notEqual(after.caches.get('grown')!.id, before.shared.caches.get('grown')!.id)
  assert.equal(after.backends.get('kept'), before.shared.backends.get('kept'))
  assert.notEqual(after.backends.get('other')!.id, before.shared.backends.get('other')!.id)
  const ids = [...before.shared.caches.values(), ...before.shared.backends.values()].map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
})

test('a kept cache keeps its contents', () => {
  const factory = new SharedStateFactory(1)
  const plan = makePlan({ caches: [makeCache('shop', MEBIBYTE)] })
  const first = factory.build(plan, undefined)
  const writer = new MemoryTier(first.caches.get('shop')!.value, 0).lead('key')!
  writer.start(new Float64Array(16), Buffer.from('head'), 4)
  writer.write(Buffer.from('body'), 0, 4)
  writer.complete()
  const second = factory.build(plan, { plan, shared: first })
  assert.equal(new MemoryTier(second.caches.get('shop')!.value, 0).find('key')?.bodyBytes, 4)
})

test('memory that cannot be had is an error that names the cache', () => {
  const plan = makePlan({ caches: [makeCache('huge', 2 ** 52)] })
  assert.throws(() => new SharedStateFactory(1).build(plan, undefined), /cannot make room for cache "huge"/)
})
