import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OriginConnection } from '../../../src/net/origin-connection.ts'
import { OriginPool } from '../../../src/net/origin-pool.ts'
import type { TimerWheel } from '../../../src/net/timer-wheel.ts'
import type { BackendPlan } from '../../../src/plan/plan.ts'
import { clock } from '../../../src/util/clock.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { freePort } from '../../support/ports.ts'
import { ok, type ScriptedOrigin, startOrigin } from '../../support/scripted-origin.ts'
import { waitFor } from '../../support/wait.ts'
import { backendPlan, RecordingClaimant, RecordingSink, surroundings, wheelOfNow } from './recorders.ts'

interface Setup {
  readonly origin: ScriptedOrigin
  readonly pool: OriginPool
  readonly wheel: TimerWheel
}

async function setUp(change: Partial<BackendPlan> = {}): Promise<Setup> {
  const origin = await startOrigin(() => ok('x'))
  return { origin, ...poolFor(backendPlan(origin.port, change)) }
}

function poolFor(plan: BackendPlan): { pool: OriginPool; wheel: TimerWheel } {
  const wheel = wheelOfNow()
  const pool = new OriginPool(plan.servers[0]!, plan, surroundings(wheel))
  onTestEnd(() => pool.close())
  return { pool, wheel }
}

/** One request and its answer; afterwards the connection is free. */
async function use(connection: OriginConnection): Promise<void> {
  const sink = new RecordingSink()
  connection.begin(sink, 'GET', undefined)
  connection.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  connection.endRequest(undefined)
  await sink.until('end')
}

const take = RecordingClaimant.take

describe('an idle connection', () => {
  it('is given at once, the one used last first', async () => {
    const { pool } = await setUp()
    const first = await take(pool)
    const second = await take(pool)
    await use(second)
    await use(first)
    const claimants = [new RecordingClaimant(), new RecordingClaimant()]
    for (const claimant of claimants) assert.equal(pool.acquire(claimant, false), undefined)
    assert.deepEqual([claimants[0]!.connection, claimants[1]!.connection], [first, second])
  })

  it('is closed when idle-timeout is over', async () => {
    const { pool, wheel } = await setUp({ idleTimeoutMs: 4000 })
    await use(await take(pool))
    wheel.advance(clock.monotonicMs + 3000)
    assert.equal(pool.size, 1)
    wheel.advance(clock.monotonicMs + 5000)
    assert.equal(pool.size, 0)
  })

  it('is one of as many as keep-alive allows', async () => {
    const { pool } = await setUp({ keepAlive: 1 })
    const connections = [await take(pool), await take(pool)]
    for (const connection of connections) await use(connection)
    assert.deepEqual([pool.size, connections[1]!.state], [1, 'closed'])
  })

  it('makes room for one that is wanted fresh', async () => {
    const { pool, origin } = await setUp({ connections: 1 })
    const old = await take(pool)
    await use(old)
    const fresh = await take(pool, true)
    assert.notEqual(fresh, old)
    assert.deepEqual([old.state, origin.connections, pool.size], ['closed', 2, 1])
  })
})

describe('beyond "connections"', () => {
  it('requests wait in the order they came', async () => {
    const { pool } = await setUp({ connections: 1 })
    const connection = await take(pool)
    const waiting = [new RecordingClaimant(), new RecordingClaimant()]
    for (const claimant of waiting) pool.acquire(claimant, false)
    await use(connection)
    assert.deepEqual(
      waiting.map(({ outcome }) => outcome),
      ['connection', ''],
    )
    await use(connection)
    assert.deepEqual(
      waiting.map(({ outcome }) => outcome),
      ['connection', 'connection'],
    )
  })

  it('a connection is opened for the next one when another closes', async () => {
    const { pool } = await setUp({ connections: 1 })
    const connection = await take(pool)
    const waiting = new RecordingClaimant()
    pool.acquire(waiting, false)
    connection.destroy()
    assert.notEqual(await waiting.taken(), connection)
  })

  it('the queue is bounded', async () => {
    const { pool } = await setUp({ connections: 1, queue: { length: 1, waitMs: 1000 } })
    await take(pool)
    const [first, second] = [new RecordingClaimant(), new RecordingClaimant()]
    pool.acquire(first, false)
    assert.equal(pool.acquire(second, false), undefined)
    assert.deepEqual([first.outcome, second.outcome], ['', 'queue-full'])
  })

  it('a request waits for so long and no longer', async () => {
    const { pool, wheel } = await setUp({ connections: 1, queue: { length: 1, waitMs: 1000 } })
    const connection = await take(pool)
    const [late, next] = [new RecordingClaimant(), new RecordingClaimant()]
    pool.acquire(late, false)
    wheel.advance(clock.monotonicMs + 1500)
    assert.equal(late.outcome, 'queue-timeout')
    pool.acquire(next, false) // its place is free again
    await use(connection)
    assert.equal(next.outcome, 'connection')
  })

  it('a place that was given up goes to the next', async () => {
    const { pool } = await setUp({ connections: 1, queue: { length: 2, waitMs: 1000 } })
    const connection = await take(pool)
    const [gone, next] = [new RecordingClaimant(), new RecordingClaimant()]
    const claim = pool.acquire(gone, false)!
    pool.acquire(next, false)
    pool.cancel(claim)
    await use(connection)
    assert.deepEqual([gone.outcome, next.outcome], ['', 'connection'])
  })
})

describe('a connection that is being opened', () => {
  it('becomes idle when the request for which it was opened is given up', async () => {
    const { pool, origin } = await setUp()
    const gone = new RecordingClaimant()
    pool.cancel(pool.acquire(gone, false)!)
    await waitFor('the accept', () => origin.connections === 1)
    const next = new RecordingClaimant()
    await waitFor('an idle connection', () => pool.size === 1 && pool.acquire(next, false) === undefined)
    assert.deepEqual([gone.outcome, next.outcome, origin.connections], ['', 'connection', 1])
  })

  it('tells its request, and the next in the queue, that it failed', async () => {
    const { pool } = poolFor(backendPlan(await freePort(), { connections: 1 }))
    const claimants = [new RecordingClaimant(), new RecordingClaimant()]
    for (const claimant of claimants) pool.acquire(claimant, false)
    await waitFor('both to fail', () => claimants.every(({ outcome }) => outcome === 'connect-refused'))
    assert.equal(pool.size, 0)
  })
})

describe('a pool that closes', () => {
  it('closes its idle connections, and the others when they are free', async () => {
    const { pool } = await setUp()
    const [idle, busy] = [await take(pool), await take(pool)]
    await use(idle)
    pool.close()
    assert.deepEqual([idle.state, busy.state, pool.size], ['closed', 'idle', 1])
    await use(busy)
    assert.deepEqual([busy.state, pool.size], ['closed', 0])
  })
})
