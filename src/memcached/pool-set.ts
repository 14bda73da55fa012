/**
 * The pools of one thread under one Plan, by name. A pool whose meaning did not change in a reload is the same object in the
 * next set; of one that changed, the connections to servers that stay move over.
 *
 *     new PoolSet(..., before) -> commit()     the set before is not to be used any more
 *                              -> rollback()   this one never was
 */
import type { MemcachedPlan } from '../plan/memcached-plan.ts'
import { assert } from '../util/assert.ts'
import { Pool, type PoolContext } from './pool.ts'
import { MAIN_THREAD } from './pool-state.ts'

/** The state of a pool, as the main thread made it; `id` tells whether it is the one that a thread knows. */
export interface SharedPoolState {
  readonly id: number
  readonly value: SharedArrayBuffer
}

interface Entry {
  readonly pool: Pool
  /** Equal for two Plans that mean the same pool over the same state; its place in the file does not matter. */
  readonly identity: string
}

/** Between two looks whether the last writes have been answered. */
const IDLE_LOOK_MS = 5

export class PoolSet {
  readonly #entries: ReadonlyMap<string, Entry>
  readonly #isMainThread: boolean
  #before: PoolSet | undefined

  constructor(
    plans: readonly MemcachedPlan[],
    states: ReadonlyMap<string, SharedPoolState>,
    context: PoolContext,
    before: PoolSet | undefined,
  ) {
    this.#before = before
    this.#isMainThread = context.worker === MAIN_THREAD
    this.#entries = new Map(plans.map((plan) => [plan.name, keepPool(plan, states, context, before)]))
  }

  /** A pool that the Plan has. */
  get(name: string): Pool {
    const entry = this.#entries.get(name)
    assert(entry !== undefined, `the Plan has pool ${name}`)
    return entry.pool
  }

  /** @internal */
  entryOf(name: string): Entry | undefined {
    return this.#entries.get(name)
  }

  /** The pools, in the order of the Plan. */
  get all(): readonly Pool[] {
    return [...this.#entries.values()].map(({ pool }) => pool)
  }

  /** Takes over from the set before, whose other pools answer what is queued on them and end. */
  commit(): void {
    const before = this.#before
    this.#before = undefined
    for (const [name, { pool }] of this.#entries) {
      const old = before?.entryOf(name)?.pool
      if (old === pool) continue
      if (old !== undefined) pool.takeOver(old)
      // The main thread serves nobody: a connection of its own would rarely be used.
      if (pool.plan.preconnect && !this.#isMainThread) pool.preconnect()
    }
    for (const pool of before?.all ?? []) if (this.entryOf(pool.name)?.pool !== pool) pool.close()
  }

  /** Ends what the set before does not have. */
  rollback(): void {
    const before = this.#before
    for (const pool of this.all) if (before?.entryOf(pool.name)?.pool !== pool) pool.destroy()
  }

  /** Resolves when nothing is queued or unanswered; each request ends at the latest with the timeout of its pool. */
  async idle(): Promise<void> {
    while (!this.all.every((pool) => pool.isIdle)) await new Promise((resolve) => setTimeout(resolve, IDLE_LOOK_MS))
  }

  /** Ends all of them at once. */
  destroy(): void {
    for (const pool of this.all) pool.destroy()
  }
}

function keepPool(
  plan: MemcachedPlan,
  states: ReadonlyMap<string, SharedPoolState>,
  context: PoolContext,
  before: PoolSet | undefined,
): Entry {
  const state = states.get(plan.name)
  assert(state !== undefined, `pool ${plan.name} has shared state`)
  const identity = `${state.id} ${JSON.stringify(plan, (key, value: unknown) => (key === 'place' ? undefined : value))}`
  const old = before?.entryOf(plan.name)
  return old?.identity === identity ? old : { pool: new Pool(plan, state.value, context), identity }
}
