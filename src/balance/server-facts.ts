/** What `shellac status` shows of the servers of a backend, read from shared memory by any thread. */
import type { BackendPlan } from '../plan/plan.ts'
import { AVOIDED, type BackendState, LONGEST_WAIT_MS } from './backend-state.ts'

export interface ServerFacts {
  readonly name: string
  readonly weight: number
  readonly backup: boolean
  /** Avoided servers get no request but probes. */
  readonly status: 'healthy' | 'avoided'
  /** Milliseconds until the next probe of an avoided server; 0: the next request is one, or the server is healthy. */
  readonly probeInMs: number
  /** Requests the server has not answered yet. */
  readonly inFlight: number
  /** Requests sent since the backend's state was made. */
  readonly sent: number
  /** Failures since the last success. */
  readonly failures: number
  /** Failures in all, and how often the server became avoided; both survive reloads that keep the server. */
  readonly failedTotal: number
  readonly ejections: number
}

/** In the order of the Plan. `nowMs` is the wall clock. */
export function readServers(plan: BackendPlan, state: BackendState, nowMs: number): ServerFacts[] {
  const longestMs = Math.min(plan.eject.forMs, LONGEST_WAIT_MS)
  return plan.servers.map((server, i) => {
    const isAvoided = state.status(i) === AVOIDED
    return {
      name: server.name,
      weight: server.weight,
      backup: server.backup,
      status: isAvoided ? 'avoided' : 'healthy',
      probeInMs: isAvoided ? Math.max(0, state.waitMs(i, nowMs, longestMs)) : 0,
      inFlight: state.inFlight(i),
      sent: state.sent(i),
      failures: state.failures(i),
      failedTotal: state.failedTotal(i),
      ejections: state.ejections(i),
    }
  })
}
