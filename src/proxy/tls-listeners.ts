/** The TLS of a worker's listeners, made anew with every Plan; sessions and certificates come from outside. */
import type { ListenerPlan, Plan } from '../plan/plan.ts'
import type { TlsMaterials } from '../tls/material.ts'
import { type ListenerSessions, TlsServer } from '../tls/tls-server.ts'

/** What listeners need to speak TLS that no Plan holds. */
export interface TlsSupply {
  readonly materials: TlsMaterials
  /** Who resumes the sessions of a listener; the same one for all that may resume each other's. */
  sessionsOf(listener: ListenerPlan): ListenerSessions
}

export type TlsServers = ReadonlyMap<string, TlsServer>

/** By the name of the listener. Throws what OpenSSL says of material that it does not take. */
export function createTlsServers(plan: Plan, { materials, sessionsOf }: TlsSupply): TlsServers {
  const servers = new Map<string, TlsServer>()
  for (const listener of plan.listeners) {
    const { name, tls, protocols } = listener
    const material = materials.listeners.get(name)
    if (tls === undefined || material === undefined) continue
    const realm = tls.sessions ?? name
    servers.set(name, new TlsServer(tls, material, { protocols, realm, sessions: sessionsOf(listener) }))
  }
  return servers
}
