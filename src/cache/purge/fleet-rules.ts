/** What a node does with the fleet's log as it has just read it: pure rules. */
import { type FleetLog, lastOf } from './fleet-log.ts'

/** Why purges may have been missed. */
export type GapReason =
  /** The log is gone: evicted, flushed, or its server was started anew; or what lies there is no log. */
  | 'log lost'
  /** It is another log than before, with lower numbers. */
  | 'log went back'
  /** It does not reach back to what is known here: more was purged between two looks than it holds, or it was lost and begun anew. */
  | 'orders lost'
  /** The cache follows another log from now on: by its configuration, or because all nodes do. */
  | 'log moved'
  /** It was out of reach for so long that it is begun in its other place. */
  | 'log out of reach'
  /** The node has served without it so far. */
  | 'log found late'

export type Step =
  /** The orders above the known number, if there are any. */
  | { readonly kind: 'apply' }
  /** Everything that is stored may have been purged; then all of the log is to be applied, so that what is younger can be judged. */
  | { readonly kind: 'gap'; readonly reason: GapReason }
  /** There is no log to follow: one must be begun, with numbers above all that are known. */
  | { readonly kind: 'begin'; readonly reason: GapReason }

/** `known`: the last number applied here; `log` undefined: there is none. */
export function compareLog(known: number, log: FleetLog | undefined): Step {
  if (log === undefined) return { kind: 'begin', reason: 'log lost' }
  if (lastOf(log) < known) return { kind: 'begin', reason: 'log went back' }
  return log.base > known ? { kind: 'gap', reason: 'orders lost' } : { kind: 'apply' }
}
