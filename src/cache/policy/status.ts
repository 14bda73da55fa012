/** What the caching rules know about status codes. */

/** RFC 9110 §15.1: these may be stored and given a heuristic lifetime without any word from the origin. */
const heuristicallyCacheable: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501,
])

/**
 * Final codes whose caching requirements this cache meets, which is what `must-understand` asks (RFC 9111 §5.2.2.3):
 * those of RFC 9110 §15 and 451 (RFC 7725), without 206 and 304, which are not stored as responses of their own.
 */
const understood: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409,
  410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 451, 500, 501, 502, 503, 504, 505,
])

/** RFC 6585 §3 to §6: responses with these codes must not be stored by a cache. */
const neverStored: ReadonlySet<number> = new Set([428, 429, 431, 511])

/** Failures of the origin that a stale response may hide (RFC 5861 §4). */
const hiddenByStale: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** Those of them by which a server says that it cannot serve anybody now; a 500 may be the one request's own fault. */
const unavailable: ReadonlySet<number> = new Set([502, 503, 504])

/**
 * What a server has against a request for other reasons than its target and method, which are in the key (RFC 9110 §15.5;
 * RFC 8470 §5.2; RFC 6585 §3 to §5): its fields, its size, its haste.
 */
const faultOfRequest: ReadonlySet<number> = new Set([
  400, 406, 407, 408, 411, 412, 413, 415, 416, 417, 421, 422, 425, 426, 428, 429, 431,
])

export function isHeuristicallyCacheable(status: number): boolean {
  return heuristicallyCacheable.has(status)
}

export function isUnderstood(status: number): boolean {
  return understood.has(status)
}

export function isNeverStored(status: number): boolean {
  return neverStored.has(status)
}

export function isUnavailable(status: number): boolean {
  return unavailable.has(status)
}

/** Whether an answer with this status counts as an error for `stale-if-error`. */
export function isHiddenByStale(status: number): boolean {
  return hiddenByStale.has(status)
}

/** Whether an answer with this status lies in what the one request said, so that others need not get it. */
export function isFaultOfRequest(status: number): boolean {
  return faultOfRequest.has(status)
}
