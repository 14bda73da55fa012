/** Backends for the tests of balancing, and a clock that the test moves. */
import { BackendState, createBackendState } from '../../../src/balance/backend-state.ts'
import { Balancer } from '../../../src/balance/balancer.ts'
import { readServers, type ServerFacts } from '../../../src/balance/server-facts.ts'
import type { BackendPlan, ServerPlan } from '../../../src/plan/plan.ts'

export interface BackendSketch extends Partial<Omit<BackendPlan, 'servers'>> {
  readonly servers: readonly Partial<ServerPlan>[]
}

/** Servers are called a, b, c ..., weigh 1 and listen on port 8001, 8002 ... */
export function backend(sketch: BackendSketch): BackendPlan {
  const { servers, ...given } = sketch
  return {
    name: 'app',
    balance: 'round-robin',
    connectTimeoutMs: 1000,
    firstByteTimeoutMs: 1000,
    betweenBytesTimeoutMs: 1000,
    idleTimeoutMs: 1000,
    connections: 10,
    keepAlive: 10,
    queue: { length: 0, waitMs: 0 },
    retry: { attempts: 2 },
    eject: { afterErrors: 3, forMs: 10_000 },
    hostHeader: { kind: 'client' },
    responseHeaderBytes: 32_768,
    responseHeaders: 100,
    protocol: 'h1',
    tls: undefined,
    place: { file: 'test.conf', line: 1, column: 1 },
    ...given,
    servers: servers.map((server, i) => ({
      name: String.fromCharCode(97 + i),
      address: { kind: 'tcp', host: '127.0.0.1', port: 8001 + i },
      weight: 1,
      backup: false,
      place: { file: 'test.conf', line: 1, column: 1 },
      ...server,
    })),
  }
}

/** A wall clock that starts where 32-bit milliseconds are about to wrap. */
export class TestClock {
  nowMs = 2 ** 32 * 400 - 5000
  readonly now = (): number => this.nowMs
}

export function balancers(
  plan: BackendPlan,
  workers: number,
  clock: TestClock,
): { state: SharedArrayBuffer; all: Balancer[] } {
  const state = createBackendState(plan.servers.length, workers)
  return { state, all: Array.from({ length: workers }, (_, worker) => new Balancer(plan, state, clock.now, worker)) }
}

/** What is known of the servers to whoever looks at the state. */
export function factsOf(plan: BackendPlan, state: SharedArrayBuffer, clock: TestClock): ServerFacts[] {
  return readServers(plan, new BackendState(state), clock.nowMs)
}

export function balancer(plan: BackendPlan, clock: TestClock = new TestClock()): Balancer {
  return balancers(plan, 1, clock).all[0]!
}
