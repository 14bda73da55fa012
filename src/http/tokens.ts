/**
 * Byte classes of HTTP/1.1 and the few text rules built on them (RFC 9110 §5.6, RFC 9112 §2-3).
 *
 * The classes are one table, so that the head is checked in the same loop that looks for its delimiters. Text is always
 * latin1: character n is byte n, so the table serves bytes and `charCodeAt` alike.
 */

/** `tchar`: methods, field names, list members (RFC 9110 §5.6.2). */
export const TOKEN = 1
/** What a field value may hold: HTAB, SP, VCHAR and obs-text; no CTL, no DEL (RFC 9110 §5.5). */
export const VALUE = 2
/** A request-target up to its "?": visible ASCII without "?", "#" and "\", which some servers take for a "/". */
export const PATH = 4
/** A request-target behind its "?": visible ASCII without "#" (browsers do send "\", "{" and "|" here). */
export const QUERY = 8
/** A registered name in an authority: letters, digits, "-", ".", "_", "~". No "%", no sub-delims; see authority.ts. */
export const HOST = 16
export const DIGIT = 32
export const HEX = 64

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const DQUOTE = 0x22
export const COMMA = 0x2c
export const DOT = 0x2e
export const SLASH = 0x2f
export const COLON = 0x3a
export const SEMICOLON = 0x3b
export const QUESTION_MARK = 0x3f
export const BACKSLASH = 0x5c

/** Class bits by byte. */
export const byteClass: Uint8Array = buildByteClasses()

function buildByteClasses(): Uint8Array {
  const classes = new Uint8Array(256)
  const add = (characters: string, bits: number): void => {
    for (let i = 0; i < characters.length; i++) classes[characters.charCodeAt(i)]! |= bits
  }
  for (let byte = 0x21; byte < 0x7f; byte++) classes[byte] = VALUE | PATH | QUERY
  for (let byte = 0x80; byte <= 0xff; byte++) classes[byte] = VALUE
  add('\t ', VALUE)
  add('0123456789', TOKEN | HOST | DIGIT | HEX)
  add('abcdefABCDEF', HEX)
  add('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', TOKEN | HOST)
  add("!#$%&'*+-.^_`|~", TOKEN)
  add('-._~', HOST)
  for (const character of '?\\') classes[character.charCodeAt(0)]! &= ~PATH
  classes['#'.charCodeAt(0)]! &= ~(PATH | QUERY)
  return classes
}

/** True when every character of `text` from `start` up to `end` is of a class in `bits`; false for characters over 0xff. */
export function isAllOf(bits: number, text: string, start = 0, end = text.length): boolean {
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    if (code > 0xff || (byteClass[code]! & bits) === 0) return false
  }
  return true
}

/** True for a `token`: at least one `tchar` (RFC 9110 §5.6.2). */
export function isToken(text: string): boolean {
  return text.length > 0 && isAllOf(TOKEN, text)
}

/**
 * True for text that may be written as a field value: latin1 without CTL, no white space at either end (RFC 9110 §5.5).
 * Text with a code point over 0xff is refused, since the write to the socket would cut it to its low byte.
 */
export function isFieldValue(text: string): boolean {
  if (!isAllOf(VALUE, text)) return false
  return text.length === 0 || (!isBlank(text.charCodeAt(0)) && !isBlank(text.charCodeAt(text.length - 1)))
}

/** True for the two characters of optional white space (RFC 9110 §5.6.3). */
export function isBlank(code: number): boolean {
  return code === SP || code === HTAB
}

/**
 * The members of a comma list, trimmed, in order (RFC 9110 §5.6.1). Commas inside quoted strings separate nothing; empty
 * members are left out, as a recipient must. Undefined when a quoted string is not closed.
 */
export function splitList(text: string): string[] | undefined {
  const members: string[] = []
  let from = 0
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : COMMA
    if (code === DQUOTE) {
      i = quotedStringEnd(text, i) - 1
      if (i < 0) return undefined
    } else if (code === COMMA) {
      const member = trimBlanks(text, from, i)
      if (member !== '') members.push(member)
      from = i + 1
    }
  }
  return members
}

/** The index behind the quoted string that opens at `start`, or -1 when it is not closed (RFC 9110 §5.6.4). */
export function quotedStringEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DQUOTE) return i + 1
    if (code === BACKSLASH) i++
  }
  return -1
}

/** `text` from `start` up to `end` without the optional white space at both ends. */
export function trimBlanks(text: string, start: number, end: number): string {
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}
