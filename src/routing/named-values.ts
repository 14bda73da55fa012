/**
 * Values by name in a Cookie field and in a query string, found by scanning: no list of all pairs is made, so a long
 * field costs its length once and a hostile one nothing more.
 */
import type { TextTest } from './string-tests.ts'

const SPACE = 0x20
const TAB = 0x09
const QUOTE = 0x22

/**
 * Whether a cookie called `name` stands in `field` (one Cookie line, RFC 6265 §4.2.1) whose value passes
 * `test`; undefined as test: whose value may be anything. Names are compared exactly, as browsers do.
 */
export function hasCookie(field: string, name: string, test: TextTest | undefined): boolean {
  for (let at = 0; at < field.length; ) {
    const end = endOf(field, ';', at)
    const start = skipBlanks(field, at, end)
    const equal = start + name.length
    if (equal < end && field[equal] === '=' && field.startsWith(name, start)) {
      if (test === undefined || test(cookieValue(field, equal + 1, end))) return true
    }
    at = end + 1
  }
  return false
}

/** Without the blanks around it and the quotes RFC 6265 §4.1.1 allows. */
function cookieValue(field: string, from: number, to: number): string {
  let start = skipBlanks(field, from, to)
  let end = to
  while (end > start && isBlank(field.charCodeAt(end - 1))) end--
  if (end - start >= 2 && field.charCodeAt(start) === QUOTE && field.charCodeAt(end - 1) === QUOTE) {
    start++
    end--
  }
  return field.slice(start, end)
}

/**
 * Whether a parameter called `name` stands in `query` (without its "?") whose value passes `test`; undefined as test:
 * whose value may be anything. Both sides are decoded as forms are (`+` is a space), into one letter per byte.
 */
export function hasQueryValue(query: string, name: string, test: TextTest | undefined): boolean {
  for (let at = 0; at <= query.length; ) {
    const end = endOf(query, '&', at)
    const pair = query.slice(at, end)
    const equal = endOf(pair, '=', 0)
    if (pair !== '' && decodeForm(pair.slice(0, equal)) === name) {
      if (test === undefined || test(decodeForm(pair.slice(equal + 1)))) return true
    }
    at = end + 1
  }
  return false
}

/** Percent-decoding that never fails: an escape without two hexadecimal digits stands for itself. */
function decodeForm(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  let decoded = ''
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]!
    if (letter === '+') decoded += ' '
    else if (letter === '%' && i + 2 < text.length) {
      const code = hexValue(text.charCodeAt(i + 1)) * 16 + hexValue(text.charCodeAt(i + 2))
      decoded += code >= 0 ? String.fromCharCode(code) : letter
      if (code >= 0) i += 2
    } else decoded += letter
  }
  return decoded
}

/** 0 to 15; a number low enough to make any sum with it negative when `code` is no hexadecimal digit. */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1000
}

/** Where the next `mark` stands at or after `from`; the end of the text when there is none. */
function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found === -1 ? text.length : found
}

function skipBlanks(text: string, from: number, to: number): number {
  let at = from
  while (at < to && isBlank(text.charCodeAt(at))) at++
  return at
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
