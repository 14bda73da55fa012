import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Balancer } from '../../../src/balance/balancer.ts'
import { keepBackendStates, serverIdentity } from '../../../src/balance/keep-states.ts'
import { backend, factsOf, TestClock } from './backends.ts'

const clock = new TestClock()

/** State of a backend whose first server is avoided and has a request in flight. */
function usedRecord(plan = backend({ servers: [{}, {}] })) {
  const record = keepBackendStates([], [plan], 2)[0]!
  const used = new Balancer(plan, record.state, clock.now, 1)
  used.started(0)
  for (let i = 0; i < 3; i++) used.failed(0)
  return record
}

describe('a reload', () => {
  it('keeps the state of a backend whose servers stayed, whatever else changed', () => {
    const record = usedRecord()
    const plan = backend({ balance: 'least-requests', servers: [{ weight: 5 }, { backup: true }] })
    assert.equal(keepBackendStates([record], [plan], 2)[0]?.state, record.state)
  })

  it('keeps the health of the servers that stayed in a changed list', () => {
    const record = usedRecord()
    const plan = backend({ servers: [{ name: 'new' }, record.plan.servers[0]!] })
    const [kept] = keepBackendStates([record], [plan], 2)
    assert.notEqual(kept?.state, record.state)
    const tested = new Balancer(plan, kept!.state, clock.now, 0)
    assert.deepEqual(
      factsOf(plan, kept!.state, clock).map((server) => [
        server.name,
        server.status,
        server.inFlight,
        server.failedTotal,
      ]),
      [
        ['new', 'healthy', 0, 0],
        ['a', 'avoided', 0, 3],
      ],
    )
    assert.deepEqual([tested.select(0), tested.select(0)], [0, 0])
    tested.succeeded(1)
    assert.deepEqual([tested.select(0), tested.select(0)].toSorted(), [0, 1])
  })

  it('keeps health when the number of workers changes', () => {
    const record = usedRecord()
    const [kept] = keepBackendStates([record], [record.plan], 4)
    assert.equal(new Balancer(record.plan, kept!.state, clock.now, 3).isAvoided(0), true)
  })

  it('starts afresh with a backend of another name', () => {
    const record = usedRecord()
    const [kept] = keepBackendStates([record], [{ ...record.plan, name: 'other' }], 2)
    assert.equal(new Balancer(record.plan, kept!.state, clock.now, 0).isAvoided(0), false)
  })
})

it('tells servers apart by name and address', () => {
  const identities = backend({
    servers: [
      {},
      { name: 'a', address: { kind: 'tcp', host: 'Origin.test', port: 80 } },
      { address: { kind: 'unix', path: '/run/app.sock', mode: 0 } },
    ],
  }).servers.map(serverIdentity)
  assert.deepEqual(identities, ['a 127.0.0.1:8001', 'a origin.test:80', 'c unix:/run/app.sock'])
})
