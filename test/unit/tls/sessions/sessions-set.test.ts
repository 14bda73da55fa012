/** Sessions over reloads: what means the same stays, with its connections. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PoolSet } from '../../../../src/memcached/pool-set.ts'
import { OWN_SESSIONS, type TlsSessionsPlan } from '../../../../src/plan/tls-sessions-plan.ts'
import { SessionsSet, type SharedSessions } from '../../../../src/tls/sessions/sessions-set.ts'
import { createTlsSessionsShared } from '../../../../src/tls/sessions/tls-sessions.ts'
import { startDistcacheServer } from '../../../support/distcache.ts'
import { waitFor } from '../../../support/wait.ts'

const pools = new PoolSet([], new Map(), { worker: 0, log() {}, onFault: () => {} }, undefined)

function makePlan(name: string, port: number, changes: Partial<TlsSessionsPlan> = {}): TlsSessionsPlan {
  const store = { kind: 'distcache', servers: [{ kind: 'tcp', host: '127.0.0.1', port }] } as const
  return {
    name,
    mode: 'ids',
    ttlMs: 1000,
    seals: [],
    tickets: { pool: undefined, rotateMs: 1000, accept: 1 },
    ids: { store, waitMs: 1000, serve: undefined },
    place: { file: 'shellac.conf', line: 1, column: 1 },
    ...changes,
  }
}

const shared: ReadonlyMap<string, SharedSessions> = new Map(
  [OWN_SESSIONS, 'a', 'b'].map((name, id) => [name, { id, value: createTlsSessionsShared(1) }]),
)

function makeSet(plans: readonly TlsSessionsPlan[], before?: SessionsSet): SessionsSet {
  return new SessionsSet(plans, shared, { pools, worker: 0 }, before)
}

test('what means the same is the same object, wherever it stands', async () => {
  const { server } = await startDistcacheServer()
  const first = makeSet([makePlan('a', server.port), makePlan('b', server.port)])
  first.commit()
  await waitFor('both connections', () => server.connections === 2)
  const place = { file: 'other.conf', line: 9, column: 9 }
  const second = makeSet([makePlan('a', server.port, { place }), makePlan('b', server.port, { ttlMs: 5 })], first)
  second.commit()
  assert.equal(second.get('a'), first.get('a'))
  assert.notEqual(second.get('b'), first.get('b'))
  assert.equal(second.get('b').ttlSec, 1, 'of less than a second one is made')
  await waitFor('the connection of what is gone to end', () => server.connections === 2)
  second.destroy()
  await waitFor('all of them to end', () => server.connections === 0)
})

test('a set that never was leaves the one before as it is', async () => {
  const { server } = await startDistcacheServer()
  const first = makeSet([makePlan('a', server.port)])
  first.commit()
  const second = makeSet([makePlan('a', server.port), makePlan('b', server.port)], first)
  await waitFor('its connection', () => server.connections === 2)
  second.rollback()
  await waitFor('its connection to end', () => server.connections === 1)
  assert.equal(makeSet([makePlan('a', server.port)], first).get('a'), first.get('a'))
  first.destroy()
})

test('a listener that names none has those of the daemon', () => {
  const own = makePlan(OWN_SESSIONS, 1, { mode: 'tickets', ids: undefined })
  const set = makeSet([own])
  assert.equal(set.get(undefined).hasTickets, true)
  assert.equal(set.get(undefined).wantsHello, false)
  assert.throws(() => set.get('a'), /the Plan has the sessions/)
})

test('modes decide what listeners are asked for', () => {
  const set = makeSet([makePlan('a', 1), makePlan('b', 1, { mode: 'both' })])
  assert.deepEqual([set.get('a').hasTickets, set.get('a').wantsHello], [false, true])
  assert.deepEqual([set.get('b').hasTickets, set.get('b').wantsHello], [true, true])
  set.destroy()
})
