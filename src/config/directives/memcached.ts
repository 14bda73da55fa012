/**
 *     memcached edge {
 *         server mc1 10.0.1.1:11211 weight 3; server 10.0.1.2:11211; server unix:/run/memcached.sock;
 *         hash fnv1a_64; hash-tag "{}"; distribution ketama;
 *         timeout 50ms; connections 1; preconnect; tcp-keepalive; eject after 3 for 30s;
 *         max-item 1MiB; max-backlog 16MiB;
 *         auth sasl shop ${file:/run/secrets/memcached};
 *     }
 */
import type { DistributionName } from '../../plan/memcached-plan.ts'
import type { ListenAddress } from '../../plan/plan.ts'
import { hashNames } from '../../ring/hash.ts'
import { definition, one, optional } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import {
  hashTagPair,
  identifier,
  integer,
  memcachedAddress,
  memcachedServerName,
  oneOf,
  onOff,
  saslPassword,
  saslUser,
  sizeBetween,
  waitingTime,
} from './values.ts'

export interface PoolServerArguments {
  /** undefined: the server has only its address. */
  readonly name: string | undefined
  readonly address: ListenAddress
  readonly weight: number
}

const poolWeight = integer(1, 1_000_000)

const poolServerShape: Shape<PoolServerArguments> = {
  syntax: `[${memcachedServerName.syntax}] ${memcachedAddress.syntax} [weight ${poolWeight.syntax}]`,
  read(reader) {
    const [, second] = reader.statement.arguments
    // One word before the end or before "weight" is the address.
    const isNamed = second !== undefined && !(second.kind === 'bare' && second.text === 'weight')
    const name = isNamed ? reader.next(memcachedServerName) : undefined
    if (isNamed && name === undefined) return undefined
    const address = reader.next(memcachedAddress)
    if (address === undefined) return undefined
    const weight = reader.takeWord('weight') ? reader.next(poolWeight) : 1
    return weight === undefined ? undefined : { name, address, weight }
  },
}

export const poolServer = directive({
  name: 'server',
  shape: poolServerShape,
  repeat: 'many',
  isRequired: true,
  phase: 'start',
  doc:
    'One memcached server: a name if it has one, its address, its share of the keys. The name, or without one the ' +
    'address as it is written here, decides which keys it owns, as in twemproxy: a server that has a name may move to ' +
    'another address and keeps its keys. The port 11211 is left out of an address that serves as a name, as libmemcached ' +
    'does. A host name is resolved when a connection is opened.',
  example: 'server mc1 10.0.1.1:11211 weight 3;',
  peers: ['servers', '--SERVER', 'MEMCACHED_SERVERS', 'memcached_servers'],
})

export const hash = directive({
  name: 'hash',
  shape: { ...one(oneOf(...hashNames)), syntax: 'HASH', forms: [hashNames.join('|')] },
  defaultText: 'fnv1a_64',
  phase: 'start',
  doc:
    'The function that makes a number of a key. All clients of the servers must use the same one, or they look for keys ' +
    'in different places. The names are those of twemproxy, and so are the numbers: "crc32" has 15 bits only, "crc32a" is ' +
    'the usual one; "fnv1a_64" spreads short keys that only count up badly.',
  example: 'hash murmur;',
  peers: ['memcached_hash', 'MEMCACHED_BEHAVIOR_HASH', '--HASH', 'hash_func'],
})

export const hashTag = directive({
  name: 'hash-tag',
  shape: one(hashTagPair),
  phase: 'start',
  doc:
    'Two characters, the opening and the closing one. Of a key that holds both, with something between them, only that ' +
    'part is hashed: with "{}" the keys user:{17}:name and user:{17}:mail lie on one server. Numbers alone are spread badly ' +
    'by the default "hash"; take "murmur" with them.',
  example: 'hash-tag "{}";',
  peers: ['hash_tag', 'hash_stop'],
})

const distributionNames: readonly DistributionName[] = ['ketama', 'modula', 'random', 'maglev', 'rendezvous']

export const distribution = directive({
  name: 'distribution',
  shape: one(oneOf(...distributionNames)),
  defaultText: 'ketama',
  phase: 'start',
  doc:
    'How the number leads to a server. "ketama" moves few keys when servers come and go, and places them as twemproxy ' +
    'does; so do "modula", which then moves nearly all, and "random", which takes any server for each ' +
    'request and suits only servers that all hold the same. "maglev" and "rendezvous" also move few keys and share them ' +
    'more evenly, but no other program knows where they put them. Clients of libmemcached agree with "hash md5; ' +
    'distribution ketama;" if they set KETAMA_WEIGHTED, and with "hash one_at_a_time; distribution modula;" if they set ' +
    'nothing and name the servers in the order of their addresses.',
  example: 'distribution modula;',
  peers: [
    'MEMCACHED_BEHAVIOR_DISTRIBUTION',
    'MEMCACHED_BEHAVIOR_KETAMA',
    'MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED',
    'hash consistent',
    'consistent',
    'hash-type',
    'hash_bits',
    '--DISTRIBUTION',
  ],
})

export const poolTimeout = directive({
  name: 'timeout',
  shape: one(waitingTime),
  phase: 'fetch',
  doc:
    'The longest wait for a reply; to be connected, and to be greeted on a new connection, a server has as long again. After ' +
    'it the connection is closed, everything that waited on it fails, and the server has failed once. Without this statement it is 50ms in a pool that a cache uses, where a slow ' +
    'answer is worth less than none, and 1s in any other.',
  example: 'timeout 100ms;',
  peers: ['memcached_connect_timeout', 'memcached_read_timeout', 'server_timeout', 'server_timeout_ms', 'POLL_TIMEOUT'],
})

export const poolConnections = directive({
  name: 'connections',
  shape: one(integer(1, 64)),
  defaultText: '1',
  phase: 'fetch',
  doc:
    'Connections to each server from each worker. Requests of all clients travel on one behind each other, so more than ' +
    'one rarely helps; a client keeps to the same one, so that it sees its own writes.',
  example: 'connections 2;',
  peers: ['server_connections', 'num_proxies', 'POOL_MAX', '--POOL-MAX'],
})

export const preconnect = directive({
  name: 'preconnect',
  shape: optional(onOff, true),
  defaultText: 'off',
  phase: 'start',
  doc: 'Connects to the servers at start, not with the first request. A server that cannot be reached is no error.',
  example: 'preconnect;',
})

export const poolKeepAlive = directive({
  name: 'tcp-keepalive',
  shape: optional(onOff, true),
  defaultText: 'off',
  phase: 'start',
  doc: 'Whether the system probes idle connections (SO_KEEPALIVE), so that one that died in silence is noticed.',
  example: 'tcp-keepalive;',
  peers: ['tcpkeepalive', 'so_keepalive'],
})

export interface PoolEjectArguments {
  /** undefined: `off`. */
  readonly rule: { readonly afterFailures: number; readonly forMs: number } | undefined
}

const poolEjectFailures = integer(1, 1000)

const poolEjectShape: Shape<PoolEjectArguments> = {
  syntax: `after ${poolEjectFailures.syntax} for ${waitingTime.syntax}`,
  otherSyntax: 'off',
  read(reader) {
    if (reader.takeWord('off')) return { rule: undefined }
    if (!reader.expectWord('after')) return undefined
    const afterFailures = reader.next(poolEjectFailures)
    if (afterFailures === undefined || !reader.expectWord('for')) return undefined
    const forMs = reader.next(waitingTime)
    return forMs === undefined ? undefined : { rule: { afterFailures, forMs } }
  },
}

export const poolEject = directive({
  name: 'eject',
  shape: poolEjectShape,
  defaultText: 'after 3 for 30s',
  phase: 'fetch',
  doc:
    'A server that failed so many times in a row is out for a while: the others own its keys. Then it is asked in the ' +
    'background until it answers, and only then taken back. With "off" the keys of a dead server fail until it lives.',
  example: 'eject after 2 for 10s;',
  peers: [
    'auto_eject_hosts',
    'server_failure_limit',
    'server_retry_timeout',
    'auto_eject',
    'failures_until_tko',
    'timeouts_until_tko',
    'MEMCACHED_BEHAVIOR_AUTO_EJECT_HOSTS',
    'REMOVE_FAILED_SERVERS',
    'RETRY_TIMEOUT',
    'memcached_next_upstream',
    'probe_delay_initial_ms',
  ],
})

export const maxItem = directive({
  name: 'max-item',
  // What memcached takes for its own limit.
  shape: one(sizeBetween('1KiB', '1GiB')),
  defaultText: '1MiB',
  phase: 'store',
  doc:
    'The largest item the servers take ("memcached -I"), key and header included. What a cache keeps in the pool and is ' +
    'larger is cut into several.',
  example: 'max-item 8MiB;',
  peers: ['item_size_max', 'big_value_split_threshold', '-I'],
})

export const maxBacklog = directive({
  name: 'max-backlog',
  shape: one(sizeBetween('64KiB', '4GiB')),
  defaultText: '16MiB',
  phase: 'limits',
  doc: 'How much may wait to be written to one server. Beyond it requests are refused until it has taken some.',
  example: 'max-backlog 64MiB;',
  peers: ['target_max_inflight_requests', 'target_max_pending_requests'],
})

export interface SaslArguments {
  readonly user: string
  readonly password: string
}

const authMechanism = oneOf('sasl')

const authShape: Shape<SaslArguments> = {
  syntax: `${authMechanism.syntax} ${saslUser.syntax} ${saslPassword.syntax}`,
  read(reader) {
    if (reader.next(authMechanism) === undefined) return undefined
    const user = reader.next(saslUser)
    const password = user === undefined ? undefined : reader.next(saslPassword)
    return user === undefined || password === undefined ? undefined : { user, password }
  },
}

export const poolAuth = directive({
  name: 'auth',
  shape: authShape,
  phase: 'start',
  doc:
    'User and password for servers that ask for them (SASL PLAIN), as managed services do. They cross the network as ' +
    'they are. Such servers are spoken to in the binary protocol: a cache may use the pool, a "memcached-proxy" may not.',
  example: 'auth sasl shop ${file:/run/secrets/memcached};',
  peers: ['memcached_set_sasl_auth_data', 'sasl', '--USERNAME', 'redis_auth'],
})

export const memcachedContext: Context = {
  name: 'memcached',
  doc: 'A pool of memcached servers that share the keys among them.',
  directives: [
    poolServer,
    hash,
    hashTag,
    distribution,
    poolTimeout,
    poolConnections,
    preconnect,
    poolKeepAlive,
    poolEject,
    maxItem,
    maxBacklog,
    poolAuth,
  ],
}

export const memcached = directive({
  name: 'memcached',
  shape: definition('memcached', identifier),
  block: 'memcached',
  repeat: 'many',
  phase: 'start',
  doc:
    'A pool of memcached servers. Caches keep objects there ("tier memcached NAME;"), and a "memcached-proxy" shares ' +
    'the keys of its clients among them. "shellac pool" shows it.',
  example: 'memcached edge { server mc1 10.0.1.1:11211; server mc2 10.0.1.2:11211; }',
  peers: ['memcached.servers', 'vmod_memcached', 'CacheSocache', 'pools'],
})
