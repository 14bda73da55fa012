/** The servers that speak TLS, with one certificate, in front of one origin; and the session servers. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/ports.ts'
import { memcachedCommand } from '../memcached/servers.ts'
import { startPinned } from '../process.ts'
import {
  fillTemplate,
  type Origin,
  type RunningServer,
  SERVER_CORE,
  scratchFolder,
  shellacCommand,
  untilListening,
} from '../servers.ts'

export type SecureName = 'shellac' | 'nginx'

export interface Certificate {
  /** Paths. */
  readonly certificate: string
  readonly key: string
  /** The text of the certificate, which is its own authority. */
  readonly pem: string
}

/** An ECDSA certificate for 127.0.0.1, as most sites have one today. */
export function makeCertificate(): Certificate {
  const [certificate, key] = [join(scratchFolder(), 'server.crt'), join(scratchFolder(), 'server.key')]
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '90']
  const names = ['-subj', '/CN=bench.example', '-addext', 'subjectAltName=DNS:bench.example,IP:127.0.0.1']
  execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', certificate], { stdio: 'pipe' })
  return { certificate, key, pem: readFileSync(certificate, 'utf8') }
}

export async function startSecure(
  name: SecureName,
  origin: Origin,
  { certificate, key }: Certificate,
): Promise<RunningServer> {
  const port = await freePort()
  const words = { port, origin: origin.port, certificate, key }
  const { config, dir } = fillTemplate(`tls-${name}`, `${name}-tls.conf`, words)
  const command = name === 'shellac' ? shellacCommand(config) : ['nginx', '-p', dir, '-e', 'stderr', '-c', config]
  return untilListening(`${name} with TLS`, port, startPinned(SERVER_CORE, command))
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** The largest number of sessions a server keeps. */
const SESSIONS = 60_000

export async function startSessionServer(): Promise<RunningServer> {
  const port = await freePort()
  const command = [process.execPath, MAIN, 'dc-server', '-listen', `IP:127.0.0.1:${port}`, '-sessions', `${SESSIONS}`]
  return untilListening('dc-server', port, startPinned(SERVER_CORE, command))
}

/** An agent on the same core as its server: what both cost together is measured. */
export async function startAgent(server: RunningServer): Promise<RunningServer> {
  const port = await freePort()
  const target = ['-server', `IP:127.0.0.1:${server.port}`]
  const command = [process.execPath, MAIN, 'dc-client', '-listen', `IP:127.0.0.1:${port}`, ...target]
  return untilListening('dc-client', port, startPinned(SERVER_CORE, command))
}

/** The measure of session servers: on their core, not on that of the load. */
export async function startMeasuredMemcached(): Promise<RunningServer> {
  const port = await freePort()
  return untilListening('memcached', port, startPinned(SERVER_CORE, memcachedCommand(port)))
}
