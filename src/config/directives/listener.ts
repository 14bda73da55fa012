/**
 *     listener plain { address *:80 [::]:80; redirect https; }
 *     listener public {
 *         address *:443 [::]:443; protocols h2 h1;
 *         tls { certificate /etc/shellac/shop.crt key /etc/shellac/shop.key; }
 *         limits { header-timeout 10s; idle-timeout 60s; headers 100; body-bytes 10MiB; }
 *     }
 */
import type { ListenerProtocol } from '../../plan/tls-plan.ts'
import { definition, many, nothing, one } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { tls } from './tls.ts'
import { duration, identifier, integer, integerOrUnlimited, listenAddress, oneOf, size } from './values.ts'

export const address = directive({
  name: 'address',
  shape: many(listenAddress),
  repeat: 'many',
  isRequired: true,
  phase: 'accept',
  doc:
    'Where connections are accepted: "*:80" is every address of the machine, "0.0.0.0:80" every IPv4 one, ' +
    '"unix:/run/shop.sock" a socket file, which one worker serves.',
  example: 'address 192.0.2.10:80 [2001:db8::10]:80;',
  peers: ['listen', 'bind', 'Listen', 'http_port'],
})

export interface RedirectArguments {
  /** undefined: the usual one. */
  readonly port: number | undefined
}

const redirectPort = integer(1, 65_535)

const redirectShape: Shape<RedirectArguments> = {
  syntax: `https [to port ${redirectPort.syntax}]`,
  read(reader) {
    if (reader.next(oneOf('https')) === undefined) return undefined
    if (!reader.takeWord('to')) return { port: undefined }
    const port = reader.expectWord('port') ? reader.next(redirectPort) : undefined
    return port === undefined ? undefined : { port }
  },
}

export const redirectScheme = directive({
  name: 'redirect',
  shape: redirectShape,
  phase: 'accept',
  doc:
    'Answers every request with 308 to the https URL of the same host and path, on port 443 or the one that is named. Such a ' +
    'listener belongs to no site.',
  example: 'redirect https;',
  peers: ['redirect scheme', 'auto_https'],
})

export const protocols = directive({
  name: 'protocols',
  shape: many(oneOf<ListenerProtocol>('h2', 'h1', 'h2c')),
  phase: 'accept',
  doc:
    'What is spoken with clients: "h2" is HTTP/2, "h1" is HTTP/1.1. Client and listener agree in the TLS handshake (ALPN), ' +
    'where the first one here that the client knows too is taken. Without this statement that is "h2 h1" on a listener with ' +
    '"tls"; without "tls" it is "h1". "h2c" is HTTP/2 without TLS, for clients that begin with it unasked; it can stand ' +
    'beside "h1", and how the client begins decides.',
  example: 'protocols h1;',
  peers: ['http2', 'alpn', 'Protocols', 'ProtocolsHonorOrder', '-p', 'feature +http2'],
})

export const headerTimeout = directive({
  name: 'header-timeout',
  shape: one(duration),
  defaultText: '10s',
  phase: 'limits',
  doc: 'The longest time from the first byte of a request to the end of its head. After it the client gets 408.',
  example: 'header-timeout 5s;',
  peers: ['client_header_timeout', 'timeout http-request', 'RequestReadTimeout', 'request_header_timeout'],
})

export const clientIdleTimeout = directive({
  name: 'idle-timeout',
  shape: one(duration),
  defaultText: '60s',
  phase: 'accept',
  doc: 'How long a connection is kept open between two requests.',
  example: 'idle-timeout 75s;',
  peers: ['keepalive_timeout', 'timeout http-keep-alive', 'timeout_idle', 'KeepAliveTimeout'],
})

export const bodyTimeout = directive({
  name: 'body-timeout',
  shape: one(duration),
  defaultText: '30s',
  phase: 'limits',
  doc: 'The longest silence inside a request body. After it the client gets 408.',
  example: 'body-timeout 1m;',
  peers: ['client_body_timeout', 'timeout client'],
})

export const sendTimeout = directive({
  name: 'send-timeout',
  shape: one(duration),
  defaultText: '60s',
  phase: 'deliver',
  doc: 'The longest time a client may refuse to take any byte of a response. After it the connection is closed.',
  example: 'send-timeout 30s;',
  peers: ['send_timeout', 'idle_send_timeout'],
})

export const headerBytes = directive({
  name: 'header-bytes',
  shape: one(size),
  defaultText: '32KiB',
  phase: 'limits',
  doc: 'The largest request head, its first line included. A larger one gets 431.',
  example: 'header-bytes 16KiB;',
  peers: [
    'large_client_header_buffers',
    'client_header_buffer_size',
    'http_req_size',
    'tune.bufsize',
    'request_header_max_size',
  ],
})

export const headerCount = directive({
  name: 'headers',
  shape: one(integer(1, 10_000)),
  defaultText: '100',
  phase: 'limits',
  doc: 'The largest number of header fields in a request. More get 431.',
  example: 'headers 64;',
  peers: ['http_max_hdr', 'tune.http.maxhdr', 'LimitRequestFields'],
})

export const targetBytes = directive({
  name: 'target-bytes',
  shape: one(size),
  defaultText: '8KiB',
  phase: 'limits',
  doc: 'The longest request target, path and query together. A longer one gets 414.',
  example: 'target-bytes 4KiB;',
  peers: ['LimitRequestLine'],
})

export const limitBodyBytes = directive({
  name: 'body-bytes',
  shape: one(size),
  defaultText: '100MiB',
  phase: 'limits',
  doc: 'The largest request body. A larger one gets 413. A site or a route may set its own bound.',
  example: 'body-bytes 2GiB;',
  peers: ['client_max_body_size', 'LimitRequestBody', 'request_body_max_size'],
})

export const requests = directive({
  name: 'requests',
  shape: one(integerOrUnlimited(1, 1_000_000_000)),
  defaultText: 'unlimited',
  phase: 'accept',
  doc: 'How many requests one connection may carry before it is closed.',
  example: 'requests 10000;',
  peers: ['keepalive_requests', 'MaxKeepAliveRequests'],
})

export const streams = directive({
  name: 'streams',
  shape: one(integer(1, 10_000)),
  defaultText: '128',
  phase: 'accept',
  doc: 'How many requests one connection of HTTP/2 may have in work at a time.',
  example: 'streams 256;',
  peers: [
    'http2_max_concurrent_streams',
    'H2MaxSessionStreams',
    'tune.h2.max-concurrent-streams',
    'h2_max_concurrent_streams',
  ],
})

export const limitsContext: Context = {
  name: 'limits',
  doc: 'What a client may take: time, bytes, fields. The defaults stop slow and greedy clients.',
  directives: [
    headerTimeout,
    clientIdleTimeout,
    bodyTimeout,
    sendTimeout,
    headerBytes,
    headerCount,
    targetBytes,
    limitBodyBytes,
    requests,
    streams,
  ],
}

export const limits = directive({
  name: 'limits',
  shape: nothing,
  block: 'limits',
  phase: 'limits',
  doc: 'What a client of this listener may take: time, bytes, fields.',
  example: 'limits { header-timeout 5s; body-bytes 1GiB; }',
})

export const listenerContext: Context = {
  name: 'listener',
  doc: 'A set of addresses that accept connections under the same limits.',
  directives: [address, protocols, tls, redirectScheme, limits],
}

export const listener = directive({
  name: 'listener',
  shape: definition('listener', identifier),
  block: 'listener',
  repeat: 'many',
  phase: 'accept',
  doc: 'Addresses that accept connections. Sites name the listeners they are served on.',
  example: 'listener public { address *:80; }',
  peers: ['VirtualHost', 'defaults'],
})
