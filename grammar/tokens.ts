/**
 * The tokens of shellac.conf. There are few: a word is everything that is not punctuation, and what a word means
 * (a duration, a path, a name) is decided by the directive it stands in, not here.
 *
 * The hard part is what people paste: single quotes, typographic quotes, `//` comments and no-break spaces are tokens of
 * their own, so that each is reported once, by its name, and read as what was meant.
 */
import {
  type CustomPatternMatcherReturn,
  createToken,
  createTokenInstance,
  type IToken,
  Lexer,
  type TokenType,
} from 'chevrotain'
import { isInvisible, isSmartQuote, type QuotedEnd, quotedEnd, wordEnd } from './scan.ts'

const QUOTE = 34
const SINGLE_QUOTE = 39

type Match = [string] & CustomPatternMatcherReturn

function match(text: string, start: number, end: number): Match | null {
  return end > start ? [text.slice(start, end)] : null
}

const isQuote = (code: number): boolean => code === QUOTE
const isSingleQuote = (code: number): boolean => code === SINGLE_QUOTE
const closesSmartQuote = (code: number): boolean => isSmartQuote(code) || code === QUOTE

/** The string whose opening quote is at `quote`, in a token that begins at `start`. */
function matchString(text: string, start: number, quote: number, closes: (code: number) => boolean): Match | null {
  return closes(text.charCodeAt(quote)) ? match(text, start, quotedEnd(text, quote, closes).end) : null
}

/** A statement begins here: at the start of the text or of a line, or after `;`, `{`, `}`. */
function isStatementStart(text: string, offset: number, before: readonly IToken[]): boolean {
  const last = before.at(-1)
  if (last === undefined || last.tokenType === Semicolon || last.tokenType === OpenBrace) return true
  return last.tokenType === CloseBrace || text.slice(endOf(last), offset).includes('\n')
}

/** How long a foreign comment may be; a bound on the search for its end. */
const FOREIGN_COMMENT = 4096

/** `// to the end of the line`, or C's comment, where no argument can be meant: globs begin with the same characters. */
function matchForeignComment(text: string, offset: number, before: readonly IToken[]): Match | null {
  const second = text.charAt(offset + 1)
  if (text.charAt(offset) !== '/' || (second !== '/' && second !== '*')) return null
  if (!isStatementStart(text, offset, before)) return null
  const window = text.slice(offset, offset + FOREIGN_COMMENT)
  const close = second === '*' ? window.indexOf('*/', 2) : -1
  const lineEnd = window.indexOf('\n')
  if (close !== -1) return match(text, offset, offset + close + 2)
  return match(text, offset, offset + (lineEnd === -1 ? window.length : lineEnd))
}

function matchInvisible(text: string, offset: number): Match | null {
  let end = offset
  while (end < text.length && isInvisible(text.charCodeAt(end))) end++
  return match(text, offset, end)
}

const Blank = createToken({ name: 'Blank', pattern: /[ \t\r\n]+/, group: Lexer.SKIPPED })
const Comment = createToken({ name: 'Comment', pattern: /#[^\n]*/, group: 'comments' })
export const ForeignComment = createToken({
  name: 'ForeignComment',
  pattern: matchForeignComment,
  line_breaks: true,
  group: 'foreign',
})
const Invisible = createToken({
  name: 'Invisible',
  pattern: matchInvisible,
  line_breaks: false,
  group: 'foreign',
})

export const Semicolon = createToken({ name: 'Semicolon', label: ';', pattern: ';' })
export const OpenBrace = createToken({ name: 'OpenBrace', label: '{', pattern: '{' })
export const CloseBrace = createToken({ name: 'CloseBrace', label: '}', pattern: '}' })

/** `~"..."`, in which a backslash belongs to the expression, except before a quote. */
export const Regex = createToken({
  name: 'Regex',
  label: 'regex',
  pattern: (text: string, offset: number) =>
    text.charAt(offset) === '~' ? matchString(text, offset, offset + 1, isQuote) : null,
  line_breaks: true,
})
export const Quoted = createToken({
  name: 'Quoted',
  label: 'string',
  pattern: (text: string, offset: number) => matchString(text, offset, offset, isQuote),
  line_breaks: true,
})
/** `'...'`: not of the language, read as the string that was meant. */
export const SingleQuoted = createToken({
  name: 'SingleQuoted',
  pattern: (text: string, offset: number) => matchString(text, offset, offset, isSingleQuote),
  line_breaks: true,
  categories: [Quoted],
})
/** Text between typographic quotes, likewise. */
export const SmartQuoted = createToken({
  name: 'SmartQuoted',
  pattern: (text: string, offset: number) =>
    isSmartQuote(text.charCodeAt(offset)) ? matchString(text, offset, offset, closesSmartQuote) : null,
  line_breaks: true,
  categories: [Quoted],
})
export const Word = createToken({
  name: 'Word',
  label: 'word',
  pattern: (text: string, offset: number) => match(text, offset, wordEnd(text, offset)),
  line_breaks: false,
})

/** In order of precedence. */
export const tokenTypes: TokenType[] = [
  Blank,
  Comment,
  ForeignComment,
  Semicolon,
  OpenBrace,
  CloseBrace,
  Regex,
  Quoted,
  SingleQuoted,
  Invisible,
  SmartQuoted,
  Word,
]

const lexer = new Lexer(tokenTypes, { positionTracking: 'onlyOffset', ensureOptimizations: false })

export interface Tokens {
  readonly tokens: readonly IToken[]
  /** `#` comments, in order. */
  readonly comments: readonly IToken[]
  /** What only looks like blank or comment: ForeignComment and Invisible tokens, in order. */
  readonly foreign: readonly IToken[]
}

/** Every character lands in a token or in blank space: a word may begin with whatever begins nothing else. */
export function tokenize(text: string): Tokens {
  const { tokens, groups } = lexer.tokenize(text)
  return { tokens, comments: groups.comments ?? [], foreign: groups.foreign ?? [] }
}

/** How the string in a Quoted or Regex token ends. */
export function endOfString(text: string, token: IToken): QuotedEnd {
  const open = token.startOffset + (token.tokenType === Regex ? 1 : 0)
  if (token.tokenType === SingleQuoted) return quotedEnd(text, open, isSingleQuote)
  return quotedEnd(text, open, token.tokenType === SmartQuoted ? closesSmartQuote : isQuote)
}

/** The offset after a token: chevrotain's own `endOffset` is the last character's. */
export function endOf(token: IToken): number {
  return token.startOffset + token.image.length
}

/** `;`, `{` or `}`. */
export function isPunctuation({ tokenType }: IToken): boolean {
  return tokenType === Semicolon || tokenType === OpenBrace || tokenType === CloseBrace
}

/** A token of no length at `offset`, for what the author left out. */
export function virtualToken(type: TokenType, offset: number): IToken {
  return createTokenInstance(type, '', offset, offset - 1, Number.NaN, Number.NaN, Number.NaN, Number.NaN)
}
