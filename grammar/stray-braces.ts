/**
 * Where a `}` too many comes from. It is the last one that closes nothing, but seldom the one that is wrong, so in a file
 * with such a brace the indentation is asked:
 *
 *      site a                 1  a line without `;` or `{`, deeper lines below it, and a `}` as deep as itself
 *          proxy x;              under those: the `{` was lost
 *      }
 *      site b {
 *          proxy x; }         2  the lines go on inside the block that this `}` closes: it is one too many
 *          route y { }
 *      }
 *
 * What neither explains is left to the caller.
 */
import type { IToken } from 'chevrotain'
import type { ProblemList } from './problems.ts'
import { columnOf, isFirstOnLine } from './scan.ts'
import { CloseBrace, endOf, isPunctuation, OpenBrace, virtualToken, Word } from './tokens.ts'

/** How many tokens the body of a block without `{` is searched for its end. */
const BODY_TOKENS = 2000

/** Takes tokens of which `stray` closing braces close nothing; gives tokens with as few of those as can be explained. */
export function explainStrayBraces(
  text: string,
  tokens: readonly IToken[],
  stray: number,
  problems: ProblemList,
): readonly IToken[] {
  const kept: IToken[] = []
  /** The indentation of each open block's line. */
  const open: number[] = []
  let unexplained = stray
  let indent = 0
  for (const [index, token] of tokens.entries()) {
    const isFirst = isFirstOnLine(text, token.startOffset)
    const before = tokens[index - 1]
    if (isFirst && unexplained > 0 && before !== undefined && isBodyWithoutBrace(text, tokens, index, indent)) {
      reportLost(before, problems)
      kept.push(virtualToken(OpenBrace, endOf(before)))
      open.push(indent)
      unexplained--
    }
    if (isFirst) indent = columnOf(text, token.startOffset)
    if (token.tokenType === CloseBrace) {
      const block = open.at(-1)
      if (
        unexplained > 0 &&
        block !== undefined &&
        goesOn(text, tokens[index + 1], block) &&
        !(isFirst && indent === block)
      ) {
        reportExtra(token, problems)
        unexplained--
        continue
      }
      open.pop()
    } else if (token.tokenType === OpenBrace) open.push(indent)
    kept.push(token)
  }
  return kept
}

/** Case 1, for the token at `first`, which begins a line below one of indentation `above`. */
function isBodyWithoutBrace(text: string, tokens: readonly IToken[], first: number, above: number): boolean {
  const head = tokens[first]!
  if (head.tokenType !== Word || isPunctuation(tokens[first - 1]!)) return false
  if (columnOf(text, head.startOffset) <= above) return false
  let depth = 0
  for (const token of tokens.slice(first, first + BODY_TOKENS)) {
    const isOutside = isFirstOnLine(text, token.startOffset) && columnOf(text, token.startOffset) <= above
    if (isOutside) {
      return depth === 0 && token.tokenType === CloseBrace && columnOf(text, token.startOffset) === above
    }
    if (token.tokenType === OpenBrace) depth++
    else if (token.tokenType === CloseBrace) depth--
  }
  return false
}

/** Case 2: the token behind the brace begins a line that is deeper than the line of the block. */
function goesOn(text: string, next: IToken | undefined, block: number): boolean {
  return next !== undefined && isFirstOnLine(text, next.startOffset) && columnOf(text, next.startOffset) > block
}

function reportLost(before: IToken, problems: ProblemList): void {
  const end = endOf(before)
  problems.report('missing-brace', end, end, 'no "{" before this block', 'add "{" here')
}

function reportExtra({ startOffset: start }: IToken, problems: ProblemList): void {
  problems.report('stray-brace', start, start + 1, 'this "}" is one too many: the block goes on below it', 'remove it')
}
