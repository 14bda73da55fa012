/**
 * A stored response brought up to date by a 304 (RFC 9111 §3.2, §4.3.4) or by the answer to a HEAD (§4.3.5).
 *
 * Fields are flat lists of name, value. What comes out goes through `decideStore` again with the new times, since the
 * update may have brought a new lifetime, or a `no-store`.
 */

import { httpDate } from '../../http/date.ts'
import { fieldIdOf } from '../../http/fields.ts'
import { hopByHop } from '../../http/hop-by-hop.ts'
import type { ResponseFacts } from '../../plan/facts.ts'
import { valuesOf } from './flat-facts.ts'

/**
 * Never taken from the update. RFC 9111 §3.2 names Content-Length; the others but ETag describe the bytes that are stored,
 * which the update has not changed, and origins are known to send wrong ones with a 304. ETag: see `isUpdateFor`.
 */
const fixedFields: ReadonlySet<string> = new Set([
  'content-digest',
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
  'etag',
])

/**
 * RFC 9111 §3.2: each field of the update replaces all stored lines of that name; what it omits stays. Two exceptions
 * keep the age right: a stored Age is always dropped, and an update without Date is given the time it arrived
 * (RFC 9110 §6.6.1), or the stored Date would make the response as old as it was.
 */
export function mergeFields(stored: readonly string[], update: readonly string[], responseMs: number): string[] {
  const nominated = connectionOptions(update)
  const merged: string[] = []
  const added: string[] = []
  const replaced = new Set(['age'])
  for (let i = 0; i < update.length; i += 2) {
    const name = update[i]!.toLowerCase()
    if (isHopByHop(name) || fixedFields.has(name) || nominated.includes(name)) continue
    replaced.add(name)
    added.push(update[i]!, update[i + 1]!)
  }
  if (!replaced.has('date')) {
    replaced.add('date')
    added.push('Date', httpDate(responseMs))
  }
  for (let i = 0; i < stored.length; i += 2) {
    if (!replaced.has(stored[i]!.toLowerCase())) merged.push(stored[i]!, stored[i + 1]!)
  }
  return merged.concat(added)
}

/**
 * Whether a 304 is about the stored response (RFC 9111 §4.3.4). The only response asked about is the stored one, so it is
 * unless the 304 names a validator that the question did not have.
 *
 * This departs from the RFC in one case: If-None-Match "a", answered by a 304 with ETag "b". It says that such an answer
 * updates nothing; but the origin has said that "a" is current, and origins do answer so (a compressing filter that marks
 * the tags of bodies and forgets those of a 304). Fetching the body again each time would punish that without making
 * anything more right. The stored tag, which belongs to the stored bytes, is kept.
 */
export function isUpdateFor(stored: ResponseFacts, update: ResponseFacts): boolean {
  if (stored.header('etag') !== undefined) return true
  if (update.header('etag') !== undefined) return false
  const modified = update.header('last-modified')
  return modified === undefined || stored.header('last-modified') === modified
}

/** What of a stored response a HEAD's answer is compared with. */
export interface StoredShape {
  readonly status: number
  readonly bodyBytes: number
  readonly fields: ResponseFacts
}

/**
 * Whether the answer to a HEAD is about the stored response (RFC 9111 §4.3.5); where not, that response is to be taken for
 * stale. `contentLength`: -1 when the answer has none.
 */
export function isHeadUpdateFor(stored: StoredShape, answer: ResponseFacts, contentLength: number): boolean {
  // "When a cache makes an inbound HEAD request ... and receives a 200 (OK) response": the GET would give a 200 too.
  if (answer.status !== 200 || stored.status !== 200) return false
  // "the stored response and HEAD response have matching values for any received validator fields (ETag and
  // Last-Modified)".
  for (const name of ['etag', 'last-modified']) {
    const received = answer.header(name)
    if (received !== undefined && received !== stored.fields.header(name)) return false
  }
  // "if the HEAD response has a Content-Length header field, the value of Content-Length matches that of the stored".
  return contentLength === -1 || contentLength === stored.bodyBytes
}

function isHopByHop(name: string): boolean {
  return hopByHop[fieldIdOf(name)] === 1
}

function connectionOptions(fields: readonly string[]): string[] {
  return valuesOf(fields, 'connection').flatMap((line) => line.split(',').map((option) => option.trim().toLowerCase()))
}
