/**
 * The authority of a request: Host and the absolute-form target (RFC 9110 §7.2, RFC 3986 §3.2).
 *
 * Narrower than RFC 3986 on purpose: a name is letters, digits, "-", ".", "_" and "~". Percent-encoding and sub-delims
 * (the comma among them) are legal there but mean something different to every server, and no registered name has them.
 */
import { byteClass, COLON, DIGIT, DOT, HEX, HOST } from './tokens.ts'

const LEFT_BRACKET = 0x5b
const MAX_PORT = 65535
const MAX_PORT_DIGITS = 5
const IPV6_GROUPS = 8

/**
 * Checks `text` from `start` up to `end` as `host [":" port]`, and returns where the host ends (exclusive, in `text`), or
 * -1. The host is a name, an IPv4 address or a bracketed IPv6 address, and not empty; the port may be empty.
 */
export function checkAuthority(text: string, start: number, end: number): number {
  if (start === end) return -1
  const hostEnd = text.charCodeAt(start) === LEFT_BRACKET ? addressEnd(text, start, end) : nameEnd(text, start, end)
  if (hostEnd === -1 || hostEnd === end) return hostEnd
  return text.charCodeAt(hostEnd) === COLON && isPort(text, hostEnd + 1, end) ? hostEnd : -1
}

/** End of a registered name; -1 when it is empty or has an empty label other than the root behind a last dot. */
function nameEnd(text: string, start: number, end: number): number {
  let p = start
  let previous = DOT
  while (p < end) {
    const code = text.charCodeAt(p)
    if ((byteClass[code]! & HOST) === 0) break
    if (code === DOT && previous === DOT) return -1
    previous = code
    p++
  }
  return p === start ? -1 : p
}

function isPort(text: string, start: number, end: number): boolean {
  if (end - start > MAX_PORT_DIGITS) return false
  let port = 0
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    if ((byteClass[code]! & DIGIT) === 0) return false
    port = port * 10 + (code - 0x30)
  }
  return port <= MAX_PORT
}

/** Index behind the "]" of an IPv6 address in brackets, or -1. Zones and IPvFuture are refused. */
function addressEnd(text: string, start: number, end: number): number {
  const bracket = text.indexOf(']', start)
  if (bracket === -1 || bracket >= end) return -1
  return isIPv6(text, start + 1, bracket) ? bracket + 1 : -1
}

/**
 * RFC 4291 §2.2: eight groups of one to four hex digits; "::" once, for one or more groups of zeros; the last two groups
 * may be an IPv4 address.
 */
function isIPv6(text: string, start: number, end: number): boolean {
  let groups = 0
  let compressed = false
  let p = start
  if (text.charCodeAt(p) === COLON) {
    if (p + 1 >= end || text.charCodeAt(p + 1) !== COLON) return false
    compressed = true
    p += 2
  }
  while (p < end) {
    const groupEnd = hexEnd(text, p, end)
    if (groupEnd < end && text.charCodeAt(groupEnd) === DOT) {
      if (!isIPv4(text, p, end)) return false
      groups += 2
      p = end
      break
    }
    if (groupEnd === p || groupEnd - p > 4) return false
    groups++
    p = groupEnd
    if (p === end) break
    if (text.charCodeAt(p) !== COLON || ++p === end) return false
    if (text.charCodeAt(p) === COLON) {
      if (compressed) return false
      compressed = true
      p++
    }
  }
  return compressed ? groups < IPV6_GROUPS : groups === IPV6_GROUPS
}

function hexEnd(text: string, p: number, end: number): number {
  while (p < end && (byteClass[text.charCodeAt(p)]! & HEX) !== 0) p++
  return p
}

/** Four decimal numbers up to 255 without leading zeros, up to `end`. */
function isIPv4(text: string, start: number, end: number): boolean {
  let p = start
  for (let part = 0; part < 4; part++) {
    if (part > 0 && text.charCodeAt(p++) !== DOT) return false
    const first = p
    let number = 0
    while (p < end && p - first < 3 && (byteClass[text.charCodeAt(p)]! & DIGIT) !== 0) {
      number = number * 10 + (text.charCodeAt(p++) - 0x30)
    }
    if (p === first || number > 255 || (p - first > 1 && text.charCodeAt(first) === 0x30)) return false
  }
  return p === end
}
