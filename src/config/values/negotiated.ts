/** What an origin offers by content negotiation: codings and languages. */
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

/** RFC 5646 §2.1, as far as letters and lengths go. */
const LANGUAGE = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}$/

const CODING = /^[A-Za-z0-9-]{1,32}$/

/** `gzip`, `br`, in lower case. What is left when none of them suits the client is `identity`, so it is not listed. */
export function readContentCoding(argument: Argument): Read<string> {
  const coding = argument.text.toLowerCase()
  if (coding === 'identity') {
    return refuse(argument, 'bad-coding', `${shown(argument)} is always possible`, 'list the other codings only')
  }
  return CODING.test(coding)
    ? accept(coding)
    : refuseAs(argument, 'bad-coding', 'content coding', 'write names such as: br gzip zstd')
}

/** `en`, `zh-hant`, in lower case. */
export function readLanguageTag(argument: Argument): Read<string> {
  return LANGUAGE.test(argument.text)
    ? accept(argument.text.toLowerCase())
    : refuseAs(argument, 'bad-language', 'language', 'write tags such as: en de pt-BR')
}
