/**
 * Where words and strings end, found by single forward scans over the text, so that no input makes the lexer slow.
 * All offsets are 0-based UTF-16 units, ends exclusive.
 */

const TAB = 9
const LINE_FEED = 10
const RETURN = 13
const SPACE = 32
const QUOTE = 34
const DOLLAR = 36
const SEMICOLON = 59
const BACKSLASH = 92
const OPEN = 123
const CLOSE = 125

export function isBlank(code: number): boolean {
  return code === SPACE || code === TAB || code === RETURN || code === LINE_FEED
}

/** Control characters, foreign spaces, zero-width and direction marks: not to be seen, so not to be accepted. */
export function isInvisible(code: number): boolean {
  if (code < 0x80) return (code < SPACE && !isBlank(code)) || code === 0x7f
  if (code <= 0xa0) return true
  return (
    code === 0xad ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202f) ||
    (code >= 0x205f && code <= 0x206f) ||
    code === 0x3000 ||
    code === 0xfeff
  )
}

/** Typographic double and single quotes, as word processors and web pages put them. */
export function isSmartQuote(code: number): boolean {
  return code >= 0x2018 && code <= 0x201f
}

/** A character that ends a word. `#` and `'` end none: `/a#b` and `don't` are words. */
function endsWord(code: number): boolean {
  return isBlank(code) || code === QUOTE || code === SEMICOLON || code === OPEN || code === CLOSE || isInvisible(code)
}

/** The end of the word at `start`. `${...}` belongs to the word, braces and all, closed or not. */
export function wordEnd(text: string, start: number): number {
  let at = start
  while (at < text.length && !endsWord(text.charCodeAt(at))) {
    if (text.charCodeAt(at) === DOLLAR && text.charCodeAt(at + 1) === OPEN) at = substitutionEnd(text, at)
    else at++
  }
  return at
}

/** The end of the `${...}` at `start`; where the brace is missing, the end of what belongs to it. */
function substitutionEnd(text: string, start: number): number {
  let at = start + 2
  while (at < text.length && !endsWord(text.charCodeAt(at))) at++
  return text.charCodeAt(at) === CLOSE ? at + 1 : at
}

/** How a quoted token ends: as it should, at the end of a line, or on a later line. */
export interface QuotedEnd {
  readonly end: number
  readonly fault: 'none' | 'unclosed' | 'newline'
}

/**
 * The end of the string whose opening quote is at `open`; `closes` tells the characters that close it.
 * A string lies on one line. One that does not is ended where its author most likely meant it to end:
 *
 *   1. respond 200 "ok; }          at the end of the line, but before the punctuation there
 *   2. respond 200 "one            at the closing quote, when that quote is followed by `;` or `{`
 *      two";
 */
export function quotedEnd(text: string, open: number, closes: (code: number) => boolean): QuotedEnd {
  let at = open + 1
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === LINE_FEED) break
    if (code === BACKSLASH && at + 1 < text.length && text.charCodeAt(at + 1) !== LINE_FEED) at++
    else if (closes(code)) return { end: at + 1, fault: 'none' }
  }
  const later = closingQuoteOnLaterLine(text, at, closes)
  if (later !== undefined) return { end: later, fault: 'newline' }
  return { end: beforePunctuation(text, open + 1, at), fault: 'unclosed' }
}

/** How far a string is searched for its end on later lines: some paragraphs of text. */
const LATER_LINES = 4096

function closingQuoteOnLaterLine(text: string, lineEnd: number, closes: (code: number) => boolean): number | undefined {
  const limit = Math.min(text.length, lineEnd + LATER_LINES)
  for (let at = lineEnd; at < limit; at++) {
    if (!closes(text.charCodeAt(at))) continue
    let next = at + 1
    while (text.charCodeAt(next) === SPACE) next++
    const code = text.charCodeAt(next)
    return code === SEMICOLON || code === OPEN ? at + 1 : undefined
  }
  return undefined
}

/** Case 1 above: back from the end of the line over blanks and `;`, `{`, `}`, but not before `first`. */
function beforePunctuation(text: string, first: number, lineEnd: number): number {
  let at = lineEnd
  for (; at > first; at--) {
    const code = text.charCodeAt(at - 1)
    if (!isBlank(code) && code !== SEMICOLON && code !== OPEN && code !== CLOSE) break
  }
  return at
}

/** True when only blanks stand between `offset` and the start of its line. */
export function isFirstOnLine(text: string, offset: number): boolean {
  let at = offset - 1
  while (at >= 0 && (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB)) at--
  return at < 0 || text.charCodeAt(at) === LINE_FEED || text.charCodeAt(at) === 0xfeff
}

/** 0-based column of an offset, in UTF-16 units. */
export function columnOf(text: string, offset: number): number {
  return offset - (offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1)
}
