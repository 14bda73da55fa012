import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ABSENT, SessionStore } from '../../../src/distcache/session-store.ts'
import { assertSameBytes } from '../../support/distcache.ts'

function add(store: SessionStore, nowMs: number, timeoutMs: number, id: string, data = 'data'): boolean {
  const bytes = Buffer.from(`...${id}${data}`)
  return store.add(nowMs, timeoutMs, bytes, 3, 3 + id.length, bytes.length)
}

function get(store: SessionStore, nowMs: number, id: string): string | undefined {
  const slot = store.find(nowMs, Buffer.from(id), 0, id.length)
  if (slot === ABSENT) return undefined
  const pieces: Buffer[] = []
  store.read(slot, { bytes: (bytes, start, end) => pieces.push(Buffer.from(bytes.subarray(start, end))) })
  const data = Buffer.concat(pieces)
  assert.equal(data.length, store.dataBytes(slot))
  return data.toString()
}

const remove = (store: SessionStore, nowMs: number, id: string): boolean =>
  store.remove(nowMs, Buffer.from(id), 0, id.length)

test('an ADD never replaces; what is removed can be added again', () => {
  const store = new SessionStore(64)
  assert.equal(add(store, 0, 1000, 'a', 'one'), true)
  assert.equal(add(store, 0, 1000, 'a', 'two'), false)
  assert.equal(get(store, 0, 'a'), 'one')
  assert.equal(remove(store, 0, 'a'), true)
  assert.equal(remove(store, 0, 'a'), false)
  assert.equal(get(store, 0, 'a'), undefined)
  assert.equal(add(store, 0, 1000, 'a', 'two'), true)
  assert.equal(get(store, 0, 'a'), 'two')
  assert.equal(store.count, 1)
})

test('a session ends to the millisecond, whatever asked for it meanwhile, and with it the refusal of its id', () => {
  const store = new SessionStore(64)
  add(store, 1000.75, 200, 'a')
  for (const nowMs of [1000.75, 1100, 1199, 1199.999]) assert.equal(get(store, nowMs, 'a'), 'data')
  assert.equal(add(store, 1199.999, 5, 'a'), false)
  assert.equal(get(store, 1200, 'a'), undefined)
  assert.equal(add(store, 1200, 5, 'a'), true)
  assert.equal(store.count, 1)
  store.expire(1205)
  assert.equal(store.count, 0)
})

test('a session of 0 ms is stored and not found', () => {
  const store = new SessionStore(64)
  for (const nowMs of [7, 7.5]) {
    assert.equal(add(store, nowMs, 0, 'a'), true)
    assert.equal(store.count, 1)
    assert.equal(get(store, nowMs, 'a'), undefined)
  }
})

test('a session of seven days is there until they are over', () => {
  const store = new SessionStore(64)
  add(store, 5, 604_800_000, 'a')
  assert.equal(get(store, 604_800_004, 'a'), 'data')
  assert.equal(get(store, 604_800_005, 'a'), undefined)
})

test('a full store drops what expires soonest, however old, and nothing for an ADD that fails', () => {
  const store = new SessionStore(64)
  for (let i = 0; i < 64; i++) add(store, i, 10_000 - 100 * i, `id${i}`)
  assert.equal(add(store, 70, 5000, 'id63'), false)
  assert.equal(store.count, 64)
  assert.equal(add(store, 70, 1, 'new'), true)
  assert.equal(get(store, 70, 'id63'), undefined)
  assert.equal(get(store, 70, 'id62'), 'data')
  // The new one is the next victim, as it expires soonest now.
  assert.equal(add(store, 70, 50_000, 'newer'), true)
  assert.equal(get(store, 70, 'new'), undefined)
  assert.equal(get(store, 70, 'id62'), 'data')
  assert.equal(store.count, 64)
})

test('of those that expire together the one that was stored first goes first', () => {
  const store = new SessionStore(64)
  for (let i = 0; i < 64; i++) add(store, 0, 1000, `id${i}`)
  for (let i = 0; i < 64; i++) {
    assert.equal(get(store, 0, `id${i}`), 'data')
    add(store, 0, 1000, `new${i}`)
    assert.equal(get(store, 0, `id${i}`), undefined)
  }
})

test('what has expired makes room before anything is evicted', () => {
  const store = new SessionStore(64)
  for (let i = 0; i < 64; i++) add(store, 0, i === 40 ? 10 : 1000, `id${i}`)
  add(store, 10, 500, 'new')
  assert.equal(store.count, 64)
  for (let i = 0; i < 64; i++) assert.equal(get(store, 10, `id${i}`), i === 40 ? undefined : 'data')
})

test('ids of other lengths than 1 to 64 bytes are absent', () => {
  const store = new SessionStore(64)
  const longest = 'x'.repeat(64)
  add(store, 0, 1000, longest)
  assert.equal(get(store, 0, longest), 'data')
  assert.equal(get(store, 0, `${longest}x`), undefined)
  assert.equal(get(store, 0, longest.slice(1)), undefined)
  assert.equal(get(store, 0, ''), undefined)
  assert.equal(remove(store, 0, 'y'.repeat(30_000)), false)
})

test('data of every length comes back as it was', () => {
  const store = new SessionStore(64)
  for (const length of [1, 4, 255, 256, 257, 511, 512, 513, 1024, 32_759]) {
    const data = Array.from({ length }, (_, i) => String.fromCharCode(33 + ((i * 7) % 90))).join('')
    add(store, 0, 1000, `id${length}`, data)
    assert.ok(get(store, 0, `id${length}`) === data, `${length} bytes`)
  }
})

test('what is dropped is overwritten, id and data, however it was dropped', () => {
  const store = new SessionStore(64)
  const slots: number[] = []
  const views: Buffer[] = []
  const look = (id: string) => {
    const slot = store.find(0, Buffer.from(id), 0, id.length)
    slots.push(slot)
    store.read(slot, { bytes: (bytes, start, end) => views.push(bytes.subarray(start, end)) })
  }
  add(store, 0, 5, 'first', 's'.repeat(600))
  look('first')
  for (let i = 0; i < 64; i++) add(store, 0, 1000, `id${i}`) // evicts it
  assert.equal(Buffer.concat(views).indexOf('s'), -1)
  look('id0')
  remove(store, 0, 'id0')
  look('id1')
  store.clear()
  assert.equal(store.count, 0)
  assert.equal(views.length, 5)
  for (const view of views) assertSameBytes(view, Buffer.alloc(view.length))
})

test('space of large sessions serves small ones again', () => {
  const store = new SessionStore(64)
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 64; i++) add(store, round, 1, `id${i}`, 'x'.repeat(round % 2 === 0 ? 32_000 : 100))
    store.expire(round + 1)
  }
  assert.ok(store.memoryBytes < 64 * 34_000, `${store.memoryBytes} bytes`)
})
