/** Emptying a tier, as a sweep does that finds everything purged. */
import { Fate, type MemoryTier } from '../../../../../src/cache/tiers/memory-tier.ts'

/** Removes every complete object; what is being fetched stays. */
export function removeAll(tier: MemoryTier): void {
  for (let slot = 0; slot >= 0; ) slot = tier.sweep(slot, 64, () => Fate.remove)
}
