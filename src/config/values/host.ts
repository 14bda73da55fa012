/** Hosts a site answers for: `example.com`, `*.example.com`, `*`. */
import { isIPv4, isIPv6 } from 'node:net'
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

const FORM = 'write example.com, *.example.com for every name below it, or * for every other host'
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** In lower case, without a port. A name beyond ASCII must be given in its xn-- form. */
export function readHostPattern(argument: Argument): Read<string> {
  const host = argument.text.toLowerCase()
  if (host === '*' || isIPv4(host) || isBracketed(host)) return accept(host)
  const withoutPort = host.replace(/:\d{1,5}$/, '')
  if (withoutPort !== host) {
    const help = `ports belong to listeners; write "${withoutPort}"`
    return refuse(argument, 'bad-host', `${shown(argument)} holds a port`, help)
  }
  const name = host.startsWith('*.') ? host.slice(2) : host
  if (name.length <= 253 && name.split('.').every((label) => LABEL.test(label)) && host !== '_') return accept(host)
  return refuseAs(argument, 'bad-host', 'host', correct(host) ?? FORM)
}

function isBracketed(host: string): boolean {
  return host.startsWith('[') && host.endsWith(']') && isIPv6(host.slice(1, -1))
}

function correct(host: string): string | undefined {
  if (host === '_' || host === '') return 'did you mean "*"?'
  const url = /^https?:\/\/([a-z0-9.-]{1,253})/.exec(host)
  if (url !== null) return `did you mean "${url[1]}"?`
  if (/^\.[a-z0-9.-]+$/.test(host)) return `did you mean "${host.slice(1)} *${host}"?`
  return undefined
}
