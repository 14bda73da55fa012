/** Values of test blocks: URLs as clients see them, addresses of clients, field values without variables. */
import { isIP } from 'node:net'
import { type Reason, reasons } from '../../log/reasons.ts'
import type { Argument } from '../ast.ts'
import { didYouMean, suggest } from '../suggest.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

export interface TestUrl {
  readonly scheme: 'http' | 'https'
  /** `host[:port]`, lower case. */
  readonly authority: string
  /** Path and query. */
  readonly target: string
}

const AUTHORITY = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

export function readUrl(argument: Argument): Read<TestUrl> {
  const { text } = argument
  if (/[^!-~]/.test(text)) return refuseAs(argument, 'bad-url', 'URL', 'encode spaces and what is beyond ASCII')
  const parts = /^([A-Za-z]{1,16}):\/\/([^/?#]*)([^#]*)(#?)/.exec(text)
  if (parts === null) {
    const help = text.startsWith('/') ? `write the whole URL: http://HOST${text}` : 'write http://HOST/PATH'
    return refuseAs(argument, 'bad-url', 'URL', help)
  }
  const [, scheme = '', authority = '', rest = '', hash] = parts
  const lower = scheme.toLowerCase()
  if (lower !== 'http' && lower !== 'https') return refuseAs(argument, 'bad-url', 'URL of http or https')
  if (hash === '#') {
    return refuse(argument, 'bad-url', `${shown(argument)} has a fragment`, 'no client sends what stands behind "#"')
  }
  if (!AUTHORITY.test(authority)) {
    return refuse(argument, 'bad-url', `the host in ${shown(argument)} is none`, 'write http://HOST[:PORT]/PATH')
  }
  return accept({ scheme: lower, authority: authority.toLowerCase(), target: rest.startsWith('/') ? rest : `/${rest}` })
}

/** The textual address of a client. */
export function readClientAddress(argument: Argument): Read<string> {
  const { text } = argument
  if (isIP(text) !== 0) return accept(text)
  const help = text.includes('/')
    ? 'one client has one address; write it without "/"'
    : 'write 192.0.2.1 or 2001:db8::1'
  return refuseAs(argument, 'bad-address', 'address of a client', help)
}

/** As it stands on the wire; "$" means nothing here. */
export function readFieldValue(argument: Argument): Read<string> {
  const { text } = argument
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(text) && text.trim() === text) return accept(text)
  return refuseAs(
    argument,
    'bad-header-value',
    'value of a field',
    'blanks around it and control characters are not sent',
  )
}

export function readReason(argument: Argument): Read<Reason> {
  const names = reasons.map((reason) => reason.name)
  const found = names.find((name) => name === argument.text)
  if (found !== undefined) return accept(found)
  const help = didYouMean(suggest(argument.text, names)) ?? '"shellac help reasons" lists them'
  return refuse(argument, 'bad-choice', `${shown(argument)} is no reason`, help)
}
