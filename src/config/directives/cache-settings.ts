/**
 * What caches and rules both say: lifetimes, exceptions, staleness. A rule's word stands before its cache's; lists
 * (ttl, bypass, override) add up.
 *
 *     ttl 404 410 30s;  ttl path /static/** 1d override;  ttl length over 10MiB 1h;  ttl origin else 2m;
 *     grace 10m;  stale-if-error 1d;  jitter 10%;  collapse { wait 5s; }  bypass @logged-in;
 *     no-store @personal;  min-uses 2;
 */
import type { Override, TtlRule } from '../../plan/plan.ts'
import { type ArgumentReader, many, one, optional, references } from './arguments.ts'
import { type Context, type Directive, directive, type Shape } from './directive.ts'
import { key } from './key.ts'
import { tag, tags } from './purge.ts'
import {
  duration,
  freshnessField,
  integer,
  matcherName,
  mediaType,
  oneOf,
  onOff,
  pathGlob,
  percent,
  size,
  status,
} from './values.ts'

/** Below what a cell of the table of uses counts to (MAX_USES of src/cache/tiers/uses.ts). */
export const MAX_MIN_USES = 200

export type TtlArguments = Omit<TtlRule, 'place' | 'yieldsTo'>

/**
 * Statuses a `ttl` without statuses speaks of: those that RFC 9110 §15.1 lets a cache keep without being told,
 * without the errors, so that `ttl 1d override;` does not keep an outage for a day.
 */
const PLAIN_STATUSES: readonly (readonly [number, number])[] = [
  [200, 200],
  [203, 204],
  [300, 301],
  [308, 308],
]

/** `over 1MiB under 10MiB`, in any order; what is wrong with it has been reported. */
function readLengths(reader: ArgumentReader): readonly [least: number, most: number] {
  let least = 0
  let most = Number.MAX_SAFE_INTEGER
  let isBounded = false
  while (!reader.hasFailed) {
    if (reader.takeWord('over')) least = (reader.next(size) ?? 0) + 1
    else if (reader.takeWord('under')) most = (reader.next(size) ?? 0) - 1
    else if (isBounded) break
    else reader.expectWord('over')
    isBounded = true
  }
  if (least > most && !reader.hasFailed) {
    const { span } = reader.statement.name
    reader.fail('out-of-range', 'no length is over the one and under the other', span, 'write: over LESS under MORE')
  }
  return [least, most]
}

const ttlShape: Shape<TtlArguments> = {
  syntax: '[STATUS ...] [path GLOB] [type MEDIA-TYPE] [length [over SIZE] [under SIZE]] TIME [override]',
  otherSyntax: 'origin else TIME',
  read(reader) {
    const statuses: (readonly [number, number])[] = []
    let path: string | undefined
    let contentType: string | undefined
    let lengths: TtlRule['lengths']
    let isElse = false
    for (let next = reader.peek(); next !== undefined; next = reader.peek()) {
      if (reader.takeWord('path')) path = reader.next(pathGlob)
      else if (reader.takeWord('type')) contentType = reader.next(mediaType)
      else if (reader.takeWord('length')) lengths = readLengths(reader)
      else if (reader.takeWord('origin')) isElse = reader.expectWord('else')
      else if (duration.read(next).ok || (reader.remaining() === 1 && !status.read(next).ok)) break
      else {
        const range = reader.next(status)
        if (range !== undefined) statuses.push(range)
      }
      if (reader.hasFailed) return undefined
    }
    const ttlMs = reader.next(duration)
    if (ttlMs === undefined) return undefined
    const mode = !isElse && reader.takeWord('override') ? 'override' : 'default'
    return { statuses: statuses.length === 0 ? PLAIN_STATUSES : statuses, path, contentType, lengths, ttlMs, mode }
  },
}

export const ttl = directive({
  name: 'ttl',
  shape: ttlShape,
  repeat: 'many',
  phase: 'store',
  doc:
    'How long responses stay fresh when the origin does not say, or with "override" whatever it says. Without ' +
    'statuses it speaks of 200, 203, 204, 300, 301 and 308 only; errors are kept when they are named. "0s" ' +
    'forbids storing. A longer life never makes storable what is private: see "override" and "store". If several ' +
    "statements fit, a rule's goes before its cache's, and the more exact one first: by status, then path, then " +
    'type, then length; else the shorter time holds. "length" compares Content-Length; a response that does not give it fits no such statement.',
  example: 'ttl 404 410 30s;',
  peers: [
    'proxy_cache_valid',
    'beresp.ttl',
    'refresh_pattern',
    'max-age',
    'expires',
    'CacheDefaultExpire',
    'default_ttl',
    'set beresp.ttl',
  ],
})

export const grace = directive({
  name: 'grace',
  shape: one(duration),
  phase: 'look-up',
  doc:
    'How long after its end of life an object still answers while it is fetched anew behind the answer ' +
    '(stale-while-revalidate, RFC 5861). An attempt that fails is repeated after 1 s, 2 s, 4 s and so on up to 30 s. ' +
    'A response with stale-while-revalidate decides for itself; one with s-maxage, must-revalidate or no-cache is never ' +
    'answered with stale, nor is one that was not fresh for a moment. Without "grace" only the response decides.',
  example: 'grace 10m;',
  peers: [
    'beresp.grace',
    'proxy_cache_background_update',
    'default_grace',
    'stale-while-revalidate',
    'proxy_cache_use_stale updating',
  ],
})

export const staleIfError = directive({
  name: 'stale-if-error',
  shape: one(duration),
  phase: 'look-up',
  doc:
    'How long after its end of life an object still answers when the origin fails (RFC 5861): gives no answer, or 500, ' +
    '502, 503 or 504. After a failure it answers at once, and the next attempts are made behind such answers, as ' +
    '"grace" says; a client that sends Cache-Control still asks the origin. A response with a stale-if-error of its own ' +
    'decides for itself; one with s-maxage, must-revalidate or no-cache does not answer stale. Where nobody has said ' +
    'anything, an object answers up to an hour in place of a server that gives no answer at all (RFC 9111 §4.2.4), not ' +
    'of one that answers an error. "0s" turns that off.',
  example: 'stale-if-error 1d;',
  peers: ['proxy_cache_use_stale', 'CacheStaleOnError', 'max_stale', 'beresp.keep'],
})

export const jitter = directive({
  name: 'jitter',
  shape: one(percent),
  defaultText: '0%',
  phase: 'store',
  doc: 'The share by which lifetimes are shortened at random, so that objects stored together do not end together.',
  example: 'jitter 10%;',
})

export const collapseScope = directive({
  name: 'scope',
  shape: one(oneOf('machine', 'cluster')),
  defaultText: 'machine',
  phase: 'look-up',
  doc:
    'Who waits for one fetch: the requests of this machine, or those of all machines whose caches share a memcached pool. ' +
    'In a "cluster" the pool elects who fetches, and whoever waits asks it again until the object is there or "wait" is ' +
    'over. If the pool does not answer, each machine fetches for itself.',
  example: 'scope cluster;',
  peers: ['proxy_cache_lock', 'leases', 'lease_set'],
})

export const collapseWait = directive({
  name: 'wait',
  shape: one(duration),
  defaultText: '5s',
  phase: 'look-up',
  doc: "How long a request waits for another one's fetch before it goes to the origin itself.",
  example: 'wait 2s;',
  peers: ['proxy_cache_lock_timeout', 'proxy_cache_lock_age', 'CacheLockMaxAge'],
})

export const collapseWaiters = directive({
  name: 'waiters',
  shape: one(integer(1, 1_000_000)),
  defaultText: '1000',
  phase: 'look-up',
  doc: 'How many requests of one worker may wait for the same fetch; more go to the origin themselves.',
  example: 'waiters 500;',
})

export const collapseContext: Context = {
  name: 'collapse',
  doc: 'How requests for the same missing object wait for one fetch.',
  directives: [collapseScope, collapseWait, collapseWaiters],
}

export const collapse = directive({
  name: 'collapse',
  shape: optional(onOff, true),
  block: 'collapse',
  isBlockOptional: true,
  defaultText: 'on',
  phase: 'look-up',
  doc:
    'Whether requests for the same missing object wait for one fetch of it, on all workers. The block bounds the ' +
    'waiting. If the fetch fails, or brings a 502, 503 or 504 that is not stored, all of them get that status at once.',
  example: 'collapse { wait 2s; waiters 500; }',
  peers: ['proxy_cache_lock', 'collapsed_forwarding', 'CacheLock', 'hash_ignore_busy', 'coalescing', 'stampede'],
})

export const hitForMiss = directive({
  name: 'hit-for-miss',
  shape: one(duration),
  defaultText: '10s',
  phase: 'store',
  doc:
    'How long it is remembered that a response could not be stored, and why, so that the next requests do not wait for ' +
    'each other in vain; they say "hit-for-miss:REASON". The first response that may be stored ends it, unless the ' +
    'reason was the size. What a server has against one request (a 400, a 429, a 401 for its credentials) is not ' +
    'remembered. "0s" remembers nothing.',
  example: 'hit-for-miss 1m;',
  peers: ['hit_for_pass', 'hitmiss', 'beresp.uncacheable', 'pass'],
})

export const clientDirectives = directive({
  name: 'client-directives',
  shape: one(oneOf('obey', 'ignore')),
  defaultText: 'obey',
  phase: 'look-up',
  doc:
    'Whether clients may demand a fresh answer with Cache-Control or Pragma (RFC 9111 §5.2.1). "ignore" keeps ' +
    'them from emptying the cache by reloading.',
  example: 'client-directives ignore;',
  peers: ['CacheIgnoreCacheControl', 'reload_into_ims', 'ignore-reload', 'http-request cache-use'],
})

export const obey = directive({
  name: 'obey',
  shape: many(freshnessField),
  defaultText: 'CDN-Cache-Control Cache-Control',
  phase: 'store',
  doc:
    'Response fields that say how long a response may be kept, strongest first (RFC 9213). A field that is not ' +
    'listed is not read.',
  example: 'obey CDN-Cache-Control Cache-Control;',
  peers: ['proxy_ignore_headers', 'Surrogate-Control', 'X-Accel-Expires'],
})

export const maxObject = directive({
  name: 'max-object',
  shape: one(size),
  defaultText: '8MiB',
  phase: 'store',
  doc: 'The largest object that is kept. Larger ones pass through.',
  example: 'max-object 32MiB;',
  peers: ['maximum_object_size', 'max-object-size', 'CacheMaxFileSize', 'max_object_size'],
})

export const ranges = directive({
  name: 'ranges',
  shape: one(oneOf('forward', 'whole')),
  defaultText: 'forward',
  phase: 'look-up',
  doc:
    'What a range request fetches that finds nothing usable stored. "forward" asks the origin for that range and ' +
    'stores it as a part; parts that touch are put together where they share a strong ETag or Last-Modified. ' +
    '"whole" fetches and stores the whole response and cuts the range out of it while it comes in, so that all ' +
    'ranges wait for one fetch.',
  example: 'ranges whole;',
  peers: ['range_offset_limit', 'http_range_support', 'proxy_force_ranges'],
})

const overrideShape: Shape<readonly Override[]> = many(
  oneOf('private', 'no-store', 'no-cache', 'set-cookie', 'authorization'),
)

export const override = directive({
  name: 'override',
  shape: overrideShape,
  repeat: 'many',
  phase: 'store',
  doc:
    'Lifts a refusal of RFC 9111, each by its own word: responses that are "private", "no-store" or "no-cache", ' +
    'that set a cookie, or that answer a request with Authorization are then stored like others. What is stored ' +
    'is given to everybody.',
  example: 'override private no-cache;',
  peers: ['proxy_ignore_headers', 'ignore-private', 'ignore-no-store', 'CacheStorePrivate', 'CacheStoreNoStore'],
})

export const store = directive({
  name: 'store',
  shape: many(oneOf('set-cookie')),
  repeat: 'many',
  phase: 'store',
  doc: 'Another word for "override set-cookie": responses that set a cookie are stored, the cookie with them.',
  example: 'store set-cookie;',
})

export const content = directive({
  name: 'content',
  shape: one(oneOf('public')),
  phase: 'check',
  doc:
    'Says that what the origin answers here is for everybody, whoever asks: "shellac check" then does not warn of ' +
    'statements that share it, such as "override private" or "ttl 1d override". It changes nothing else.',
  example: 'content public;',
})

export const bypass = directive({
  name: 'bypass',
  shape: references('matcher', matcherName),
  repeat: 'many',
  phase: 'look-up',
  doc:
    'Requests for which one of these matchers holds neither read the cache nor fill it. The matchers may look at the ' +
    'request only; for what shows in the response there is "no-store".',
  example: 'bypass @logged-in;',
  peers: ['proxy_cache_bypass', 'proxy_no_cache', 'return (pass)', 'no_cache', 'CacheDisable', 'cache deny'],
})

export const noStore = directive({
  name: 'no-store',
  shape: references('matcher', matcherName),
  repeat: 'many',
  phase: 'store',
  doc:
    'Responses for which one of these matchers holds are not stored. Unlike those of "bypass" they may look at the ' +
    'response ("status", "response-header"), after the edits of "headers" that have neither variable nor condition. ' +
    'What is stored already still answers. Requests for the same object do not wait for each other meanwhile, as ' +
    '"hit-for-miss" says.',
  example: 'no-store @personal;',
  peers: ['proxy_no_cache', 'beresp.uncacheable', 'http-response cache-store', 'CacheDisable'],
})

export const minUses = directive({
  name: 'min-uses',
  shape: one(integer(1, MAX_MIN_USES)),
  defaultText: '1',
  phase: 'store',
  doc:
    'The request for a key from which on its response is stored, counted over all workers. Earlier ones go to the ' +
    'origin without waiting for each other. Keeps what is asked for once out of a cache that is too small for it. ' +
    'The cache remembers about as many keys as it has room for objects, and forgets the least asked for first.',
  example: 'min-uses 2;',
  peers: ['proxy_cache_min_uses', 'cache_admission'],
})

/** The statements that a cache gives defaults for and a rule decides. */
export const cacheSettings: readonly Directive[] = [
  key,
  ttl,
  grace,
  staleIfError,
  jitter,
  collapse,
  hitForMiss,
  clientDirectives,
  obey,
  maxObject,
  ranges,
  override,
  store,
  content,
  bypass,
  noStore,
  minUses,
  tags,
  tag,
]
