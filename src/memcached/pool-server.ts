/** One server as its pool sees it, whatever it speaks; and what the pool is to it. */
import type { Resolver } from '../net/resolver.ts'
import type { MemcachedPlan, MemcachedServerPlan } from '../plan/memcached-plan.ts'
import type { FailureCode } from './failure.ts'
import type { PoolState } from './pool-state.ts'
import type { ServerConnection } from './server-connection.ts'

export interface PoolServer {
  /** Its number: its index in the plan. */
  readonly server: number
  /** Nothing is queued and nothing unanswered. */
  readonly isIdle: boolean
  /** Opens a first connection. */
  preconnect(): void
  /** Reads the note of its last return, if it was used since the last look and no other thread does it. */
  look(): void
  /** Writes that note. `onDone` is told whether the server answered, whatever it said: it lives. */
  writeNote(atMs: number, onDone: (hasAnswered: boolean) => void): void
  /** Closes its connections as soon as what is queued is answered. */
  drain(): void
  /** Closes them now; what is queued fails. */
  destroy(): void
}

export interface ServerOwner {
  readonly plan: MemcachedPlan
  readonly state: PoolState
  /** Number of the thread. */
  readonly worker: number
  readonly resolver: Resolver
  readonly isClosed: boolean
  /** Asks for `connection.flush()` at the end of this turn. */
  flushLater(connection: ServerConnection): void
  /** A failure of the server, by which a connection ended that was begun at `begunNs` of the machine's monotonic clock. */
  onFailure(server: number, failure: FailureCode, begunNs: bigint): void
  /** Something that an operator should know of a server. */
  warn(server: number, message: string): void
  onFault(error: unknown): void
}

/**
 * What makes a server the same server: its label, by which it has its place on the ring, and its address, as the health of
 * what listened elsewhere says nothing about it. Not its weight.
 */
export function serverIdentity({ address, label }: MemcachedServerPlan): string {
  return address.kind === 'unix'
    ? `${label} unix:${address.path}`
    : `${label} ${address.host.toLowerCase()}:${address.port}`
}
