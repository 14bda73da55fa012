/** The types of arguments that directives are made of: how each is shown in help, and its reader. */
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import type { ListenAddress, LogTarget, Network, PathPattern, StringTest, ValuePart } from '../../plan/plan.ts'
import type { PemSource } from '../../plan/tls-plan.ts'
import { readListenAddress, readServerAddress, readUnixAddress } from '../values/address.ts'
import { readDuration } from '../values/duration.ts'
import { readHeaderName, readHeaderValue, readMediaType, readMethod, readTarget } from '../values/header.ts'
import { readHostPattern } from '../values/host.ts'
import { readContentCoding, readLanguageTag } from '../values/negotiated.ts'
import { readNetwork } from '../values/network.ts'
import { readFileMode, readInteger, readPercent, readStatus, readStatusRange } from '../values/number.ts'
import { readPathGlob, readPathPattern, readPlainPath } from '../values/path.ts'
import { readPemSource } from '../values/pem.ts'
import { accept, type Read, refuse, refuseAs, shown } from '../values/read.ts'
import { readRegex } from '../values/regex.ts'
import { readSize } from '../values/size.ts'
import {
  readFilePath,
  readIdentifier,
  readMatcherName,
  readNamePattern,
  readOneOf,
  readSwitch,
  readText,
} from '../values/words.ts'
import type { Value } from './arguments.ts'

export const duration: Value<number> = { syntax: 'TIME', read: readDuration }
export const size: Value<number> = { syntax: 'SIZE', read: readSize }
export const percent: Value<number> = { syntax: 'PERCENT', read: readPercent }
export const onOff: Value<boolean> = { syntax: 'on|off', read: readSwitch }
export const identifier: Value<string> = { syntax: 'NAME', read: readIdentifier }
export const matcherName: Value<string> = { syntax: '@NAME', read: readMatcherName }
export const text: Value<string> = { syntax: 'TEXT', read: readText }
export const filePath: Value<string> = { syntax: '/PATH', read: readFilePath }
export const pemSource: Value<PemSource> = { syntax: '/PATH', takesSecrets: true, read: readPemSource }
export const fileMode: Value<number> = { syntax: 'MODE', read: readFileMode }
export const status: Value<readonly [number, number]> = { syntax: 'STATUS', read: readStatusRange }
export const answerStatus: Value<number> = { syntax: 'STATUS', read: (argument) => readStatus(argument) }
export const network: Value<Network> = { syntax: 'NETWORK', read: readNetwork }
export const method: Value<string> = { syntax: 'METHOD', read: readMethod }
export const hostPattern: Value<string> = { syntax: 'HOST', read: readHostPattern }
export const pathPattern: Value<PathPattern> = { syntax: 'GLOB|~"REGEX"', read: readPathPattern }
export const pathGlob: Value<string> = { syntax: 'GLOB', read: readPathGlob }
export const absolutePath: Value<string> = { syntax: '/PATH', read: readPlainPath }
export const headerName: Value<string> = { syntax: 'FIELD', read: readHeaderName }
export const headerValue: Value<readonly ValuePart[]> = { syntax: 'VALUE', takesSecrets: true, read: readHeaderValue }
/** A method of nothing but purging. */
export const purgeMethod: Value<string> = {
  syntax: 'METHOD',
  read(argument) {
    const name = readMethod(argument)
    if (!name.ok || !OTHER_METHODS.has(name.value)) return name
    const help = 'choose a name of its own, such as PURGE or BAN'
    return refuse(argument, 'reserved-method', `${shown(argument)} has a meaning of its own and cannot purge`, help)
  },
}

/** What every HTTP server takes for something else (RFC 9110 §9.3, RFC 5789). */
const OTHER_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
])

/** A tag of stored responses: no blank and no comma, so that every field can name it. */
export const tagName: Value<string> = {
  syntax: 'TAG',
  read: (argument) =>
    /^[!-+\--~]{1,1024}$/.test(argument.text)
      ? accept(argument.text)
      : refuseAs(argument, 'bad-tag', 'tag', 'write up to 1024 visible ASCII letters without blanks and commas'),
}

export const mediaType: Value<string> = { syntax: 'MEDIA-TYPE', read: readMediaType }
export const contentCoding: Value<string> = { syntax: 'CODING', read: readContentCoding }
export const languageTag: Value<string> = { syntax: 'LANGUAGE', read: readLanguageTag }
export const serverAddress = { syntax: 'ADDRESS', read: readServerAddress }
export const queryName: Value<string> = { syntax: 'PARAMETER', read: readNamePattern }
export const redirectLocation: Value<string> = { syntax: 'LOCATION', read: (argument) => readTarget(argument, true) }

export function integer(least: number, most: number): Value<number> {
  return { syntax: 'NUMBER', read: (argument) => readInteger(argument, least, most) }
}

export function oneOf<const T extends string>(...words: readonly T[]): Value<T> {
  return { syntax: words.join('|'), read: (argument) => readOneOf(argument, words) }
}

/** A number, or `unlimited`, which is 0. */
export function integerOrUnlimited(least: number, most: number): Value<number> {
  return {
    syntax: 'NUMBER|unlimited',
    read: (argument) => (argument.text === 'unlimited' ? accept(0) : readInteger(argument, least, most)),
  }
}

/** `auto` is 0. */
export const workerCount: Value<number> = {
  syntax: 'NUMBER|auto',
  read: (argument) => (argument.text === 'auto' ? accept(0) : readInteger(argument, 1, 256)),
}

export const languageVersion: Value<1> = {
  syntax: '1',
  read: (argument) =>
    argument.text === '1'
      ? accept(1)
      : refuse(argument, 'unknown-version', `unknown version ${shown(argument)} of the language`, 'write: shellac 1;'),
}

export const userName: Value<string> = {
  syntax: 'NAME',
  read: (argument) =>
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?$/.test(argument.text)
      ? accept(argument.text)
      : refuseAs(argument, 'bad-name', 'name of a user or group'),
}

/** Words behind the address in `listen` of nginx and `bind` of HAProxy, and what to say of them. */
const NO_OPTIONS = 'only addresses stand here, without options'
const TLS_BLOCK = 'only addresses stand here; add to the listener: tls { certificate /PATH key /PATH; }'
const LISTEN_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['ssl', TLS_BLOCK],
  ['tls', TLS_BLOCK],
  ['http2', 'only addresses stand here; add to the listener: protocols h2 h1;'],
  ['quic', 'only addresses stand here; HTTP/3 is not in this version'],
  ['default_server', NO_OPTIONS],
  ['reuseport', NO_OPTIONS],
  ['transparent', NO_OPTIONS],
])

export const listenAddress: Value<ListenAddress> = {
  syntax: 'ADDRESS',
  read(argument) {
    const help = LISTEN_OPTIONS.get(argument.text)
    return help === undefined ? readListenAddress(argument) : refuseAs(argument, 'bad-address', 'address', help)
  },
}

/** The path of a unix socket. */
export const adminAddress: Value<string> = {
  syntax: 'unix:/PATH',
  read(argument) {
    const address = readUnixAddress(argument)
    if (!address.ok) return address
    return address.value.kind === 'unix' ? accept(address.value.path) : refuseAs(argument, 'bad-address', 'unix socket')
  },
}

/** `file:/path`, `stdout`, `stderr`. */
export const logTarget: Value<LogTarget> = {
  syntax: 'file:/PATH|stdout|stderr',
  read(argument) {
    const { text } = argument
    if (text === 'stdout' || text === 'stderr') return accept({ kind: text })
    if (text.startsWith('file:/') && !text.includes('\0')) return accept({ kind: 'file', path: text.slice(5) })
    const help = text.startsWith('/') ? `did you mean "file:${text}"?` : 'write file:/PATH, stdout or stderr'
    return refuseAs(argument, 'bad-log-target', 'place to log to', help)
  },
}

/** A size from `least` to `most`, both included; they are given as one writes them. */
export function sizeBetween(least: string, most: string): Value<number> {
  const bytesOf = (text: string): number => {
    const source = { name: 'bound', text, includedFrom: [] }
    const read = readSize({ kind: 'bare', text, secret: false, substituted: false, span: { source, start: 0, end: 0 } })
    assert(read.ok, `${text} is a size`)
    return read.value
  }
  const [min, max] = [bytesOf(least), bytesOf(most)]
  return {
    syntax: size.syntax,
    read(argument) {
      const bytes = readSize(argument)
      if (!bytes.ok || (bytes.value >= min && bytes.value <= max)) return bytes
      return refuse(argument, 'out-of-range', `${shown(argument)} is out of range`, `write ${least} to ${most}`)
    },
  }
}

/** A time from `least` to `most`, both included; they are given as one writes them. */
function durationBetween(least: string, most: string): Value<number> {
  const msOf = (text: string): number => {
    const source = { name: 'bound', text, includedFrom: [] }
    const span = { source, start: 0, end: 0 }
    const read = readDuration({ kind: 'bare', text, secret: false, substituted: false, span })
    assert(read.ok, `${text} is a time`)
    return read.value
  }
  const [min, max] = [msOf(least), msOf(most)]
  return {
    syntax: duration.syntax,
    read(argument) {
      const time = readDuration(argument)
      if (!time.ok || (time.value >= min && time.value <= max)) return time
      return refuse(argument, 'out-of-range', `${shown(argument)} is out of range`, `write ${least} to ${most}`)
    },
  }
}

/** A time that a timer waits; users of twemproxy give it in milliseconds, without a unit. */
export const waitingTime: Value<number> = {
  syntax: 'TIME',
  read(argument) {
    const time = readDuration(argument, 'ms')
    if (!time.ok || (time.value >= 1 && time.value <= MAX_WAIT_MS)) return time
    return refuse(argument, 'out-of-range', `${shown(argument)} is out of range`, 'write 1ms to 1d')
  },
}

/** How long a ticket key issues. Days of it would have tickets outlive what TLS 1.3 allows (RFC 8446 §4.6.1: a week). */
export const keyPeriod: Value<number> = durationBetween('2s', '7d')

/** How long a session of TLS can be resumed: RFC 8446 §4.6.1. */
export const sessionLife: Value<number> = durationBetween('1s', '7d')

/** Longer is no wait but a wish to wait for ever. */
const MAX_WAIT_MS = 86_400_000

/** The port memcached is known by. */
const MEMCACHED_PORT = 11_211

/** Where memcached clients connect. */
export const memcachedListenAddress: Value<ListenAddress> = {
  syntax: 'ADDRESS',
  read: (argument) => readListenAddress(argument, MEMCACHED_PORT),
}

/** A memcached server; `HOST:PORT:WEIGHT` and a bare path are what twemproxy users write. */
export const memcachedAddress: Value<ListenAddress> = {
  syntax: 'ADDRESS',
  read(argument) {
    const { text } = argument
    const weighted = WEIGHTED_ADDRESS.exec(text)
    if (weighted !== null) {
      const [, address = '', weight] = weighted
      const help = `write: server ${address.startsWith('/') ? `unix:${address}` : address} weight ${weight};`
      return refuse(argument, 'bad-address', `${shown(argument)} is an address with a weight`, help)
    }
    if (text.startsWith('/')) return refuseAs(argument, 'bad-address', 'address', `did you mean "unix:${text}"?`)
    return readServerAddress(argument, MEMCACHED_PORT)
  },
}

const WEIGHTED_ADDRESS = /^([^:]+:\d{1,5}|\/[^:]+):(\d{1,7})$/

/** What servers of other programs are called: any visible ASCII letters but those that end a word here. */
export const memcachedServerName: Value<string> = {
  syntax: 'NAME',
  read(argument) {
    const { text } = argument
    const help = 'a name is 1 to 200 visible ASCII letters'
    if (!/^[!-~]{1,200}$/.test(text)) return refuseAs(argument, 'bad-name', 'name of a server', help)
    // Twemproxy's `HOST:PORT:WEIGHT NAME`, the other way round; in quotes it is meant as a name.
    const isTurned = argument.kind === 'bare' && WEIGHTED_ADDRESS.test(text)
    return isTurned ? mapRead(memcachedAddress.read(argument), () => text) : accept(text)
  },
}

/** The opening and the closing character. */
export const hashTagPair: Value<string> = {
  syntax: '"PAIR"',
  read: (argument) =>
    /^[!-~]{2}$/.test(argument.text)
      ? accept(argument.text)
      : refuseAs(
          argument,
          'bad-hash-tag',
          'hash tag',
          'write two visible characters, the opening and the closing one: "{}"',
        ),
}

/** How keys begin: no blank and no control character, as in keys. */
export const keyPrefix: Value<string> = {
  syntax: 'TEXT',
  read(argument) {
    const isKey = !/[\s\p{Cc}]/u.test(argument.text) && argument.text !== ''
    if (isKey && Buffer.byteLength(argument.text) <= MAX_KEY_BYTES) return accept(argument.text)
    const help = `write what keys begin with: 1 to ${MAX_KEY_BYTES} bytes without blanks`
    return refuseAs(argument, 'bad-prefix', 'prefix of keys', help)
  },
}

/** The longest key of memcached. */
const MAX_KEY_BYTES = 250

/** Addresses of clients; a matcher is what a site takes. */
export const memcachedNetwork: Value<Network> = {
  syntax: 'NETWORK',
  read(argument) {
    if (!readMatcherName(argument).ok) return readNetwork(argument)
    const help = 'write the networks themselves: allow 10.0.0.0/8;'
    return refuse(
      argument,
      'bad-network',
      `${shown(argument)} is a matcher, and memcached clients have only addresses`,
      help,
    )
  },
}

/** PLAIN ends both with a NUL (RFC 4616). */
const SASL_WORD = /^[^\0]{1,255}$/u

export const saslUser: Value<string> = {
  syntax: 'USER',
  read: (argument) =>
    SASL_WORD.test(argument.text) ? accept(argument.text) : refuseAs(argument, 'bad-name', 'name of a user'),
}

/** Given to the servers and shown to nobody. */
export const saslPassword: Value<string> = {
  syntax: 'PASSWORD',
  takesSecrets: true,
  read: (argument) =>
    SASL_WORD.test(argument.text)
      ? accept(argument.text)
      : refuse(argument, 'bad-password', 'a password has 1 to 255 letters and no NUL'),
}

/** A host name without wildcard, lower case. */
export const originName: Value<string> = {
  syntax: 'HOST',
  read(argument) {
    const host = readHostPattern(argument)
    const isName = !host.ok || !(host.value.startsWith('*') || host.value.startsWith('[') || isIP(host.value) !== 0)
    const help = 'write one host name, such as app.internal; it is asked for in the handshake'
    return isName ? host : refuseAs(argument, 'bad-host', 'name of a server', help)
  },
}

/** A cipher or a suite by the name that OpenSSL has for it; lists and exclusions are its own language. */
export const cipherName: Value<string> = {
  syntax: 'CIPHER',
  read: (argument) =>
    /^[A-Z][A-Z0-9_-]{2,63}$/.test(argument.text)
      ? accept(argument.text)
      : refuseAs(
          argument,
          'bad-cipher',
          'cipher',
          'write names of ciphers with blanks between them, as in "openssl ciphers"',
        ),
}

/** A session server; the port is that of the first one there was, and users of that write `IP:` and `UNIX:`. */
export const distcacheAddress: Value<ListenAddress> = {
  syntax: 'ADDRESS',
  read(argument) {
    const [, kind, rest] = /^(IP|IPv4|IPv6|UNIX):(.*)$/s.exec(argument.text) ?? []
    if (rest === undefined) return readServerAddress(argument, DISTCACHE_PORT)
    const help = `did you mean "${kind === 'UNIX' ? `unix:${rest}` : rest}"?`
    return refuseAs(argument, 'bad-address', 'address', help)
  },
}

const DISTCACHE_PORT = 9001

/** What a fleet knows and nobody else; of fewer bytes than this it could be guessed. */
export const sealSecret: Value<string> = {
  syntax: 'SECRET',
  takesSecrets: true,
  read(argument) {
    if (Buffer.byteLength(argument.text) >= MIN_SEAL_BYTES) return accept(argument.text)
    const help = 'such as "openssl rand -base64 32" prints'
    return refuse(argument, 'short-seal', `a seal has at least ${MIN_SEAL_BYTES} random bytes`, help)
  },
}

const MIN_SEAL_BYTES = 16

/** The name of a server; an address alone is what nginx users write. */
export const serverIdentifier: Value<string> = {
  syntax: 'NAME',
  read(argument) {
    const name = readIdentifier(argument)
    if (name.ok || !readServerAddress(argument).ok) return name
    const help = `write: server a ${argument.text};`
    return refuse(argument, 'bad-name', `a server has a name before its address ${shown(argument)}`, help)
  },
}

/** Whom access rules speak of; an address is what nginx users write. */
export const accessMatcher: Value<string> = {
  syntax: '@NAME',
  read(argument) {
    const name = readMatcherName(argument)
    if (name.ok || !readNetwork(argument).ok) return name
    const help = `declare "match @office { source ${argument.text}; }" and name "@office" here`
    return refuse(argument, 'bad-name', `${shown(argument)} is an address, and a matcher must stand here`, help)
  },
}

/** The name of a backend; an URL here is what nginx users write. */
export const backendName: Value<string> = {
  syntax: 'BACKEND',
  read(argument) {
    const name = readIdentifier(argument)
    if (name.ok) return name
    const url = /^(?:https?:\/\/)?([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?(?:\/.*)?$/.exec(
      argument.text,
    )
    if (url === null) return name
    const server = `${url[1]}${url[2] ?? ':80'}`
    const help = `declare "backend app { server a ${server}; }" and write "proxy app;"`
    return refuse(
      argument,
      'bad-name',
      `${shown(argument)} is an address, and "proxy" takes the name of a backend`,
      help,
    )
  },
}

const wordShape = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/

export const cookieName: Value<string> = {
  syntax: 'COOKIE',
  read: (argument) =>
    wordShape.test(argument.text) ? accept(argument.text) : refuseAs(argument, 'bad-name', 'name of a cookie'),
}

export const queryParameter: Value<string> = {
  syntax: 'PARAMETER',
  read: (argument) =>
    /^[^&=#\s\p{Cc}]{1,256}$/u.test(argument.text)
      ? accept(argument.text)
      : refuseAs(argument, 'bad-name', 'name of a query parameter'),
}

/** Who the proxy is in Via, a token (RFC 9110 §7.6.3); `off` is undefined inside the object. */
export const viaName: Value<{ readonly via: string | undefined }> = {
  syntax: 'NAME|off',
  read(argument) {
    if (argument.text === 'off') return accept({ via: undefined })
    return wordShape.test(argument.text)
      ? accept({ via: argument.text })
      : refuseAs(argument, 'bad-name', 'name for Via', 'write one word of letters, digits, "-" and "."')
  },
}

/** Fields that frame the message or concern one connection: the proxy writes them itself (RFC 9110 §7.6.1). */
const OWN_FIELDS: ReadonlyMap<string, string> = new Map([
  ['connection', 'the proxy manages its own connections'],
  ['keep-alive', 'the proxy manages its own connections'],
  ['proxy-connection', 'the proxy manages its own connections'],
  ['te', 'the proxy manages its own connections'],
  ['trailer', 'the body is passed on as it is framed'],
  ['transfer-encoding', 'the body is passed on as it is framed'],
  ['content-length', 'the body is passed on as it is framed'],
  ['upgrade', 'write "upgrade websocket;" in the site or route'],
  ['host', 'the backend decides it: host client; or host server; or host "NAME";'],
])

/** The name of a field that edits may touch. */
export const editableField: Value<string> = {
  syntax: 'FIELD',
  read(argument) {
    const name = readHeaderName(argument)
    if (!name.ok) return name
    const reason = OWN_FIELDS.get(name.value.toLowerCase())
    if (reason === undefined) return name
    return refuse(argument, 'reserved-field', `${shown(argument)} cannot be edited`, reason)
  },
}

/** Response fields that carry cache directives, in lower case. */
export const freshnessField: Value<string> = {
  syntax: 'CDN-Cache-Control|Cache-Control',
  read(argument) {
    const name = readOneOf({ ...argument, text: argument.text.toLowerCase() }, ['cdn-cache-control', 'cache-control'])
    return name
  },
}

/** What a field, cookie or parameter is compared with: a text, a word with `*`, or a regex. */
export const fieldTest: Value<StringTest> = {
  syntax: 'VALUE|GLOB|~"REGEX"',
  takesSecrets: true,
  read(argument) {
    if (argument.kind === 'regex') return mapRead(readRegex(argument), (source) => ({ kind: 'regex', source }))
    if (argument.kind === 'bare' && !argument.substituted && argument.text.includes('*')) {
      return accept({ kind: 'glob', pattern: argument.text })
    }
    return accept({ kind: 'equal', value: argument.text, secret: argument.secret })
  },
}

/** A path in a matcher. */
export const pathTest: Value<StringTest> = {
  syntax: 'GLOB|~"REGEX"',
  read: (argument) =>
    mapRead(readPathPattern(argument), (pattern) =>
      pattern.kind === 'regex' ? { kind: 'regex', source: pattern.source } : { kind: 'glob', pattern: pattern.pattern },
    ),
}

export type HostHeader =
  | { readonly kind: 'client' }
  | { readonly kind: 'server' }
  | { readonly kind: 'fixed'; readonly value: string }

/** `client`, `server`, or a name in quotes. */
export const hostHeaderValue: Value<HostHeader> = {
  syntax: 'client|server|"HOST"',
  read(argument) {
    if (argument.kind === 'bare' && (argument.text === 'client' || argument.text === 'server')) {
      return accept({ kind: argument.text })
    }
    if (/^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.test(argument.text)) {
      return accept({ kind: 'fixed', value: argument.text })
    }
    return refuseAs(argument, 'bad-host', 'host', 'write client, server, or a host in quotes')
  },
}

export const redirectStatus: Value<number> = {
  syntax: '301|302|303|307|308',
  read(argument) {
    const read = readOneOf(argument, ['301', '302', '303', '307', '308'])
    return mapRead(read, Number)
  },
}

/** A path of its own making: starts with `/`, may hold `$1`. */
export const rewriteTarget: Value<string> = {
  syntax: '/PATH',
  read(argument) {
    const target = readTarget(argument, false)
    if (!target.ok) return target
    if (!target.value.startsWith('/')) return refuse(argument, 'bad-path', `${shown(argument)} does not start with "/"`)
    return /[?#]/.test(target.value)
      ? refuse(argument, 'bad-path', `${shown(argument)} holds a query, and the query stays as it came`)
      : target
  },
}

/** The title of a test. */
export const testName: Value<string> = {
  syntax: '"TITLE"',
  read: (argument) =>
    argument.kind === 'quoted' ? accept(argument.text) : refuseAs(argument, 'bad-name', 'title in quotes'),
}

function mapRead<T, U>(read: Read<T>, build: (value: T) => U): Read<U> {
  return read.ok ? accept(build(read.value)) : read
}
