/**
 * Stored parts, ranges cut from what is stored, and parts put together (RFC 9110 §13.1.5, §14; RFC 9111 §3.3, §3.4).
 *
 * A stored part is a response of status 206 whose StoredMeta says where its bytes lie in the representation. It never
 * answers a request for the whole; `selectBytes` is the one place that decides what of a stored response answers.
 */

import { parseHttpDate } from '../../http/date.ts'
import {
  type ByteRange,
  type ContentRange,
  MAX_POSITION,
  parseContentRange,
  parseRange,
  type RangeSpec,
  resolveRanges,
} from '../../http/range.ts'
import type { RequestFacts, ResponseFacts } from '../../plan/facts.ts'
import { parseDigits } from './delta-seconds.ts'
import { MetaFlag, type StoredMeta } from './meta.ts'

/** What of a stored response answers a request. */
export type Selection =
  | { readonly kind: 'whole' }
  /** Status 206: these bytes of the representation, as `resolveRanges` gives them. `total` -1: not known. */
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[]; readonly total: number }
  /** Status 416. */
  | { readonly kind: 'unsatisfiable'; readonly total: number }
  /** Something that was asked for is not stored. */
  | { readonly kind: 'missing' }

const whole: Selection = { kind: 'whole' }
const missing: Selection = { kind: 'missing' }

/** What joining may copy of the stored bytes: so many in any case, and so many for each new one. */
const FREE_COPY_BYTES = 256 * 1024
const COPIED_PER_NEW_BYTE = 16

/** So much younger than its Date at least, a Last-Modified is strong (RFC 9110 §8.8.2.2). */
const STRONG_DATE_MS = 1000

/**
 * What of a stored response answers `request`. `etag` is its ETag, `bodyBytes` the length of what is stored, -1 while
 * that is not known. Conditions have been evaluated before (RFC 9110 §13.2.2).
 */
export function selectBytes(
  request: RequestFacts,
  meta: StoredMeta,
  etag: string | undefined,
  bodyBytes: number,
): Selection {
  const isPart = meta.status === 206
  const unranged = isPart ? missing : whole
  // RFC 9110 §14.2: Range means something for GET only, and where the answer without it would be 200.
  if (request.method !== 'GET' || (meta.status !== 200 && !isPart)) return unranged
  const specs = wantedRanges(request)
  if (specs === undefined) return unranged
  const ifRange = request.header('if-range')
  if (ifRange !== undefined && !isIfRangeTrue(ifRange, meta, etag)) return unranged
  if (isPart) return selectOfPart(specs, storedPart(meta, bodyBytes))
  // Neither the end of a range nor the total can be told yet: RFC 9110 §14.2 allows to ignore the field.
  if (bodyBytes === -1) return whole
  const ranges = resolveRanges(specs, bodyBytes)
  return ranges.length === 0
    ? { kind: 'unsatisfiable', total: bodyBytes }
    : { kind: 'ranges', ranges, total: bodyBytes }
}

/** The ranges a GET asks for; undefined: none, or none that this cache understands (RFC 9110 §14.2). */
export function wantedRanges(request: RequestFacts): readonly RangeSpec[] | undefined {
  const text = request.header('range')
  return text === undefined ? undefined : parseRange(text)
}

/** RFC 9111 §3.3: only "a range wholly within the incomplete response". */
function selectOfPart(specs: readonly RangeSpec[], part: ContentRange): Selection {
  const { total } = part
  const hasOpenEnd = specs.some(({ first, last }) => first === -1 || last === MAX_POSITION)
  if (total === -1 && hasOpenEnd) return missing
  const ranges = resolveRanges(specs, total === -1 ? MAX_POSITION : total)
  if (ranges.length === 0) return { kind: 'unsatisfiable', total }
  const isStored = ranges.every(({ first, end }) => first >= part.first && end <= part.end)
  return isStored ? { kind: 'ranges', ranges, total } : missing
}

/**
 * RFC 9110 §13.1.5: an entity tag by strong comparison (§8.8.3.2), or a date that is exactly that of a strong
 * Last-Modified.
 */
function isIfRangeTrue(ifRange: string, meta: StoredMeta, etag: string | undefined): boolean {
  if (ifRange.startsWith('"')) return ifRange === etag
  return hasStrongDate(meta) && parseHttpDate(ifRange, meta.responseMs) === meta.lastModifiedMs
}

function hasStrongDate(meta: StoredMeta): boolean {
  return (meta.flags & MetaFlag.hasLastModified) !== 0 && meta.dateMs - meta.lastModifiedMs >= STRONG_DATE_MS
}

/** Where the bytes of a stored response lie in its representation. */
export function storedPart(meta: StoredMeta, bodyBytes: number): ContentRange {
  if (meta.status !== 206) return { first: 0, end: bodyBytes, total: bodyBytes }
  return { first: meta.partFirst, end: meta.partFirst + bodyBytes, total: meta.partTotal }
}

/** Makes `meta` that of the stored bytes `part`: a part that is everything is a response like any other. */
export function markPart(meta: StoredMeta, part: ContentRange): void {
  const isWhole = part.first === 0 && part.end === part.total
  meta.status = isWhole ? 200 : 206
  meta.partFirst = isWhole ? 0 : part.first
  meta.partTotal = isWhole ? 0 : part.total
}

/** Makes `meta` that of the same stored bytes as `stored`. */
export function copyPart(meta: StoredMeta, stored: StoredMeta): void {
  meta.status = stored.status
  meta.partFirst = stored.partFirst
  meta.partTotal = stored.partTotal
}

/**
 * The bytes a 206 carries, if they may be stored: one part (RFC 9110 §15.3.7.1), whose length is given and is that which
 * its Content-Range says.
 */
export function partOf(response: ResponseFacts): ContentRange | undefined {
  const text = response.header('content-range')
  const length = response.header('content-length')
  const part = text === undefined ? undefined : parseContentRange(text)
  if (part === undefined || length === undefined) return undefined
  // §15.3.7.2: what has several parts says where they lie in each of them, and must not do so here.
  if (/^multipart\/byteranges\b/i.test(response.header('content-type') ?? '')) return undefined
  return parseDigits(length, Number.MAX_SAFE_INTEGER) === part.end - part.first ? part : undefined
}

/** The If-Range by which the rest of a stored part is asked for; undefined: it has no strong validator. */
export function strongValidator(stored: ResponseFacts, meta: StoredMeta): string | undefined {
  const etag = stored.header('etag')
  if (etag !== undefined) return etag.startsWith('"') ? etag : undefined
  return hasStrongDate(meta) ? stored.header('last-modified') : undefined
}

/** RFC 9111 §3.4: parts may be combined "if they all share the same strong validator". */
export function sharesStrongValidator(stored: ResponseFacts, meta: StoredMeta, coming: ResponseFacts): boolean {
  const validator = strongValidator(stored, meta)
  if (validator === undefined) return false
  // Origins are known that give the coded and the plain bytes one ETag. A part need not tell its coding (§15.3.7).
  const coding = coming.header('content-encoding')
  if (coding !== undefined && coding !== stored.header('content-encoding')) return false
  const name = stored.header('etag') === undefined ? 'last-modified' : 'etag'
  // One side with an ETag and the other without are not known to be the same.
  return coming.header(name) === validator && (name === 'etag' || coming.header('etag') === undefined)
}

/** How a stored part and one that is coming make one. */
export interface Joint {
  readonly union: ContentRange
  /** The first so many bytes that are coming are left out: the stored ones go before. */
  readonly skip: number
  /** Stored bytes that go before those that are coming: none of them, or all. */
  readonly before: number
  /** Stored bytes from here on go behind those that are coming; -1: none do. */
  readonly after: number
}

/**
 * Two parts of one representation, adjacent or overlapping; undefined where they leave a gap, contradict each other, or
 * the one that is coming brings nothing new.
 */
export function joinParts(stored: ContentRange, coming: ContentRange): Joint | undefined {
  if (stored.total !== -1 && coming.total !== -1 && stored.total !== coming.total) return undefined
  if (coming.first > stored.end || stored.first > coming.end) return undefined
  const total = Math.max(stored.total, coming.total)
  const union = { first: Math.min(stored.first, coming.first), end: Math.max(stored.end, coming.end), total }
  if (total !== -1 && union.end > total) return undefined
  if (coming.first < stored.first) {
    return { union, skip: 0, before: 0, after: stored.end > coming.end ? coming.end - stored.first : -1 }
  }
  if (coming.end <= stored.end) return undefined
  if (coming.first === stored.first) return { union, skip: 0, before: 0, after: -1 }
  return { union, skip: stored.end - coming.first, before: stored.end - stored.first, after: -1 }
}

/**
 * Whether it is worth it to copy the stored bytes: a client that asks for one byte after the other must not have megabytes
 * copied for each.
 */
export function isWorthJoining({ union, skip }: Joint, coming: ContentRange): boolean {
  if (union.first === 0 && union.end === union.total) return true
  const gained = coming.end - coming.first - skip
  const copied = union.end - union.first - gained
  return copied <= FREE_COPY_BYTES + gained * COPIED_PER_NEW_BYTE
}
