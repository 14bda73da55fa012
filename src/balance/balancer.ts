/**
 * Which server of a backend gets the next request. One Balancer per backend and worker; what they know of the servers
 * lies in shared memory (`backend-state.ts`), so a server one worker finds dead is avoided by all.
 *
 *     healthy --- afterErrors failures in a row ---> avoided, for forMs
 *        ^                                              | time over: one request is let through as a probe,
 *        '-------------- any success -------------------'  and the time begins anew
 *
 * Order of preference: an avoided server whose time is over (the probe), healthy servers by policy, the same among the
 * backups, and when all are avoided those with the fewest failures: a request is never refused because of past ones.
 */
import type { BackendPlan } from '../plan/plan.ts'
import { assert } from '../util/assert.ts'
import { AVOIDED, BackendState, LONGEST_WAIT_MS } from './backend-state.ts'
import { LeastRequests } from './least-requests.ts'
import type { Policy } from './policy.ts'
import { RoundRobin } from './round-robin.ts'

/** Servers a mask of the tried ones can tell apart; a bitwise number has 31 bits besides its sign. */
const MASK_BITS = 31

/**
 * The bit of a server in the mask of those a request has been sent to already. With more than 31 servers some share a
 * bit: trying one rules out those others for this request too, but none is ever tried twice.
 */
export function triedBit(server: number): number {
  return 1 << (server % MASK_BITS)
}

export class Balancer {
  readonly plan: BackendPlan
  readonly #state: BackendState
  readonly #worker: number
  readonly #now: () => number
  readonly #policy: Policy
  readonly #forMs: number
  /** 1 at the indexes of the servers that are (not) backups. */
  readonly #primaries: Uint8Array
  readonly #backups: Uint8Array
  /** Filled by each careful selection. */
  readonly #candidates: Uint8Array

  /** `state` as `createBackendState` made it for this backend; `now` gives whole wall-clock milliseconds; `worker` from 0. */
  constructor(plan: BackendPlan, state: SharedArrayBuffer, now: () => number, worker: number) {
    this.plan = plan
    this.#state = new BackendState(state)
    assert(this.#state.servers === plan.servers.length, `the state of backend ${plan.name} has room for its servers`)
    assert(
      worker >= 0 && worker < this.#state.workers,
      `the state of backend ${plan.name} has room for worker ${worker}`,
    )
    this.#worker = worker
    this.#now = now
    const weights = plan.servers.map((server) => server.weight)
    const turns = new RoundRobin(weights, worker)
    this.#policy = plan.balance === 'least-requests' ? new LeastRequests(weights, this.#state, turns) : turns
    this.#forMs = Math.min(plan.eject.forMs, LONGEST_WAIT_MS)
    this.#primaries = Uint8Array.from(plan.servers, (server) => (server.backup ? 0 : 1))
    this.#backups = Uint8Array.from(plan.servers, (server) => (server.backup ? 1 : 0))
    this.#candidates = new Uint8Array(plan.servers.length)
  }

  /**
   * Index of the server for the next request (or the next attempt at it); -1 when all are in `tried`, which joins
   * (by `|`) the `triedBit`s of those the request was sent to. The caller reports `started` before it selects again.
   */
  select(tried: number): number {
    if (tried === 0 && !this.#state.hasUnhealthy()) {
      const server = this.#policy.select(this.#primaries)
      if (server !== -1) return server
    }
    return this.#selectCarefully(tried)
  }

  /** A request was given to the server. Every `started` is followed by one `ended`, whatever happens. */
  started(server: number): void {
    this.#state.startRequest(this.#worker, server)
  }

  ended(server: number): void {
    this.#state.endRequest(this.#worker, server)
  }

  /** The server could not be reached, or broke off: one more failure in a row. */
  failed(server: number): void {
    const failures = this.#state.addFailure(server)
    const { afterErrors } = this.plan.eject
    if (afterErrors === 0 || failures < afterErrors || this.isAvoided(server)) return
    this.#state.setUntil(server, this.#now() + this.#forMs)
    this.#state.eject(server)
  }

  /** The server answered. Costs two loads while it is well. */
  succeeded(server: number): void {
    if (this.#state.failures(server) !== 0) this.#state.clearFailures(server)
    if (this.isAvoided(server)) this.#state.readmit(server)
  }

  /** Whether the server gets no request but probes. */
  isAvoided(server: number): boolean {
    return this.#state.status(server) === AVOIDED
  }

  #selectCarefully(tried: number): number {
    const nowMs = this.#now()
    const primary = this.#selectAmong(this.#primaries, tried, nowMs)
    if (primary !== -1) return primary
    const backup = this.#selectAmong(this.#backups, tried, nowMs)
    return backup !== -1 ? backup : this.#selectLeastBad(tried)
  }

  #selectAmong(group: Uint8Array, tried: number, nowMs: number): number {
    const candidates = this.#candidates
    for (let i = 0; i < group.length; i++) {
      const isOpen = group[i] === 1 && (tried & triedBit(i)) === 0
      const isAvoided = this.isAvoided(i)
      if (isOpen && isAvoided && this.#state.claimProbe(i, nowMs, this.#forMs)) return i
      candidates[i] = isOpen && !isAvoided ? 1 : 0
    }
    return this.#policy.select(candidates)
  }

  /** In one pass, as other workers may be counting failures meanwhile. */
  #selectLeastBad(tried: number): number {
    const candidates = this.#candidates
    let fewest = Number.POSITIVE_INFINITY
    for (let i = 0; i < candidates.length; i++) {
      candidates[i] = 0
      if ((tried & triedBit(i)) !== 0) continue
      const failures = this.#state.failures(i)
      if (failures > fewest) continue
      if (failures < fewest) candidates.fill(0, 0, i)
      fewest = failures
      candidates[i] = 1
    }
    return this.#policy.select(candidates)
  }
}
