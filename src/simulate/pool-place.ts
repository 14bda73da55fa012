/** Where the shared tier of a cache keeps what lies under a key: told without asking anybody. */
import { entryKey, identityOf } from '../cache/tiers/pool/keys.ts'
import { findOwners } from '../memcached/key-owner.ts'
import type { Plan } from '../plan/plan.ts'

export interface PoolPlace {
  readonly pool: string
  /** As memcached has it; variants of the response lie under others. */
  readonly key: string
  /** Label of the server that owns the key while all live. */
  readonly server: string | null
}

/** null: the cache has no pool. */
export function poolPlace(plan: Plan, cache: string, key: string): PoolPlace | null {
  const name = plan.caches.find((one) => one.name === cache)?.pool
  const pool = plan.memcached.find((one) => one.name === name)
  if (pool === undefined) return null
  const poolKey = entryKey(identityOf(cache, key))
  const [owner] = findOwners(pool, [poolKey], () => true)
  return { pool: pool.name, key: poolKey, server: owner!.home }
}
