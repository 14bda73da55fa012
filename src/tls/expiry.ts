/** When certificates end, and from when on somebody should be told. */

/** Certificates of 90 days are renewed when a third of that is left; who has not by then has a problem. */
export const EXPIRY_WARNING_MS = 30 * 86_400_000

export type Expiry = 'valid' | 'soon' | 'expired'

export function expiryOf(notAfterMs: number, nowMs: number): Expiry {
  if (notAfterMs <= nowMs) return 'expired'
  return notAfterMs - nowMs <= EXPIRY_WARNING_MS ? 'soon' : 'valid'
}
