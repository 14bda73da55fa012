/**
 * Cache-Control as numbers and booleans, for requests (RFC 9111 §5.2.1) and responses (§5.2.2).
 *
 * What breaks the syntax is read to the safe side (`directive-cursor.ts`): a prohibition with a wrong argument still
 * prohibits, a freshness lifetime with a wrong argument is zero (§4.2.1 calls for stale), a permission to use stale
 * answers with a wrong argument permits nothing. Of several values of one directive the first counts (§4.2.1).
 */

import { isToken } from '../../http/tokens.ts'
import { parseDeltaSeconds } from './delta-seconds.ts'
import { DirectiveCursor } from './directive-cursor.ts'

/** Stands for "the directive is not there" in every `...Sec` field. */
export const ABSENT = -1

const noFields: readonly string[] = []

export class ResponseDirectives {
  /** Seconds, ABSENT when not given; 0 when given with an invalid value. */
  maxAgeSec = ABSENT
  sharedMaxAgeSec = ABSENT
  /** Seconds (RFC 5861); ABSENT also when invalid. */
  staleWhileRevalidateSec = ABSENT
  staleIfErrorSec = ABSENT
  noStore = false
  /** The unqualified form; the names of a qualified one are in `withheldFields`. */
  noCache = false
  isPrivate = false
  isPublic = false
  mustRevalidate = false
  proxyRevalidate = false
  mustUnderstand = false
  immutable = false
  /** Lower-case names from `no-cache="..."`: they must not be reused without validation, so they are not stored (§5.2.2.4). */
  noCacheFields: readonly string[] = noFields
  /** Lower-case names from `private="..."`: a shared cache must not store them (§5.2.2.7). */
  privateFields: readonly string[] = noFields
}

/** Reads all lines of a response's Cache-Control, joined by `, `. Never fails. */
export function parseResponseDirectives(text: string): ResponseDirectives {
  const directives = new ResponseDirectives()
  const cursor = new DirectiveCursor(text)
  while (cursor.next()) readResponseDirective(directives, cursor)
  return directives
}

function readResponseDirective(into: ResponseDirectives, cursor: DirectiveCursor): void {
  switch (cursor.name) {
    case 'max-age': // §5.2.2.1
      if (into.maxAgeSec === ABSENT) into.maxAgeSec = Math.max(0, seconds(cursor))
      break
    case 's-maxage': // §5.2.2.10
      if (into.sharedMaxAgeSec === ABSENT) into.sharedMaxAgeSec = Math.max(0, seconds(cursor))
      break
    case 'stale-while-revalidate': // RFC 5861 §3
      if (into.staleWhileRevalidateSec === ABSENT) into.staleWhileRevalidateSec = seconds(cursor)
      break
    case 'stale-if-error': // RFC 5861 §4
      if (into.staleIfErrorSec === ABSENT) into.staleIfErrorSec = seconds(cursor)
      break
    case 'no-cache': {
      // §5.2.2.4
      const names = fieldNames(cursor)
      if (names === undefined) into.noCache = true
      else into.noCacheFields = into.noCacheFields.concat(names)
      break
    }
    case 'private': {
      // §5.2.2.7
      const names = fieldNames(cursor)
      if (names === undefined) into.isPrivate = true
      else into.privateFields = into.privateFields.concat(names)
      break
    }
    default:
      readFlag(into, cursor.name)
  }
}

/** The directives without argument; one given all the same changes nothing. */
function readFlag(into: ResponseDirectives, name: string): void {
  switch (name) {
    case 'no-store': // §5.2.2.5
      into.noStore = true
      break
    case 'public': // §5.2.2.9
      into.isPublic = true
      break
    case 'must-revalidate': // §5.2.2.2
      into.mustRevalidate = true
      break
    case 'proxy-revalidate': // §5.2.2.8
      into.proxyRevalidate = true
      break
    case 'must-understand': // §5.2.2.3
      into.mustUnderstand = true
      break
    case 'immutable': // RFC 8246 §2
      into.immutable = true
      break
  }
}

export class RequestDirectives {
  /** All in seconds; ABSENT when not given or invalid: what a client asks for cannot be guessed. */
  maxAgeSec = ABSENT
  minFreshSec = ABSENT
  /** Infinity when given without a value: any staleness is accepted (§5.2.1.2). */
  maxStaleSec = ABSENT
  staleIfErrorSec = ABSENT
  noCache = false
  noStore = false
  onlyIfCached = false
}

/** Reads all lines of a request's Cache-Control, joined by `, `. Never fails. */
export function parseRequestDirectives(text: string): RequestDirectives {
  const directives = new RequestDirectives()
  const cursor = new DirectiveCursor(text)
  while (cursor.next()) readRequestDirective(directives, cursor)
  return directives
}

function readRequestDirective(into: RequestDirectives, cursor: DirectiveCursor): void {
  switch (cursor.name) {
    case 'max-age': // §5.2.1.1
      if (into.maxAgeSec === ABSENT) into.maxAgeSec = seconds(cursor)
      break
    case 'max-stale': // §5.2.1.2
      if (into.maxStaleSec === ABSENT) into.maxStaleSec = isBare(cursor) ? Infinity : seconds(cursor)
      break
    case 'min-fresh': // §5.2.1.3
      if (into.minFreshSec === ABSENT) into.minFreshSec = seconds(cursor)
      break
    case 'stale-if-error': // RFC 5861 §4
      if (into.staleIfErrorSec === ABSENT) into.staleIfErrorSec = seconds(cursor)
      break
    case 'no-cache': // §5.2.1.4
      into.noCache = true
      break
    case 'no-store': // §5.2.1.5
      into.noStore = true
      break
    case 'only-if-cached': // §5.2.1.7
      into.onlyIfCached = true
      break
  }
}

/** Pragma's only meaning (RFC 9111 §5.4): `no-cache` in a request that has no Cache-Control. */
export function hasPragmaNoCache(text: string): boolean {
  const cursor = new DirectiveCursor(text)
  while (cursor.next()) if (cursor.name === 'no-cache') return true
  return false
}

/** The argument as seconds, in token or quoted form (§5.2 wants both understood); ABSENT when it is missing or wrong. */
function seconds(cursor: DirectiveCursor): number {
  return cursor.argument === undefined ? ABSENT : parseDeltaSeconds(cursor.argument)
}

function isBare(cursor: DirectiveCursor): boolean {
  return cursor.argument === undefined && !cursor.malformed
}

/** Names in the argument, lower case; undefined for the unqualified form and for a list that cannot be trusted. */
function fieldNames(cursor: DirectiveCursor): string[] | undefined {
  if (cursor.argument === undefined) return undefined
  const names = cursor.argument
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
  return names.length > 0 && names.every(isToken) ? names : undefined
}
