/** The one number that caching fields carry (RFC 9111 §1.2.2): a whole number of seconds, digits only. */

/** What larger numbers are taken for, as RFC 9111 §1.2.2 wants it: 2^31 seconds, some 68 years. */
export const MAX_DELTA_SECONDS = 2 ** 31

const ZERO = 0x30
const NINE = 0x39

/** Seconds, at most MAX_DELTA_SECONDS; -1 for anything but one or more digits (a sign, a point, a quote, nothing). */
export function parseDeltaSeconds(text: string): number {
  return parseDigits(text, MAX_DELTA_SECONDS)
}

/** A number of one or more digits, `max` when it is larger; -1 for anything else. `max` is a safe integer over 10. */
export function parseDigits(text: string, max: number): number {
  if (text.length === 0) return -1
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i)
    if (byte < ZERO || byte > NINE) return -1
    // Compared before it grows, so that no step leaves the safe integers.
    value = value > (max - 9) / 10 ? Math.min(max, value * 10 + (byte - ZERO)) : value * 10 + (byte - ZERO)
  }
  return value
}
