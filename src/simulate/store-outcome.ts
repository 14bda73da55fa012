/** A decision to store, or not to, as explanations and tests see it. */
import { valuesOf } from '../cache/policy/flat-facts.ts'
import { remainingMs } from '../cache/policy/meta.ts'
import { UNKNOWN_TAGS } from '../cache/purge/labels.ts'
import { responseTags } from '../cache/purge/tags.ts'
import type { TagPlan } from '../plan/plan.ts'
import type { Judged } from '../proxy/judge-response.ts'
import type { StoreOutcome } from './outcome.ts'

/** `plan`: what the route's rule says of tags. */
export function storeOutcome({ decision, fields }: Judged, plan: TagPlan, nowMs: number): StoreOutcome {
  const { store, reason, meta, source, rule, vary } = decision
  return {
    stored: store,
    reason,
    ttlMs: Math.max(0, remainingMs(meta, nowMs)),
    source,
    rule: source === 'configured' ? rule : undefined,
    staleWhileRevalidateMs: meta.staleWhileRevalidateMs,
    staleIfErrorMs: meta.staleIfErrorMs,
    tags: responseTags(plan, (name) => valuesOf(fields, name)).filter((tag) => tag !== UNKNOWN_TAGS),
    vary: vary.names,
  }
}
