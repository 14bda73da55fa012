/** Names and values of header fields, methods and media types. */
import type { ValuePart, VariableName } from '../../plan/plan.ts'
import type { Argument } from '../ast.ts'
import { didYouMean, suggest } from '../suggest.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/

/** As it is written. */
export function readHeaderName(argument: Argument): Read<string> {
  const { text } = argument
  if (TOKEN.test(text)) return accept(text)
  const bare = text.replace(/:$/, '')
  const help = TOKEN.test(bare) ? `did you mean "${bare}"?` : 'a name is letters, digits and "-"'
  return refuseAs(argument, 'bad-header-name', 'name of a header field', help)
}

/** Methods are told apart by case (RFC 9110 §9.1), so `get` is a mistake. */
export function readMethod(argument: Argument): Read<string> {
  const { text } = argument
  if (TOKEN.test(text) && text === text.toUpperCase()) return accept(text)
  const help = TOKEN.test(text) ? `did you mean "${text.toUpperCase()}"?` : 'write GET, HEAD, POST ...'
  return refuseAs(argument, 'bad-method', 'method', help)
}

/** `text/html` or `image/*`, in lower case, without parameters. */
export function readMediaType(argument: Argument): Read<string> {
  const [type = '', subtype = '', ...more] = argument.text.toLowerCase().split('/')
  const isType = more.length === 0 && TOKEN.test(type) && TOKEN.test(subtype) && type !== '*'
  if (isType && (subtype === '*' || !subtype.includes('*'))) return accept(`${type}/${subtype}`)
  return refuseAs(argument, 'bad-media-type', 'media type', 'write text/html, or image/* for every image')
}

const variableNames: readonly VariableName[] = [
  'client.ip',
  'client.port',
  'request.id',
  'request.method',
  'request.host',
  'request.path',
  'request.query',
  'request.uri',
  'request.scheme',
  'tls.version',
  'tls.cipher',
  'tls.protocol',
  'tls.sni',
  'tls.client.state',
  'tls.client.subject',
  'tls.client.common-name',
  'tls.client.issuer',
  'tls.client.serial',
  'tls.client.fingerprint',
  'route.name',
  'backend.name',
  'cache.status',
  'time.iso8601',
]

/** The variables of nginx and HAProxy, and ours. */
const peerVariables: ReadonlyMap<string, VariableName> = new Map<string, VariableName>([
  ['remote_addr', 'client.ip'],
  ['binary_remote_addr', 'client.ip'],
  ['remote_port', 'client.port'],
  ['request_id', 'request.id'],
  ['request_method', 'request.method'],
  ['host', 'request.host'],
  ['http_host', 'request.host'],
  ['uri', 'request.path'],
  ['document_uri', 'request.path'],
  ['args', 'request.query'],
  ['query_string', 'request.query'],
  ['request_uri', 'request.uri'],
  ['scheme', 'request.scheme'],
  ['ssl_protocol', 'tls.version'],
  ['ssl_cipher', 'tls.cipher'],
  ['ssl_alpn_protocol', 'tls.protocol'],
  ['ssl_server_name', 'tls.sni'],
  ['ssl_client_verify', 'tls.client.state'],
  ['ssl_client_s_dn', 'tls.client.subject'],
  ['ssl_client_s_dn_cn', 'tls.client.common-name'],
  ['ssl_client_i_dn', 'tls.client.issuer'],
  ['ssl_client_serial', 'tls.client.serial'],
  ['ssl_client_fingerprint', 'tls.client.fingerprint'],
  ['upstream_cache_status', 'cache.status'],
  ['time_iso8601', 'time.iso8601'],
])

/**
 * A value taken apart into text and `$variables`. `$$` is a dollar sign. What a substitution produced is text, whatever
 * it holds. No control character may stand in it but the tab (RFC 9110 §5.5).
 */
export function readHeaderValue(argument: Argument): Read<readonly ValuePart[]> {
  if (/[^\t\x20-\x7e\x80-\uffff]/.test(argument.text)) {
    return refuse(argument, 'bad-header-value', 'a header field can hold no control characters')
  }
  if (/[\u0100-\uffff]/.test(argument.text)) {
    return refuse(argument, 'bad-header-value', 'a header field can hold no characters beyond latin1', 'encode them')
  }
  const parts: ValuePart[] = []
  let at = 0
  for (const produced of argument.produced ?? []) {
    const refusal = readTemplate(argument, at, produced.start, parts)
    if (refusal !== undefined) return refusal
    const text = argument.text.slice(produced.start, produced.end)
    if (text !== '') parts.push({ kind: 'text', text, secret: produced.secret })
    at = produced.end
  }
  return readTemplate(argument, at, argument.text.length, parts) ?? accept(parts)
}

/** Reads the text from `start` to `end` into `parts`; gives what is wrong with it, or undefined. */
function readTemplate(argument: Argument, start: number, end: number, parts: ValuePart[]): Read<never> | undefined {
  const text = argument.text.slice(start, end)
  let plain = ''
  let from = 0
  for (let at = text.indexOf('$'); at !== -1; at = text.indexOf('$', from)) {
    plain += text.slice(from, at)
    const name = /(?:[A-Za-z_][\w-]*)(?:\.[A-Za-z_][\w-]*)*|\$/y
    name.lastIndex = at + 1
    const found = name.exec(text)?.[0]
    if (found === undefined) return refuseDollar(argument)
    from = at + 1 + found.length
    if (found === '$') {
      plain += '$'
      continue
    }
    const variable = variableNames.find((known) => known === found)
    if (variable === undefined) return refuseVariable(argument, found)
    if (plain !== '') parts.push({ kind: 'text', text: plain, secret: false })
    parts.push({ kind: 'variable', name: variable })
    plain = ''
  }
  plain += text.slice(from)
  if (plain !== '') parts.push({ kind: 'text', text: plain, secret: false })
  return undefined
}

function refuseDollar(argument: Argument): Read<never> {
  return refuse(argument, 'bad-variable', 'a "$" with no name behind it', 'write "$$" for a dollar sign')
}

function refuseVariable(argument: Argument, name: string): Read<never> {
  const peer = peerVariables.get(name)
  const near = peer === undefined ? suggest(name, variableNames) : [peer]
  const help =
    didYouMean(near.map((word) => `$${word}`)) ?? `known are ${variableNames.map((word) => `$${word}`).join(' ')}`
  return refuse(argument, 'unknown-variable', `unknown variable "$${name}"`, help)
}

const locationVariables: ReadonlySet<string> = new Set(['request.uri', 'request.path', 'request.host'])

/**
 * Where a redirect points, or what a path is rewritten to: text with `$1` .. `$9` of the path pattern and, where `withRequest`,
 * `$request.uri`, `$request.path`, `$request.host`.
 */
export function readTarget(argument: Argument, withRequest: boolean): Read<string> {
  const { text } = argument
  if (/[^!-~]/.test(text)) return refuseAs(argument, 'bad-target', 'target', 'encode spaces and what is beyond ASCII')
  const isProduced = (argument.produced ?? []).some(({ start, end }) => text.slice(start, end).includes('$'))
  if (isProduced) return refuse(argument, 'bad-target', 'a substitution put a "$" into this target')
  for (const [, name = ''] of text.matchAll(/\$([A-Za-z_][\w.-]*|\d+)?/g)) {
    if (/^[1-9]$/.test(name) || (withRequest && locationVariables.has(name.replace(/[.-]+$/, '')))) continue
    const choices = withRequest ? '$1 to $9, $request.uri, $request.path and $request.host' : '$1 to $9'
    return refuse(
      argument,
      'unknown-variable',
      `unknown variable "$${name}" in ${shown(argument)}`,
      `known are ${choices}`,
    )
  }
  return accept(text)
}
