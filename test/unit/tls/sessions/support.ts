/** TLS servers and clients in one process, with a certificate made for the run. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type SecureVersion,
  type Server,
} from 'node:tls'

import { tempDir } from '../../../support/temp.ts'

export const versions: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3']

let made: { readonly key: Buffer; readonly cert: Buffer } | undefined

export function testCertificate(): { readonly key: Buffer; readonly cert: Buffer } {
  made ??= makeCertificate()
  return made
}

function makeCertificate(): { key: Buffer; cert: Buffer } {
  const folder = tempDir()
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost']
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

/** A listening server whose connections begin with the context that `adopt` was given, and end at once. */
export async function openTlsServer(
  t: TestContext,
  { adopt, options }: { adopt(context: SecureContext): void } & { readonly options?: SecureContextOptions },
): Promise<Server> {
  const certificate = testCertificate()
  const context = createSecureContext({ ...certificate, sessionIdContext: 'test', ...options })
  adopt(context)
  const server = createServer({ ...certificate }, (socket) => socket.end(socket.isSessionReused() ? 'resumed' : 'full'))
  ;(server as unknown as { _sharedCreds: unknown })._sharedCreds = context
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return server
}

export interface Handshake {
  readonly kind: 'full' | 'resumed'
  /** The newest that the client has; undefined: it cannot come back. */
  readonly session: Buffer | undefined
  /** Tickets or ids that it was given. */
  readonly given: number
}

/** Connects, reads how the server saw the handshake, and waits for the end. */
export async function shakeHands(
  server: Server,
  version: SecureVersion,
  session?: Buffer,
  options?: ConnectionOptions,
): Promise<Handshake> {
  const { port } = server.address() as AddressInfo
  const socket = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
    ...options,
  })
  let text = ''
  let given = 0
  let newest: Buffer | undefined
  socket.on('session', (next: Buffer) => {
    given++
    newest = next
  })
  socket.on('data', (bytes: Buffer) => {
    text += bytes
    newest ??= socket.getSession()
  })
  await once(socket, 'close')
  return { kind: text as Handshake['kind'], session: newest, given }
}
