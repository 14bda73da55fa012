import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { releaseWorker } from '../../../src/balance/backend-state.ts'
import { Balancer, triedBit } from '../../../src/balance/balancer.ts'
import { backend, balancer, balancers, factsOf, TestClock } from './backends.ts'

/** Names of the next servers, none of them reported as started. */
function next(tested: Balancer, count: number, tried = 0): string {
  return Array.from({ length: count }, () => tested.plan.servers[tested.select(tried)]?.name ?? '-').join('')
}

function fail(tested: Balancer, server: number, times: number): void {
  for (let i = 0; i < times; i++) tested.failed(server)
}

describe('selection', () => {
  it('leaves out what was tried, and ends with -1', () => {
    const tested = balancer(backend({ servers: [{}, {}, {}] }))
    assert.equal(next(tested, 3, triedBit(1)), 'aca')
    assert.equal(next(tested, 2, triedBit(0) | triedBit(1)), 'cc')
    assert.equal(tested.select(triedBit(0) | triedBit(1) | triedBit(2)), -1)
  })

  it('never repeats a server among more than a mask has bits', () => {
    const tested = balancer(backend({ servers: Array.from({ length: 100 }, () => ({})) }))
    const seen = new Set<number>()
    let tried = 0
    for (let server = tested.select(tried); server !== -1; server = tested.select(tried)) {
      assert.equal(seen.has(server), false)
      seen.add(server)
      tried |= triedBit(server)
    }
    assert.equal(seen.size, 31)
  })

  it('keeps backups for the time when all others are avoided or tried', () => {
    const tested = balancer(backend({ servers: [{}, { backup: true }, {}] }))
    assert.equal(next(tested, 4), 'acac')
    assert.equal(next(tested, 1, triedBit(0) | triedBit(2)), 'b')
    fail(tested, 0, 3)
    assert.equal(next(tested, 3), 'ccc')
    fail(tested, 2, 3)
    assert.equal(next(tested, 3), 'bbb')
  })

  it('uses backups when there is nothing else', () => {
    assert.equal(next(balancer(backend({ servers: [{ backup: true }, { backup: true }] })), 3), 'aba')
  })

  it('starts each worker at another server', () => {
    const { all } = balancers(backend({ servers: [{}, {}, {}] }), 3, new TestClock())
    assert.deepEqual(
      all.map((tested) => next(tested, 1)),
      ['a', 'b', 'c'],
    )
  })
})

describe('least requests', () => {
  const plan = backend({ balance: 'least-requests', servers: [{ weight: 2 }, {}, {}] })

  it('counts the requests of all workers, by weight', () => {
    const { all } = balancers(plan, 2, new TestClock())
    const [one, two] = all as [Balancer, Balancer]
    one.started(1)
    two.started(2)
    assert.equal(next(one, 2), 'aa')
    two.started(0)
    assert.equal(next(one, 1), 'a')
    two.started(0)
    one.ended(1)
    assert.equal(next(two, 1), 'b')
  })

  it('lets equals take turns by weight', () => {
    assert.equal(next(balancer(plan), 8), 'abcaabca')
  })

  it('forgets what a dead worker had in flight, and nothing else', () => {
    const clock = new TestClock()
    const { state, all } = balancers(plan, 2, clock)
    const [one, two] = all as [Balancer, Balancer]
    one.started(0)
    two.started(0)
    two.started(1)
    releaseWorker(state, 1)
    assert.deepEqual(
      factsOf(plan, state, clock).map((server) => [server.inFlight, server.sent]),
      [
        [1, 2],
        [0, 1],
        [0, 0],
      ],
    )
    assert.throws(() => releaseWorker(state, 2), /worker 2 has a block/)
  })
})

describe('ejection', () => {
  it('follows failures in a row, not failures in all', () => {
    const tested = balancer(backend({ servers: [{}, {}] }))
    fail(tested, 0, 2)
    tested.succeeded(0)
    fail(tested, 0, 2)
    assert.equal(tested.isAvoided(0), false)
    fail(tested, 0, 1)
    assert.equal(tested.isAvoided(0), true)
    assert.equal(next(tested, 3), 'bbb')
  })

  it('is seen by every worker, and probed by one', () => {
    const clock = new TestClock()
    const { all } = balancers(backend({ servers: [{}, {}] }), 2, clock)
    const [one, two] = all as [Balancer, Balancer]
    fail(one, 0, 2)
    fail(two, 0, 1)
    clock.nowMs += 9_999
    assert.equal(next(one, 2) + next(two, 2), 'bbbb')
    clock.nowMs += 1
    assert.equal(next(two, 3), 'abb')
    assert.equal(next(one, 2), 'bb')
  })

  it('ends with the first success', () => {
    const clock = new TestClock()
    const tested = balancer(backend({ servers: [{}, {}] }), clock)
    fail(tested, 0, 3)
    clock.nowMs += 10_000
    assert.equal(next(tested, 1), 'a')
    tested.succeeded(0)
    assert.equal(tested.isAvoided(0), false)
    assert.match(next(tested, 2), /ab|ba/)
  })

  it('begins anew when the probe fails or is never heard of again', () => {
    const clock = new TestClock()
    const plan = backend({ servers: [{}, {}] })
    const { state, all } = balancers(plan, 1, clock)
    const tested = all[0]!
    fail(tested, 0, 3)
    for (let round = 0; round < 3; round++) {
      clock.nowMs += 10_000
      assert.equal(next(tested, 3), 'abb')
      if (round === 1) tested.failed(0)
    }
    assert.equal(factsOf(plan, state, clock)[0]?.ejections, 1)
  })

  it('gives the probe to no request that has been there', () => {
    const clock = new TestClock()
    const tested = balancer(backend({ servers: [{}, {}] }), clock)
    fail(tested, 0, 3)
    clock.nowMs += 10_000
    assert.equal(next(tested, 1, triedBit(0)), 'b')
    assert.equal(next(tested, 1), 'a')
  })

  it('refuses nothing when all are avoided: the least bad take turns', () => {
    const tested = balancer(backend({ servers: [{}, {}, {}, { backup: true }] }))
    fail(tested, 0, 4)
    fail(tested, 1, 3)
    fail(tested, 2, 5)
    fail(tested, 3, 3)
    assert.match(next(tested, 4), /^(bd|db){2}$/)
    assert.equal(next(tested, 1, triedBit(1) | triedBit(3)), 'a')
  })

  it('does not outlast a wall clock that is set back', () => {
    const clock = new TestClock()
    const tested = balancer(backend({ servers: [{}, {}] }), clock)
    fail(tested, 0, 3)
    clock.nowMs -= 3_600_000
    assert.equal(next(tested, 1), 'a')
  })

  it('never happens when it follows 0 errors', () => {
    const tested = balancer(backend({ servers: [{}], eject: { afterErrors: 0, forMs: 10 } }))
    fail(tested, 0, 10)
    assert.equal(tested.isAvoided(0), false)
  })
})

it('tells the facts of its servers', () => {
  const clock = new TestClock()
  const plan = backend({ servers: [{ weight: 4 }, { backup: true }] })
  const { state, all } = balancers(plan, 1, clock)
  const tested = all[0]!
  tested.started(0)
  fail(tested, 0, 3)
  clock.nowMs += 4000
  assert.deepEqual(factsOf(plan, state, clock), [
    {
      name: 'a',
      weight: 4,
      backup: false,
      status: 'avoided',
      probeInMs: 6000,
      inFlight: 1,
      sent: 1,
      failures: 3,
      failedTotal: 3,
      ejections: 1,
    },
    {
      name: 'b',
      weight: 1,
      backup: true,
      status: 'healthy',
      probeInMs: 0,
      inFlight: 0,
      sent: 0,
      failures: 0,
      failedTotal: 0,
      ejections: 0,
    },
  ])
})

it('refuses a state made for other servers or fewer workers', () => {
  const clock = new TestClock()
  const { state } = balancers(backend({ servers: [{}] }), 1, clock)
  assert.throws(() => new Balancer(backend({ servers: [{}, {}] }), state, clock.now, 0), /room for its servers/)
  assert.throws(() => new Balancer(backend({ servers: [{}] }), state, clock.now, 1), /room for worker 1/)
})
