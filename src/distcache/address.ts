/**
 * Addresses as the original programs write them, and IPv6 besides:
 *
 *     IP:port  IP::port          listen only: every IPv4 address of the machine    IPv4: is the same prefix
 *     IP:host:port               a name or a dotted quad
 *     IP:[addr]:port             an IPv6 address
 *     IPv6:port  IPv6:host:port  listen on every address of both families; a name that has an IPv6 address
 *     UNIX:/path                 a stream socket; relative paths are allowed
 */
import { type LookupAddress, lookup } from 'node:dns'
import { isIP, isIPv4, isIPv6 } from 'node:net'

export type Address =
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number; readonly family: 4 | 6 }
  | { readonly kind: 'unix'; readonly path: string }

export type AddressUse = 'listen' | 'connect'

export type ReadAddress =
  | { readonly ok: true; readonly address: Address }
  | { readonly ok: false; readonly message: string }

/** What node:net's `listen` and `connect` take of an address. */
export type SocketOptions =
  | { readonly path: string }
  | { readonly host: string; readonly port: number; readonly family: 4 | 6 }

const MIN_LETTERS = 2
const MAX_LETTERS = 255
/** What the kernel has room for, without the zero behind it. The original cuts longer paths, which then name another file. */
const MAX_PATH_BYTES = 107
const MAX_PORT = 65_535

const forms = '"IP:host:port", "IP:[IPv6 address]:port" or "UNIX:/path"'

/** Reads an address; the message of a failure says what is wrong and what would do. Resolves no name. */
export function parseAddress(text: string, use: AddressUse): ReadAddress {
  if (text.length < MIN_LETTERS || text.length > MAX_LETTERS) return bad('an address has from 2 to 255 letters')
  const colon = text.indexOf(':')
  const prefix = colon === -1 ? '' : text.slice(0, colon)
  const rest = text.slice(colon + 1)
  if (prefix === 'UNIX') return parsePath(rest)
  if (prefix === 'IP' || prefix === 'IPv4' || prefix === 'IPv6') return parseTcp(prefix, rest, text, use)
  return bad(`"${text}" is no address; it is like ${forms}`)
}

function parsePath(path: string): ReadAddress {
  if (path === '' || path.includes('\0')) return bad('a unix socket wants a path: UNIX:/path')
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    return bad(`the path of a unix socket has at most ${MAX_PATH_BYTES} bytes`)
  return { ok: true, address: { kind: 'unix', path } }
}

function parseTcp(prefix: 'IP' | 'IPv4' | 'IPv6', rest: string, text: string, use: AddressUse): ReadAddress {
  const [, bracketed, name = '', digits] = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?([^:]*)$/.exec(rest) ?? []
  if (digits === undefined) {
    const help = rest.includes('::') || rest.split(':').length > 3 ? '; an IPv6 address stands in brackets' : ''
    return bad(`"${text}" is no address${help}; it is like ${forms}`)
  }
  const port = parsePort(digits)
  if (port === undefined) return bad(`"${text}" has no port: a number from 0 to ${MAX_PORT}`)
  if (bracketed !== undefined && (!isIPv6(bracketed) || prefix === 'IPv4')) {
    return bad(`"${bracketed}" in "${text}" is no ${prefix === 'IPv4' ? 'IPv4' : 'IPv6'} address`)
  }
  const host = bracketed ?? (name === '' ? undefined : name)
  if (host === undefined && use === 'connect') return bad(`"${text}" names no host to connect to`)
  const family = bracketed !== undefined || prefix === 'IPv6' ? 6 : 4
  if (host !== undefined && isIPv4(host) && family === 6) return bad(`"${host}" in "${text}" is no IPv6 address`)
  return { ok: true, address: { kind: 'tcp', host, port, family } }
}

/** As strtol reads it, which the original does: blanks and a plus in front, nothing behind. */
function parsePort(text: string): number | undefined {
  const digits = /^\s*\+?0*(\d{1,5})$/.exec(text)?.[1]
  const port = digits === undefined ? MAX_PORT + 1 : Number(digits)
  return port <= MAX_PORT ? port : undefined
}

/** Looks the name of an address up, once; rejects with the resolver's error. An address without a name comes back as it is. */
export function resolveAddress(address: Address): Promise<Address> {
  if (address.kind === 'unix' || address.host === undefined || isIP(address.host) !== 0) return Promise.resolve(address)
  const { host, family } = address
  return new Promise((resolve, reject) => {
    lookup(host, { family, all: true }, (error, found: LookupAddress[]) => {
      const first = found?.[0]
      if (error !== null || first === undefined) reject(error ?? new Error(`${host} has no address`))
      else resolve({ ...address, host: first.address })
    })
  })
}

/** For `net.connect` and `server.listen`. */
export function socketOptions(address: Address): SocketOptions {
  if (address.kind === 'unix') return { path: address.path }
  const { host = address.family === 4 ? '0.0.0.0' : '::', port, family } = address
  return { host, port, family }
}

/** Whether only this machine can reach it. False for names that were not looked up, other than `localhost`. */
export function isLocal(address: Address): boolean {
  if (address.kind === 'unix') return true
  const { host } = address
  return host !== undefined && (host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.')))
}

/** As it can be written again: `IP:127.0.0.1:9001`, `IP:[::1]:9001`, `UNIX:/path`. */
export function addressText(address: Address): string {
  if (address.kind === 'unix') return `UNIX:${address.path}`
  const { host, port, family } = address
  if (host === undefined) return `${family === 4 ? 'IP' : 'IPv6'}:${port}`
  if (isIPv6(host)) return `IP:[${host}]:${port}`
  return `${family === 4 ? 'IP' : 'IPv6'}:${host}:${port}`
}

function bad(message: string): ReadAddress {
  return { ok: false, message }
}
