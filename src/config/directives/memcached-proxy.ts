/**
 *     memcached-proxy local {
 *         listen 127.0.0.1:11211; listen unix:/run/shellac/mc.sock mode 0660; stats 127.0.0.1:22222;
 *         pool edge; failover spare; replicate copy; warm from old; route prefix ab: to tests;
 *         allow 127.0.0.0/8; deny all; flush-all on; connections 1024; backlog 512; tcp-keepalive;
 *         limits { line 1MiB; value 128MiB; outstanding 4096; client-backlog 4MiB; }
 *     }
 */
import type { ListenAddress, Network } from '../../plan/plan.ts'
import { type ArgumentReader, definition, nothing, one, optional, readReference, reference } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import {
  fileMode,
  identifier,
  integer,
  keyPrefix,
  listenAddress,
  memcachedListenAddress,
  memcachedNetwork,
  onOff,
  sizeBetween,
} from './values.ts'

/** An address, and of a socket file who may open it. */
function listenShape(address: typeof listenAddress): Shape<ListenAddress> {
  return {
    syntax: `${address.syntax} [mode ${fileMode.syntax}]`,
    read(reader) {
      const listen = reader.next(address)
      const word = reader.peek()
      if (listen === undefined || !reader.takeWord('mode')) return listen
      const mode = reader.next(fileMode)
      if (mode === undefined) return undefined
      if (listen.kind === 'unix') return { ...listen, mode }
      return reader.fail(
        'conflict',
        'only a unix socket has a mode',
        word!.span,
        'take it away, or listen on unix:/PATH',
      )
    },
  }
}

export const proxyListen = directive({
  name: 'listen',
  shape: listenShape(memcachedListenAddress),
  repeat: 'many',
  isRequired: true,
  phase: 'accept',
  doc:
    'Where memcached clients connect: "127.0.0.1:11211", "*:11211" for every address of the machine, or a socket file, ' +
    'whose mode is 0660 unless "mode" says otherwise and which one worker serves. memcached asks nobody who they are: where ' +
    'strangers reach the address, say with "allow" who may connect.',
  example: 'listen unix:/run/shellac/memcached.sock mode 0660;',
})

export const proxyStats = directive({
  name: 'stats',
  shape: listenShape(listenAddress),
  repeat: 'many',
  phase: 'accept',
  doc:
    'Where the statistics of twemproxy are served, for the programs that collect them: one JSON object for each ' +
    'connection, which is then closed. Nothing is asked of who connects, so keep it off public networks.',
  example: 'stats 127.0.0.1:22222;',
  peers: ['stats_port', 'stats_address', '--stats-port', '--stats-addr'],
})

export const proxyPool = directive({
  name: 'pool',
  shape: reference('memcached', identifier),
  isRequired: true,
  phase: 'route',
  doc: 'The pool whose servers own the keys, but for those that a "route" takes.',
  example: 'pool edge;',
  peers: ['PoolRoute', 'servers'],
})

export const failover = directive({
  name: 'failover',
  shape: reference('memcached', identifier),
  phase: 'fetch',
  doc:
    'A pool that answers reads (get, gets, gat, gats, mg) where no reply comes from "pool", and where that misses while the ' +
    'server that owns the key is out. Writes never go there. An error line is a reply.',
  example: 'failover spare;',
  peers: ['FailoverRoute', 'FailoverWithExptimeRoute', 'MissFailoverRoute'],
})

export const replicate = directive({
  name: 'replicate',
  shape: reference('memcached', identifier),
  phase: 'fetch',
  doc:
    'A pool that gets every write too, at the same time; keys are read from it where "pool" fails. The answer is that of ' +
    '"pool", and where that fails, of this one. A "cas" goes to "pool" first, and when that has said yes, here without its ' +
    'number; a number that came from here is good here alone, while "pool" fails. The two are not made equal otherwise: what one of them lost or missed stays so.',
  example: 'replicate copy;',
  peers: ['AllSyncRoute', 'AllAsyncRoute', 'AllFastestRoute', 'AllMajorityRoute', 'AllInitialRoute', 'REPLICAS'],
})

const warmShape: Shape<string> = {
  syntax: `from ${identifier.syntax}`,
  read: (reader) => (reader.expectWord('from') ? readReference(reader, 'memcached', identifier) : undefined),
}

export const warm = directive({
  name: 'warm',
  shape: warmShape,
  phase: 'fetch',
  doc:
    'A pool that reads ask which miss in "pool"; what they find there is copied over with "add", with its flags and what is ' +
    'left of its time. What is written or deleted in "pool" is deleted in the old one, and "flush_all" empties both; a ' +
    'delete can be overtaken by a copy that is on its way. Other writes do not look there: "incr" of a counter that only the ' +
    'old pool has says NOT_FOUND. Of servers older than 1.6.10 nothing is copied. Take the ' +
    'statement away when the old pool is gone.',
  example: 'warm from old;',
  peers: ['WarmUpRoute', 'MigrateRoute'],
})

export interface PrefixRouteArguments {
  readonly prefix: string
  readonly pool: string
}

const prefixRouteShape: Shape<PrefixRouteArguments> = {
  syntax: `prefix ${keyPrefix.syntax} to ${identifier.syntax}`,
  read(reader) {
    if (!reader.expectWord('prefix')) return undefined
    const prefix = reader.next(keyPrefix)
    if (prefix === undefined || !reader.expectWord('to')) return undefined
    const pool = readReference(reader, 'memcached', identifier)
    return pool === undefined ? undefined : { prefix, pool }
  },
}

export const prefixRoute = directive({
  name: 'route',
  shape: prefixRouteShape,
  repeat: 'many',
  phase: 'route',
  doc:
    'Keys that begin with this text belong to another pool, whatever the command; of keys in base64 it is the decoded ' +
    'one that counts. The longest prefix that fits decides. "failover", "replicate" and "warm" do not concern them.',
  example: 'route prefix ab: to tests;',
  peers: ['PrefixSelectorRoute', 'PrefixPolicyRoute', 'OperationSelectorRoute', 'policies', 'aliases', 'route_prefix'],
})

export interface NetworkAccessArguments {
  /** undefined: `all`. */
  readonly networks: readonly Network[] | undefined
}

const networkAccessShape: Shape<NetworkAccessArguments> = {
  syntax: `${memcachedNetwork.syntax} ...`,
  otherSyntax: 'all',
  read(reader: ArgumentReader) {
    if (reader.takeWord('all')) return { networks: undefined }
    const networks = reader.rest(memcachedNetwork)
    return networks === undefined ? undefined : { networks }
  },
}

export const networkAllow = directive({
  name: 'allow',
  shape: networkAccessShape,
  repeat: 'many',
  phase: 'accept',
  doc:
    'Who may connect; everybody else is disconnected at once. The order of "allow" and "deny" does not matter: who is in ' +
    'a denied network stays out, then who is in an allowed one comes in, then "all" decides. Who may open a socket file, ' +
    'its mode says.',
  example: 'allow 10.0.0.0/8 127.0.0.1;',
})

export const networkDeny = directive({
  name: 'deny',
  shape: networkAccessShape,
  repeat: 'many',
  phase: 'accept',
  doc: 'Who may not connect.',
  example: 'deny 10.0.9.0/24;',
})

export const flushAll = directive({
  name: 'flush-all',
  shape: optional(onOff, true),
  defaultText: 'off',
  phase: 'access',
  doc:
    'Whether clients may empty all servers with "flush_all". Without it they are told that it is disabled: one client ' +
    'would take away what all others have stored.',
  example: 'flush-all on;',
  peers: ['flush_all', 'enable_flush_cmd'],
})

export const clientConnections = directive({
  name: 'connections',
  shape: one(integer(1, 1_000_000)),
  defaultText: '1024',
  phase: 'accept',
  doc: 'Clients of each worker. Further ones are accepted, counted and closed.',
  example: 'connections 10000;',
  peers: ['client_connections', 'maxconns'],
})

export const backlog = directive({
  name: 'backlog',
  shape: one(integer(1, 65_535)),
  defaultText: '512',
  phase: 'accept',
  doc: 'Connections that may wait to be accepted. The system may hold fewer (net.core.somaxconn).',
  example: 'backlog 1024;',
})

export const clientKeepAlive = directive({
  name: 'tcp-keepalive',
  shape: optional(onOff, true),
  defaultText: 'off',
  phase: 'accept',
  doc: 'Whether the system probes idle client connections (SO_KEEPALIVE), so that one that died in silence is closed.',
  example: 'tcp-keepalive;',
  peers: ['tcpkeepalive', 'so_keepalive'],
})

export const lineLimit = directive({
  name: 'line',
  // Room for the longest key and all flags of a meta command.
  shape: one(sizeBetween('1KiB', '64MiB')),
  defaultText: '1MiB',
  phase: 'limits',
  doc: 'The longest line of a request, so also the bound for the keys of one get. After a longer one the client is closed.',
  example: 'line 64KiB;',
})

export const valueLimit = directive({
  name: 'value',
  shape: one(sizeBetween('1B', '1GiB')),
  defaultText: '128MiB',
  phase: 'limits',
  doc: 'The largest value that is passed on; a larger one is refused as memcached would. The servers have a limit of their own.',
  example: 'value 1MiB;',
})

export const outstanding = directive({
  name: 'outstanding',
  shape: one(integer(1, 1_000_000)),
  defaultText: '4096',
  phase: 'limits',
  doc: 'Unanswered requests of one client. Past them nothing more is read from it until some are answered.',
  example: 'outstanding 1000;',
  peers: ['max_client_outstanding_reqs', 'reqs_per_event'],
})

export const clientBacklog = directive({
  name: 'client-backlog',
  shape: one(sizeBetween('1KiB', '1GiB')),
  defaultText: '4MiB',
  phase: 'limits',
  doc:
    'Replies that wait for one client to take them. Past them nothing more is read from it; when the replies to what it had ' +
    'asked for before then make sixteen times as much and one "value", as a get of many large values may, it is disconnected.',
  example: 'client-backlog 1MiB;',
})

export const memcachedLimitsContext: Context = {
  name: 'memcached limits',
  doc: 'What a memcached client may take.',
  directives: [lineLimit, valueLimit, outstanding, clientBacklog],
}

export const memcachedLimits = directive({
  name: 'limits',
  shape: nothing,
  block: 'memcached limits',
  phase: 'limits',
  doc: 'What a memcached client may take: bytes, requests, replies it does not read.',
  example: 'limits { line 64KiB; value 1MiB; }',
})

export const memcachedProxyContext: Context = {
  name: 'memcached-proxy',
  doc: 'A memcached server to its clients, and a pool behind it.',
  directives: [
    proxyListen,
    proxyStats,
    proxyPool,
    failover,
    replicate,
    warm,
    prefixRoute,
    networkAllow,
    networkDeny,
    flushAll,
    clientConnections,
    backlog,
    clientKeepAlive,
    memcachedLimits,
  ],
}

export const memcachedProxy = directive({
  name: 'memcached-proxy',
  shape: definition('memcached-proxy', identifier),
  block: 'memcached-proxy',
  repeat: 'many',
  phase: 'accept',
  doc:
    'A proxy for memcached clients, which see one server. Each request goes to the server of the pool that owns its key, ' +
    'replies come in the order of the requests. Classic text and meta commands are understood, the binary protocol is not.',
  example: 'memcached-proxy local { listen 127.0.0.1:11211; pool edge; }',
  peers: ['nutcracker', 'twemproxy', 'mcrouter', 'golemproxy'],
})
