/**
 * Which fields end at this proxy, and which a peer may not have removed by naming them in Connection (RFC 9110 §7.6.1).
 */
import { fieldIdSet } from './field-list.ts'
import { DROPPED, F, fieldIdOf } from './fields.ts'

/**
 * Ids never forwarded, in either direction. Host and Content-Length are not among them: the request writer gives Host
 * anew, and both writers give the body framing anew from what was parsed, so they add these ids to their own sets.
 *
 * Proxy-Authenticate and Proxy-Authorization concern a proxy the client chose; a gateway is none (RFC 9110 §11.7).
 * HTTP2-Settings belongs to "Upgrade: h2c", which is never forwarded. Trailer stays: trailers are forwarded too.
 */
export const hopByHop: Uint8Array = fieldIdSet([
  F.connection,
  F.keepAlive,
  F.proxyConnection,
  F.proxyAuthenticate,
  F.proxyAuthorization,
  F.te,
  F.transferEncoding,
  F.upgrade,
  F.http2Settings,
  DROPPED,
])

/** A table of flags by field id: `ids`, and all that is never forwarded. */
export function withHopByHop(ids: readonly number[]): Uint8Array {
  const set = fieldIdSet(ids)
  for (const [id, isSet] of hopByHop.entries()) if (isSet === 1) set[id] = 1
  return set
}

/**
 * Ids that a Connection option may not name. Removing one of these on a stranger's word changes where the message ends,
 * whom it is for, who sent it, or who may see it: known attacks all, and no honest sender names them (VSV10,
 * CVE-2022-31813). The message is refused.
 */
const protectedFields: Uint8Array = fieldIdSet([
  F.host,
  F.contentLength,
  F.transferEncoding,
  F.expect,
  F.via,
  F.forwarded,
  F.xForwardedFor,
  F.xForwardedProto,
  F.xForwardedHost,
  F.xForwardedPort,
  F.xRealIp,
  F.authorization,
  F.cookie,
  F.setCookie,
  F.cacheControl,
  F.pragma,
  F.cdnCacheControl,
  F.surrogateControl,
  F.age,
  F.date,
  F.expires,
  F.etag,
  F.lastModified,
  F.vary,
  F.location,
  F.contentType,
  F.contentEncoding,
  F.contentRange,
  F.range,
  F.ifRange,
  F.ifMatch,
  F.ifNoneMatch,
  F.ifModifiedSince,
  F.ifUnmodifiedSince,
  F.maxForwards,
  F.wwwAuthenticate,
])

/** True when a Connection option with this lower-case name makes the message refused. Covers all of `x-forwarded-*`. */
export function isProtectedOption(name: string): boolean {
  const id = fieldIdOf(name)
  return id === 0 ? name.startsWith('x-forwarded-') : protectedFields[id] === 1
}
