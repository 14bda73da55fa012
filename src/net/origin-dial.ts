/** Opens the socket of a connection to an origin: TCP or a unix socket, with TLS on it or without. */
import { connect, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { OriginProtocol } from '../plan/origin-tls-plan.ts'
import type { ListenAddress } from '../plan/plan.ts'
import type { AlpnName, ServerTls } from './origin-tls.ts'
import type { Resolver } from './resolver.ts'

/** Where to, and what is to be spoken there. */
export interface OriginDial {
  readonly address: ListenAddress
  readonly resolver: Resolver
  /** undefined: none. */
  readonly tls: ServerTls | undefined
  readonly protocol: OriginProtocol
}

const offers: Readonly<Record<OriginProtocol, readonly AlpnName[]>> = {
  h1: ['http/1.1'],
  h2: ['h2'],
  h2c: [],
  auto: ['h2', 'http/1.1'],
}

/** `onread`: where the bytes go, as in `net.connect`. With TLS the socket is ready at 'secureConnect', not at 'connect'. */
export function dialOrigin({ address, resolver, tls, protocol }: OriginDial, onread: OnReadOpts): Socket {
  const target =
    address.kind === 'unix'
      ? { path: address.path }
      : { host: address.host, port: address.port, lookup: resolver.lookup, autoSelectFamily: true, noDelay: true }
  const options = { ...target, onread, allowHalfOpen: true }
  if (tls === undefined) return connect(options)
  const secure = tls.options(offers[protocol])
  const socket = connectTls({ ...options, ...secure })
  socket.on('session', (session) => tls.keep(session, secure.secureContext))
  return socket
}

/** Of a socket that is ready. */
export function speaksHttp2(socket: Socket, { protocol }: OriginDial): boolean {
  if (protocol === 'h2c') return true
  return 'alpnProtocol' in socket && socket.alpnProtocol === 'h2'
}
