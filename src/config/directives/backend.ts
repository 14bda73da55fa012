/**
 *     backend app {
 *         server a 10.0.0.11:8080; server b 10.0.0.12:8080 weight 2; server c 10.0.0.13:8080 backup;
 *         balance least-requests; connections 256; queue 200 for 2s; retry { attempts 2; } eject after 3 for 10s;
 *     }
 */
import type { ListenAddress } from '../../plan/plan.ts'
import { definition, nothing, one } from './arguments.ts'
import { backendTls, protocol } from './backend-tls.ts'
import { type Context, directive, type Shape } from './directive.ts'
import {
  duration,
  hostHeaderValue,
  identifier,
  integer,
  oneOf,
  serverAddress,
  serverIdentifier,
  size,
} from './values.ts'

export interface ServerArguments {
  readonly name: string
  readonly address: ListenAddress
  readonly weight: number
  readonly backup: boolean
}

const serverName = definition('server', serverIdentifier)
const serverWeight = integer(1, 1000)

const serverShape: Shape<ServerArguments> = {
  syntax: `NAME ${serverAddress.syntax} [weight ${serverWeight.syntax}] [backup]`,
  read(reader) {
    const name = serverName.read(reader)
    const address = name === undefined ? undefined : reader.next(serverAddress)
    if (name === undefined || address === undefined) return undefined
    let weight: number | undefined = 1
    let backup = false
    while (reader.peek() !== undefined && weight !== undefined) {
      if (reader.takeWord('weight')) weight = reader.next(serverWeight)
      else if (reader.takeWord('backup')) backup = true
      else break
    }
    return weight === undefined ? undefined : { name, address, weight, backup }
  },
}

export const server = directive({
  name: 'server',
  shape: serverShape,
  repeat: 'many',
  isRequired: true,
  phase: 'fetch',
  doc:
    'One origin server: its name in logs, its address, its share of the requests. A "backup" is used only when ' +
    'every other server is avoided. A name that does not resolve is an error when a request needs it, not when ' +
    'the daemon starts.',
  example: 'server b app2.internal:8080 weight 2;',
  peers: ['.host', 'cache_peer', 'BalancerMember', 'default-server'],
})

export const balance = directive({
  name: 'balance',
  shape: one(oneOf('round-robin', 'least-requests')),
  defaultText: 'round-robin',
  phase: 'fetch',
  doc:
    'How a server is chosen: in turn by weight, or the one with the fewest requests in flight for its weight, ' +
    'counted over all workers.',
  example: 'balance least-requests;',
  peers: ['least_conn', 'leastconn', 'roundrobin', 'directors.round_robin', 'lbmethod', 'round-robin'],
})

export const connectTimeout = directive({
  name: 'connect-timeout',
  shape: one(duration),
  defaultText: '3s',
  phase: 'fetch',
  doc: 'The longest time to open a connection to a server, name look-up included.',
  example: 'connect-timeout 500ms;',
  peers: ['proxy_connect_timeout', 'timeout connect', '.connect_timeout', 'connect_timeout'],
})

export const firstByteTimeout = directive({
  name: 'first-byte-timeout',
  shape: one(duration),
  defaultText: '60s',
  phase: 'fetch',
  doc: 'The longest wait for the head of a response after the request was sent. After it the client gets 504.',
  example: 'first-byte-timeout 10s;',
  peers: [
    'proxy_read_timeout',
    'timeout server',
    '.first_byte_timeout',
    'first_byte_timeout',
    'read_timeout',
    'ProxyTimeout',
  ],
})

export const betweenBytesTimeout = directive({
  name: 'between-bytes-timeout',
  shape: one(duration),
  defaultText: '30s',
  phase: 'fetch',
  doc: 'The longest silence inside a response body.',
  example: 'between-bytes-timeout 10s;',
  peers: ['.between_bytes_timeout', 'between_bytes_timeout', 'proxy_send_timeout'],
})

export const serverIdleTimeout = directive({
  name: 'idle-timeout',
  shape: one(duration),
  defaultText: '60s',
  phase: 'fetch',
  doc: 'How long an unused connection to a server stays in the pool. Keep it shorter than the server does.',
  example: 'idle-timeout 20s;',
  peers: ['backend_idle_timeout', 'pool-purge-delay'],
})

export const backendConnections = directive({
  name: 'connections',
  shape: one(integer(1, 100_000)),
  defaultText: '256',
  phase: 'fetch',
  doc: 'Connections to each server from each worker. Beyond it requests wait in the queue.',
  example: 'connections 64;',
  peers: ['max_conns', '.max_connections', 'maxconn'],
})

export const keepAlive = directive({
  name: 'keep-alive',
  shape: one(integer(0, 100_000)),
  defaultText: '64',
  phase: 'fetch',
  doc: 'Unused connections kept open to each server by each worker; 0 opens a new one for each request.',
  example: 'keep-alive 32;',
  peers: ['keepalive', 'http-reuse', 'pool-max-conn'],
})

export interface QueueArguments {
  readonly length: number
  readonly waitMs: number
}

const queueLength = integer(0, 1_000_000)

const queueShape: Shape<QueueArguments> = {
  syntax: `${queueLength.syntax} for ${duration.syntax}`,
  read(reader) {
    const length = reader.next(queueLength)
    if (length === undefined || !reader.expectWord('for')) return undefined
    const waitMs = reader.next(duration)
    return waitMs === undefined ? undefined : { length, waitMs }
  },
}

export const queue = directive({
  name: 'queue',
  shape: queueShape,
  defaultText: '128 for 2s',
  phase: 'fetch',
  doc:
    'How many requests of one worker may wait for a connection, and for how long. Beyond either the client gets ' +
    '503.',
  example: 'queue 200 for 1s;',
  peers: ['maxqueue', 'timeout queue', 'backend_wait_limit'],
})

export const attempts = directive({
  name: 'attempts',
  shape: one(integer(1, 10)),
  defaultText: '2',
  phase: 'fetch',
  doc: 'Attempts in all, the first included; 1 never tries again.',
  example: 'attempts 3;',
  peers: ['retries', 'max_retries'],
})

export const retryContext: Context = {
  name: 'retry',
  doc:
    'When a request is sent to another server. Only idempotent requests whose body can be sent again are, and ' +
    'only after a connection error.',
  directives: [attempts],
}

export const retry = directive({
  name: 'retry',
  shape: nothing,
  block: 'retry',
  phase: 'fetch',
  doc:
    'When a request is sent again. Only idempotent requests are, and only after a connection error, so that ' +
    'nothing is done twice.',
  example: 'retry { attempts 3; }',
  peers: ['proxy_next_upstream', 'proxy_next_upstream_tries', 'option redispatch', 'retry-on'],
})

export interface EjectArguments {
  readonly afterErrors: number
  readonly forMs: number
}

const ejectErrors = integer(1, 1000)

const ejectShape: Shape<EjectArguments> = {
  syntax: `after ${ejectErrors.syntax} for ${duration.syntax}`,
  read(reader) {
    if (!reader.expectWord('after')) return undefined
    const afterErrors = reader.next(ejectErrors)
    if (afterErrors === undefined || !reader.expectWord('for')) return undefined
    const forMs = reader.next(duration)
    return forMs === undefined ? undefined : { afterErrors, forMs }
  },
}

export const eject = directive({
  name: 'eject',
  shape: ejectShape,
  defaultText: 'after 3 for 10s',
  phase: 'fetch',
  doc:
    'A server that failed so many times in a row is avoided for a while, as long as another one is left. One ' +
    'request then tries it again.',
  example: 'eject after 5 for 30s;',
  peers: ['max_fails', 'fail_timeout', 'observe', 'on-error', '.probe', 'check'],
})

export const host = directive({
  name: 'host',
  shape: one(hostHeaderValue),
  defaultText: 'client',
  phase: 'request edits',
  doc:
    'The Host field sent to the servers: the one the client sent, the host and port of the chosen server, or a ' +
    'fixed one in quotes.',
  example: 'host "app.internal";',
  peers: ['proxy_set_header Host', '.host_header', 'ProxyPreserveHost', 'host_header'],
})

export const responseHeaderBytes = directive({
  name: 'header-bytes',
  shape: one(size),
  defaultText: '64KiB',
  phase: 'fetch',
  doc: 'The largest response head taken from a server. A larger one is answered with 502.',
  example: 'header-bytes 128KiB;',
  peers: ['proxy_buffer_size', 'http_resp_size', 'http_resp_hdr_len', 'reply_header_max_size'],
})

export const responseHeaderCount = directive({
  name: 'headers',
  shape: one(integer(1, 10_000)),
  defaultText: '200',
  phase: 'fetch',
  doc: 'The largest number of header fields in a response. More are answered with 502.',
  example: 'headers 300;',
})

export const responseLimitsContext: Context = {
  name: 'response-limits',
  doc: 'What is taken from a server.',
  directives: [responseHeaderBytes, responseHeaderCount],
}

export const responseLimits = directive({
  name: 'response-limits',
  shape: nothing,
  block: 'response-limits',
  phase: 'fetch',
  doc: 'What is taken from a server. Beyond it the answer is 502.',
  example: 'response-limits { header-bytes 128KiB; }',
  peers: ['proxy_buffers', 'proxy_busy_buffers_size'],
})

export const backendContext: Context = {
  name: 'backend',
  doc: 'A group of origin servers that answer the same requests.',
  directives: [
    server,
    balance,
    host,
    protocol,
    backendTls,
    connectTimeout,
    firstByteTimeout,
    betweenBytesTimeout,
    backendConnections,
    keepAlive,
    serverIdleTimeout,
    queue,
    retry,
    eject,
    responseLimits,
  ],
}

export const backend = directive({
  name: 'backend',
  shape: definition('backend', identifier),
  block: 'backend',
  repeat: 'many',
  phase: 'fetch',
  doc:
    'A group of origin servers that answer the same requests. Sites and routes send requests to it with "proxy ' +
    'NAME;".',
  example: 'backend app { server a 127.0.0.1:8080; }',
  peers: ['upstream', 'director', 'directors', 'BalancerMember', 'cache_peer'],
})
