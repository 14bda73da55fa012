/**
 * Handshakes, full and resumed by tickets, with one ECDSA certificate, beside nginx. The load costs more than the servers, so
 * the rate that counts is what the CPU time of one core would do: a second divided by the time of one handshake.
 */
import { fileURLToPath } from 'node:url'
import type { Contest, ContestSample } from '../contest.ts'
import { InvalidRun } from '../measure.ts'
import { rssBytes, runPinned } from '../process.ts'
import { LOAD_CORE } from '../servers.ts'
import type { HandshakeOptions, HandshakeReport } from './handshake-client.ts'
import type { HitBench } from './hits.ts'
import type { SecureName } from './servers.ts'

const CLIENT = fileURLToPath(new URL('handshake-client.ts', import.meta.url))
const CONNECTIONS = 8

export const handshakeCases = [
  { name: 'full-13', title: 'full handshake, TLS 1.3', version: 'TLSv1.3', isResumed: false },
  { name: 'resumed-13', title: 'resumed handshake, TLS 1.3', version: 'TLSv1.3', isResumed: true },
  { name: 'full-12', title: 'full handshake, TLS 1.2', version: 'TLSv1.2', isResumed: false },
  { name: 'resumed-12', title: 'resumed handshake, TLS 1.2', version: 'TLSv1.2', isResumed: true },
] as const

export function handshakeContests({ servers, ca }: HitBench, names: readonly string[]): Contest<SecureName>[] {
  return handshakeCases
    .filter(({ name }) => names.includes(name))
    .map(({ name, title, version, isResumed }) => ({
      name,
      title,
      target: {},
      contestants: ['shellac', 'nginx'] as const,
      async measure(who, seconds): Promise<ContestSample> {
        const server = servers[who]
        const options = { port: server.port, ca, version, isResumed, seconds, connections: CONNECTIONS }
        const report = await runHandshakes(options, server.pid)
        const cpuMicros = report.cpuMicros / report.handshakes
        const { p50Ms, p99Ms } = report
        return { perSec: 1e6 / cpuMicros, cpuMicros, p50Ms, p99Ms, rssBytes: rssBytes(server.pid) }
      },
    }))
}

/** Throws InvalidRun when one handshake failed or was not of the kind that was asked for. */
async function runHandshakes(options: HandshakeOptions, pid: number): Promise<HandshakeReport> {
  const output = await runPinned(LOAD_CORE, [process.execPath, CLIENT, JSON.stringify(options), `${pid}`])
  const report: HandshakeReport = JSON.parse(output)
  const { errors, wrong, handshakes } = report
  if (errors.length > 0) throw new InvalidRun(`${errors.length} handshakes failed: ${errors[0]}`)
  if (handshakes === 0) throw new InvalidRun('no handshake was made')
  const other = options.isResumed ? 'full' : 'resumed'
  if (wrong > 0) throw new InvalidRun(`${wrong} of ${handshakes} handshakes were ${other}`)
  return report
}
