/**
 * The text of Cache-Status (RFC 9211): what this cache did, as a structured-field item with parameters. Every member
 * here is a token or an integer, so nothing needs quoting: `Shellac; fwd=miss; fwd-status=200; stored; detail=expired`.
 * Only `withAddress` adds strings.
 *
 * Always true: `detail` stands last.
 */

import type { Reason } from '../../log/reasons.ts'

/** Why the request went on (RFC 9211 §2.2). */
export type Forward = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial'

/** The largest integer of a structured field (RFC 8941 §3.3.1). */
const MAX_INTEGER = 999_999_999_999_999

/**
 * Served from the cache; negative when it was stale (RFC 9211 §2.4). `reason`: `none`, why it was stale, or in which tier
 * other than memory it was (§2.8 gives such an example).
 */
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
  /** With the reason `hit-for-miss`: why the earlier response was not stored. */
  readonly refusal?: Reason
}

/** The reason as a word of its own, or two: `hit-for-miss:set-cookie`, a token in structured fields (RFC 8941 §3.3.4). */
export function detailOf(reason: Reason, refusal: Reason): string {
  return reason === 'hit-for-miss' && refusal !== 'none' ? `${reason}:${refusal}` : reason
}

/** Went to the origin. */
export function forwardStatus(outcome: ForwardOutcome): string {
  let text = `Shellac; fwd=${outcome.forward}`
  if (outcome.status !== 0) text += `; fwd-status=${integer(outcome.status)}`
  if (outcome.stored) text += '; stored'
  if (outcome.collapsed) text += '; collapsed'
  if (outcome.reason !== 'none') text += `; detail=${detailOf(outcome.reason, outcome.refusal ?? 'none')}`
  return text
}

/** Neither hit nor forwarded: an answer of Shellac's own, such as the 504 of only-if-cached (RFC 9211 §2.1 and §2.2). */
export function localStatus(reason: Reason): string {
  return reason === 'none' ? 'Shellac' : `Shellac; detail=${reason}`
}

const DETAIL = '; detail='
/** Letters of a key that are shown; a query may be as long as the head. */
const MAX_KEY_LETTERS = 256

/**
 * One of the texts above with the key (RFC 9211 §2.7; empty: none) and where the decision was taken, which joins the
 * reason in `detail` (§2.8): `Shellac; hit; ttl=9; key="http|a|/x"; detail="expired; route css @ shop.conf:56"`.
 */
export function withAddress(text: string, key: string, address: string): string {
  const at = text.lastIndexOf(DETAIL)
  const rest = at === -1 ? text : text.slice(0, at)
  const detail = at === -1 ? address : `${text.slice(at + DETAIL.length)}; ${address}`
  const shown = key.length > MAX_KEY_LETTERS ? `${key.slice(0, MAX_KEY_LETTERS)}...` : key
  return `${rest}${shown === '' ? '' : `; key=${quoted(shown)}`}${DETAIL}${quoted(detail)}`
}

/** A String of structured fields (RFC 9651 §3.3.3), which is ASCII: other letters become question marks. */
function quoted(text: string): string {
  return `"${text.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`
}

/** The `fwd` that goes with the reason a request was not answered from the cache. */
export function forwardOf(reason: Reason): Forward {
  switch (reason) {
    case 'method':
      return 'method'
    case 'expired':
    case 'response-no-cache':
    case 'purged':
      return 'stale'
    case 'vary-mismatch':
    case 'too-many-variants':
      return 'vary-miss'
    case 'absent':
    case 'pool-failed':
      return 'uri-miss'
    case 'part-missing':
      return 'partial'
    case 'request-no-cache':
    case 'request-no-store':
    case 'only-if-cached':
      return 'request'
    case 'no-cache-configured':
    case 'bypass':
    case 'request-body':
    case 'upgrade':
      return 'bypass'
    default:
      return 'miss'
  }
}

function integer(value: number): number {
  return Math.max(-MAX_INTEGER, Math.min(MAX_INTEGER, Math.trunc(value)))
}
