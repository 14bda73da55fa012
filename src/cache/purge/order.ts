/** What somebody wants purged, by whatever way it came: a request method or the admin socket. */
import { UNKNOWN_TAGS } from './labels.ts'
import { MAX_PATTERN_BYTES } from './layout.ts'
import type { PurgeLog } from './purge-log.ts'

export type PurgeScope = 'url' | 'prefix' | 'glob' | 'tag' | 'all'

export interface PurgeOrder {
  readonly scope: PurgeScope
  readonly isHard: boolean
  /** As the scope wants them: URL texts (url-text.ts), patterns (url-pattern.ts) or tags; empty for `all`. */
  readonly targets: readonly string[]
}

/** Tags or URLs in one order. */
export const MAX_TARGETS = 1000

/** Why the order cannot be obeyed, or undefined. */
export function refuseOrder({ scope, targets }: PurgeOrder): string | undefined {
  if (targets.length > MAX_TARGETS) return `more than ${MAX_TARGETS} things to purge in one request`
  if (scope !== 'all' && targets.length === 0) return 'nothing to purge is named'
  const isPattern = scope === 'prefix' || scope === 'glob'
  if (isPattern && targets.some((pattern) => pattern.length > MAX_PATTERN_BYTES)) {
    return `a ${scope} has at most ${MAX_PATTERN_BYTES} letters`
  }
  return undefined
}

/** Obeys an order that `refuseOrder` does not refuse. False: the log is held by a thread that died; not all was purged. */
export function obeyOrder(log: PurgeLog, { scope, isHard, targets }: PurgeOrder): boolean {
  switch (scope) {
    case 'all':
      return log.purgeAll(isHard)
    case 'url':
      return log.purgeLabels('url', targets, isHard)
    case 'tag':
      return log.purgeLabels('tag', [...targets, UNKNOWN_TAGS], isHard)
    default:
      return targets.every((pattern) => log.purgeUrls({ kind: scope, pattern, isHard }))
  }
}
