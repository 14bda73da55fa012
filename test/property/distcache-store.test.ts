/** The store of sessions against a model that is plainly right: a list that is searched and sorted each time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ABSENT, SessionStore } from '../../src/distcache/session-store.ts'

const CAPACITY = 64

interface Session {
  readonly id: string
  readonly data: string
  readonly expiresAtMs: number
}

class Model {
  sessions: Session[] = []

  expire(nowMs: number): void {
    this.sessions = this.sessions.filter(({ expiresAtMs }) => expiresAtMs > nowMs)
  }

  add(nowMs: number, timeoutMs: number, id: string, data: string): boolean {
    this.expire(nowMs)
    if (this.get(nowMs, id) !== undefined) return false
    if (this.sessions.length === CAPACITY) {
      // Sorting is stable, so of equals the older goes first.
      const [soonest] = [...this.sessions].sort((a, b) => a.expiresAtMs - b.expiresAtMs)
      this.sessions = this.sessions.filter((session) => session !== soonest)
    }
    this.sessions.push({ id, data, expiresAtMs: Math.floor(nowMs) + timeoutMs })
    return true
  }

  get(nowMs: number, id: string): string | undefined {
    this.expire(nowMs)
    return this.sessions.find((session) => session.id === id)?.data
  }

  remove(nowMs: number, id: string): boolean {
    const isThere = this.get(nowMs, id) !== undefined
    this.sessions = this.sessions.filter((session) => session.id !== id)
    return isThere
  }
}

const id = fc.integer({ min: 0, max: 150 }).map((n) => `${n}`.repeat(1 + (n % 20)))

const call = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constant('add' as const),
      id,
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 1, max: 700 }),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('get' as const), id, fc.constant(0), fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('remove' as const), id, fc.constant(0), fc.constant(0)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant('wait' as const), fc.constant(''), fc.integer({ min: 0, max: 8 }), fc.constant(0)),
  },
)

function find(store: SessionStore, nowMs: number, key: string): string | undefined {
  const slot = store.find(nowMs, Buffer.from(key), 0, key.length)
  if (slot === ABSENT) return undefined
  let data = ''
  store.read(slot, {
    bytes: (bytes, start, end) => {
      data += bytes.toString('latin1', start, end)
    },
  })
  return data
}

test('finds, refuses, expires and evicts as the model does', () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 200, maxLength: 600, size: 'max' }), (calls) => {
      const store = new SessionStore(CAPACITY)
      const model = new Model()
      let nowMs = 100
      let stored = 0
      for (const [kind, key, number, length] of calls) {
        if (kind === 'wait') nowMs += number / 2
        else if (kind === 'get') assert.equal(find(store, nowMs, key), model.get(nowMs, key))
        else if (kind === 'remove') {
          assert.equal(store.remove(nowMs, Buffer.from(key), 0, key.length), model.remove(nowMs, key))
        } else {
          const data = `${stored++} `.padEnd(length, '.')
          const bytes = Buffer.from(key + data)
          const isStored = store.add(nowMs, number, bytes, 0, key.length, bytes.length)
          assert.equal(isStored, model.add(nowMs, number, key, data))
        }
      }
      model.expire(nowMs)
      store.expire(nowMs)
      assert.equal(store.count, model.sessions.length)
      for (const session of model.sessions) assert.equal(find(store, nowMs, session.id), session.data)
    }),
    { numRuns: 300 },
  )
})

test('a full store of 60,000 finds every session, and works no harder than an empty one', () => {
  const store = new SessionStore(60_000)
  const bytes = Buffer.alloc(32 + 150)
  const write = (n: number) => {
    bytes.fill(0)
    bytes.writeUInt32BE(n, 0)
    bytes.writeUInt32BE(n, 32)
  }
  for (let n = 0; n < 60_000; n++) {
    write(n)
    assert.equal(store.add(0, 1_000_000 + ((n * 7919) % 60_000), bytes, 0, 32, bytes.length), true)
  }
  assert.equal(store.count, 60_000)
  for (let n = 0; n < 60_000; n++) {
    write(n)
    const slot = store.find(1, bytes, 0, 32)
    assert.notEqual(slot, ABSENT)
    let first = -1
    store.read(slot, {
      bytes: (data, start) => {
        if (first === -1) first = data.readUInt32BE(start)
      },
    })
    assert.equal(first, n)
  }
  // Removed in an order unlike that of storing or expiring, while others come.
  for (let n = 0; n < 60_000; n++) {
    write((n * 48_271) % 60_000)
    assert.equal(store.remove(2, bytes, 0, 32), true)
    write(100_000 + n)
    assert.equal(store.add(2, 1_000_000, bytes, 0, 32, bytes.length), true)
  }
  assert.equal(store.count, 60_000)
})

test('finding one of 60,000 sessions takes no search', () => {
  const cost = (sessions: number): number => {
    const store = new SessionStore(60_000)
    const bytes = Buffer.alloc(32 + 150)
    for (let n = 0; n < sessions; n++) {
      bytes.writeUInt32BE(n, 0)
      store.add(0, 1_000_000, bytes, 0, 32, bytes.length)
    }
    const start = process.cpuUsage().user
    for (let i = 0; i < 300_000; i++) {
      bytes.writeUInt32BE(i % sessions, 0)
      assert.notEqual(store.find(1, bytes, 0, 32), ABSENT)
    }
    return process.cpuUsage().user - start
  }
  cost(64)
  // A search from the front would cost some hundred times as much; a colder cache of the processor a few times.
  assert.ok(cost(60_000) < 20 * cost(64))
})
