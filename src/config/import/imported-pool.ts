/** A pool of another program's configuration, understood; `conf-text.ts` writes it in ours. */
import type { DistributionName, HashName } from '../../plan/memcached-plan.ts'
import type { ListenAddress } from '../../plan/plan.ts'

export interface ImportedPool {
  /** A name our language takes; unique. */
  readonly name: string
  /** As the other file has it. */
  readonly givenName: string
  readonly listen: ListenAddress
  /** Of a socket file; undefined: what we usually give it. */
  readonly mode: number | undefined
  readonly hash: HashName
  readonly hashTag: string | undefined
  readonly distribution: DistributionName
  /** undefined: none was set. */
  readonly timeoutMs: number | undefined
  readonly backlog: number | undefined
  readonly preconnect: boolean
  readonly serverConnections: number
  /** undefined: never. */
  readonly eject: { readonly afterFailures: number; readonly forMs: number } | undefined
  /** undefined: no limit. */
  readonly clientConnections: number | undefined
  readonly keepAlive: boolean
  /** Name of the pool, ours, that answers gets of dead servers' keys. */
  readonly failover: string | undefined
  readonly servers: readonly ImportedServer[]
  /** What the operator should know, a line each; printed as comments. */
  readonly remarks: readonly string[]
}

export interface ImportedServer {
  /** undefined: its address is its label. */
  readonly name: string | undefined
  readonly address: ListenAddress
  readonly weight: number
}
