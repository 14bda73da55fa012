/** What a node does with the fleet's log as it has just read it: pure rules. */
import { type FleetLog, type FleetOrder, lastOf } from './fleet-log.ts'

/** Why purges may have been missed. */
export type GapReason =
  /** The log is gone: evicted, flushed, or its server was started anew; or what lies there is no log. */
  | 'log lost'
  /** It is another log than before, with lower numbers. */
  | 'log went back'
  /** It does not reach back to what is known here: more was purged between two looks than it holds, or it was lost and begun anew. */
  | 'orders lost'
  /** The cache follows another log from now on. */
  | 'log moved'
  /** The node has served without it so far. */
  | 'log found late'

export type Step =
  | { readonly kind: 'none' }
  /** The orders behind the known ones; `from` is the number of the first. */
  | { readonly kind: 'apply'; readonly from: number; readonly orders: readonly FleetOrder[] }
  /** Everything that is stored may have been purged; then all of the log is to be applied, so that what is younger can be judged. */
  | { readonly kind: 'gap'; readonly reason: GapReason }
  /** There is no log to follow: one must be begun, with numbers above all that are known. */
  | { readonly kind: 'begin'; readonly reason: GapReason | undefined }

/** `known`: the last number applied here, 0 for a cache that has followed no log; `log` undefined: there is none. */
export function compareLog(known: number, log: FleetLog | undefined): Step {
  if (log === undefined) return { kind: 'begin', reason: known === 0 ? undefined : 'log lost' }
  const last = lastOf(log)
  if (known === 0) return { kind: 'apply', from: log.first, orders: log.orders }
  if (last < known) return { kind: 'begin', reason: 'log went back' }
  if (log.first > known + 1) return { kind: 'gap', reason: 'orders lost' }
  if (last === known) return { kind: 'none' }
  return { kind: 'apply', from: known + 1, orders: log.orders.slice(known + 1 - log.first) }
}
