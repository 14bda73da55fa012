/** Whether purges have touched what is stored, or what is being fetched. Asked only after a purge; see cache/purge. */
import { decodeLabels, type Labels, labelTexts } from '../cache/purge/labels.ts'
import { PURGE_CELL } from '../cache/purge/layout.ts'
import { Verdict } from '../cache/purge/purge-log.ts'
import type { FillReader } from '../cache/tiers/fill-reader.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import type { RequestFacts } from '../plan/facts.ts'
import type { RouteCache } from './route-runtime.ts'
import type { CacheRuntime } from './runtime.ts'
import { isMarker, type Stored } from './stored.ts'

/** Judges a stored response by the purges since this worker last did. False: it is gone. Stale ones say `softPurged`. */
export function survivesPurges({ tier, purges }: CacheRuntime, object: StoredObject, stored: Stored): boolean {
  const { sequence } = purges
  const since = Math.max(stored.judgedNumber, object.meta[PURGE_CELL]!)
  const now = purges.numberAt(sequence)
  if (now > since) {
    const labels = stored.labels(tier)
    if (labels === undefined) return false
    const verdict = purges.verdict(hashesOf(stored, labels, purges), labels.url, since)
    if (verdict === Verdict.gone) {
      tier.discard(object)
      return false
    }
    if (verdict === Verdict.stale) object.isPurged = true
  }
  stored.judgedNumber = now
  stored.judgedAt = sequence
  return true
}

function hashesOf(stored: Stored, labels: Labels, purges: CacheRuntime['purges']): Int32Array {
  stored.labelHashes ??= purges.hashLabels(labelTexts(labels))
  return stored.labelHashes
}

/**
 * Whether what another request's fetch brings may answer a request that came after it began: not when a purge of the URL,
 * or of a tag, came between them. Before the head has come, its tags are not known.
 */
export function fillSurvivesPurges(cache: RouteCache, reader: FillReader, key: string, request: RequestFacts): boolean {
  const { purges } = cache.cache
  const { sequence } = purges
  if (reader.mark === sequence) return true
  const { state } = reader
  const hasHead = state === 'streaming' || state === 'complete'
  if (hasHead && isMarker(reader.meta)) return true
  const labels = hasHead ? decodeLabels(key, reader.labels) : { url: cache.urlTextOf(request), tags: [] }
  const since = purges.numberAt(reader.mark)
  return purges.verdict(purges.hashLabels(labelTexts(labels)), labels.url, since) === Verdict.untouched
}
