/** Which server of a pool owns a key, and how that comes about: for people, not for requests. */
import type { MemcachedPlan } from '../plan/memcached-plan.ts'
import { hashTag, tagEnd, tagStart } from '../ring/hash-tag.ts'
import { Placement } from '../ring/placement.ts'

export interface KeyOwner {
  readonly pool: string
  readonly key: string
  /** The part of the key that is hashed; the key itself without a hash tag in it. */
  readonly hashed: string
  /** Unsigned, 32 bits. */
  readonly hash: number
  /** Label of the server that is asked now; null: no server is live, or a random one is asked. */
  readonly owner: string | null
  /** Label of the server that owns it while all servers live. */
  readonly home: string | null
  /** Servers are drawn anew for each request. */
  readonly isRandom: boolean
}

export function findOwners(
  plan: MemcachedPlan,
  keys: readonly string[],
  isLive: (server: number) => boolean,
): KeyOwner[] {
  const placement = new Placement(plan)
  const isRandom = plan.distribution === 'random'
  const now = placement.build(isLive)
  const all = placement.build(() => true)
  return keys.map((key) => {
    const bytes = Buffer.from(key)
    const labelIn = (ring: typeof now): string | null =>
      isRandom ? null : (plan.servers[ring.ownerOf(bytes, 0, bytes.length)]?.label ?? null)
    return {
      pool: plan.name,
      key,
      hashed: hashedPart(plan, bytes).toString(),
      hash: placement.hashOf(bytes, 0, bytes.length) >>> 0,
      owner: labelIn(now),
      home: labelIn(all),
      isRandom,
    }
  })
}

function hashedPart(plan: MemcachedPlan, bytes: Buffer): Buffer {
  if (plan.hashTag === undefined) return bytes
  const tag = hashTag(plan.hashTag)
  const start = tagStart(tag, bytes, 0, bytes.length)
  return start === -1 ? bytes : bytes.subarray(start, tagEnd(tag, bytes, start, bytes.length))
}
