/**
 * Why an answer did not come from the cache, or was not put into it: the one list.
 *
 * `Cache-Status` (as `detail=`), the access log, the counters and `shellac help reasons` all read this table.
 */

export interface ReasonRecord {
  readonly name: string
  readonly doc: string
  readonly cure: string
}

/** Index in this table = the number used in counters; append only. */
export const reasons = [
  { name: 'none', doc: 'served from the cache, or stored without remark', cure: 'nothing to cure' },
  {
    name: 'no-cache-configured',
    doc: 'the route uses no cache',
    cure: 'add "use-cache NAME;" to the site or "cache RULE;" to the route',
  },
  {
    name: 'method',
    doc: 'only GET and HEAD are answered from the cache',
    cure: 'nothing; unsafe methods always go to the origin',
  },
  {
    name: 'bypass',
    doc: 'a bypass matcher of the rule holds for this request',
    cure: 'look at the matcher named in the rule\'s "bypass" statement',
  },
  {
    name: 'absent',
    doc: 'nothing is stored under this key',
    cure: 'nothing if it is the first request; else look at the key for a part that changes with every request',
  },
  {
    name: 'expired',
    doc: 'the stored response was stale and had to be validated or fetched again',
    cure: 'a longer "ttl", or "grace" to answer while it is refreshed',
  },
  {
    name: 'vary-mismatch',
    doc: 'only other variants of the resource are stored',
    cure: 'reduce what the origin varies on, or normalise it in the key',
  },
  {
    name: 'vary-star',
    doc: 'the response carries Vary: * and can never be selected again',
    cure: 'remove Vary: * at the origin',
  },
  {
    name: 'request-no-store',
    doc: 'the request carries Cache-Control: no-store',
    cure: '"client-directives ignore;" if clients may not decide this',
  },
  {
    name: 'request-no-cache',
    doc: 'the request demands validation (no-cache, Pragma, max-age, min-fresh)',
    cure: '"client-directives ignore;" if clients may not decide this',
  },
  {
    name: 'only-if-cached',
    doc: 'the request wants a stored answer only and none could be used (504)',
    cure: 'nothing; the client asked for it',
  },
  {
    name: 'response-no-store',
    doc: 'the response carries Cache-Control: no-store',
    cure: 'change the origin, or "override no-store;" in the rule',
  },
  {
    name: 'response-private',
    doc: 'the response carries Cache-Control: private',
    cure: 'change the origin, or "override private;" in the rule',
  },
  {
    name: 'response-no-cache',
    doc: 'the stored response carries no-cache and was validated first',
    cure: 'change the origin, or "override no-cache;" in the rule',
  },
  {
    name: 'set-cookie',
    doc: 'the response sets a cookie',
    cure: '"headers { response remove Set-Cookie; }", or "store set-cookie;" in the rule',
  },
  {
    name: 'authorization',
    doc: 'the request carries Authorization and the response does not allow sharing (RFC 9111 §3.5)',
    cure: 'Cache-Control: public at the origin, or "override authorization;" in the rule',
  },
  {
    name: 'status',
    doc: 'a response with this status and no explicit freshness is not stored',
    cure: 'a "ttl STATUS TIME;" statement',
  },
  {
    name: 'no-freshness',
    doc: 'neither the response nor the configuration gives a freshness lifetime, and there is no validator',
    cure: 'a "ttl origin else TIME;" statement',
  },
  {
    name: 'partial',
    doc:
      'a partial response (206) that is not stored: not asked for, in several parts, without its length or with a wrong ' +
      'one, or too little to be joined with a large part that is stored',
    cure: 'look at Content-Range and Content-Length of the origin; "ranges whole;" asks for no parts',
  },
  {
    name: 'too-large',
    doc: 'the body is larger than max-object',
    cure: 'a larger "max-object", within the size of the cache',
  },
  { name: 'no-space', doc: 'the cache could not make room', cure: 'a larger "tier memory"' },
  {
    name: 'incomplete',
    doc: 'the origin closed before the body was complete',
    cure: 'look at the origin and at between-bytes-timeout',
  },
  {
    name: 'hit-for-miss',
    doc: 'an earlier answer to the same key could not be stored, so requests do not wait for each other',
    cure: 'see the reason behind the colon, which is that of the earlier answer',
  },
  {
    name: 'collapse-timeout',
    doc: "waited as long as collapse allows for another request's fetch",
    cure: 'a longer "collapse { wait TIME; }", or a faster origin',
  },
  {
    name: 'collapse-full',
    doc: 'too many requests were already waiting for the same fetch',
    cure: 'a larger "collapse { waiters NUMBER; }"',
  },
  {
    name: 'request-body',
    doc: 'the request carries a body, which is no part of the key',
    cure: 'nothing; GET with a body is not cached',
  },
  {
    name: 'range',
    doc: 'a range was asked for while another fetch of the same resource was running',
    cure: '"ranges whole;" lets ranges wait for one fetch of the whole',
  },
  { name: 'upgrade', doc: 'the connection changes its protocol', cure: 'nothing' },
  {
    name: 'origin-error',
    doc: 'the origin failed and no stored response could be used instead',
    cure: 'look at the origin; "stale-if-error TIME;" bridges an outage',
  },
  { name: 'unknown-directive', doc: 'must-understand was given and the status is not understood', cure: 'nothing' },
  { name: 'ttl-zero', doc: 'a ttl statement of 0s forbids storing', cure: 'look at the ttl statements of the rule' },
  { name: 'purged', doc: 'the stored response was purged', cure: 'nothing' },
  {
    name: 'stale-if-error',
    doc: 'the origin failed, and the stored response answered in its place',
    cure: 'look at the origin; "stale-if-error TIME;" says for how long this may go on',
  },
  {
    name: 'no-store-configured',
    doc: 'a no-store matcher of the rule holds for this response',
    cure: 'look at the matcher named in the rule\'s "no-store" statement',
  },
  {
    name: 'min-uses',
    doc: 'the key has not been asked for often enough to be stored',
    cure: 'a smaller "min-uses", if every response is worth its space',
  },
  {
    name: 'part-missing',
    doc: 'only a part of the resource is stored, and other bytes were asked for',
    cure: 'nothing, it is stored together with what was fetched; "ranges whole;" stores no parts',
  },
  {
    name: 'too-many-variants',
    doc: 'a hundred new variants of the resource were stored within a minute',
    cure: 'reduce what the origin varies on, or bound it in the key: "vary accept-language en de;", "class mobile @mobile;"',
  },
  {
    name: 'refused',
    doc: 'the request itself was refused: malformed, too large, too slow, not allowed, or no route takes it',
    cure: 'the body of the answer says what is wrong; "shellac explain URL" shows routes and access',
  },
  {
    name: 'memcached',
    doc: 'served from the memcached pool, as it was not in memory',
    cure: 'nothing; a larger "tier memory" asks the pool less often',
  },
  {
    name: 'pool-failed',
    doc: 'nothing usable is in memory, and the memcached pool gave no answer',
    cure: 'look at "shellac pool list", and at the servers of the pool',
  },
] as const satisfies readonly ReasonRecord[]

export type Reason = (typeof reasons)[number]['name']

const numbers: ReadonlyMap<string, number> = new Map(reasons.map((reason, index) => [reason.name, index]))

/** The number of a reason in counters and in shared memory. */
export function reasonNumber(name: Reason): number {
  return numbers.get(name)!
}

/** The reason of a number from shared memory. */
export function reasonOf(number: number): Reason {
  return reasons[number]?.name ?? 'none'
}
