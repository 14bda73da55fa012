/** Absolute URLs of http and https. */
import type { Argument } from '../ast.ts'
import { accept, type Read, refuseAs } from './read.ts'

/** As it is written. */
export function readUrl(argument: Argument): Read<string> {
  const url = /^[!-~]+$/.test(argument.text) ? URL.parse(argument.text) : null
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return accept(argument.text)
  return refuseAs(argument, 'bad-url', 'URL', 'write it whole, such as http://127.0.0.1:4317')
}
