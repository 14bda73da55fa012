import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { BackendState, createBackendState, HEALTHY } from '../../../src/balance/backend-state.ts'
import { readServers } from '../../../src/balance/server-facts.ts'
import { backend } from './backends.ts'
import type { HammerData } from './hammer.ts'

describe('backend state', () => {
  it('keeps servers and workers apart', () => {
    const view = new BackendState(createBackendState(20, 3))
    for (let server = 0; server < 20; server++) {
      for (let worker = 0; worker < 3; worker++) {
        for (let i = 0; i < server + worker; i++) view.startRequest(worker, server)
      }
    }
    for (let server = 0; server < 20; server++) {
      assert.equal(view.inFlight(server), 3 * server + 3)
      assert.equal(view.sent(server), 3 * server + 3)
      assert.deepEqual([view.status(server), view.failures(server)], [HEALTHY, 0])
    }
  })

  it('gives an ejection and a probe to one caller alone', () => {
    const view = new BackendState(createBackendState(1, 1))
    assert.equal(view.eject(0), true)
    assert.equal(view.eject(0), false)
    assert.equal(view.hasUnhealthy(), true)
    assert.equal(view.ejections(0), 1)
    view.setUntil(0, 5000)
    assert.equal(view.claimProbe(0, 4999, 1000), false)
    assert.equal(view.waitMs(0, 4999, 1000), 1)
    assert.equal(view.claimProbe(0, 5000, 1000), true)
    assert.equal(view.claimProbe(0, 5000, 1000), false)
    assert.equal(view.readmit(0), true)
    assert.equal(view.readmit(0), false)
    assert.equal(view.hasUnhealthy(), false)
  })

  it('comes out even after three threads have used it at once', async () => {
    const plan = backend({ servers: [{}, {}, { weight: 3 }], eject: { afterErrors: 2, forMs: 3 } })
    const state = createBackendState(3, 3)
    const rounds = 30_000
    const threads = [0, 1, 2].map((worker) => {
      const workerData: HammerData = { plan, state, worker, rounds }
      return new Worker(new URL('./hammer.ts', import.meta.url), { workerData })
    })
    const codes = await Promise.all(threads.map((thread) => once(thread, 'exit')))
    assert.deepEqual(codes.flat(), [0, 0, 0])

    const view = new BackendState(state)
    const facts = readServers(plan, view, 2_000_000)
    assert.equal(
      facts.reduce((sum, server) => sum + server.sent, 0),
      3 * rounds,
    )
    assert.ok(facts.every((server) => server.inFlight === 0))
    assert.ok(facts.some((server) => server.ejections > 0))
    for (let server = 0; server < 3; server++) view.readmit(server)
    assert.equal(view.hasUnhealthy(), false)
  })
})
