/** Who may connect: the first rule that holds the peer decides; who is in none comes in. */
import type { MemcachedProxyPlan } from '../plan/memcached-plan.ts'
import { NetworkSet } from '../routing/networks.ts'

interface Rule {
  readonly allow: boolean
  readonly networks: NetworkSet
}

export class AccessRules {
  readonly #rules: readonly Rule[]

  constructor(rules: MemcachedProxyPlan['access']) {
    this.#rules = rules.map(({ allow, networks }) => ({ allow, networks: new NetworkSet(networks) }))
  }

  /** Whether there is anything to ask; the address of a peer costs a system call. */
  get isEmpty(): boolean {
    return this.#rules.length === 0
  }

  /** `address`: the peer's, as the socket tells it; undefined when it has gone already. */
  admits(address: string | undefined): boolean {
    if (address === undefined) return false
    return this.#rules.find(({ networks }) => networks.has(address))?.allow ?? true
  }
}
