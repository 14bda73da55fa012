import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdminFailure } from '../../../src/admin/protocol.ts'
import { describePools, findKeys, type LivePools, reportPools, runDrain } from '../../../src/daemon/pool-commands.ts'
import { SharedStateFactory } from '../../../src/daemon/shared-state.ts'
import { latencyBucket } from '../../../src/memcached/latency.ts'
import { PoolSet } from '../../../src/memcached/pool-set.ts'
import { MAIN_THREAD, PoolState, Use } from '../../../src/memcached/pool-state.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { makePlan, makePool } from './fixture/plans.ts'

/** What the main thread has of these pools; nobody listens at their ports. */
function liveOf(...memcached: ReturnType<typeof makePool>[]): LivePools {
  const plan = makePlan({ memcached })
  const shared = new SharedStateFactory(1).build(plan, undefined)
  const context = { worker: MAIN_THREAD, log: () => {}, onFault: (error: unknown) => assert.fail(String(error)) }
  const pools = new PoolSet(memcached, shared.pools, context, undefined)
  pools.commit()
  onTestEnd(() => pools.destroy())
  return { plan, shared, pools }
}

const edge = () => makePool('edge', ['mc1 1', 'mc2 2', 'mc3 3'], { hashTag: '{}' })
const spare = () => makePool('spare', ['mc9 9'])

function stateOf({ shared }: LivePools, pool: string): PoolState {
  return new PoolState(shared.pools.get(pool)!.value)
}

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof AdminFailure)
    return `${error.code}: ${error.message}`
  }
  return assert.fail('nothing was refused')
}

test('a pool is described with states, shares, counters and latencies', () => {
  const live = liveOf(edge())
  const state = stateOf(live, 'edge')
  const nowMs = 1_000_000
  state.eject(1, nowMs, 30_000)
  state.setDrained(2, true)
  const use = state.useOf(0, 0)
  use[Use.requests] = 100
  use[Use.responses] = 100
  use[Use.serverErr] = 2
  use[Use.serverTimedOut] = 1
  const latencies = state.latenciesOf(0, 0)
  latencies[latencyBucket(0.5)] = 98
  latencies[latencyBucket(40)] = 2
  const { servers, ...rest } = describePools(live, nowMs + 10_000)[0]!
  assert.deepEqual(rest, { name: 'edge', hash: 'fnv1a_64', hashTag: '{}', distribution: 'ketama', commands: {} })
  assert.deepEqual(
    servers.map(({ label, address, state: word, probeInMs, share, ejections, ejectedAtMs }) => {
      return { label, address, word, probeInMs, share, ejections, ejectedAtMs }
    }),
    [
      { label: 'mc1', address: '127.0.0.1:1', word: 'live', probeInMs: 0, share: 1, ejections: 0, ejectedAtMs: null },
      {
        label: 'mc2',
        address: '127.0.0.1:2',
        word: 'ejected',
        probeInMs: 20_000,
        share: 0,
        ejections: 1,
        ejectedAtMs: nowMs,
      },
      {
        label: 'mc3',
        address: '127.0.0.1:3',
        word: 'drained',
        probeInMs: 0,
        share: 0,
        ejections: 0,
        ejectedAtMs: null,
      },
    ],
  )
  const [first, second] = servers
  assert.equal(first!.errors, 3)
  assert.ok(first!.p50Ms! >= 0.5 && first!.p50Ms! < 0.6, `${first!.p50Ms}`)
  assert.ok(first!.p99Ms! >= 40 && first!.p99Ms! < 46, `${first!.p99Ms}`)
  assert.deepEqual([second!.p50Ms, second!.p99Ms], [null, null])
  const full = servers.reduce((sum, { fullShare }) => sum + fullShare, 0)
  assert.ok(Math.abs(full - 1) < 1e-9 && first!.fullShare > 0.2 && first!.fullShare < 0.5)
})

test('the owner of a key is told with the part of it that is hashed, and who stands in for it', () => {
  const live = liveOf(edge(), spare())
  const owners = findKeys({ keys: ['user:{17}:name', 'user:{17}:mail', 'plain'], pool: 'edge' }, live)
  assert.deepEqual(
    owners.map(({ hashed }) => hashed),
    ['17', '17', 'plain'],
  )
  assert.equal(owners[0]!.hash, owners[1]!.hash)
  assert.equal(owners[0]!.owner, owners[1]!.owner)
  const home = owners[2]!.home!
  assert.equal(owners[2]!.owner, home)
  stateOf(live, 'edge').setDrained(['mc1', 'mc2', 'mc3'].indexOf(home), true)
  const [after, inSpare] = findKeys({ keys: ['plain'] }, live)
  assert.equal(after!.home, home)
  assert.notEqual(after!.owner, home)
  assert.deepEqual([inSpare!.pool, inSpare!.owner], ['spare', 'mc9'])
})

test('no server live is no owner, and a random pool has none', () => {
  const live = liveOf(spare(), makePool('dice', ['a 1', 'b 2'], { distribution: 'random' }))
  stateOf(live, 'spare').eject(0, Date.now(), 60_000)
  const [nobody, anybody] = findKeys({ keys: ['k'] }, live)
  assert.deepEqual([nobody!.owner, nobody!.home, nobody!.isRandom], [null, 'mc9', false])
  assert.deepEqual([anybody!.owner, anybody!.home, anybody!.isRandom], [null, null, true])
})

test('a server is drained by name or by address, and undrained', () => {
  const live = liveOf(edge(), spare())
  const drained = runDrain({ server: 'mc2', drained: true }, live)
  assert.deepEqual([drained.pool, drained.server, drained.drained, drained.changed], ['edge', 'mc2', true, true])
  assert.ok(drained.share > 0.2 && drained.share < 0.5)
  assert.equal(stateOf(live, 'edge').isDrained(1), true)
  assert.equal(runDrain({ server: '127.0.0.1:2', drained: true, pool: 'edge' }, live).changed, false)
  const before = Date.now()
  assert.equal(runDrain({ server: '127.0.0.1:2', drained: false }, live).changed, true)
  assert.equal(stateOf(live, 'edge').isDrained(1), false)
  // What it holds from before was perhaps changed elsewhere.
  assert.ok(stateOf(live, 'edge').returnedAtMs(1) >= before)
  assert.equal(runDrain({ server: 'mc2', drained: false }, live).changed, false)
})

test('what cannot be meant is refused, with near misses, and changes nothing', () => {
  const live = liveOf(edge(), makePool('sparer', ['mc1 1', 'mc9 9']))
  const drain = (given: object) => refusal(() => runDrain({ drained: true, ...given }, live))
  assert.equal(drain({ server: 'mc11' }), 'no-server: there is no server "mc11"; did you mean "mc1"?')
  assert.equal(
    drain({ server: 'other', pool: 'sparer' }),
    'no-server: pool "sparer" has no server "other"; there is "mc1", "mc9"',
  )
  assert.equal(drain({ server: 'mc1', pool: 'edgy' }), 'no-pool: there is no pool "edgy"; did you mean "edge"?')
  assert.equal(
    drain({ server: 'mc1' }),
    'ambiguous: "mc1" is "mc1" in pool "edge", "mc1" in pool "sparer"; give --pool, and the name instead of the address',
  )
  assert.equal(drain({}), 'bad-request: "server" is the name or the address of a server')
  assert.equal(drain({ server: 7 }), 'bad-request: "server" is a name')
  assert.equal(drain({ server: 'mc2', drained: 1 }), 'bad-request: "drained" is true or false')
  assert.equal(
    refusal(() => findKeys({ keys: 'a' }, live)),
    'bad-request: "keys" is a list of texts',
  )
  assert.equal(
    refusal(() => reportPools({ pool: 'x' }, live)),
    'no-pool: there is no pool "x"; there is "edge", "sparer"',
  )
  assert.equal(
    refusal(() => reportPools({}, liveOf())),
    'no-pool: the configuration has no memcached pool',
  )
  for (const pool of ['edge', 'sparer']) assert.equal(stateOf(live, pool).isDrained(0), false)
})
