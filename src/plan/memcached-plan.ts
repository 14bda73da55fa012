/**
 * The part of the Plan that concerns Memcached: pools of servers, and the proxies that stand in front of them. As the rest
 * of the Plan it is plain immutable data; times are milliseconds, sizes bytes.
 */
import type { ListenAddress, Network, Place } from './plan.ts'

/** The hash functions of twemproxy; `fnv1a_64` is the default. */
export type HashName =
  | 'one_at_a_time'
  | 'md5'
  | 'crc16'
  | 'crc32'
  | 'crc32a'
  | 'fnv1_64'
  | 'fnv1a_64'
  | 'fnv1_32'
  | 'fnv1a_32'
  | 'hsieh'
  | 'murmur'
  | 'jenkins'

/** `ketama`, `modula` and `random` place keys as twemproxy and libmemcached do; `maglev` and `rendezvous` are ours alone. */
export type DistributionName = 'ketama' | 'modula' | 'random' | 'maglev' | 'rendezvous'

/** All that decides which server of a pool owns a key. */
export interface PlacementPlan {
  readonly hash: HashName
  /** Two characters, the opening and the closing one; undefined: whole keys are hashed. */
  readonly hashTag: string | undefined
  readonly distribution: DistributionName
  /** As configured; the ring sorts them by label itself. */
  readonly servers: readonly PlacedServer[]
}
export interface PlacedServer {
  /** Takes part in the hash: the name if it has one, else the address as twemproxy writes it (see ring/label.ts). */
  readonly label: string
  /** 1 and more. */
  readonly weight: number
}

/** `memcached NAME { ... }`. */
export interface MemcachedPlan extends PlacementPlan {
  readonly name: string
  readonly servers: readonly MemcachedServerPlan[]
  /**
   * For each step of a server: taking the connection, its greeting, and from queueing a request on an open connection to
   * the last byte of its reply. A dead server fails the first step it is asked for, so it costs this once.
   */
  readonly timeoutMs: number
  /** Connections per server and worker. */
  readonly connections: number
  /** Connect at start, before the first request. */
  readonly preconnect: boolean
  /** SO_KEEPALIVE on connections to servers. */
  readonly keepAlive: boolean
  /** A server that failed `afterFailures` times in a row is out for `forMs`, and comes back after a probe; undefined: never. */
  readonly eject: { readonly afterFailures: number; readonly forMs: number } | undefined
  /** Largest value the servers take, key and header included (`memcached -I`). */
  readonly maxItemBytes: number
  /** Bytes waiting to be written to one connection; past it requests are refused. */
  readonly maxBacklogBytes: number
  /** SASL PLAIN over the binary protocol, through memjs; undefined: none. */
  readonly auth: { readonly user: string; readonly password: string } | undefined
  readonly place: Place
}
export interface MemcachedServerPlan extends PlacedServer {
  readonly address: ListenAddress
  readonly place: Place
}

/** `memcached-proxy NAME { ... }`. */
export interface MemcachedProxyPlan {
  readonly name: string
  readonly addresses: readonly ListenAddress[]
  /** Where twemproxy's JSON statistics are served: one object to each connection, then closed. */
  readonly statsAddresses: readonly ListenAddress[]
  /** The pool of keys that no `routes` entry takes. */
  readonly pool: string
  /** Asked by gets when the owner in `pool` is ejected or fails; undefined: none. */
  readonly failover: string | undefined
  /** Gets every write too; reads go to either. undefined: none. */
  readonly replicate: string | undefined
  /** Gets that miss in `pool` ask this one and copy what they find; undefined: none. */
  readonly warmFrom: string | undefined
  /** Longest prefix first; the first that a key begins with decides. */
  readonly routes: readonly { readonly prefix: string; readonly pool: string; readonly place: Place }[]
  /** `flush_all` is sent to every server instead of being refused. */
  readonly flushAll: boolean
  /** In order, the first that holds the peer decides; empty: everybody may connect. */
  readonly access: readonly { readonly allow: boolean; readonly networks: readonly Network[] }[]
  /** Client connections per worker; further ones are accepted and closed. */
  readonly connections: number
  /** Of the listening sockets. */
  readonly backlog: number
  /** SO_KEEPALIVE on client connections. */
  readonly keepAlive: boolean
  readonly limits: MemcachedLimitsPlan
  readonly place: Place
}
export interface MemcachedLimitsPlan {
  /** Longest request line. */
  readonly lineBytes: number
  /** Largest value a client may set. */
  readonly valueBytes: number
  /** Requests of one client that are unanswered before it is not read any more. */
  readonly outstanding: number
  /** Bytes of replies that wait for one client before it is not read any more. */
  readonly clientBacklogBytes: number
}
