/**
 * The sessions of one worker under one Plan, by the names of their blocks. What means the same in the next Plan is the same object
 * there, with its connections to session servers.
 *
 *     new SessionsSet(..., before) -> commit()     the set before is not to be used any more
 *                                  -> rollback()   this one never was
 */
import type { RemoteSessions } from '../../distcache/remote-sessions.ts'
import type { Pool } from '../../memcached/pool.ts'
import type { PoolSet } from '../../memcached/pool-set.ts'
import { OWN_SESSIONS, type TlsSessionsPlan } from '../../plan/tls-sessions-plan.ts'
import { assert } from '../../util/assert.ts'
import { SessionPool } from '../session-pool.ts'
import { DistcacheSessions } from './distcache-sessions.ts'
import { TlsSessions, type TlsSessionsShared } from './tls-sessions.ts'

/** As the main thread made it; `id` tells whether it is the one that a worker knows. */
export interface SharedSessions {
  readonly id: number
  readonly value: TlsSessionsShared
}

interface Entry {
  readonly sessions: TlsSessions
  /** Equal for two Plans that mean the same; where the block stands does not matter. */
  readonly identity: string
  /** Where sessions lie by their ids; another object after a change of the pool. */
  readonly pool: Pool | undefined
  readonly servers: DistcacheSessions | undefined
}

export class SessionsSet {
  readonly #entries: ReadonlyMap<string, Entry>
  #before: SessionsSet | undefined

  constructor(
    plans: readonly TlsSessionsPlan[],
    shared: ReadonlyMap<string, SharedSessions>,
    { pools, worker }: { readonly pools: PoolSet; readonly worker: number },
    before: SessionsSet | undefined,
  ) {
    this.#before = before
    this.#entries = new Map(
      plans.map((plan) => {
        const state = shared.get(plan.name)
        assert(state !== undefined, `tls-sessions ${plan.name} has shared state`)
        return [plan.name, keepEntry(plan, state, pools, worker, before?.entryOf(plan.name))]
      }),
    )
  }

  /** Of a listener; `name` undefined: it names none. */
  get(name: string | undefined): TlsSessions {
    const entry = this.#entries.get(name ?? OWN_SESSIONS)
    assert(entry !== undefined, 'the Plan has the sessions of its listeners')
    return entry.sessions
  }

  /** @internal */
  entryOf(name: string): Entry | undefined {
    return this.#entries.get(name)
  }

  commit(): void {
    const before = this.#before
    this.#before = undefined
    if (before !== undefined) before.#closeAllBut(this)
  }

  rollback(): void {
    this.#closeAllBut(this.#before)
  }

  /** Ends all of them at once. */
  destroy(): void {
    this.#closeAllBut(undefined)
  }

  #closeAllBut(kept: SessionsSet | undefined): void {
    for (const [name, { servers }] of this.#entries) {
      if (kept?.entryOf(name)?.servers !== servers) servers?.close()
    }
  }
}

function keepEntry(
  plan: TlsSessionsPlan,
  state: SharedSessions,
  pools: PoolSet,
  worker: number,
  old: Entry | undefined,
): Entry {
  const identity = `${state.id} ${JSON.stringify(plan, (key, value: unknown) => (key === 'place' ? undefined : value))}`
  const store = plan.ids?.store
  const pool = store?.kind === 'memcached' ? pools.get(store.pool) : undefined
  if (old?.identity === identity && old.pool === pool) return old
  const servers = store?.kind === 'distcache' ? new DistcacheSessions(store.servers, plan.ids!.waitMs) : undefined
  const remote = servers ?? (pool === undefined ? undefined : openSessionPool(plan, pool))
  const sessions = new TlsSessions({ plan, shared: state.value, worker, store: remote })
  return { sessions, identity, pool, servers }
}

/** The sessions of a block in its pool. */
export function openSessionPool(plan: TlsSessionsPlan, pool: Pool): RemoteSessions {
  const secret = Buffer.from(plan.seals[0] ?? '', 'utf8')
  return new SessionPool({ pool, secret, waitMs: plan.ids!.waitMs, name: plan.name })
}
