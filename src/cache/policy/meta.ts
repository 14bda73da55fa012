/** What the rules must know about a stored response later, as numbers that fit the store's cells. */

import { MAX_DELTA_SECONDS } from './delta-seconds.ts'

/** Bits of `StoredMeta.flags`. */
export const MetaFlag = {
  /** A stale answer is never allowed: must-revalidate, proxy-revalidate, s-maxage, no-cache (RFC 9111 §4.2.4). */
  forbidsStale: 1,
  /** Validate before every use (RFC 9111 §5.2.2.4). */
  noCache: 2,
  /** The lifetime is a guess (RFC 9111 §4.2.2). */
  heuristic: 4,
  hasEtag: 8,
  /** Last-Modified is there and can be read. */
  hasLastModified: 16,
  /** RFC 8246. */
  immutable: 32,
  /** Neither the response nor the operator says what to do when the origin fails: see `UNREACHABLE_MS`. */
  bridgesOutage: 64,
} as const

/** Times are milliseconds, dates milliseconds since 1970. */
export class StoredMeta {
  status = 0
  /** When the response head arrived. */
  responseMs = 0
  /** `corrected_initial_age` (RFC 9111 §4.2.3). */
  initialAgeMs = 0
  /** Compared with the current age, jitter included. */
  lifetimeMs = 0
  /** How long past `lifetimeMs` it may be served while it is fetched anew; 0 when stale answers are forbidden. */
  staleWhileRevalidateMs = 0
  /** How long past `lifetimeMs` it may be served when the origin fails; 0 when stale answers are forbidden. */
  staleIfErrorMs = 0
  /** Bits of MetaFlag. */
  flags = 0
  /** The origin's Date; `responseMs` when it gave none. */
  dateMs = 0
  /** 0 unless MetaFlag.hasLastModified. */
  lastModifiedMs = 0
  /** Of a stored part (status 206): where its first byte lies in the representation; else 0. */
  partFirst = 0
  /** Of a stored part: the length of the representation, -1 when it is not known; else 0. */
  partTotal = 0
}

/** Cells that `encodeMeta` writes; the store gives an object 16, the others stay free. */
export const META_CELLS_USED = 11

/** Writes cells 0 to META_CELLS_USED - 1. */
export function encodeMeta(meta: StoredMeta, cells: Float64Array): void {
  cells[0] = meta.status
  cells[1] = meta.responseMs
  cells[2] = meta.initialAgeMs
  cells[3] = meta.lifetimeMs
  cells[4] = meta.staleWhileRevalidateMs
  cells[5] = meta.staleIfErrorMs
  cells[6] = meta.flags
  cells[7] = meta.dateMs
  cells[8] = meta.lastModifiedMs
  cells[9] = meta.partFirst
  cells[10] = meta.partTotal
}

/** Fills and returns `into`, which a hot path owns and uses again. */
export function decodeMeta(cells: Float64Array, into: StoredMeta = new StoredMeta()): StoredMeta {
  into.status = cells[0]!
  into.responseMs = cells[1]!
  into.initialAgeMs = cells[2]!
  into.lifetimeMs = cells[3]!
  into.staleWhileRevalidateMs = cells[4]!
  into.staleIfErrorMs = cells[5]!
  into.flags = cells[6]!
  into.dateMs = cells[7]!
  into.lastModifiedMs = cells[8]!
  into.partFirst = cells[9]!
  into.partTotal = cells[10]!
  return into
}

/** `current_age` (RFC 9111 §4.2.3) in milliseconds. A clock that was set back does not make a response younger than it was. */
export function currentAgeMs(meta: StoredMeta, nowMs: number): number {
  return meta.initialAgeMs + Math.max(0, nowMs - meta.responseMs)
}

/** The value of Age; one that overflows is sent as 2^31 (RFC 9111 §1.2.2). */
export function ageSeconds(meta: StoredMeta, nowMs: number): number {
  return Math.min(Math.floor(currentAgeMs(meta, nowMs) / 1000), MAX_DELTA_SECONDS)
}

/** Milliseconds until it is stale; negative since it is. The `ttl` of Cache-Status, in milliseconds. */
export function remainingMs(meta: StoredMeta, nowMs: number): number {
  return meta.lifetimeMs - currentAgeMs(meta, nowMs)
}
