/** Conditions answered from the cache (RFC 9111 §4.3.2, RFC 9110 §13) and those it sends to validate (RFC 9111 §4.3.1). */

import { parseHttpDate } from '../../http/date.ts'
import { COMMA, DQUOTE, isBlank } from '../../http/tokens.ts'
import type { ResponseFacts } from '../../plan/facts.ts'
import { MetaFlag, type StoredMeta } from './meta.ts'

/** The values of the two fields a cache evaluates; undefined where the request has none. */
export interface Conditions {
  readonly ifNoneMatch: string | undefined
  readonly ifModifiedSince: string | undefined
}

/**
 * Whether the client's conditions ask for a 304 instead of the stored response. `etag`: its ETag field.
 * Allocates nothing; a request without either field should not get here.
 */
export function isNotModified(
  conditions: Conditions,
  etag: string | undefined,
  meta: StoredMeta,
  nowMs: number,
): boolean {
  // RFC 9110 §13.2.1: conditions are ignored where the answer without them is neither 2xx nor 412.
  if (meta.status < 200 || meta.status > 299) return false
  // RFC 9110 §13.2.2: If-None-Match goes first, and If-Modified-Since is not looked at when it is there.
  if (conditions.ifNoneMatch !== undefined) return isEtagListed(conditions.ifNoneMatch, etag)
  if (conditions.ifModifiedSince === undefined) return false
  // RFC 9110 §13.1.3: what is no date is ignored.
  const sinceMs = parseHttpDate(conditions.ifModifiedSince, nowMs)
  if (sinceMs === undefined) return false
  // RFC 9111 §4.3.2: without Last-Modified, Date is used, and without that the time it was received.
  return ((meta.flags & MetaFlag.hasLastModified) !== 0 ? meta.lastModifiedMs : meta.dateMs) <= sinceMs
}

/**
 * RFC 9110 §13.1.2: `*` matches whatever is stored; else the list is searched by weak comparison (§8.8.3.2). Reading
 * stops, without a match, at the first member that is no entity tag.
 */
export function isEtagListed(list: string, etag: string | undefined): boolean {
  if (list === '*') return true
  if (etag === undefined) return false
  if (list === etag) return true
  const opaque = opaqueTag(etag)
  for (let at = 0; at < list.length; ) {
    const byte = list.charCodeAt(at)
    if (byte === COMMA || isBlank(byte)) {
      at++
      continue
    }
    const open = list.startsWith('W/', at) ? at + 2 : at
    const close = list.charCodeAt(open) === DQUOTE ? list.indexOf('"', open + 1) : -1
    if (close === -1) return false
    if (close + 1 - open === opaque.length && list.startsWith(opaque, open)) return true
    at = close + 1
  }
  return false
}

/** An entity tag without its weakness. */
function opaqueTag(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag
}

/** The conditions with which a stored response is validated: each validator it has, the weak ones too (RFC 9111 §4.3.1). */
export function revalidationConditions(stored: ResponseFacts, meta: StoredMeta): Conditions {
  return {
    ifNoneMatch: (meta.flags & MetaFlag.hasEtag) !== 0 ? stored.header('etag') : undefined,
    ifModifiedSince: (meta.flags & MetaFlag.hasLastModified) !== 0 ? stored.header('last-modified') : undefined,
  }
}

/** Fields about the content, which a 304 does not carry (RFC 9110 §15.4.5), and framing. */
const contentFields: ReadonlySet<string> = new Set([
  'content-digest',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-range',
  'content-type',
  'digest',
  'repr-digest',
  'trailer',
  'transfer-encoding',
])

/**
 * The fields of a 304, out of those of the stored response: all but what describes the content. ETag, Date, Vary,
 * Content-Location, Cache-Control and Expires are required; Last-Modified is for responses without ETag only.
 * Flat lists of name, value.
 */
export function notModifiedFields(stored: readonly string[]): string[] {
  const names = stored.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
  const hasEtag = names.includes('etag')
  return stored.filter((_, i) => {
    const name = names[i >> 1]!
    return !contentFields.has(name) && !(hasEtag && name === 'last-modified')
  })
}
