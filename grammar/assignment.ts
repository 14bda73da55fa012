/** `workers = 4;`, `workers=4;`, `workers: 4;`: the habit of other languages, read as `workers 4;` and reported. */
import type { IToken } from 'chevrotain'
import type { ProblemList } from './problems.ts'
import { isPunctuation, OpenBrace, Word } from './tokens.ts'

const SIGN = /^(?:=>?|:=?)$/
const NAME_AND_SIGN = /^([A-Za-z][\w-]*)(?:(=)(.*)|:)$/

/** `tokens` is what stands for the `taken` tokens from `at` on, its first a name. */
export function splitAssignment(
  tokens: readonly IToken[],
  at: number,
  problems: ProblemList,
): { readonly tokens: readonly IToken[]; readonly taken: number } {
  const name = tokens[at]!
  const next = tokens[at + 1]
  const joined = NAME_AND_SIGN.exec(name.image)
  if (joined !== null) {
    const [, plain = '', sign = ':', value = ''] = joined
    reportSign(name.startOffset + plain.length, sign, plain, value === '' ? next : part(name, 0, value), problems)
    const split = [part(name, 0, plain)]
    if (value !== '') split.push(part(name, plain.length + sign.length, value))
    return { tokens: split, taken: 1 }
  }
  // `location = /x {` is an argument of nginx; the name alone will be reported.
  const opensBlock = tokens[at + 3]?.tokenType === OpenBrace
  if (next?.tokenType !== Word || !SIGN.test(next.image) || opensBlock) return { tokens: [name], taken: 1 }
  reportSign(next.startOffset, next.image, name.image, tokens[at + 2], problems)
  return { tokens: [name], taken: 2 }
}

function part(token: IToken, from: number, image: string): IToken {
  const startOffset = token.startOffset + from
  return { ...token, image, startOffset, endOffset: startOffset + image.length - 1 }
}

function reportSign(start: number, sign: string, name: string, value: IToken | undefined, problems: ProblemList): void {
  const shown = value === undefined || isPunctuation(value) || value.image.length > 60 ? 'VALUE' : value.image
  const message = `no "${sign}" stands between a name and its value`
  problems.report('assignment', start, start + sign.length, message, `write: ${name} ${shown};`)
}
