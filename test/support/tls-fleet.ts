/** Daemons with one certificate and one `tls-sessions` block, as the machines of a fleet are. */
import { readFileSync } from 'node:fs'
import type { TlsSessionsStatus } from '../../src/daemon/tls-sessions.ts'
import { statusOf } from './admin.ts'
import { makeAuthority } from './certificates.ts'
import { type Daemon, startShellac } from './daemon.ts'
import { NodeClient, OpensslClient, type Version } from './tls-resumption.ts'

export const versions: readonly Version[] = ['TLSv1.2', 'TLSv1.3']
/** Who comes back, and how. */
export const clients = [
  ['openssl', (version: Version) => new OpensslClient<FleetAnswer>(version)],
  ['Node', (version: Version) => new NodeClient<FleetAnswer>(version)],
] as const

/** A statement of the block, the same on all machines. */
export const SEAL = 'seal "a secret of this fleet";'

export interface FleetNode {
  /** Statements of the block; absent: the listener names no sessions. */
  readonly sessions?: string
  /** Whole objects beside, such as pools. */
  readonly objects?: string
  readonly workers?: number
  /** Statements of `tls`. */
  readonly tls?: string
}

/** What the daemon answers each request with. */
export interface FleetAnswer {
  readonly served: true
}

/** Their text, as the folder they were made in goes with the test. */
let made: Record<string, string> | undefined

/** Each has a listener named `edge` on its `port`, and an admin socket. */
export function startFleetNode(node: FleetNode): Promise<Daemon> {
  return startShellac({ config: fleetConfig(node), files: fleetFiles() })
}

export function fleetConfig({ sessions, objects = '', workers = 2, tls = '' }: FleetNode): string {
  const block = sessions === undefined ? '' : `tls-sessions edge-tls { ${sessions} }`
  const use = sessions === undefined ? '' : 'sessions edge-tls;'
  return `shellac 1;
    process { workers ${workers}; }
    admin { listen unix:%dir%/admin.sock; }
    log daemon { to stderr; level debug; }
    listener edge { address %listen%; tls { certificate %dir%/edge.crt key %dir%/edge.key; ${use} ${tls} } }
    ${block}
    ${objects}
    site * { on edge; route all { path /**; respond 200 "{\\"served\\":true}\\n"; } }`
}

export function fleetFiles(): Record<string, string> {
  if (made !== undefined) return made
  const { certificate, key } = makeAuthority().issue({ names: ['localhost'] })
  made = { 'edge.crt': readFileSync(certificate, 'utf8'), 'edge.key': readFileSync(key, 'utf8') }
  return made
}

/** What the daemon says of its one block. */
export async function sessionsOf(daemon: Daemon): Promise<TlsSessionsStatus> {
  return (await statusOf(daemon)).tlsSessions[0]!
}

/** Id of the key that issues. */
export async function issuingKey(daemon: Daemon): Promise<string | undefined> {
  return (await sessionsOf(daemon)).tickets?.keys.find(({ state }) => state === 'issues')?.id
}
