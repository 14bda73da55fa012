/** Paths of requests, as globs: `*` is any text within a segment, `**` any text at all. */
import type { PathPattern } from '../../plan/plan.ts'
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'
import { readRegex } from './regex.ts'

/** A glob, or a regular expression in quotes. */
export function readPathPattern(argument: Argument): Read<PathPattern> {
  if (argument.kind === 'regex') {
    const regex = readRegex(argument)
    return regex.ok ? accept({ kind: 'regex', source: regex.value }) : regex
  }
  const glob = readPathGlob(argument)
  return glob.ok ? accept({ kind: 'glob', pattern: glob.value }) : glob
}

/** A glob over the path. It may begin with `*`, though the path it matches always begins with `/`. */
export function readPathGlob(argument: Argument): Read<string> {
  const { text } = argument
  const problem = checkGlob(text)
  if (problem === undefined) return accept(text)
  return refuse(argument, 'bad-path', `${shown(argument)} ${problem.message}`, problem.help)
}

/** A path without `*`, such as the prefix that `strip-prefix` takes away. */
export function readPlainPath(argument: Argument): Read<string> {
  if (argument.text.includes('*')) return refuseAs(argument, 'bad-path', 'plain path', 'no "*" can stand here')
  return readPathGlob(argument)
}

function checkGlob(text: string): { readonly message: string; readonly help: string } | undefined {
  if (text.startsWith('~') || text.startsWith('^')) {
    const expression = text.replace(/^~\*?/, '')
    const help = expression === '' ? 'write it as ~"..."' : `did you mean ~"${expression}"?`
    return { message: 'looks like a regular expression', help }
  }
  if (/^https?:\/\//i.test(text)) {
    return { message: 'is a URL', help: 'hosts are named by the site; write the path alone, from "/" on' }
  }
  if (!text.startsWith('/') && !text.startsWith('*')) {
    return { message: 'does not begin with "/" or "*"', help: `did you mean "/${text}" or "**${text}"?` }
  }
  if (text.includes('***')) return { message: 'holds "***"', help: '"*" stays within a segment, "**" crosses segments' }
  if (/[?#]/.test(text))
    return { message: 'holds a query or fragment', help: 'only the path is compared; test the query in a matcher' }
  if (/%(?![0-9A-Fa-f]{2})/.test(text))
    return { message: 'holds a "%" without two hex digits', help: 'write "%25" for "%"' }
  if (/[^!-~]/.test(text)) {
    return {
      message: 'holds characters that paths carry encoded',
      help: `did you mean "${encodeURI(text.toWellFormed()).replaceAll('%25', '%')}"?`,
    }
  }
  return undefined
}
