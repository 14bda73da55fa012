/**
 * Who owns a key. A Placement is made once per pool from its plan; it builds a Ring from the servers that are live, and builds
 * another one when a server is ejected or comes back. Servers are numbers throughout: their index in the plan.
 *
 *     key -> [hash tag] -> hash, 32 bits -> distribution -> server
 */
import type { DistributionName, PlacementPlan } from '../plan/memcached-plan.ts'
import { assert } from '../util/assert.ts'
import { type HashFunction, hashFunctions } from './hash.ts'
import { type HashTag, hashTag, tagEnd, tagStart } from './hash-tag.ts'
import { KetamaBuilder } from './ketama.ts'
import { compareLabels } from './label.ts'
import { buildMaglev } from './maglev.ts'
import { buildModula } from './modula.ts'
import type { BuildOwners, LiveServer, Owners } from './owners.ts'
import { buildRandom } from './random.ts'
import { buildRendezvous } from './rendezvous.ts'

/** Owner of every key where no server is live. */
export const NOBODY = -1

/** Servers of a pool at most: some 16 times what anybody runs; a ring of so many has 160,000 points and builds in 0.1 s. */
export const MAX_SERVERS = 1000

export class Placement {
  readonly #hash: HashFunction
  readonly #tag: HashTag | undefined
  readonly #build: BuildOwners
  /** By label, as the order in the file must not matter: twemproxy sorts them so, and modula depends on it. */
  readonly #servers: readonly LiveServer[]

  constructor(plan: PlacementPlan) {
    assert(plan.servers.length <= MAX_SERVERS, 'a pool has 1000 servers at most')
    this.#hash = hashFunctions[plan.hash]
    this.#tag = plan.hashTag === undefined ? undefined : hashTag(plan.hashTag)
    const isWeighted = plan.servers.some(({ weight }) => weight !== plan.servers[0]!.weight)
    const builders: Record<DistributionName, BuildOwners> = {
      ketama: new KetamaBuilder().build,
      modula: buildModula,
      random: buildRandom,
      maglev: buildMaglev,
      rendezvous: (live) => buildRendezvous(live, isWeighted),
    }
    this.#build = builders[plan.distribution]
    this.#servers = plan.servers
      .map(({ label, weight }, server) => ({ server, label, weight }))
      .sort((a, b) => compareLabels(a.label, b.label))
  }

  /** Numbers of all servers in the order of their labels. */
  get order(): readonly number[] {
    return this.#servers.map(({ server }) => server)
  }

  /** Hash of the key bytes[start, end), or of its tag, as int32. Allocates nothing. */
  hashOf(bytes: Uint8Array, start: number, end: number): number {
    if (this.#tag !== undefined) {
      const textStart = tagStart(this.#tag, bytes, start, end)
      if (textStart !== -1) return this.#hash(bytes, textStart, tagEnd(this.#tag, bytes, textStart, end))
    }
    return this.#hash(bytes, start, end)
  }

  build(isLive: (server: number) => boolean): Ring {
    const live = this.#servers.filter(({ server }) => isLive(server))
    const only = live.length > 1 ? undefined : (live[0]?.server ?? NOBODY)
    return new Ring(this, this.#servers.length, only, live.length > 0 ? this.#build(live) : undefined)
  }
}

export class Ring {
  readonly #placement: Placement
  readonly #servers: number
  /** Owner of every key; undefined: there is a choice. */
  readonly #only: number | undefined
  /** undefined: no server is live. */
  readonly #owners: Owners | undefined

  constructor(placement: Placement, servers: number, only: number | undefined, owners: Owners | undefined) {
    this.#placement = placement
    this.#servers = servers
    this.#only = only
    this.#owners = owners
  }

  /** Which server has the key bytes[start, end), NOBODY when none is live. Allocates nothing; a key of the only one is not hashed. */
  ownerOf(bytes: Uint8Array, start: number, end: number): number {
    if (this.#only !== undefined) return this.#only
    return this.#owners!.ownerOf(this.#placement.hashOf(bytes, start, end))
  }

  /** The same for a key whose `hashOf` is known. */
  ownerOfHash(hash: number): number {
    return this.#only ?? this.#owners!.ownerOf(hash)
  }

  /** By server: its part of all hashes, 0 to 1. They sum to 1, or to 0 where no server is live. */
  shares(): number[] {
    const shares = new Array<number>(this.#servers).fill(0)
    this.#owners?.addShares(shares)
    return shares
  }

  /** Entries of the table: points of ketama, slots of modula and maglev, else live servers. */
  get points(): number {
    return this.#owners?.size ?? 0
  }
}
