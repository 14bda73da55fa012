/** Sending a stored response: to a hit within its turn of the event loop, or to a request that waited. */

import { isNotModified, notModifiedFields } from '../cache/policy/conditional.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import type { StoredMeta } from '../cache/policy/meta.ts'
import { selectBytes } from '../cache/policy/partial.ts'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { F } from '../http/fields.ts'
import type { RequestHead } from '../http/request-head.ts'
import { reasonPhrase } from '../http/status.ts'
import type { Reason } from '../log/reasons.ts'
import type { RequestFacts } from '../plan/facts.ts'
import { assert } from '../util/assert.ts'
import { clock } from '../util/clock.ts'
import { connectionLine } from './answer.ts'
import type { Client } from './client.ts'
import { fieldLines } from './facts.ts'
import { type CacheWord, finish, Outcome } from './finish.ts'
import { piecesOf, type RangeAnswer, rangeAnswer } from './ranges.ts'
import { RequestContext } from './request-context.ts'
import type { RouteRuntime } from './route-runtime.ts'
import type { Stored } from './stored.ts'

const outcome = new Outcome()

/** What is delivered and to whom. `object` is pinned; the pin passes to the connection. */
export interface Delivery {
  readonly client: Client
  readonly head: RequestHead
  readonly facts: RequestFacts
  readonly route: RouteRuntime
  readonly tier: MemoryTier
}

/** A fresh hit: the hot path. Allocates two short strings and a view. */
export function deliverFresh(delivery: Delivery, object: StoredObject, stored: Stored): void {
  const { client, head, route } = delivery
  const { responseEdits } = route
  if (head.method === 'GET' && isPlain(head)) {
    const prefix = stored.freshPrefix(clock.nowMs, route) + connectionLine(client)
    if (responseEdits.isEmpty) {
      client.writeStored(prefix, object, true)
      end(delivery, object, prefix.length + object.head.length + object.bodyBytes, stored.meta.status, 'hit', 'none')
      return
    }
    if (responseEdits.isConstant) {
      const lines = stored.editedLines(route, client.isSecure)
      client.writeEdited(prefix, lines, object)
      const bytes = prefix.length + lines.length + object.bodyBytes
      end(delivery, object, bytes, stored.meta.status, 'hit', 'none')
      return
    }
  }
  deliverStored(delivery, object, stored, stored.freshPrefix(clock.nowMs, route), 'hit', 'none')
}

/** Any stored response. `prefix` is one of Stored's: start line to Cache-Status. */
export function deliverStored(
  delivery: Delivery,
  object: StoredObject,
  stored: Stored,
  prefix: string,
  word: CacheWord,
  reason: Reason,
): void {
  const { client, head, route } = delivery
  if (!isPlain(head) || !route.responseEdits.isEmpty) {
    const { meta, fields, etag } = stored
    deliverAs(delivery, { object, meta, fields, etag, prefix, word, reason })
    return
  }
  const text = prefix + connectionLine(client)
  const bodyBytes = head.method === 'HEAD' ? 0 : object.bodyBytes
  client.writeStored(text, object, head.method !== 'HEAD')
  end(delivery, object, text.length + object.head.length + bodyBytes, stored.meta.status, word, reason)
}

/** A stored body under fields that are not, or not only, the stored ones. */
export interface Rendering {
  /** Its body is sent. */
  readonly object: StoredObject
  readonly meta: StoredMeta
  /** Flat names and values, before the edits of each delivery. */
  readonly fields: readonly string[]
  /** That of `fields`. */
  readonly etag: string | undefined
  /** Start line to Cache-Status, as `responsePrefix` makes it. */
  readonly prefix: string
  readonly word: CacheWord
  readonly reason: Reason
}

/**
 * Sends a rendering: a 304 where the client's conditions ask for it, else the ranges it asks for (RFC 9110 §13.2.2), else
 * the whole. The stored bytes must cover the request.
 */
export function deliverAs(delivery: Delivery, rendering: Rendering): void {
  const { client, head } = delivery
  const { object, meta, fields, etag, prefix, word, reason } = rendering
  const tail = connectionLine(client)
  if (isConditional(head) && isNotModified(conditionsOf(head), etag, meta, clock.nowMs)) {
    const kept = editedFor(delivery, notModifiedFields(fields), 304, word)
    const text = `HTTP/1.1 304 Not Modified\r\n${behindLength(prefix)}${tail}${fieldLines(kept)}\r\n`
    client.writeText(text)
    end(delivery, object, text.length, 304, word, reason)
    return
  }
  const selection = selectBytes(delivery.facts, meta, etag, object.bodyBytes)
  assert(selection.kind !== 'missing', 'a stored part is no answer to a request for more')
  const answer = rangeAnswer(selection, meta, fields)
  if (answer !== undefined) {
    sendRanges(delivery, rendering, answer)
    return
  }
  const text = `${prefix}${tail}${fieldLines(editedFor(delivery, [...fields], meta.status, word))}\r\n`
  const bodyBytes = head.method === 'HEAD' ? 0 : object.bodyBytes
  client.writeHeadAndPieces(text, head.method === 'HEAD' ? [] : object.body)
  end(delivery, object, text.length + bodyBytes, meta.status, word, reason)
}

function sendRanges(delivery: Delivery, rendering: Rendering, answer: RangeAnswer): void {
  const { client } = delivery
  const { object, prefix, word, reason } = rendering
  const { status, contentLength } = answer
  const start = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\nContent-Length: ${contentLength}\r\n`
  const lines = fieldLines(editedFor(delivery, answer.fields, status, word))
  const text = `${start}${behindLength(prefix)}${connectionLine(client)}${lines}\r\n`
  client.writeHeadAndPieces(text, piecesOf(answer, object.body))
  end(delivery, object, text.length + contentLength, status, word, reason)
}

/** Neither a condition nor a range: what is stored goes out as it is. */
function isPlain(head: RequestHead): boolean {
  return !isConditional(head) && !head.has(F.range)
}

export function isConditional(head: RequestHead): boolean {
  return head.has(F.ifNoneMatch) || head.has(F.ifModifiedSince)
}

export function conditionsOf(head: RequestHead): {
  ifNoneMatch: string | undefined
  ifModifiedSince: string | undefined
} {
  return { ifNoneMatch: head.value(F.ifNoneMatch), ifModifiedSince: head.value(F.ifModifiedSince) }
}

/** Runs the route's response edits on `fields`, in place. */
function editedFor(delivery: Delivery, fields: string[], status: number, word: CacheWord): string[] {
  const { client, head, route } = delivery
  if (route.responseEdits.isEmpty) return fields
  return edited(new RequestContext(client, head, route), fields, status, word)
}

/** The same for a request that has waited. */
export function edited(context: RequestContext, fields: string[], status: number, word: CacheWord): string[] {
  const { route, facts } = context
  context.cacheWord = word
  route.responseEdits.apply(fields, context, facts, new FlatFacts(status, fields))
  return fields
}

/** What a prefix ends with: Age and Cache-Status, without start line and length. */
export function behindLength(prefix: string): string {
  return prefix.slice(prefix.indexOf('\r\nAge: ') + 2)
}

function end(
  delivery: Delivery,
  object: StoredObject,
  bytes: number,
  status: number,
  word: CacheWord,
  reason: Reason,
): void {
  object.countHit()
  outcome.status = status
  outcome.bytes = bytes
  outcome.word = word
  outcome.reason = reason
  finish(delivery.client, delivery.head, delivery.route, outcome)
  delivery.client.endAnswerFrom(delivery.tier, object)
}
