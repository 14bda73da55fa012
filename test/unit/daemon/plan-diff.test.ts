import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeDiff, diffPlans } from '../../../src/daemon/plan-diff.ts'
import { OWN_SESSIONS, type TlsSessionsPlan } from '../../../src/plan/tls-sessions-plan.ts'
import { makeBackend, makeCache, makeListener, makeMemcachedProxy, makePlan, makePool } from './fixture/plans.ts'

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

const four = ['mc1 1', 'mc2 2', 'mc3 3', 'mc4 4']
const summaryOf = (before: Parameters<typeof makePool>[1], after: Parameters<typeof makePool>, isPlanned?: boolean) =>
  describeDiff(
    diffPlans(makePlan({ memcached: [makePool('edge', before)] }), makePlan({ memcached: [makePool(...after)] })),
    isPlanned,
  )

test('of a pool that changed, the servers are told and the share of the keys that moved', () => {
  const added = summaryOf(four.slice(0, 3), ['edge', four])
  assert.match(added, /^memcached ~edge; 0 kept; memcached edge: server mc4 added, (\d+\.\d) % of the keys moved$/)
  const share = Number(/([\d.]+) %/.exec(added)![1])
  assert.ok(share > 20 && share < 30, `a fourth of the keys goes to a fourth server, not ${share} %`)
  assert.match(
    summaryOf(four, ['edge', four.slice(1)], true),
    /; memcached edge: server mc1 removed, 2\d\.\d % of the keys move$/,
  )
  assert.match(summaryOf(four, ['edge', ['mc1 1', 'x 9', 'y 8']]), /: servers x y added, servers mc2 mc3 mc4 removed, /)
})

test('a server at a new address keeps its keys', () => {
  assert.equal(
    summaryOf(four, ['edge', ['mc1 1', 'mc2 22', 'mc3 3', 'mc4 4']]),
    'memcached ~edge; 0 kept; memcached edge: server mc2 at a new address, 0.0 % of the keys moved',
  )
})

test('another hash or weight moves keys between the same servers; a timeout or another order moves none', () => {
  assert.match(summaryOf(four, ['edge', four, { hash: 'murmur' }]), /edge: 7\d\.\d % of the keys moved$/)
  assert.match(summaryOf(four, ['edge', ['mc1 1 3', ...four.slice(1)]]), /edge: [23]\d\.\d % of the keys moved$/)
  assert.equal(summaryOf(four, ['edge', four, { timeoutMs: 7 }]), 'memcached ~edge; 0 kept')
  assert.equal(summaryOf(four, ['edge', [...four].reverse()]), 'memcached ~edge; 0 kept')
})

test('pools and proxies count as objects; of a new pool no key has moved', () => {
  const tcp = { kind: 'tcp', host: '127.0.0.1', port: 11211 } as const
  const before = makePlan({ memcachedProxies: [makeMemcachedProxy('local', [tcp])] })
  const after = makePlan({ memcached: [makePool('edge', four)], memcachedProxies: [makeMemcachedProxy('local', [])] })
  assert.equal(describeDiff(diffPlans(before, after)), 'memcached +edge; memcached-proxies ~local; 0 kept')
})

test('sessions of TLS count as objects, but not those of listeners that name none', () => {
  const sessions = (name: string, ttlMs: number): TlsSessionsPlan => ({
    name,
    mode: 'tickets',
    ttlMs,
    seals: [],
    tickets: { pool: undefined, rotateMs: 1000, accept: 1 },
    ids: undefined,
    place: { file: 'shellac.conf', line: ttlMs, column: 1 },
  })
  const before = makePlan({ tlsSessions: [sessions('edge-tls', 1)] })
  const after = makePlan({ tlsSessions: [sessions('edge-tls', 2), sessions(OWN_SESSIONS, 1)] })
  assert.equal(describeDiff(diffPlans(before, after)), 'tls-sessions ~edge-tls; 0 kept')
})

test('a new password is a change, and is not told', () => {
  const pool = (password: string) =>
    makePlan({ memcached: [makePool('edge', four, { auth: { user: 'shop', password } })] })
  assert.equal(describeDiff(diffPlans(pool('hunter2'), pool('hunter3'))), 'memcached ~edge; 0 kept')
})
