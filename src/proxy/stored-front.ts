/** What is stored of a response beside its body. */
import { valuesOf } from '../cache/policy/flat-facts.ts'
import { encodeLabels, UNKNOWN_TAGS } from '../cache/purge/labels.ts'
import { responseTags } from '../cache/purge/tags.ts'
import { C } from '../log/counters.ts'
import type { Judged } from './judge-response.ts'
import type { RequestContext } from './request-context.ts'
import { storedHeadBytes } from './response-out.ts'
import type { RouteCache } from './route-runtime.ts'
import { responseCells } from './stored.ts'

export interface StoredFront {
  /** Its numbers. */
  readonly meta: Float64Array
  readonly head: Buffer
  /** What it can be purged by. */
  readonly labels: Buffer
}

/** `key`: under which it lies; `purgeNumber`: of the last purge when its fetch began. */
export function frontOf(
  key: string,
  { decision, fields }: Judged,
  cache: RouteCache,
  context: RequestContext,
  purgeNumber: number,
): StoredFront {
  return {
    meta: responseCells(decision.meta, purgeNumber),
    head: storedHeadBytes(fields, decision.withheldFields),
    labels: labelsOf(key, fields, cache, context),
  }
}

/** `fields`: as they are stored, before edits, as a flat list. */
function labelsOf(key: string, fields: readonly string[], cache: RouteCache, context: RequestContext): Buffer {
  const tags = responseTags(cache.settings.tags, (name) => valuesOf(fields, name))
  if (tags.at(-1) === UNKNOWN_TAGS) context.worker.counters.add(C.tagsCut, 1)
  return encodeLabels(key, { url: cache.urlTextOf(context.facts), tags })
}
