/** Where to listen and where to connect: `*:80`, `127.0.0.1:80`, `[::1]:80`, `app.internal:8080`, `unix:/run/app.sock`. */
import { isIPv4, isIPv6 } from 'node:net'
import type { ListenAddress } from '../../plan/plan.ts'
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

const LISTEN_FORM = 'write HOST:PORT or unix:/PATH, such as *:80, 127.0.0.1:8080, [::1]:8080'
const SERVER_FORM = 'write HOST:PORT or unix:/PATH, such as 10.0.0.11:8080, app.internal:8080, [2001:db8::1]:80'

/** Owner and group may connect; `mode` in the configuration says otherwise. */
const DEFAULT_SOCKET_MODE = 0o660

/** Paths of unix sockets fit sockaddr_un: 107 bytes and a NUL. */
const MAX_SOCKET_PATH = 107

/** Port 0 lets the kernel choose. The host of `*:80` is `*`, an IPv6 host comes without its brackets. */
export function readListenAddress(argument: Argument, usualPort = 80): Read<ListenAddress> {
  if (/^\d{1,5}$/.test(argument.text)) {
    return refuse(argument, 'bad-address', `${shown(argument)} is a port alone`, `did you mean "*:${argument.text}"?`)
  }
  return readAddress(argument, LISTEN_FORM, 0, usualPort)
}

/** An address to connect to: no `*`, no port 0. A name is not resolved here. `usualPort`: what is suggested. */
export function readServerAddress(argument: Argument, usualPort = 80): Read<ListenAddress> {
  const { text } = argument
  if (/^https?:\/\//i.test(text)) {
    const rest = /^https?:\/\/([^/?#]{1,300})/i.exec(text)?.[1] ?? ''
    const port = text.startsWith('https') ? 443 : 80
    const address = /:\d+$/.test(rest) ? rest : `${rest}:${port}`
    const tls = port === 443 ? ', and "tls;" in the backend' : ''
    const help = `a server is an address, not a URL; write "${address}"${tls}`
    return refuse(argument, 'bad-address', `${shown(argument)} is a URL`, help)
  }
  if (text.startsWith('*')) return refuse(argument, 'bad-address', 'no connection can be made to "*"', SERVER_FORM)
  return readAddress(argument, SERVER_FORM, 1, usualPort)
}

/** `unix:/path` only. */
export function readUnixAddress(argument: Argument): Read<ListenAddress> {
  if (argument.text.startsWith('unix:')) return readAddress(argument, LISTEN_FORM, 0, 80)
  const help = argument.text.startsWith('/') ? `did you mean "unix:${argument.text}"?` : 'write unix:/PATH'
  return refuseAs(argument, 'bad-address', 'unix socket', help)
}

function readAddress(argument: Argument, form: string, minPort: number, usualPort: number): Read<ListenAddress> {
  const { text } = argument
  if (text.startsWith('unix:')) return readSocketPath(argument, text.slice(5))
  if (isIPv6(text))
    return refuse(
      argument,
      'bad-address',
      `${shown(argument)} needs brackets and a port`,
      `did you mean "[${text}]:${usualPort}"?`,
    )
  const colon = text.lastIndexOf(':')
  const host = colon === -1 ? text : text.slice(0, colon)
  const name = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  const isHost = host === name ? isHostName(host) : isIPv6(name)
  if (!isHost) return refuseAs(argument, 'bad-address', 'address', form)
  if (colon === -1)
    return refuse(argument, 'missing-port', `${shown(argument)} has no port`, `did you mean "${text}:${usualPort}"?`)
  const port = text.slice(colon + 1)
  if (!/^\d{1,9}$/.test(port)) return refuse(argument, 'bad-port', `the port in ${shown(argument)} is no number`, form)
  if (Number(port) < minPort || Number(port) > 65_535) {
    const help = `ports are ${minPort} to 65535`
    return refuse(argument, 'bad-port', `the port in ${shown(argument)} is out of range`, help)
  }
  return accept({ kind: 'tcp', host: name, port: Number(port) })
}

function readSocketPath(argument: Argument, path: string): Read<ListenAddress> {
  if (!path.startsWith('/'))
    return refuse(argument, 'bad-address', 'the path of a socket begins with "/"', 'write unix:/PATH')
  if (path.includes('\0') || Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    return refuse(argument, 'bad-address', `the path of a socket has at most ${MAX_SOCKET_PATH} bytes`)
  }
  return accept({ kind: 'unix', path, mode: DEFAULT_SOCKET_MODE })
}

/** `*`, an IPv4 address or a name of DNS; what is all digits and dots must be an address. */
function isHostName(host: string): boolean {
  if (host === '*' || isIPv4(host)) return true
  if (host.length > 253 || /^[\d.]*$/.test(host)) return false
  return host.split('.').every((label) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
}
