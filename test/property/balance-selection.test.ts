/** Balancing against plain counting. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Balancer, triedBit } from '../../src/balance/balancer.ts'
import { RoundRobin } from '../../src/balance/round-robin.ts'
import { backend, balancers, factsOf, TestClock } from '../unit/balance/backends.ts'

const weights = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 })

describe('round-robin', () => {
  it('serves each server exactly its weight in every window of one round, and never early by more than one', () => {
    fc.assert(
      fc.property(weights, fc.nat(200), (given, start) => {
        const policy = new RoundRobin(given, start)
        const all = new Uint8Array(given.length).fill(1)
        const round = given.reduce((sum, weight) => sum + weight, 0)
        const picks = Array.from({ length: 3 * round }, () => policy.select(all))
        for (const [server, weight] of given.entries()) {
          const isServer = picks.map((pick) => (pick === server ? 1 : 0) as number)
          for (let from = 0; from + round <= picks.length; from++) {
            const count = isServer.slice(from, from + round).reduce((sum, one) => sum + one, 0)
            assert.equal(count, weight)
          }
        }
        const fresh = new RoundRobin(given, 0)
        const counts = given.map(() => 0)
        for (let n = 1; n <= round; n++) {
          const pick = fresh.select(all)
          counts[pick] = counts[pick]! + 1
          assert.ok(counts[pick]! - (n * given[pick]!) / round < 1)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('serves two servers within one of their share at any time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), (a, b) => {
        const policy = new RoundRobin([a, b], 0)
        const both = Uint8Array.of(1, 1)
        let count = 0
        for (let n = 1; n <= 2 * (a + b); n++) {
          if (policy.select(both) === 0) count++
          assert.ok(Math.abs(count - (n * a) / (a + b)) < 1)
        }
      }),
      { numRuns: 100 },
    )
  })
})

const AFTER_ERRORS = 2
const FOR_MS = 1000

interface CountedServer {
  readonly weight: number
  readonly backup: boolean
  inFlight: number
  failures: number
  avoidedUntil: number | undefined
}

/** The backend as one thread with plain numbers would keep it: it says which servers a selection may give. */
class Model {
  readonly servers: readonly CountedServer[]
  readonly #isLeastRequests: boolean

  constructor(servers: readonly { weight: number; backup: boolean }[], isLeastRequests: boolean) {
    this.servers = servers.map((server) => ({ ...server, inFlight: 0, failures: 0, avoidedUntil: undefined }))
    this.#isLeastRequests = isLeastRequests
  }

  /** Empty: nothing is left to select. */
  allowed(tried: number, nowMs: number): readonly CountedServer[] {
    const untried = this.servers.filter((_, i) => (tried & triedBit(i)) === 0)
    for (const backup of [false, true]) {
      const group = untried.filter((server) => server.backup === backup)
      const probe = group.find((server) => server.avoidedUntil !== undefined && server.avoidedUntil <= nowMs)
      if (probe !== undefined) {
        probe.avoidedUntil = nowMs + FOR_MS
        return [probe]
      }
      const healthy = group.filter((server) => server.avoidedUntil === undefined)
      if (healthy.length > 0) return this.#byPolicy(healthy)
    }
    const fewest = Math.min(...untried.map((server) => server.failures))
    return this.#byPolicy(untried.filter((server) => server.failures === fewest))
  }

  report(index: number, kind: 'succeed' | 'fail', nowMs: number): void {
    const server = this.servers[index]!
    server.inFlight--
    server.failures = kind === 'fail' ? server.failures + 1 : 0
    if (kind === 'succeed') server.avoidedUntil = undefined
    else if (server.failures >= AFTER_ERRORS) server.avoidedUntil ??= nowMs + FOR_MS
  }

  #byPolicy(candidates: readonly CountedServer[]): readonly CountedServer[] {
    if (!this.#isLeastRequests) return candidates
    const least = Math.min(...candidates.map((server) => server.inFlight / server.weight))
    return candidates.filter((server) => server.inFlight / server.weight === least)
  }
}

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('send' as const), worker: fc.nat(2), tried: fc.nat(31) }),
    fc.record({ kind: fc.constantFrom('succeed' as const, 'fail' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 1500 }) }),
  ),
  { maxLength: 120 },
)
const servers = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 4 }), backup: fc.boolean() }), {
  minLength: 1,
  maxLength: 5,
})

describe('three workers on one backend', () => {
  for (const balance of ['round-robin', 'least-requests'] as const) {
    it(`select by ${balance} what the model allows`, () => {
      fc.assert(
        fc.property(servers, steps, (given, script) => {
          const clock = new TestClock()
          const plan = backend({ balance, servers: given, eject: { afterErrors: AFTER_ERRORS, forMs: FOR_MS } })
          const { state, all } = balancers(plan, 3, clock)
          const model = new Model(given, balance === 'least-requests')
          const running: { worker: Balancer; server: number }[] = []

          for (const step of script) {
            if (step.kind === 'wait') {
              clock.nowMs += step.ms
            } else if (step.kind === 'send') {
              const worker = all[step.worker]!
              const server = worker.select(step.tried)
              const allowed = model.allowed(step.tried, clock.nowMs)
              if (server === -1) {
                assert.equal(allowed.length, 0)
                continue
              }
              assert.ok(allowed.includes(model.servers[server]!))
              model.servers[server]!.inFlight++
              worker.started(server)
              running.push({ worker, server })
            } else if (running.length > 0) {
              const { worker, server } = running.splice(step.pick % running.length, 1)[0]!
              worker.ended(server)
              if (step.kind === 'fail') worker.failed(server)
              else worker.succeeded(server)
              model.report(server, step.kind, clock.nowMs)
            }
          }

          for (const [i, facts] of factsOf(plan, state, clock).entries()) {
            const counted = model.servers[i]!
            assert.equal(facts.inFlight, counted.inFlight)
            assert.equal(facts.failures, counted.failures)
            assert.equal(facts.status === 'avoided', counted.avoidedUntil !== undefined)
          }
        }),
        { numRuns: 700 },
      )
    })
  }
})
