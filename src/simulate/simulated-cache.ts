/** What a scenario says is stored, found as the daemon finds it: by key, then by Vary (RFC 9111 §4.1). */
import { preferredVariant } from '../cache/language-variant.ts'
import type { StoredMeta } from '../cache/policy/meta.ts'
import { variantKey } from '../cache/vary.ts'
import type { Reason } from '../log/reasons.ts'
import type { RequestFacts } from '../plan/facts.ts'
import type { PlannedCache, RouteCache } from '../proxy/route-runtime.ts'

export interface SimulatedObject {
  readonly meta: StoredMeta
  /** Flat names and values, as the origin sent them. */
  readonly fields: readonly string[]
  readonly bodyBytes: number
}

/** Where an object lies. */
export interface SimulatedSlot {
  readonly cache: string
  /** The primary key. */
  readonly key: string
  readonly varyNames: readonly string[]
  /** What `variantKey` makes of the request it answers. */
  readonly variant: string
  /** The same by the language that the response is in; undefined: no one's. */
  readonly languageVariant: string | undefined
  readonly object: SimulatedObject
}

interface Found {
  readonly object: SimulatedObject | undefined
  /** Why nothing was found. */
  readonly reason: Reason
}

export class SimulatedCache {
  readonly #slots: readonly SimulatedSlot[]

  constructor(slots: readonly SimulatedSlot[]) {
    this.#slots = slots
  }

  /** `request` as its origin sees it. */
  find(cache: RouteCache<PlannedCache>, key: string, request: RequestFacts): Found {
    const variants = this.#slots.filter((slot) => slot.cache === cache.cache.plan.name && slot.key === key)
    // The names of the response that came last hold for all variants.
    const names = variants.at(-1)?.varyNames
    if (names === undefined) return { object: undefined, reason: 'absent' }
    const variant = variantKey(names, request, cache.negotiation)
    const current = variants.filter((slot) => slot.varyNames.join() === names.join())
    const own = current.findLast((slot) => slot.variant === variant)
    if (own !== undefined) return { object: own.object, reason: 'vary-mismatch' }
    const preferred = preferredVariant(names, request, cache.negotiation)
    const inLanguage = current.findLast((slot) => preferred !== undefined && slot.languageVariant === preferred)
    return { object: inLanguage?.object, reason: 'vary-mismatch' }
  }
}
