/**
 * TLS handshakes as a load, a process of its own: `node handshake-client.ts OPTIONS PID`, OPTIONS as JSON. Each is a connection
 * that is closed as soon as it is made. Prints what was counted, and the CPU time that the process PID took meanwhile.
 */
import { type ConnectionOptions, connect, createSecureContext, type TLSSocket } from 'node:tls'
import { cpuMicros } from '../process.ts'

export interface HandshakeOptions {
  readonly port: number
  /** The certificate of the server, PEM. */
  readonly ca: string
  readonly version: 'TLSv1.2' | 'TLSv1.3'
  /** Whether all connections resume the session of one that was made before. */
  readonly isResumed: boolean
  readonly seconds: number
  /** Connections at a time. */
  readonly connections: number
}

export interface HandshakeReport {
  readonly handshakes: number
  /** Handshakes that were full and should not have been, or the other way. */
  readonly wrong: number
  readonly errors: readonly string[]
  readonly elapsedMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMicros: number
}

/** After so many the load is worthless anyway. */
const MAX_ERRORS = 10

const [given, pid] = process.argv.slice(2)
const options: HandshakeOptions = JSON.parse(given!)
const { port, version, isResumed } = options
// What both servers have, so that neither is asked for more than the other; P-256 for the certificate's sake (RFC 8422 §5.1.1).
const secureContext = createSecureContext({
  ca: options.ca,
  minVersion: version,
  maxVersion: version,
  ecdhCurve: 'X25519:P-256',
})
const base: ConnectionOptions = { host: '127.0.0.1', port, secureContext }

const errors: string[] = []
const session = isResumed ? await firstSession().catch(note) : undefined
const tookMs: number[] = []
let wrong = 0
const cpuBefore = cpuMicros(Number(pid))
const startedMs = performance.now()
await Promise.all(Array.from({ length: options.connections }, makeOneAfterTheOther))
const report: HandshakeReport = {
  handshakes: tookMs.length,
  wrong,
  errors,
  elapsedMs: performance.now() - startedMs,
  p50Ms: percentile(0.5),
  p99Ms: percentile(0.99),
  cpuMicros: cpuMicros(Number(pid)) - cpuBefore,
}
process.stdout.write(JSON.stringify(report))
process.exit(0)

async function makeOneAfterTheOther(): Promise<void> {
  const endMs = startedMs + options.seconds * 1000
  while (performance.now() < endMs && errors.length < MAX_ERRORS) {
    const beganMs = performance.now()
    const socket = await handshake(session).catch(note)
    if (socket === undefined) continue
    tookMs.push(performance.now() - beganMs)
    if (socket.isSessionReused() !== isResumed) wrong++
    await closed(socket)
  }
}

function note(error: Error): undefined {
  errors.push(error.message)
}

function handshake(resumed: Buffer | undefined): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(resumed === undefined ? base : { ...base, session: resumed }, () => {
      socket.off('error', reject)
      socket.on('error', () => {}) // 'close' follows
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
    socket.resume()
    socket.end()
  })
}

/** With TLS 1.3 it comes behind the handshake. */
async function firstSession(): Promise<Buffer> {
  const socket = connect(base)
  const made = await new Promise<Buffer>((resolve, reject) => {
    socket.once('session', resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the server gave no session')))
    socket.resume()
  })
  await closed(socket)
  return made
}

function percentile(part: number): number {
  const sorted = tookMs.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN
}
