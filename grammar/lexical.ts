/** Problems that one token shows on its own: quotes of other languages, strings that do not end, characters not to be seen. */
import type { IToken } from 'chevrotain'
import type { ProblemList } from './problems.ts'
import { isInvisible } from './scan.ts'
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

const BYTE_ORDER_MARK = 0xfeff

/** Reports what is wrong with the tokens of `text`, in no particular order. */
export function checkTokens(text: string, { tokens, foreign }: Tokens, problems: ProblemList): void {
  checkForeign(foreign, problems)
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

function checkForeign(foreign: readonly IToken[], problems: ProblemList): void {
  let invisible: IToken | undefined
  for (const token of foreign) {
    if (token.tokenType === ForeignComment) {
      problems.report('foreign-comment', token.startOffset, endOf(token), 'comments begin with "#"', 'write "# ..."')
    } else if (token.startOffset !== 0 || token.image.charCodeAt(0) !== BYTE_ORDER_MARK) {
      invisible ??= token
    }
  }
  if (invisible === undefined) return
  const code = invisible.image.charCodeAt(0)
  const count = foreign.filter((token) => isInvisible(token.image.charCodeAt(0))).length
  const help = count === 1 ? 'replace it by an ordinary space' : `remove it and the ${count - 1} like it`
  problems.report('odd-character', invisible.startOffset, endOf(invisible), `${describe(code)} stands here`, help)
}

const characterNames: ReadonlyMap<number, string> = new Map([
  [0x00, 'a NUL byte'],
  [0xa0, 'a no-break space'],
  [0xad, 'a soft hyphen'],
  [0x200b, 'a zero-width space'],
  [0x202e, 'a right-to-left override'],
  [BYTE_ORDER_MARK, 'a byte order mark'],
])

function describe(code: number): string {
  const name = characterNames.get(code) ?? (code < 0xa0 ? 'a control character' : 'an invisible character')
  return `${name} (U+${code.toString(16).toUpperCase().padStart(4, '0')})`
}
