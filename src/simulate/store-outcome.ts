/** A decision to store, or not to, as explanations and tests see it. */
import { remainingMs } from '../cache/policy/meta.ts'
import type { StoreDecision } from '../cache/policy/store.ts'
import type { StoreOutcome } from './outcome.ts'

export function storeOutcome(decision: StoreDecision, nowMs: number): StoreOutcome {
  const { store, reason, meta, source, rule, vary } = decision
  return {
    stored: store,
    reason,
    ttlMs: Math.max(0, remainingMs(meta, nowMs)),
    source,
    rule: source === 'configured' ? rule : undefined,
    staleWhileRevalidateMs: meta.staleWhileRevalidateMs,
    staleIfErrorMs: meta.staleIfErrorMs,
    tags: [],
    vary: vary.names,
  }
}
