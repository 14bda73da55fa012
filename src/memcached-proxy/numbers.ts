/** Decimal numbers in request lines, checked where they stand; the values themselves are the servers' business. */

const ZERO = 0x30
const NINE = 0x39
const MINUS = 0x2d
/** An int64 holds any number of so many digits. */
const MAX_EXPTIME_DIGITS = 18
const MAX_UINT64 = '18446744073709551615'
/** Leading zeros are allowed, but a line of them is not sent on. */
const MAX_NUMBER_BYTES = 64

export interface ParsedNumber {
  /** Exact up to 15 digits. */
  value: number
  /** Without leading zeros; 0 for zero itself. */
  digits: number
}

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

export function isDigits(bytes: Uint8Array, start: number, end: number): boolean {
  if (start >= end) return false
  for (let i = start; i < end; i++) if (!isDigit(bytes[i]!)) return false
  return true
}

/** Reads an unsigned number into `into`; false when it is none. */
export function uintOf(bytes: Uint8Array, start: number, end: number, into: ParsedNumber): boolean {
  if (start >= end || end - start > MAX_NUMBER_BYTES) return false
  let value = 0
  let digits = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - ZERO
    if (digit < 0 || digit > 9) return false
    if (digit !== 0 || digits !== 0) digits++
    value = value * 10 + digit
  }
  into.value = value
  into.digits = digits
  return true
}

/** Decimal, perhaps with a minus sign. */
export function isExptime(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === MINUS ? start + 1 : start
  return end - first <= MAX_EXPTIME_DIGITS && isDigits(bytes, first, end)
}

/** Compared as text: it may be more than a JavaScript number holds exactly. */
export function isUint64(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > MAX_NUMBER_BYTES || !isDigits(bytes, start, end)) return false
  let first = start
  while (first < end - 1 && bytes[first] === ZERO) first++
  const digits = end - first
  if (digits !== MAX_UINT64.length) return digits < MAX_UINT64.length
  return bytes.toString('latin1', first, end) <= MAX_UINT64
}
