/**
 * A plain Node server with the sessions of a fleet, to be run as a process of its own: `attached-server.ts OPTIONS`, JSON as
 * AttachedOptions. Prints its port. Answers every request with what it knows of the connection.
 */
import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { attachSessionCache, type SessionCacheCounters } from '../../src/distcache/attach-session-cache.ts'

export interface AttachedOptions {
  readonly certificate: string
  readonly key: string
  /** Of the session service. */
  readonly connect: string
  readonly waitMs?: number
  readonly timeoutSeconds?: number
  readonly isHttp2?: boolean
  /** Groups for key shares; a client whose first is another has to say hello again. */
  readonly groups?: string
}

export interface AttachedAnswer {
  readonly pid: number
  readonly isReused: boolean
  readonly protocol: string
  readonly counters: SessionCacheCounters
}

const options: AttachedOptions = JSON.parse(process.argv[2] ?? '{}')
const tls = {
  key: readFileSync(options.key),
  cert: readFileSync(options.certificate),
  secureOptions: constants.SSL_OP_NO_TICKET,
  sessionIdContext: 'attached',
  ...(options.groups === undefined ? {} : { ecdhCurve: options.groups }),
}

const server =
  options.isHttp2 === true
    ? createSecureServer({ ...tls, allowHTTP1: true }, (request, response) => response.end(answer(request.socket)))
    : createServer(tls, (request, response) => response.end(answer(request.socket)))
const cache = attachSessionCache(server, options)
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`))

function answer(socket: unknown): string {
  const { isSessionReused, getProtocol } = socket as TLSSocket
  const isReused = isSessionReused.call(socket as TLSSocket)
  const protocol = getProtocol.call(socket as TLSSocket) ?? ''
  return `${JSON.stringify({ pid: process.pid, isReused, protocol, counters: cache.counters } satisfies AttachedAnswer)}\n`
}
