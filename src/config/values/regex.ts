/** Regular expressions: `~"^/user/\d+$"`. */
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse } from './read.ts'
import { checkRegex } from './regex-safety.ts'

/** Longer ones are generated, and belong into a glob or a table. */
const MAX_LENGTH = 1000

/** The source of an expression that JavaScript takes (flag `u` off) and that cannot be made slow by any text. */
export function readRegex(argument: Argument): Read<string> {
  const { text } = argument
  if (argument.kind !== 'regex') {
    const help = argument.secret ? undefined : `did you mean ~"${text.replace(/^~\*?/, '')}"?`
    return refuse(argument, 'bad-regex', 'a regular expression stands in quotes behind "~"', help)
  }
  if (text.length > MAX_LENGTH)
    return refuse(argument, 'bad-regex', `a regular expression has at most ${MAX_LENGTH} characters`)
  try {
    new RegExp(text)
  } catch (error) {
    return refuse(argument, 'bad-regex', `this regular expression is wrong: ${reasonOf(error)}`)
  }
  const unsafe = checkRegex(text)
  return unsafe === undefined ? accept(text) : refuse(argument, unsafe.code, unsafe.message, unsafe.help)
}

/** `Invalid regular expression: /(/: Unterminated group` is `unterminated group` to us. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  return message.slice(message.lastIndexOf(': ') + 2).toLowerCase()
}
