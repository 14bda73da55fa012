/** Sending a stored response: to a hit within its turn of the event loop, or to a request that waited. */

import { isNotModified, notModifiedFields } from '../cache/policy/conditional.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { F } from '../http/fields.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { Reason } from '../log/reasons.ts'
import type { RequestFacts } from '../plan/facts.ts'
import { clock } from '../util/clock.ts'
import { connectionLine } from './answer.ts'
import type { ClientConnection } from './client-connection.ts'
import { fieldLines } from './facts.ts'
import { type CacheWord, finish, Outcome } from './finish.ts'
import { RequestContext } from './request-context.ts'
import type { RouteRuntime } from './route-runtime.ts'
import type { Stored } from './stored.ts'

const outcome = new Outcome()

/** What is delivered and to whom. `object` is pinned; the pin passes to the connection. */
export interface Delivery {
  readonly connection: ClientConnection
  readonly head: RequestHead
  readonly facts: RequestFacts
  readonly route: RouteRuntime
  readonly tier: MemoryTier
}

/** A fresh hit: the hot path. Allocates two short strings and a view. */
export function deliverFresh(delivery: Delivery, object: StoredObject, stored: Stored): void {
  const { connection, head, route } = delivery
  if (
    route.deliveryEdits.isEmpty &&
    head.method === 'GET' &&
    !isConditional(head) &&
    object.headAndBody !== undefined
  ) {
    const prefix = stored.freshPrefix(clock.nowMs) + connectionLine(connection)
    connection.worker.output.writeHeadAndBody(connection.socket, prefix, object.headAndBody)
    end(delivery, object, prefix.length + object.headAndBody.length, stored.meta.status, 'hit', 'none')
    return
  }
  deliverStored(delivery, object, stored, stored.freshPrefix(clock.nowMs), 'hit', 'none')
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
  const { connection, head, route } = delivery
  const { output } = connection.worker
  const tail = connectionLine(connection)
  if (isConditional(head) && isNotModified(conditionsOf(head), stored.etag, stored.meta, clock.nowMs)) {
    const fields = edited(delivery, notModifiedFields(stored.fields), 304, word)
    const text = `HTTP/1.1 304 Not Modified\r\n${behindLength(prefix)}${tail}${fieldLines(fields)}\r\n`
    output.writeText(connection.socket, text)
    end(delivery, object, text.length, 304, word, reason)
    return
  }
  const bodyBytes = head.method === 'HEAD' ? 0 : object.bodyBytes
  const pieces = head.method === 'HEAD' ? [] : object.body
  if (route.deliveryEdits.isEmpty) {
    output.writeHeadAndPieces(connection.socket, prefix + tail, [object.head, ...pieces])
    end(
      delivery,
      object,
      prefix.length + tail.length + object.head.length + bodyBytes,
      stored.meta.status,
      word,
      reason,
    )
    return
  }
  const fields = edited(delivery, [...stored.fields], stored.meta.status, word)
  const text = `${prefix}${tail}${fieldLines(fields)}\r\n`
  output.writeHeadAndPieces(connection.socket, text, pieces)
  end(delivery, object, text.length + bodyBytes, stored.meta.status, word, reason)
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

/** Runs the route's delivery edits on `fields`, in place. */
function edited(delivery: Delivery, fields: string[], status: number, word: CacheWord): string[] {
  const { route, facts } = delivery
  if (route.deliveryEdits.isEmpty) return fields
  const context = new RequestContext(delivery.connection, delivery.head, route)
  context.cacheWord = word
  route.deliveryEdits.apply(fields, context, facts, new FlatFacts(status, fields))
  return fields
}

/** A 304 carries Age and Cache-Status, which the prefix ends with, but no length. */
function behindLength(prefix: string): string {
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
  outcome.status = status
  outcome.bytes = bytes
  outcome.word = word
  outcome.reason = reason
  finish(delivery.connection, delivery.head, delivery.route, outcome)
  delivery.connection.endAnswerFrom(delivery.tier, object)
}
