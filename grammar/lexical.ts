/** Problems that one token shows on its own: quotes of other languages, strings that do not end, characters not to be seen. */
import type { IToken } from 'chevrotain'
import type { ProblemList } from './problems.ts'
import {
  endOf,
  endOfString,
  ForeignComment,
  isPunctuation,
  SingleQuoted,
  SmartQuoted,
  type Tokens,
  Word,
} from './tokens.ts'

/** As editors of Windows put it before the first line. */
const BYTE_ORDER_MARK = '\ufeff'

/** What may not even stand in strings and comments: controls, and marks that show a text in another order than it has. */
const NEVER_SEEN = /[^\P{Cc}\t\r\n]|\r(?!\n)|[\u202a-\u202e\u2066-\u2069]/gu

/** Reports what is wrong with the tokens of `text`, in no particular order. */
export function checkTokens(text: string, { tokens, foreign }: Tokens, problems: ProblemList): void {
  checkForeign(text, foreign, problems)
  let previousEnd = -1
  for (const token of tokens) {
    if (isPunctuation(token)) {
      previousEnd = -1
      continue
    }
    if (token.tokenType === Word) checkWord(token, problems)
    else checkString(text, token, problems)
    if (token.startOffset === previousEnd) reportGap(token, problems)
    previousEnd = endOf(token)
  }
}

function reportGap({ image, startOffset }: IToken, problems: ProblemList): void {
  const shown = image.slice(0, 20).replaceAll('"', '')
  problems.report('missing-space', startOffset, startOffset, `no space before "${shown}"`, 'separate the two words')
}

function checkString(text: string, token: IToken, problems: ProblemList): void {
  const { startOffset: start } = token
  const end = endOf(token)
  const { fault } = endOfString(text, token)
  if (fault === 'unclosed') {
    problems.report('unclosed-string', start, end, 'this string is not closed on its line', 'add the closing quote')
  } else if (fault === 'newline') {
    problems.report('newline-in-string', start, end, 'a string must end on its line', 'write "\\n" for a line break')
  } else if (token.tokenType === SingleQuoted) {
    const help = `write "${token.image.slice(1, -1)}"`
    problems.report('single-quotes', start, end, 'strings stand in double quotes', help)
  } else if (token.tokenType === SmartQuoted) {
    const help = `write "${token.image.slice(1, -1)}"`
    problems.report('smart-quotes', start, end, 'these quotes are typographic ones', help)
  }
}

/** `${` without its `}`, inside a word. */
function checkWord(token: IToken, problems: ProblemList): void {
  const open = token.image.lastIndexOf('${')
  if (open === -1 || token.image.includes('}', open)) return
  const start = token.startOffset + open
  problems.report(
    'unclosed-substitution',
    start,
    endOf(token),
    'this "${" is not closed',
    'close it, and put the whole word in double quotes if it holds blanks or punctuation',
  )
}

function checkForeign(text: string, foreign: readonly IToken[], problems: ProblemList): void {
  const odd = [...text.matchAll(NEVER_SEEN)].map((found) => found.index)
  for (const token of foreign) {
    const { startOffset } = token
    if (token.tokenType === ForeignComment) {
      problems.report('foreign-comment', startOffset, endOf(token), 'comments begin with "#"', 'write "# ..."')
    } else if (startOffset !== 0 || token.image !== BYTE_ORDER_MARK) odd.push(startOffset)
  }
  if (odd.length === 0) return
  const first = odd.reduce((least, offset) => Math.min(least, offset))
  const others = new Set(odd).size - 1
  const help = others === 0 ? 'replace it by an ordinary space' : `remove it and the ${others} like it`
  problems.report('odd-character', first, first + 1, `${describe(text.charCodeAt(first))} stands here`, help)
}

const characterNames: ReadonlyMap<number, string> = new Map([
  [0x00, 'a NUL byte'],
  [0xa0, 'a no-break space'],
  [0xad, 'a soft hyphen'],
  [0x200b, 'a zero-width space'],
  [0x202e, 'a right-to-left override'],
  [0xfeff, 'a byte order mark'],
  [0x0d, 'a carriage return without a line feed'],
])

function describe(code: number): string {
  const name = characterNames.get(code) ?? (code < 0xa0 ? 'a control character' : 'an invisible character')
  return `${name} (U+${code.toString(16).toUpperCase().padStart(4, '0')})`
}
