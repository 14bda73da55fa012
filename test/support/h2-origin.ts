/** An origin that speaks HTTP/2, with TLS or without, whose every answer is a script's. */
import { readFileSync } from 'node:fs'
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Issued } from './certificates.ts'
import { onTestEnd } from './cleanup.ts'

export type StreamScript = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void

export interface H2Origin {
  readonly port: number
  /** In order of accept. */
  readonly sessions: readonly ServerHttp2Session[]
  /** Of all requests, as they came. */
  readonly requests: readonly (readonly string[])[]
  readonly server: Http2Server
}

/** `issued`: with TLS; undefined: without. Errors of streams and sessions are the script's matter. */
export async function startH2Origin(
  issued: Issued | undefined,
  script: StreamScript,
  options: SecureServerOptions = {},
): Promise<H2Origin> {
  const sessions: ServerHttp2Session[] = []
  const requests: (readonly string[])[] = []
  const server: Http2Server | Http2SecureServer =
    issued === undefined
      ? createServer(options)
      : createSecureServer({ cert: readFileSync(issued.certificate), key: readFileSync(issued.key), ...options })
  server.on('session', (session) => {
    sessions.push(session)
    session.on('error', () => {})
  })
  server.on('sessionError', () => {})
  server.on('stream', (stream: ServerHttp2Stream, headers, _, raw) => {
    requests.push(raw)
    stream.on('error', () => {})
    script(stream, headers, raw)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sessions, requests, server: server as Http2Server }
}

/** The values of a field of a raw list. */
export function valuesOf(raw: readonly string[], name: string): string[] {
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1] === name)
}
