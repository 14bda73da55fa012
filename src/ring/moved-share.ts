/** What a change of a pool does to its keys, for whoever is about to make it. */
import type { PlacementPlan } from '../plan/memcached-plan.ts'
import { md5 } from './md5.ts'
import { Placement } from './placement.ts'

/** A share is known to about one in a hundred of itself. */
const SAMPLED_KEYS = 20_000

/**
 * Part of all keys, 0 to 1, whose owner has another label after the change, with every server live; measured with the same keys
 * each time. Between two `random` pools nothing moves, as no key has an owner.
 */
export function movedShare(before: PlacementPlan, after: PlacementPlan): number {
  if (before.distribution === 'random' && after.distribution === 'random') return 0
  const old = new Placement(before).build(() => true)
  const fresh = new Placement(after).build(() => true)
  let moved = 0
  for (let i = 0; i < SAMPLED_KEYS; i++) {
    const key = sampleKey(i)
    const from = before.servers[old.ownerOf(key, 0, key.length)]?.label
    const to = after.servers[fresh.ownerOf(key, 0, key.length)]?.label
    if (from !== to) moved++
  }
  return moved / SAMPLED_KEYS
}

/** Not `key1`, `key2` ..., which fnv1a_64 does not spread evenly: the keys of a real pool are longer and less alike. */
function sampleKey(i: number): Buffer {
  const text = Buffer.from(String(i))
  const [a, b] = md5(text, 0, text.length)
  return Buffer.from(`${(a! >>> 0).toString(16)}:${(b! >>> 0).toString(16)}`)
}

/** Servers that never get a key though they are live: their weight is too small beside the others'. */
export function unreachedServers(plan: PlacementPlan): number[] {
  const shares = new Placement(plan).build(() => true).shares()
  return [...shares.keys()].filter((server) => shares[server] === 0)
}
