/**
 * `test` blocks as plain data: a request, what the cache holds, what the origin does, and what must come of it.
 *
 * They stand beside the Plan, not in it, so that no worker is sent them. Fields are flat lists of name, value.
 */
import type { Reason } from '../log/reasons.ts'
import type { Place } from './plan.ts'

export interface RequestScript {
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** `host[:port]`, lower case. */
  readonly authority: string
  /** Path and query, or `*`. */
  readonly target: string
  readonly clientAddress: string
  readonly fields: readonly string[]
}

export interface ResponseScript {
  readonly status: number
  readonly fields: readonly string[]
}

/** `reset`: the connection is accepted, and closed without an answer. */
export type OriginFailure = 'connect-error' | 'timeout' | 'reset'

export type OriginScript =
  | ({ readonly kind: 'response' } & ResponseScript)
  | { readonly kind: 'failure'; readonly failure: OriginFailure }

/** A response that is in the cache beforehand, `response`, as an answer to `request`. */
export interface StoredScript {
  readonly request: RequestScript
  readonly response: ResponseScript
  readonly ageMs: number
  /** Its lifetime, whatever its fields and the configuration say; undefined: what these say. */
  readonly ttlMs: number | undefined
  readonly place: Place
}

/** How an answer came about, as `expect cache` names it. */
export type CacheResult = 'hit' | 'stale' | 'revalidated' | 'miss' | 'bypass' | 'none'

export type ExpectedThing =
  | { readonly kind: 'route'; readonly name: string }
  /** An inclusive range. */
  | { readonly kind: 'status'; readonly status: readonly [number, number] }
  | { readonly kind: 'cache'; readonly result: CacheResult; readonly reason: Reason | undefined }
  | { readonly kind: 'store'; readonly ttlMs: number | undefined; readonly tags: readonly string[] }
  | { readonly kind: 'no-store'; readonly reason: Reason | undefined }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'backend'; readonly name: string }
  /** `value` undefined: the field is there, whatever it says. */
  | {
      readonly kind: 'header'
      readonly of: 'backend-request' | 'response'
      readonly name: string
      readonly value: string | undefined
    }
  | { readonly kind: 'no-header'; readonly of: 'backend-request' | 'response'; readonly name: string }
  | { readonly kind: 'location'; readonly url: string }

export type Expectation = ExpectedThing & { readonly place: Place }

export interface TestPlan {
  readonly name: string
  readonly request: RequestScript
  /** undefined: an empty 200. */
  readonly origin: OriginScript | undefined
  readonly stored: readonly StoredScript[]
  readonly expectations: readonly Expectation[]
  readonly place: Place
}
