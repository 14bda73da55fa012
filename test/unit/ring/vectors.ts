/** The placements of vectors.json, which were observed on real memcached servers behind nutcracker 0.5.0. */
import { readFileSync } from 'node:fs'
import type { DistributionName, HashName, PlacementPlan } from '../../../src/plan/memcached-plan.ts'
import type { ListenAddress } from '../../../src/plan/plan.ts'
import { serverLabel } from '../../../src/ring/label.ts'

export interface VectorPool {
  readonly name: string
  /** Which list of keys. */
  readonly keys: keyof Vectors['keys']
  readonly hash: HashName
  readonly distribution: DistributionName
  readonly tag?: string
  /** As nutcracker.yml has them: `host:port:weight` or `/path:weight`, and a name. */
  readonly servers: readonly string[]
  readonly ejected?: readonly number[]
  /** Size of the ring. */
  readonly points?: number
  /** By key: index of its server. */
  readonly owners: readonly number[]
}

export interface Vectors {
  readonly keys: Readonly<Record<'plain' | 'tagged' | 'ring25' | 'edge', readonly string[]>>
  /** By hash function: unsigned values of keys.plain. */
  readonly hashes: Readonly<Record<HashName, readonly number[]>>
  readonly pools: readonly VectorPool[]
}

export const vectors: Vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8'))

export function placementPlanOf(pool: VectorPool): PlacementPlan {
  const servers = pool.servers.map((text) => {
    const [, where, weight, name] = /^(.*):(\d+)(?: (.*))?$/.exec(text)!
    return { label: serverLabel(name, addressOf(where!)), weight: Number(weight) }
  })
  return { hash: pool.hash, hashTag: pool.tag, distribution: pool.distribution, servers }
}

function addressOf(text: string): ListenAddress {
  if (text.startsWith('/')) return { kind: 'unix', path: text, mode: 0 }
  const colon = text.lastIndexOf(':')
  return { kind: 'tcp', host: text.slice(0, colon), port: Number(text.slice(colon + 1)) }
}
