/** Which sessions of TLS are resumed, and by whom: `tls-sessions NAME { ... }` in the Plan. Times are milliseconds. */
import type { ListenAddress, Place } from './plan.ts'

/** The sessions of listeners that name none: tickets under keys that only this daemon's workers share. */
export const OWN_SESSIONS = ''

export interface TlsSessionsPlan {
  /** OWN_SESSIONS, or that of the block. */
  readonly name: string
  /** `both`: ids for those who cannot keep tickets, tickets for all others. */
  readonly mode: TlsSessionsMode
  /** How long after its handshake a session can be resumed. */
  readonly ttlMs: number
  /** Secrets of the fleet: what lies in pools is sealed with the first and opened with any; may be empty where nothing does. */
  readonly seals: readonly string[]
  readonly tickets: TicketsPlan
  /** undefined: mode `tickets`. */
  readonly ids: SessionIdsPlan | undefined
  readonly place: Place
}
export type TlsSessionsMode = 'tickets' | 'ids' | 'both'

export interface TicketsPlan {
  /** The memcached pool in which the keys lie; undefined: only this daemon knows them. */
  readonly pool: string | undefined
  /** How long one key issues. */
  readonly rotateMs: number
  /** For how many such times after that it is accepted. */
  readonly accept: number
}

export interface SessionIdsPlan {
  readonly store: /** Session servers that speak the distcache protocol, the first choice first. */
    | { readonly kind: 'distcache'; readonly servers: readonly ListenAddress[] }
    | { readonly kind: 'memcached'; readonly pool: string }
  /** The longest wait for an answer; after it there is a full handshake. */
  readonly waitMs: number
  /** Where programs of this machine reach the same sessions by the distcache protocol; undefined: nowhere. */
  readonly serve: ListenAddress | undefined
}
