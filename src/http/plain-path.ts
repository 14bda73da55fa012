/**
 * One path under many spellings, and what rules do about it.
 *
 * Origins read `/%61dmin` and `//admin` as `/admin`, and `/img/../admin` too. Rules that looked at the bytes alone could
 * be walked around. So rules (routes, matchers, ttl) see the plain spelling; the cache key and the origin get the path as
 * it came, both of them, so that no spelling can put its answer under the key of another (or both get the common spelling,
 * where the operator asks for one: `cache/key-path.ts`). Dot segments are refused:
 * every client resolves them before it sends (RFC 3986 §5.2.4), and servers disagree about them.
 *
 * `%2F` stays what it is, data within a segment, as RFC 3986 §2.2 has it; the threat model says what follows from that.
 */
import { byteClass, HEX, HOST } from './tokens.ts'

const PERCENT = 0x25
const SLASH = 0x2f

/**
 * `path` with encoded unreserved characters decoded (RFC 3986 §6.2.2.2: the same URI) and runs of slashes made one.
 * Returns `path` itself when it is plain, which nearly all are.
 */
export function plainPath(path: string): string {
  if (path.indexOf('%') === -1 && path.indexOf('//') === -1) return path
  let plain = ''
  let from = 0
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code === SLASH && path.charCodeAt(i + 1) === SLASH) {
      plain += path.slice(from, i)
      from = i + 1
    } else if (code === PERCENT) {
      const byte = encodedByte(path, i)
      // The class of a host name is that of the unreserved characters.
      if (byte === -1 || (byteClass[byte]! & HOST) === 0) continue
      plain += path.slice(from, i) + String.fromCharCode(byte)
      i += 2
      from = i + 1
    }
  }
  return plain + path.slice(from)
}

/**
 * True when a segment is "." or "..", whatever of it is percent-encoded, slashes and backslashes too; and when it is one
 * of these with a parameter, which some servers cut off first ("/..;x/").
 */
export function hasDotSegment(path: string): boolean {
  if (path.indexOf('/.') === -1 && path.indexOf('%') === -1) return false
  const decoded = path.replaceAll(/%2e/gi, '.').replaceAll(/%2f|%5c/gi, '/')
  return /\/\.\.?(?:[/;]|$)/.test(decoded)
}

/** The byte that `%XX` at `at` stands for; -1 when it is no such triplet. */
function encodedByte(path: string, at: number): number {
  const high = path.charCodeAt(at + 1)
  const low = path.charCodeAt(at + 2)
  if (at + 2 >= path.length || (byteClass[high]! & byteClass[low]! & HEX) === 0) return -1
  return (hexValue(high) << 4) | hexValue(low)
}

/** Value of a character of class HEX. */
function hexValue(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57
}
