/**
 * What of the backends' states outlives a reload. The main thread keeps one record per backend of the live Plan.
 *
 * - The state itself (health, requests in flight, counts) is kept when the backend has the same name, the same servers
 *   in the same order and the same number of workers: indexes and layout are the same then, and requests that still run
 *   on the old Plan are counted in the same cells. Weights, policy, timeouts and eject settings may differ, as they are
 *   in the Plan and not in the state.
 * - When the list of servers differs there is a new state, into which each server that was there before brings its
 *   health. Requests in flight stay counted in the old state, which lives until the last of them ends.
 */
import type { BackendPlan, ServerPlan } from '../plan/plan.ts'
import { BackendState, createBackendState } from './backend-state.ts'

export interface BackendRecord {
  readonly plan: BackendPlan
  readonly state: SharedArrayBuffer
}

/**
 * What makes a server the same server: its name, which the operator gives a machine, and its address, as the health of
 * what listened elsewhere says nothing about it. Not its weight, nor whether it is a backup.
 */
export function serverIdentity(server: ServerPlan): string {
  const { address } = server
  return address.kind === 'unix'
    ? `${server.name} unix:${address.path}`
    : `${server.name} ${address.host.toLowerCase()}:${address.port}`
}

/** The record of each of `backends`, states kept as described above. `previous` is left as it is. */
export function keepBackendStates(
  previous: readonly BackendRecord[],
  backends: readonly BackendPlan[],
  workers: number,
): BackendRecord[] {
  const byName = new Map(previous.map((record) => [record.plan.name, record]))
  return backends.map((plan) => ({ plan, state: keepState(byName.get(plan.name), plan, workers) }))
}

function keepState(previous: BackendRecord | undefined, plan: BackendPlan, workers: number): SharedArrayBuffer {
  if (previous === undefined) return createBackendState(plan.servers.length, workers)
  const known = previous.plan.servers.map(serverIdentity)
  const wanted = plan.servers.map(serverIdentity)
  const old = new BackendState(previous.state)
  const isSame = known.length === wanted.length && known.every((identity, i) => identity === wanted[i])
  if (isSame && old.workers === workers) return previous.state

  const state = createBackendState(wanted.length, workers)
  const view = new BackendState(state)
  for (const [i, identity] of wanted.entries()) {
    const before = known.indexOf(identity)
    if (before !== -1) view.copyHealth(i, old, before)
  }
  return state
}
