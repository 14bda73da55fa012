/** Which listener a request of a scenario comes in by: its URL has a scheme and a port, not the name of one. */
import type { ListenAddress, ListenerPlan, Plan, SitePlan } from '../plan/plan.ts'
import type { RequestScript } from '../plan/test-plan.ts'
import type { RouteTable } from '../routing/table.ts'

const defaultPorts = { http: 80, https: 443 } as const

/**
 * The listener on the URL's port; where none is (behind a port mapping, say), one that speaks TLS or does not as the URL has it,
 * or any that is no mere redirect to https. Of several, the one with the strongest site for the host. undefined: the Plan has none.
 */
export function listenerOf(
  plan: Plan,
  table: RouteTable,
  { scheme, authority }: RequestScript,
): ListenerPlan | undefined {
  const { host, port } = splitAuthority(authority)
  const wanted = port ?? defaultPorts[scheme]
  const onPort = plan.listeners.filter((listener) => listener.addresses.some((one) => isAt(one, wanted)))
  const answering = plan.listeners.filter((listener) => !listener.redirectHttps)
  const ofScheme = answering.filter(({ tls }) => (tls !== undefined) === (scheme === 'https'))
  const candidates = [onPort, ofScheme, answering, plan.listeners].find((listeners) => listeners.length > 0) ?? []
  const siteOf = (listener: ListenerPlan): SitePlan | undefined => table.siteOf(listener.name, host)?.site
  return (
    candidates.find((listener) => siteOf(listener)?.hosts.includes(host)) ??
    candidates.find((listener) => siteOf(listener) !== undefined) ??
    candidates[0]
  )
}

function isAt(address: ListenAddress, port: number): boolean {
  return address.kind === 'tcp' && address.port === port
}

/** `host[:port]`; IPv6 addresses keep their brackets. */
function splitAuthority(authority: string): { readonly host: string; readonly port: number | undefined } {
  const found = /^(.*?)(?::(\d{1,5}))?$/.exec(authority)!
  return { host: found[1]!, port: found[2] === undefined ? undefined : Number(found[2]) }
}
