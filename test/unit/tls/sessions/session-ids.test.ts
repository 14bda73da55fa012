import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientHello } from '../../../../src/distcache/client-hello.ts'
import { type RemoteSessions, SessionOutcome, type SessionSink } from '../../../../src/distcache/remote-sessions.ts'
import { SessionIds } from '../../../../src/tls/sessions/session-ids.ts'
import {
  createSessionTally,
  type SessionCounterName,
  SessionTally,
  sumSessions,
} from '../../../../src/tls/sessions/session-tally.ts'

const NOTHING = Buffer.alloc(0)
const WAIT_MS = 20
const TTL_MS = 5000

/** What OpenSSL would write of such a session, as far as it is looked at. */
function sessionOf(protocol: number, name: Buffer): Buffer {
  const head = [0x30, 0x82, 1, 2, 2, 1, 1, 2, 2, protocol >> 8, protocol & 255, 4, 2, 0x13, 2, 4, name.length]
  return Buffer.concat([Buffer.from(head), name, Buffer.from([4, 1, 0])])
}
const id = Buffer.alloc(32, 1)
const identity = Buffer.alloc(32, 2)
const tls12 = sessionOf(0x0303, id)
const tls13 = sessionOf(0x0304, identity)
const number = Buffer.alloc(32, 3)

/** Answers when it is told to. */
class Store implements RemoteSessions {
  readonly asked: string[] = []
  readonly #sinks: SessionSink[] = []

  add(key: Buffer, data: Buffer, timeoutMs: number, sink: SessionSink): void {
    this.#ask(`add ${key[0]} ${data.length} ${timeoutMs}`, sink)
  }
  get(key: Buffer, sink: SessionSink): void {
    this.#ask(`get ${key[0]}`, sink)
  }
  remove(key: Buffer, sink: SessionSink): void {
    this.#ask(`remove ${key[0]}`, sink)
  }
  have(key: Buffer, sink: SessionSink): void {
    this.#ask(`have ${key[0]}`, sink)
  }
  #ask(text: string, sink: SessionSink): void {
    this.asked.push(text)
    this.#sinks.push(sink)
  }
  answer(outcome: number, data: Buffer = NOTHING): void {
    this.#sinks.shift()!.onSession(outcome, data)
  }
}

class Bench {
  readonly store = new Store()
  readonly #shared = createSessionTally(1)
  readonly ids: SessionIds
  nowMs = 1000
  readonly told: (Buffer | null)[] = []

  constructor(hasTickets = false) {
    const tally = new SessionTally(this.#shared, 0)
    const now = (): number => this.nowMs
    this.ids = new SessionIds({ store: this.store, ttlMs: TTL_MS, waitMs: WAIT_MS, hasTickets, tally, now })
  }

  hello(hello: Partial<ClientHello>, isTls13: boolean): void {
    const nothing = { sessionId: NOTHING, firstIdentity: undefined, serverName: undefined }
    this.ids.noteHello({ ...nothing, offersTls13: isTls13, keepsTickets: false, ...hello }, isTls13)
  }

  resume(session: Buffer): void {
    this.ids.onResume(session, (error, data) => {
      assert.equal(error, null)
      this.told.push(data)
    })
  }

  counts(): Partial<Record<SessionCounterName, number>> {
    const { counters } = sumSessions(this.#shared)
    return Object.fromEntries(Object.entries(counters).filter(([, count]) => count > 0))
  }
}

test('a new session is stored before its client hears of it', () => {
  const bench = new Bench()
  let done = 0
  bench.ids.onNew(id, tls12, () => done++)
  assert.deepEqual([bench.store.asked, done], [[`add 1 ${tls12.length} ${TTL_MS}`], 0])
  bench.store.answer(SessionOutcome.done)
  assert.equal(done, 1)
  bench.ids.onNew(id, tls12, () => done++)
  bench.store.answer(SessionOutcome.failed)
  assert.equal(done, 2, 'a handshake goes on')
  assert.deepEqual(bench.counts(), { stored: 1, notStored: 1 })
})

test('a TLS 1.2 session is found by its id, as often as it is asked for', () => {
  const bench = new Bench()
  for (let time = 0; time < 2; time++) {
    bench.hello({ sessionId: id }, false)
    bench.resume(id)
    bench.store.answer(SessionOutcome.done, tls12)
  }
  assert.deepEqual(bench.store.asked, ['get 1', 'get 1'])
  assert.deepEqual(bench.told, [tls12, tls12])
  assert.deepEqual(bench.counts(), { found: 2 })
})

test('a TLS 1.3 session is found by the identity of the hello, and removed', () => {
  const bench = new Bench()
  bench.hello({ sessionId: number, firstIdentity: identity }, true)
  bench.resume(number)
  assert.deepEqual(bench.store.asked, ['get 2', 'remove 2'])
  bench.store.answer(SessionOutcome.done, tls13)
  assert.deepEqual(bench.told, [], 'it is not known yet whose it is')
  bench.store.answer(SessionOutcome.done)
  assert.deepEqual(bench.told, [tls13])
})

test('of two who come with one TLS 1.3 session, who did not remove it gets none', () => {
  const bench = new Bench()
  bench.hello({ sessionId: number, firstIdentity: identity }, true)
  bench.resume(number)
  bench.store.answer(SessionOutcome.done, tls13)
  bench.store.answer(SessionOutcome.absent)
  assert.deepEqual(bench.told, [null])
  assert.deepEqual(bench.counts(), { missed: 1 })
})

test('a TLS 1.3 session whose removal got no answer is not used', () => {
  const bench = new Bench()
  bench.hello({ sessionId: number, firstIdentity: identity }, true)
  bench.resume(number)
  bench.store.answer(SessionOutcome.done, tls13)
  bench.store.answer(SessionOutcome.failed)
  assert.deepEqual(bench.told, [null])
  assert.deepEqual(bench.counts(), { failed: 1 })
})

test('nothing is asked for a TLS 1.3 client without a session', () => {
  const bench = new Bench()
  bench.hello({ sessionId: number }, true)
  bench.resume(number)
  assert.deepEqual([bench.store.asked, bench.told], [[], [null]])
  assert.deepEqual(bench.counts(), {})
})

test('an identity that is too long for an id is not asked for', () => {
  const bench = new Bench()
  bench.hello({ sessionId: number, firstIdentity: Buffer.alloc(33, 2) }, true)
  bench.resume(number)
  assert.deepEqual([bench.store.asked, bench.told], [[], [null]])
})

test('two hellos with the same number find nothing, and the number is free afterwards', () => {
  const bench = new Bench()
  bench.hello({ sessionId: number, firstIdentity: identity }, true)
  bench.hello({ sessionId: number, firstIdentity: Buffer.alloc(32, 9) }, true)
  bench.resume(number)
  assert.deepEqual([bench.store.asked, bench.told], [[], [null]])
  bench.hello({ sessionId: number, firstIdentity: identity }, true)
  bench.resume(number)
  assert.deepEqual(bench.store.asked, ['get 2', 'remove 2'])
})

test('what was noted is a copy, and bounded', () => {
  const bench = new Bench()
  const changing = Buffer.from(identity)
  bench.hello({ sessionId: number, firstIdentity: changing }, true)
  changing.fill(7)
  bench.resume(number)
  assert.deepEqual(bench.store.asked, ['get 2', 'remove 2'])
  for (let hello = 0; hello <= 4096; hello++) {
    const one = Buffer.alloc(32)
    one.writeUInt32BE(hello)
    bench.hello({ sessionId: one, firstIdentity: identity }, true)
  }
  bench.resume(Buffer.alloc(32))
  assert.deepEqual(bench.store.asked.slice(2), ['get 0'], 'the first was forgotten')
})

test('a session of another id is none', () => {
  const bench = new Bench()
  for (const data of [sessionOf(0x0303, identity), sessionOf(0x0303, id.subarray(1)), tls12.subarray(0, 40)]) {
    bench.resume(id)
    bench.store.answer(SessionOutcome.done, data)
  }
  bench.hello({ sessionId: number, firstIdentity: identity }, true)
  bench.resume(number)
  bench.store.answer(SessionOutcome.done, sessionOf(0x0304, id))
  bench.store.answer(SessionOutcome.done)
  assert.deepEqual(bench.told, [null, null, null, null])
  assert.deepEqual(bench.counts(), { missed: 4 })
})

test('a session of the other protocol is none', () => {
  const bench = new Bench()
  bench.resume(id)
  bench.store.answer(SessionOutcome.done, sessionOf(0x0304, id))
  bench.hello({ sessionId: number, firstIdentity: identity }, true)
  bench.resume(number)
  bench.store.answer(SessionOutcome.done, sessionOf(0x0303, identity))
  bench.store.answer(SessionOutcome.done)
  for (const data of [NOTHING, Buffer.from('what else may lie there'), Buffer.from([0x30, 0x84, 0, 0])]) {
    bench.hello({ sessionId: number, firstIdentity: identity }, true)
    bench.resume(number)
    bench.store.answer(SessionOutcome.done, data)
    bench.store.answer(SessionOutcome.done)
  }
  assert.deepEqual(bench.told, [null, null, null, null, null])
  assert.deepEqual(bench.counts(), { missed: 5 })
})

test('what comes too late is told apart from what fails', () => {
  const bench = new Bench()
  bench.resume(id)
  bench.store.answer(SessionOutcome.failed)
  bench.resume(id)
  bench.nowMs += WAIT_MS
  bench.store.answer(SessionOutcome.failed)
  assert.deepEqual([bench.told, bench.counts()], [[null, null], { failed: 1, late: 1 }])
})

test('beside tickets only those are kept who have none', () => {
  const bench = new Bench(true)
  let done = 0
  bench.ids.onNew(id, tls13, () => done++)
  assert.deepEqual([bench.store.asked, done], [[], 1], 'TLS 1.3 has tickets')
  bench.ids.onNew(id, tls12, () => done++)
  bench.store.answer(SessionOutcome.done)
  assert.equal(done, 2)
  bench.hello({ sessionId: number, firstIdentity: identity }, true)
  bench.resume(number)
  bench.hello({ sessionId: number, keepsTickets: true }, false)
  bench.resume(number)
  assert.deepEqual(bench.told, [null, null])
  bench.hello({ sessionId: id }, false)
  bench.resume(id)
  assert.deepEqual(bench.store.asked.slice(1), ['get 1'])
})
