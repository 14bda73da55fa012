/** What becomes of an origin's answer to a fetch: the rules of storing over what this hop makes of its head. */
import type { ResponseTimes } from '../cache/policy/age.ts'
import { revalidationConditions } from '../cache/policy/conditional.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import type { StoredMeta } from '../cache/policy/meta.ts'
import {
  copyPart,
  type Joint,
  joinParts,
  markPart,
  partOf,
  sharesStrongValidator,
  storedPart,
} from '../cache/policy/partial.ts'
import { decideStore, type StoreDecision } from '../cache/policy/store.ts'
import { isHeadUpdateFor, isUpdateFor, mergeFields } from '../cache/policy/update.ts'
import type { ContentRange } from '../http/range.ts'
import type { ResponseHead } from '../http/response-head.ts'
import type { RequestFacts, ResponseFacts } from '../plan/facts.ts'
import { removeField } from './header-edits.ts'
import type { RequestView } from './request-context.ts'
import { judgedFields, storableFields } from './response-out.ts'
import type { PlannedCache, RouteCache } from './route-runtime.ts'

/** What of a route's cache decides on storing. */
export type StoringRules = Pick<RouteCache<PlannedCache>, 'settings' | 'isNoStore'>

/** Who asked, by which rules, and when. */
export interface Judgement {
  readonly view: RequestView
  /** The request as the origin sees it. */
  readonly sent: RequestFacts
  readonly cache: StoringRules
  readonly times: ResponseTimes
  /** From 0 up to 1: see `Answered`. */
  readonly random: number
}

/** `fields`: what is stored if anything is, as a flat list, before `withheldFields` are left out. */
export interface Judged {
  readonly decision: StoreDecision
  readonly fields: readonly string[]
}

/** What is known of a stored response: its numbers, its fields as a flat list, the length of its body. */
export interface StoredResponse {
  readonly meta: StoredMeta
  readonly fields: readonly string[]
  readonly bodyBytes: number
}

/** Of a response that is no update of something stored. */
export function judgeResponse(head: ResponseHead, judgement: Judgement): Judged {
  const { view } = judgement
  const fields = storableFields(head, view)
  const facts = new FlatFacts(head.status, withReceived(judgedFields(fields, view.route), head))
  return { fields, decision: decide(facts, judgement) }
}

/** A part that may be stored, and how it is joined with the stored one; `joint` undefined: it is not. */
export interface JudgedPart extends Judged {
  /** The bytes that come. */
  readonly part: ContentRange
  /** Those that will be stored. */
  readonly union: ContentRange
  readonly joint: Joint | undefined
}

/**
 * Of a 206, as the part of a 200 that it is. `stored`: a part of the same resource. undefined: it is no part that can be
 * stored.
 */
export function judgePart(
  head: ResponseHead,
  stored: StoredResponse | undefined,
  judgement: Judgement,
): JudgedPart | undefined {
  const { view, times } = judgement
  const coming = storableFields(head, view)
  const facts = new FlatFacts(206, withReceived(coming, head))
  const part = partOf(facts)
  if (part === undefined) return undefined
  const joint = stored && jointOf(stored, facts, part)
  // RFC 9110 §15.3.7: an answer to If-Range need not say what the representation is (its type, its coding), since who asks
  // so has the fields already. Those who asked nothing of the kind have not.
  if (joint === undefined && judgement.sent.header('if-range') !== undefined) return undefined
  // RFC 9111 §3.4: the fields of the newest response replace the others.
  const fields = joint === undefined ? coming : mergeFields(stored!.fields, coming, times.responseMs)
  removeField(fields, 'content-range')
  const union = joint?.union ?? part
  const judged = [...judgedFields(fields, view.route), 'Content-Length', String(union.end - union.first)]
  const age = head.valueOf('age')
  if (age !== undefined) judged.push('Age', age)
  const decision = decide(new FlatFacts(200, judged), judgement)
  markPart(decision.meta, union)
  return { decision, fields, part, union, joint }
}

function jointOf(stored: StoredResponse, coming: ResponseFacts, part: ContentRange): Joint | undefined {
  const { meta, fields, bodyBytes } = stored
  if (!sharesStrongValidator(new FlatFacts(206, fields), meta, coming)) return undefined
  const joint = joinParts(storedPart(meta, bodyBytes), part)
  return joint === undefined || (joint.before === 0 && joint.after === -1) ? undefined : joint
}

/** Of a 304 (RFC 9111 §4.3.4): the stored response brought up to date; undefined: the 304 is not about it. */
export function judgeUpdate(head: ResponseHead, stored: StoredResponse, judgement: Judgement): Judged | undefined {
  const update = storableFields(head, judgement.view)
  const isAboutIt = isUpdateFor(new FlatFacts(stored.meta.status, stored.fields), new FlatFacts(304, update))
  return isAboutIt ? merge(head, stored, update, judgement) : undefined
}

/**
 * Of the answer to a HEAD (RFC 9111 §4.3.5), likewise; undefined: what is stored is to be taken for stale. `judgement.sent`
 * is the request as a GET.
 */
export function judgeHeadAnswer(head: ResponseHead, stored: StoredResponse, judgement: Judgement): Judged | undefined {
  const { meta } = stored
  const status = wholeStatus(meta)
  const update = storableFields(head, judgement.view)
  const bodyBytes = meta.status === 206 ? meta.partTotal : stored.bodyBytes
  const shape = { status, bodyBytes, fields: new FlatFacts(status, stored.fields) }
  const isAboutIt = isHeadUpdateFor(shape, new FlatFacts(head.status, update), head.contentLength)
  return isAboutIt ? merge(head, stored, update, judgement) : undefined
}

/** RFC 9111 §3.2: the stored response with the fields of `update`, which are those of `head`, and what becomes of it. */
function merge(head: ResponseHead, stored: StoredResponse, update: readonly string[], judgement: Judgement): Judged {
  const fields = mergeFields(stored.fields, update, judgement.times.responseMs)
  const age = head.valueOf('age')
  const judged = judgedFields(fields, judgement.view.route)
  const received = ['Content-Length', String(stored.bodyBytes), ...(age === undefined ? [] : ['Age', age])]
  const decision = decide(new FlatFacts(wholeStatus(stored.meta), [...judged, ...received]), judgement)
  copyPart(decision.meta, stored.meta)
  return { fields, decision }
}

/** A part is judged as the 200 it is a part of. */
function wholeStatus({ status }: StoredMeta): number {
  return status === 206 ? 200 : status
}

function decide(response: ResponseFacts, { view, sent, cache, times, random }: Judgement): StoreDecision {
  const noStoreHolds = cache.isNoStore(view.facts, response)
  return decideStore({ request: sent, response, times, random, noStoreHolds }, cache.settings)
}

/** The fields as they are to be stored, and those that only the decision looks at. */
function withReceived(fields: readonly string[], head: ResponseHead): string[] {
  const list = [...fields]
  for (const name of ['age', 'content-length']) {
    const value = head.valueOf(name)
    if (value !== undefined) list.push(name, value)
  }
  return list
}

/** The conditions that ask whether a stored response is still the answer (RFC 9111 §4.3.1), as lines; empty: none. */
export function validatorLines({ facts, meta }: { readonly facts: ResponseFacts; readonly meta: StoredMeta }): string {
  const { ifNoneMatch, ifModifiedSince } = revalidationConditions(facts, meta)
  const etag = ifNoneMatch === undefined ? '' : `If-None-Match: ${ifNoneMatch}\r\n`
  return ifModifiedSince === undefined ? etag : `${etag}If-Modified-Since: ${ifModifiedSince}\r\n`
}
