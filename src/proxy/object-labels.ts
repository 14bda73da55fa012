/** What a response can be purged by, as it is stored with it. */
import { valuesOf } from '../cache/policy/flat-facts.ts'
import { encodeLabels, UNKNOWN_TAGS } from '../cache/purge/labels.ts'
import { responseTags } from '../cache/purge/tags.ts'
import { C } from '../log/counters.ts'
import type { RequestContext } from './request-context.ts'
import type { RouteCache } from './route-runtime.ts'

/** `key`: under which it lies; `fields`: as they are stored, before edits, as a flat list. */
export function labelsFor(key: string, fields: readonly string[], cache: RouteCache, context: RequestContext): Buffer {
  const tags = responseTags(cache.settings.tags, (name) => valuesOf(fields, name))
  if (tags.at(-1) === UNKNOWN_TAGS) context.worker.counters.add(C.tagsCut, 1)
  return encodeLabels(key, { url: cache.urlTextOf(context.facts), tags })
}
