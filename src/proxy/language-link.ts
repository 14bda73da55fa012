/**
 * Links: small objects under the language name of a variant (`cache/language-variant.ts`) that hold the key the variant
 * lies under. A link that leads nowhere is no harm; it goes when the store needs its room.
 */
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { reasonNumber } from '../log/reasons.ts'
import { linkCells, storedOf } from './stored.ts'

/** The response that the link under `key` leads to; undefined: there is no link, or nothing where it leads. */
export function followLink(tier: MemoryTier, key: string): StoredObject | undefined {
  const target = targetOf(tier, key)
  return target === undefined ? undefined : tier.find(target)
}

/** Makes the link under `key` lead to `target`, whatever it led to before. */
export function writeLink(tier: MemoryTier, key: string, target: string): void {
  if (targetOf(tier, key) === target) return
  const writer = tier.lead(key)
  if (writer === undefined) return // another worker writes it, with a target as good
  if (writer.start(linkCells(), Buffer.from(target, 'latin1'), 0)) writer.complete()
  else writer.decline(reasonNumber('no-space'))
}

function targetOf(tier: MemoryTier, key: string): string | undefined {
  const link = tier.find(key)
  if (link === undefined || !tier.pin(link)) return undefined
  const target = storedOf(link).linkedKey
  tier.unpin(link)
  return target
}
