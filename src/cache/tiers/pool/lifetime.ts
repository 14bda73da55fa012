/** How long an entry is worth keeping in a pool. */
import { MetaFlag, remainingMs, type StoredMeta } from '../../policy/meta.ts'
import { UNREACHABLE_MS } from '../../policy/reuse.ts'

/** Past its life what can be validated is kept for so long, since a 304 costs less than a body. */
const VALIDATION_MS = 3_600_000
/** memcached takes a greater number for a date, in seconds since 1970. */
export const MAX_RELATIVE_SEC: number = 30 * 86_400
/** memcached keeps times in 32 bits; this is in the year 2038, and 0 would be for ever. */
const MAX_DATE_SEC = 2 ** 31 - 1

/** The time to live for memcached; 0: not worth keeping. */
export function ttlSecOf(meta: StoredMeta, nowMs: number): number {
  const isValidated = (meta.flags & (MetaFlag.hasEtag | MetaFlag.hasLastModified)) !== 0
  const bridged = (meta.flags & MetaFlag.bridgesOutage) === 0 ? 0 : UNREACHABLE_MS
  const validated = isValidated ? VALIDATION_MS : 0
  const staleMs = Math.max(meta.staleWhileRevalidateMs, meta.staleIfErrorMs, bridged, validated)
  const leftMs = remainingMs(meta, nowMs) + staleMs
  if (!(leftMs > 0)) return 0
  const seconds = Math.ceil(leftMs / 1000)
  return seconds <= MAX_RELATIVE_SEC ? seconds : Math.min(Math.ceil(nowMs / 1000) + seconds, MAX_DATE_SEC)
}
