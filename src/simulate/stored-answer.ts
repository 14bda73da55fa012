/** The answer that a stored response gives: itself, a part of it, or that it has not changed. */
import { isNotModified, notModifiedFields } from '../cache/policy/conditional.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { ageSeconds, type StoredMeta } from '../cache/policy/meta.ts'
import { type Selection, selectBytes } from '../cache/policy/partial.ts'
import type { ContentRange } from '../http/range.ts'
import { cacheStatusValue } from '../proxy/cache-status-line.ts'
import { conditionsOf, isConditional } from '../proxy/deliver.ts'
import { rangeAnswer } from '../proxy/ranges.ts'
import type { RouteRules } from '../proxy/route-runtime.ts'
import type { ClientResponse } from './outcome.ts'
import type { SimulatedRequest } from './simulated-request.ts'

export interface StoredAnswer {
  readonly view: SimulatedRequest
  readonly meta: StoredMeta
  /** Flat names and values, before edits. */
  readonly fields: readonly string[]
  readonly bodyBytes: number
  /** What the origin has just sent, where that is a part. */
  readonly part: ContentRange | undefined
  /** What `$cache.status` says. */
  readonly word: string
  /** One of the texts of cache/policy/cache-status.ts. */
  readonly cacheStatus: string
  /** Age is told also where it is 0. */
  readonly alwaysAged: boolean
}

export function storedAnswer(answer: StoredAnswer): ClientResponse {
  const { view, meta, word, cacheStatus, alwaysAged } = answer
  const { facts, route, nowMs } = view
  const { status, fields } = render(answer)
  view.cacheWord = word
  route.responseEdits.apply(fields, view, facts, new FlatFacts(status, fields))
  const ageSec = ageSeconds(meta, nowMs)
  const age = alwaysAged || ageSec > 0 ? ['Age', String(ageSec)] : []
  return { status, fields: [...fields, ...age, ...statusField(route, cacheStatus, view.key)] }
}

/** RFC 9110 §13.2.2: first the conditions, then the ranges. */
function render({ view, meta, fields, bodyBytes, part }: StoredAnswer): { status: number; fields: string[] } {
  const { head, facts, nowMs } = view
  const etag = new FlatFacts(meta.status, fields).header('etag')
  if (isConditional(head) && isNotModified(conditionsOf(head), etag, meta, nowMs)) {
    return { status: 304, fields: notModifiedFields(fields) }
  }
  const selection = selectBytes(facts, meta, etag, bodyBytes)
  return rangeAnswer(withPart(selection, part), meta, fields) ?? { status: meta.status, fields: [...fields] }
}

/** Of other bytes than were asked for the client gets what came. */
function withPart(selection: Selection, part: ContentRange | undefined): Selection {
  if (selection.kind !== 'missing' || part === undefined) return selection
  return { kind: 'ranges', ranges: [part], total: part.total }
}

/** Cache-Status as the route wants it; empty: not at all. */
export function statusField(route: RouteRules | undefined, text: string, key: string): readonly string[] {
  const value = cacheStatusValue(route, text, key)
  return value === '' ? [] : ['Cache-Status', value]
}
