/** Pools over reloads, against real servers: who keeps which connection. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PoolSet, type SharedPoolState } from '../../../src/memcached/pool-set.ts'
import { createPoolState, keepPoolState, MAIN_THREAD } from '../../../src/memcached/pool-state.ts'
import type { MemcachedPlan } from '../../../src/plan/memcached-plan.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { startMemcached, type TestMemcached } from '../../support/memcached.ts'
import { ask, askText, poolPlan } from '../../support/memcached-pool.ts'
import { waitFor } from '../../support/wait.ts'

/** One thread whose Plan changes. */
class Thread {
  readonly #worker: number
  #plan: MemcachedPlan | undefined
  #state: SharedPoolState = { id: 0, value: new SharedArrayBuffer(0) }
  set: PoolSet | undefined

  constructor(worker = 0) {
    this.#worker = worker
    onTestEnd(() => this.set?.destroy())
  }

  prepare(plan: MemcachedPlan): PoolSet {
    const before = this.#state
    const value = this.#plan === undefined ? createPoolState(plan, 1) : keepPoolState(this.#plan, before.value, plan, 1)
    this.#state = value === before.value ? before : { id: before.id + 1, value }
    this.#plan = plan
    const onFault = (error: unknown): void => assert.fail(String(error))
    const context = { worker: this.#worker, log: () => {}, onFault }
    return new PoolSet([plan], new Map([[plan.name, this.#state]]), context, this.set)
  }

  follow(plan: MemcachedPlan): void {
    const next = this.prepare(plan)
    next.commit()
    this.set = next
  }

  /** Of one server after the other. */
  async versions(): Promise<string[]> {
    const pool = this.set!.get('edge')
    return Promise.all(pool.labels.map((_, server) => askText(pool, server, 'version\r\n')))
  }
}

/** Connections that memcached has accepted since its start, the one of this question among them. */
async function accepted(server: TestMemcached): Promise<number> {
  return Number(await server.stat('total_connections'))
}

/** The plan of these servers, by their labels. */
function planOf(servers: Readonly<Record<string, TestMemcached>>, changes: Partial<MemcachedPlan> = {}): MemcachedPlan {
  const plan = poolPlan(Object.values(servers).map(({ address }) => address))
  const labels = Object.keys(servers)
  return { ...plan, servers: plan.servers.map((one, at) => ({ ...one, label: labels[at]! })), ...changes }
}

test('a change of one server leaves the connections of the others alone', async () => {
  const [a, b, c] = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
  const thread = new Thread()
  thread.follow(planOf({ a, b }))
  await thread.versions()
  const before = await Promise.all([accepted(a), accepted(b)])
  thread.follow(planOf({ c, b, a }))
  assert.equal((await thread.versions()).length, 3)
  const after = await Promise.all([accepted(a), accepted(b)])
  // Each question opens one.
  assert.deepEqual(
    after,
    before.map((count) => count + 1),
  )
})

test('connections move in the middle of requests, and those of a server that is gone end with the last reply', async () => {
  const [a, b] = await Promise.all([startMemcached(), startMemcached()])
  const idleConnections = await b.stat('curr_connections')
  const thread = new Thread()
  thread.follow(planOf({ a, b }))
  await thread.versions()
  const old = thread.set!.get('edge')
  const pending = [ask(old, 0, 'version\r\n'), ask(old, 1, 'version\r\n')]
  thread.follow(planOf({ a }))
  for (const outcome of await Promise.all(pending)) assert.ok('text' in outcome, JSON.stringify(outcome))
  assert.equal(old.isClosed, true)
  await waitFor('the connection to b to end', async () => (await b.stat('curr_connections')) === idleConnections)
})

test('a pool that means the same is the same object, wherever it stands in the file', async () => {
  const a = await startMemcached()
  const thread = new Thread()
  thread.follow(planOf({ a }))
  const pool = thread.set!.get('edge')
  thread.follow({ ...planOf({ a }), place: { file: 'other.conf', line: 7, column: 1 } })
  assert.equal(thread.set!.get('edge'), pool)
  thread.follow(planOf({ a }, { timeoutMs: 4321 }))
  assert.notEqual(thread.set!.get('edge'), pool)
})

test('what is rolled back was never there', async () => {
  const [a, b] = await Promise.all([startMemcached(), startMemcached()])
  const thread = new Thread()
  thread.follow(planOf({ a }))
  await thread.versions()
  const count = await accepted(a)
  thread.prepare(planOf({ a, b }, { preconnect: true })).rollback()
  await thread.versions()
  assert.equal(await accepted(a), count + 1)
  assert.equal(thread.set!.get('edge').isClosed, false)
})

test('preconnect connects when the Plan is live, and not from the main thread', async () => {
  const a = await startMemcached()
  const idleConnections = await a.stat('curr_connections')
  const started = await accepted(a)
  const thread = new Thread()
  thread.prepare(planOf({ a }, { preconnect: true })).rollback()
  new Thread(MAIN_THREAD).follow(planOf({ a }, { preconnect: true }))
  assert.equal(await accepted(a), started + 1)
  thread.follow(planOf({ a }, { preconnect: true }))
  await waitFor('a connection', async () => (await a.stat('curr_connections')) > idleConnections)
})

test('idle waits for what is unanswered', async () => {
  const a = await startMemcached()
  const thread = new Thread()
  thread.follow(planOf({ a }))
  let answered = false
  void ask(thread.set!.get('edge'), 0, 'version\r\n').then(() => {
    answered = true
  })
  await thread.set!.idle()
  assert.equal(answered, true)
})
