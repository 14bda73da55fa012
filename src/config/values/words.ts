/** Words with a meaning of their own: switches, choices, names, references, plain text. */
import type { Argument } from '../ast.ts'
import { didYouMean, suggest } from '../suggest.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

const switches: ReadonlyMap<string, 'on' | 'off'> = new Map([
  ...['true', 'yes', '1', 'enable', 'enabled', 'ON', 'On'].map((word) => [word, 'on'] as const),
  ...['false', 'no', '0', 'disable', 'disabled', 'none', 'OFF', 'Off'].map((word) => [word, 'off'] as const),
])

/** `on` or `off`. */
export function readSwitch(argument: Argument): Read<boolean> {
  if (argument.text === 'on') return accept(true)
  if (argument.text === 'off') return accept(false)
  const meant = switches.get(argument.text)
  const help = meant === undefined ? 'write "on" or "off"' : `did you mean "${meant}"?`
  return refuse(argument, 'bad-choice', `${shown(argument)} is neither "on" nor "off"`, help)
}

/** One of the words given. */
export function readOneOf<const T extends string>(argument: Argument, words: readonly T[]): Read<T> {
  const found = words.find((word) => word === argument.text)
  if (found !== undefined) return accept(found)
  const choices = words.map((word) => `"${word}"`).join(', ')
  const help = didYouMean(suggest(argument.text, words)) ?? `write one of ${choices}`
  return refuse(argument, 'bad-choice', `${shown(argument)} is not one of ${choices}`, help)
}

const IDENTIFIER = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/

/** The name of an object: a letter, then letters, digits, `-` and `_`; at most 64 in all. */
export function readIdentifier(argument: Argument): Read<string> {
  if (IDENTIFIER.test(argument.text)) return accept(argument.text)
  const help = argument.text.startsWith('@')
    ? `"@" belongs to matchers; write "${argument.text.slice(1)}"`
    : 'a name is a letter, then letters, digits, "-" and "_", at most 64 in all'
  return refuseAs(argument, 'bad-name', 'name', help)
}

/** `@name`; gives the name without the `@`. */
export function readMatcherName(argument: Argument): Read<string> {
  const { text } = argument
  if (text.startsWith('@') && IDENTIFIER.test(text.slice(1))) return accept(text.slice(1))
  const help = IDENTIFIER.test(text) ? `did you mean "@${text}"?` : 'a matcher is named "@" and a name, such as "@ops"'
  return refuseAs(argument, 'bad-name', 'name of a matcher', help)
}

/** Any text but a regular expression. */
export function readText(argument: Argument): Read<string> {
  if (argument.kind !== 'regex') return accept(argument.text)
  return refuse(argument, 'unexpected-regex', 'no regular expression can stand here', 'write the text without "~"')
}

/** The name of a query parameter or cookie; a `*` at its end stands for any rest. */
export function readNamePattern(argument: Argument): Read<string> {
  if (/^[^\s*?&=#;,"\\\p{Cc}]{1,256}\*?$/u.test(argument.text) || argument.text === '*') return readText(argument)
  return refuseAs(
    argument,
    'bad-name',
    'name of a parameter or cookie',
    'write the name alone; a "*" may end it: utm_*',
  )
}

/** An absolute path of a file. */
export function readFilePath(argument: Argument): Read<string> {
  const { text } = argument
  if (text.startsWith('/') && !text.includes('\0')) return readText(argument)
  return refuseAs(argument, 'bad-path', 'absolute path', 'write the path from "/" on')
}
