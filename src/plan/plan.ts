/**
 * The Plan: what a configuration means, as plain immutable data.
 *
 * `config` builds it, the daemon posts it to every worker (so everything here survives structured clone: no functions,
 * no classes, no RegExp objects), and `proxy`, `routing`, `balance` and `cache` build their run-time tables from it.
 * All times are milliseconds (`Ms`), all sizes bytes (`Bytes`). Objects refer to each other by name.
 */
import type { MemcachedPlan, MemcachedProxyPlan } from './memcached-plan.ts'
import type { OriginProtocol, OriginTlsPlan } from './origin-tls-plan.ts'
import type { ListenerProtocol, TlsPlan } from './tls-plan.ts'
import type { TlsSessionsPlan } from './tls-sessions-plan.ts'

/** Where a statement stands, for every message that says why: `file` as the operator named it, 1-based line and column. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface Plan {
  readonly languageVersion: 1
  readonly process: ProcessPlan
  readonly reload: ReloadPlan
  readonly admin: AdminPlan
  readonly logs: LogsPlan
  readonly listeners: readonly ListenerPlan[]
  readonly backends: readonly BackendPlan[]
  readonly caches: readonly CachePlan[]
  /** Pools of memcached servers. */
  readonly memcached: readonly MemcachedPlan[]
  readonly memcachedProxies: readonly MemcachedProxyPlan[]
  /** Which sessions of TLS are resumed; with OWN_SESSIONS where a listener names none. */
  readonly tlsSessions: readonly TlsSessionsPlan[]
  readonly matchers: readonly MatcherPlan[]
  readonly sites: readonly SitePlan[]
  /** Every file the Plan was read from, absolute, including files behind `${file:}`, and the folders of include globs. */
  readonly files: readonly string[]
}

export interface ProcessPlan {
  /** Number of worker threads; `auto` has been resolved to 0, and the daemon puts in the number of cores. */
  readonly workers: number
  /** Drop to this user after the sockets are open; undefined: stay. */
  readonly user: string | undefined
  readonly group: string | undefined
  readonly pidFile: string | undefined
  /** How long SIGTERM waits for requests in flight. */
  readonly drainMs: number
  /** Client connections per worker; past it new ones are closed at once. */
  readonly connections: number
}

export interface ReloadPlan {
  /** Follow saved files. */
  readonly watch: boolean
  readonly debounceMs: number
  /** A start or reload is refused while the world does not fit: names that do not resolve, logs that cannot be written. */
  readonly strict: boolean
  /** Refuse a reload while a test block fails. */
  readonly requireTests: boolean
}

export interface AdminPlan {
  /** Path of the unix socket; undefined: no admin socket. */
  readonly socketPath: string | undefined
  readonly mode: number
}

export interface LogsPlan {
  readonly daemon: { readonly to: LogTarget; readonly level: 'debug' | 'info' | 'warn' | 'error' }
  /** undefined: no access log. */
  readonly access: AccessLogPlan | undefined
}
export type LogTarget =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'stderr' }
  | { readonly kind: 'file'; readonly path: string }
export interface AccessLogPlan {
  readonly to: LogTarget
  readonly format: 'json' | 'combined'
  /** 0 to 1. */
  readonly sample: number
  readonly when: string | undefined
}

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string; readonly mode: number }

export interface ListenerPlan {
  readonly name: string
  readonly addresses: readonly ListenAddress[]
  /** Not empty, the first choice first. */
  readonly protocols: readonly ListenerProtocol[]
  /** undefined: clients speak without TLS. */
  readonly tls: TlsPlan | undefined
  /** `redirect https;`: every request is answered 308 to the https URL of the same host. */
  readonly redirectHttps: boolean
  /** Its port; undefined: the usual one. */
  readonly redirectPort: number | undefined
  readonly limits: LimitsPlan
  readonly place: Place
}

export interface LimitsPlan {
  /** From the first byte of a head (or the accept) to its end. 408 after it. */
  readonly headerTimeoutMs: number
  /** Between requests on a kept connection; silently closed after it. */
  readonly idleTimeoutMs: number
  /** Longest silence inside a request body; 408. */
  readonly bodyTimeoutMs: number
  /** Longest time a client may refuse to take any byte of a response; connection closed. */
  readonly sendTimeoutMs: number
  /** Whole head, request line included; 431. */
  readonly headerBytes: number
  /** Number of header fields; 431. */
  readonly headers: number
  /** Request target; 414. */
  readonly targetBytes: number
  /** Request body; 413. */
  readonly bodyBytes: number
  /** Requests on one connection before it is closed; 0: no limit. */
  readonly requestsPerConnection: number
  /** Requests in work at a time on one connection of HTTP/2. */
  readonly streams: number
}

export interface BackendPlan {
  readonly name: string
  readonly servers: readonly ServerPlan[]
  readonly balance: 'round-robin' | 'least-requests'
  readonly connectTimeoutMs: number
  readonly firstByteTimeoutMs: number
  readonly betweenBytesTimeoutMs: number
  /** How long an idle connection stays in the pool. */
  readonly idleTimeoutMs: number
  /** Connections per server and worker; beyond it requests wait in the queue. */
  readonly connections: number
  /** Idle connections kept per server and worker. */
  readonly keepAlive: number
  readonly queue: { readonly length: number; readonly waitMs: number }
  /** Attempts in all (1: no retry), for idempotent requests whose body can be sent again, on a connection error. */
  readonly retry: { readonly attempts: number }
  /** A server that failed `afterErrors` times in a row is avoided for `forMs`. */
  readonly eject: { readonly afterErrors: number; readonly forMs: number }
  /** Host sent to the origin: the client's, the server's own `host:port`, or a fixed one. */
  readonly hostHeader:
    | { readonly kind: 'client' }
    | { readonly kind: 'server' }
    | { readonly kind: 'fixed'; readonly value: string }
  readonly responseHeaderBytes: number
  readonly responseHeaders: number
  readonly protocol: OriginProtocol
  /** undefined: plain TCP. */
  readonly tls: OriginTlsPlan | undefined
  readonly place: Place
}
export interface ServerPlan {
  readonly name: string
  readonly address: ListenAddress
  /** 1 to 1000. */
  readonly weight: number
  /** Used only when every other server is avoided. */
  readonly backup: boolean
  readonly place: Place
}

export interface CachePlan {
  readonly name: string
  /** Where only a pool keeps objects, the room in which fills are made. */
  readonly memoryBytes: number
  /** The memcached pool behind the memory; undefined: none. */
  readonly pool: string | undefined
  /** Only the pool keeps objects: what it holds answers from there. */
  readonly isPoolOnly: boolean
  /** Largest object kept. */
  readonly maxObjectBytes: number
  /** What site, route and rule did not say. */
  readonly settings: CacheSettings
  readonly purge: PurgePlan
  readonly place: Place
}
export interface PurgePlan {
  /** Matcher that must hold for PURGE to be obeyed; undefined: PURGE is refused with 403. */
  readonly allow: string | undefined
  readonly mode: 'soft' | 'hard'
  /** Request methods that purge. */
  readonly methods: readonly string[]
}

/** Everything that decides what one route stores and for how long; merged: rule over route over cache over default. */
export interface CacheSettings {
  readonly key: KeyPlan
  /** The first holds that fits a response and none of whose `yieldsTo` does. */
  readonly ttls: readonly TtlRule[]
  /** Which refusals of RFC 9111 the operator lifts, each by its own word. */
  readonly overrides: readonly Override[]
  /** Requests that hold any of these matchers neither read nor fill the cache. */
  readonly bypass: readonly string[]
  /** Responses that hold any of these matchers are not stored. */
  readonly noStore: readonly string[]
  /** The request for a key from which on its response is stored; 1: the first. */
  readonly minUses: number
  /** Stale answers while revalidating behind; undefined: only as the response says (RFC 5861). */
  readonly graceMs: number | undefined
  /** Stale answers when the origin fails; undefined: only as the response says (RFC 5861). */
  readonly staleIfErrorMs: number | undefined
  /** 0 to 1: stored lifetimes vary by up to this share, downwards. */
  readonly jitter: number
  readonly collapse: {
    readonly enabled: boolean
    /** Who waits for one fetch: the requests of this machine, or those of all machines that share the pool. */
    readonly scope: 'machine' | 'cluster'
    readonly waitMs: number
    readonly waiters: number
  }
  /** How long a response that could not be stored makes the next requests pass without waiting for each other. */
  readonly hitForMissMs: number
  /** Clients' Cache-Control and Pragma in requests: obeyed (RFC 9111 §5.2.1), or ignored. */
  readonly clientDirectives: 'obey' | 'ignore'
  /** Response fields that give freshness, strongest first, in lower case: `cdn-cache-control`, `cache-control`. */
  readonly obey: readonly string[]
  readonly tags: TagPlan
  readonly maxObjectBytes: number
  /** What a range request that finds nothing stored fetches: the range it asks for, or the whole. */
  readonly ranges: 'forward' | 'whole'
  /** Where the statements stand that an explanation names; a rule's before its cache's. */
  readonly places: readonly StatementPlace[]
}
export interface StatementPlace {
  /** Its name in the configuration, such as `stale-if-error`. */
  readonly statement: string
  readonly place: Place
}
/** What stored responses can be purged by, besides their URL. */
export interface TagPlan {
  /** Response fields that carry tags, lower case. */
  readonly fields: readonly string[]
  /** Tags of every response. */
  readonly fixed: readonly string[]
}
export type Override = 'private' | 'no-store' | 'no-cache' | 'set-cookie' | 'authorization'

export interface TtlRule {
  /** Empty: every status. Ranges are inclusive, `5xx` is [500, 599]. */
  readonly statuses: readonly (readonly [number, number])[]
  /** Glob over the path; undefined: every path. */
  readonly path: string | undefined
  /** Media type such as `text/html`, `image/*`; undefined: every type. */
  readonly contentType: string | undefined
  /** Content-Length in bytes, both ends included; undefined: any, also one not given. */
  readonly lengths: readonly [least: number, most: number] | undefined
  readonly ttlMs: number
  /** `override`: instead of what the origin says; `default` (`origin else`): where the origin says nothing. */
  readonly mode: 'override' | 'default'
  /** Positions in `ttls` of those that are more exact. */
  readonly yieldsTo: readonly number[]
  readonly place: Place
}

export interface KeyPlan {
  readonly scheme: boolean
  readonly host: boolean
  readonly path: PathKeyPlan
  readonly query: QueryKeyPlan
  /** Names of request fields in the key, lower case. */
  readonly headers: readonly string[]
  /** Cookie names in the key. */
  readonly cookies: readonly string[]
  /** Classes of requests with objects of their own, such as devices. */
  readonly classes: readonly ClassKeyPlan[]
  readonly vary: VaryKeyPlan
  /** Methods that are answered from the cache. */
  readonly methods: readonly string[]
}
export interface QueryKeyPlan {
  readonly sort: boolean
  /** `all`; or only / all but the listed names, where a name may end in `*`. */
  readonly mode: 'all' | 'none' | 'keep' | 'drop'
  readonly names: readonly string[]
}

/** Spellings of a path that share an object; the origin is then asked for the common one. */
export interface PathKeyPlan {
  /** Percent-encodings that RFC 3986 §6.2.2 calls equivalent. */
  readonly normalise: boolean
  /** Runs of slashes are one; only together with `normalise`. */
  readonly mergeSlashes: boolean
}
/** The class is part of the key where the matcher (without the `@`) holds. */
export interface ClassKeyPlan {
  readonly name: string
  readonly matcher: string
}
/** What the origin offers; empty: the field stays as the client sent it. Lower case, in the operator's order. */
export interface VaryKeyPlan {
  readonly encodings: readonly string[]
  readonly languages: readonly string[]
}

/** `match @name { ... }`: a named condition. */
export interface MatcherPlan {
  /** Without the `@`. */
  readonly name: string
  readonly test: MatchNode
  /** True when the condition needs a response (status, response header). */
  readonly needsResponse: boolean
  readonly place: Place
}
export type MatchNode =
  | { readonly kind: 'all'; readonly nodes: readonly MatchNode[] }
  | { readonly kind: 'any'; readonly nodes: readonly MatchNode[] }
  | { readonly kind: 'not'; readonly nodes: readonly MatchNode[] } // none of them holds
  | { readonly kind: 'matcher'; readonly name: string }
  | { readonly kind: 'source'; readonly networks: readonly Network[] }
  | { readonly kind: 'method'; readonly methods: readonly string[] }
  | { readonly kind: 'host'; readonly patterns: readonly string[] }
  | { readonly kind: 'path'; readonly patterns: readonly StringTest[] }
  | { readonly kind: 'query'; readonly name: string; readonly tests: readonly StringTest[] } // any of the tests
  | { readonly kind: 'header'; readonly name: string; readonly tests: readonly StringTest[] }
  | { readonly kind: 'cookie'; readonly name: string; readonly tests: readonly StringTest[] }
  | { readonly kind: 'scheme'; readonly scheme: 'http' | 'https' }
  /** Does not hold without TLS, whatever the tests say. */
  | { readonly kind: 'tls'; readonly field: TlsField; readonly tests: readonly StringTest[] }
  /** `absent` also holds without TLS. */
  | { readonly kind: 'client-certificate'; readonly state: 'verified' | 'untrusted' | 'absent' }
  /** Holds only for a verified certificate; of several values (names) one must pass. */
  | { readonly kind: 'client-field'; readonly field: ClientField; readonly tests: readonly StringTest[] }
  | { readonly kind: 'status'; readonly statuses: readonly (readonly [number, number])[] }
  | { readonly kind: 'response-header'; readonly name: string; readonly tests: readonly StringTest[] }
export interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}
export type TlsField = 'sni' | 'version' | 'cipher' | 'protocol'
export type ClientField = 'subject' | 'common-name' | 'name' | 'issuer' | 'serial' | 'fingerprint'
export type StringTest =
  | { readonly kind: 'present' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'equal'; readonly value: string; readonly secret: boolean }
  | { readonly kind: 'glob'; readonly pattern: string }
  | { readonly kind: 'regex'; readonly source: string }

export interface SitePlan {
  readonly name: string
  /** Lower case host names; `*.example.com` for any depth below; `*` for whatever no other site takes. */
  readonly hosts: readonly string[]
  /** Listener names; empty: every listener. */
  readonly listeners: readonly string[]
  /** In order of precedence, derived and checked: the first that matches is the route. */
  readonly routes: readonly RoutePlan[]
  readonly place: Place
}

export interface RoutePlan {
  readonly name: string
  /** `route css @ shop.conf:56`: in logs, Cache-Status detail and explain. */
  readonly id: string
  readonly paths: readonly PathPattern[]
  /** Empty: every method. */
  readonly methods: readonly string[]
  /** Matcher that must hold for the route to be taken; undefined: none. */
  readonly when: string | undefined
  readonly action: Action
  /** undefined: nothing is read from or put into a cache. */
  readonly cache: { readonly name: string; readonly settings: CacheSettings } | undefined
  /** In order: the first whose matcher holds decides; nothing matched: allowed unless an `allow` stands in the list. */
  readonly access: readonly { readonly allow: boolean; readonly matcher: string | undefined; readonly place: Place }[]
  readonly rewrite: Rewrite | undefined
  readonly requestHeaders: readonly HeaderEdit[]
  readonly responseHeaders: readonly HeaderEdit[]
  readonly forwarded: ForwardedPlan
  /** `upgrade websocket;`: protocols a client may switch to, lower case; empty: Upgrade is dropped. */
  readonly upgrades: readonly string[]
  /** The value of Strict-Transport-Security (RFC 6797) in answers over TLS; undefined: as the origin sends it. */
  readonly hsts: string | undefined
  readonly bodyBytes: number | undefined
  /** What Cache-Status tells clients: nothing, what was done and why, or also the key and the id of the route. */
  readonly cacheStatus: 'off' | 'reason' | 'full'
  readonly place: Place
}
/** A glob starts with `/` in what it matches: `*` is within a segment, `**` crosses segments. */
export type PathPattern =
  | { readonly kind: 'glob'; readonly pattern: string }
  | { readonly kind: 'regex'; readonly source: string }

export type Action =
  | { readonly kind: 'proxy'; readonly backend: string }
  | {
      readonly kind: 'respond'
      readonly status: number
      readonly body: string
      readonly contentType: string
    }
  /** `location` may hold `$1`.. of the path pattern and `$request.uri`, `$request.path`, `$request.host`. */
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }

export type Rewrite =
  | { readonly kind: 'strip-prefix'; readonly prefix: string }
  | { readonly kind: 'add-prefix'; readonly prefix: string }
  /** New path; may hold `$1`.. of the path pattern; the query stays. */
  | { readonly kind: 'path'; readonly to: string }

export interface HeaderEdit {
  readonly op: 'set' | 'add' | 'remove' | 'default'
  /** As the operator wrote it; compared without regard to case. */
  readonly name: string
  /** Literal parts and `$variables`, already taken apart; empty for `remove`. */
  readonly value: readonly ValuePart[]
  readonly when: string | undefined
  readonly place: Place
}
export type ValuePart =
  | { readonly kind: 'text'; readonly text: string; readonly secret: boolean }
  | { readonly kind: 'variable'; readonly name: VariableName }
export type VariableName =
  | 'client.ip'
  | 'client.port'
  | 'request.id'
  | 'request.method'
  | 'request.host'
  | 'request.path'
  | 'request.query'
  | 'request.uri'
  | 'request.scheme'
  | 'tls.version'
  | 'tls.cipher'
  | 'tls.protocol'
  | 'tls.sni'
  | 'tls.client.state'
  | 'tls.client.subject'
  | 'tls.client.common-name'
  | 'tls.client.issuer'
  | 'tls.client.serial'
  | 'tls.client.fingerprint'
  | 'route.name'
  | 'backend.name'
  | 'cache.status'
  | 'time.iso8601'

export interface ForwardedPlan {
  /** Peers whose own X-Forwarded-* and Forwarded are believed and extended; others' are replaced. */
  readonly trust: readonly Network[]
  /** X-Forwarded-For, -Proto and -Host. */
  readonly xForwarded: boolean
  /** Forwarded (RFC 7239). */
  readonly forwarded: boolean
  /** The name in Via (RFC 9110 §7.6.3); undefined: no Via is added. */
  readonly via: string | undefined
}
