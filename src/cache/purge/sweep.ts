/**
 * Applies purges to objects that nobody asks for: one visit to everything that is stored, in small steps, after which the
 * entries of all purges up to its beginning are free. Without it the ban list would fill, and what was purged hard would
 * keep its room until it is evicted.
 *
 * States: idle -> waiting for the fetches that began before -> visiting -> idle.
 */
import { Fate, type MemoryTier, type SweptObject } from '../tiers/memory-tier.ts'
import { decodeLabels, labelTexts } from './labels.ts'
import { PURGE_CELL } from './layout.ts'
import type { PurgeLog, SweepStart } from './purge-log.ts'

/** Objects judged under one hold of the store's lock: some ten microseconds. */
const SLOTS_PER_HOLD = 16
/** Holds per step. */
const HOLDS_PER_STEP = 64

/** By the numbers of Verdict. */
const fates = [Fate.keep, Fate.expire, Fate.remove] as const

export type SweepState = 'idle' | 'waiting' | 'visiting'

export class Sweep {
  readonly #tier: MemoryTier
  readonly #log: PurgeLog
  #start: SweepStart | undefined = undefined
  #slot = -1

  constructor(tier: MemoryTier, log: PurgeLog) {
    this.#tier = tier
    this.#log = log
  }

  /** Does a little, and says where that has led. */
  step(): SweepState {
    if (this.#start === undefined) {
      if (!this.#log.isUnswept) return 'idle'
      this.#start = this.#log.beginSweep()
    }
    if (this.#slot === -1) {
      if (this.#log.hasFetchesBefore(this.#start)) return 'waiting'
      this.#slot = 0
    }
    this.#visit(this.#start)
    return this.#start === undefined ? 'idle' : 'visiting'
  }

  #visit(start: SweepStart): void {
    for (let hold = 0; hold < HOLDS_PER_STEP; hold++) {
      this.#slot = this.#tier.sweep(this.#slot, SLOTS_PER_HOLD, (object) => fates[verdictOn(this.#log, object)]!)
      if (this.#slot !== -1) continue
      this.#log.endSweep(start)
      this.#start = undefined
      return
    }
  }
}

/** What all purges since its fetch began have done to an object: a number of Verdict. */
export function verdictOn(log: PurgeLog, { key, labels, meta }: SweptObject): number {
  const carried = decodeLabels(key, labels)
  return log.verdict(log.hashLabels(labelTexts(carried)), carried.url, meta[PURGE_CELL]!)
}
