/** What a Fetch tells the request that it was made for, and the one that reads along. */

import type { RequestDirectives } from '../cache/policy/cache-control.ts'
import type { StoredMeta } from '../cache/policy/meta.ts'
import type { FillReader } from '../cache/tiers/fill-reader.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import type { ContentRange } from '../http/range.ts'
import type { ResponseHead } from '../http/response-head.ts'
import type { Reason } from '../log/reasons.ts'
import type { OriginErrorCode } from '../net/origin-error.ts'
import type { FetchPlan } from './fetch-plan.ts'
import type { Found } from './find-stored.ts'
import type { OriginRequest } from './origin-request.ts'
import type { RequestContext } from './request-context.ts'
import type { RouteCache } from './route-runtime.ts'

/** `found`: what `findStored` says now; read during the call only, as `plan` is made of it. */
export interface FetchRequest {
  readonly context: RequestContext
  readonly cache: RouteCache
  readonly found: Found
  readonly plan: FetchPlan
  readonly directives: RequestDirectives | undefined
  readonly owner: FetchOwner | undefined
  /** The pool may be asked, but not the origin. */
  readonly isPoolOnly: boolean
}

/** A response that is being stored, for the one that fetched it. */
export interface Fill {
  readonly reader: FillReader
  /** Fields for this client alone, which are not stored: flat names and values. */
  readonly withheld: readonly string[]
  /** The origin's, which is another than that of what is stored where parts are joined. */
  readonly status: number
  /** What the origin sent, where that is a part. */
  readonly part: ContentRange | undefined
}

/** How a fill goes on. */
export interface FillListener {
  /** More of the stored response can be read, or it is complete or broken off. */
  onFillProgress(): void
  /**
   * The rest of the response does not fit the store, for `reason`: `rest` comes behind what was written, then the origin
   * goes on.
   */
  onOverflow(origin: OriginRequest, rest: Buffer, reason: Reason): void
  /** No response came, or, of one that is being stored, not all of it: the reader says how much there is. */
  onFailed(origin: OriginRequest, code: OriginErrorCode | undefined): void
}

/** The request a fetch was made for. One of the last seven is called, or `onFailed`, which may also follow `onFill`. */
export interface FetchOwner extends FillListener {
  onInterim(head: ResponseHead): void
  /** The response is being stored. */
  onFill(fill: Fill): void
  /** The response cannot be stored, for `reason`: it is the owner's alone. `head` is valid during the call. */
  onDeclined(origin: OriginRequest, head: ResponseHead, reason: Reason): void
  /**
   * The origin confirmed the stored object: its body is the answer, with the updated `meta` and `fields`. It is pinned,
   * and the pin is the owner's. `stored`: others may have the update too.
   */
  onConfirmed(object: StoredObject, meta: StoredMeta, fields: readonly string[], stored: boolean): void
  /** What is stored turned out not to be what the origin talks of, or has come from the pool: look again. */
  onGone(): void
  /** Another node has just seen that answers cannot be shared, for `reason`. */
  onRefused(reason: Reason): void
  /** Only the pool was to be asked, and it has nothing. */
  onNotInPool(): void
  /** A fault of ours, which has been logged: nothing will come. */
  onFault(): void
}
