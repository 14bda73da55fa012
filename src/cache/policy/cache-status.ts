/**
 * The text of Cache-Status (RFC 9211): what this cache did, as a structured-field item with parameters. Every member
 * here is a token or an integer, so nothing needs quoting: `Shellac; fwd=miss; fwd-status=200; stored; detail=expired`.
 */

import type { Reason } from '../../log/reasons.ts'

/** Why the request went on (RFC 9211 §2.2). */
export type Forward = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial'

/** The largest integer of a structured field (RFC 8941 §3.3.1). */
const MAX_INTEGER = 999_999_999_999_999

/** Served from the cache; negative when it was stale (RFC 9211 §2.4). `reason`: `none`, or why it was stale. */
export function hitStatus(remainingMs: number, reason: Reason): string {
  const ttl = `Shellac; hit; ttl=${integer(Math.floor(remainingMs / 1000))}`
  return reason === 'none' ? ttl : `${ttl}; detail=${reason}`
}

export interface ForwardOutcome {
  readonly forward: Forward
  /** Status of the origin's answer; 0 when there was none. */
  readonly status: number
  readonly stored: boolean
  /** Answered by a request that another client had started (RFC 9211 §2.6). */
  readonly collapsed: boolean
  /** `none` when there is nothing to explain. */
  readonly reason: Reason
}

/** Went to the origin. */
export function forwardStatus(outcome: ForwardOutcome): string {
  let text = `Shellac; fwd=${outcome.forward}`
  if (outcome.status !== 0) text += `; fwd-status=${integer(outcome.status)}`
  if (outcome.stored) text += '; stored'
  if (outcome.collapsed) text += '; collapsed'
  if (outcome.reason !== 'none') text += `; detail=${outcome.reason}`
  return text
}

/** Neither hit nor forwarded: an answer of Shellac's own, such as the 504 of only-if-cached (RFC 9211 §2.1 and §2.2). */
export function localStatus(reason: Reason): string {
  return reason === 'none' ? 'Shellac' : `Shellac; detail=${reason}`
}

/** The `fwd` that goes with the reason a request was not answered from the cache. */
export function forwardOf(reason: Reason): Forward {
  switch (reason) {
    case 'method':
      return 'method'
    case 'expired':
    case 'response-no-cache':
    case 'purged':
    case 'invalidated':
      return 'stale'
    case 'vary-mismatch':
      return 'vary-miss'
    case 'absent':
      return 'uri-miss'
    case 'request-no-cache':
    case 'request-no-store':
    case 'only-if-cached':
      return 'request'
    case 'no-cache-configured':
    case 'bypass':
    case 'request-body':
    case 'range':
    case 'upgrade':
      return 'bypass'
    default:
      return 'miss'
  }
}

function integer(value: number): number {
  return Math.max(-MAX_INTEGER, Math.min(MAX_INTEGER, Math.trunc(value)))
}
