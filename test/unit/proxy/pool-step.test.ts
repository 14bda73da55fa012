/** A fault of ours while a pool answers costs one client its connection, and nobody else anything. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ItemRead } from '../../../src/cache/tiers/pool/items.ts'
import { PoolTier } from '../../../src/cache/tiers/pool/pool-tier.ts'
import type { FetchFills } from '../../../src/proxy/fetch-fills.ts'
import type { FetchRequest } from '../../../src/proxy/fetch-owner.ts'
import { PoolStep, type PoolStepSink } from '../../../src/proxy/pool-step.ts'
import type { SentFacts } from '../../../src/proxy/sent-facts.ts'
import type { SharedTier } from '../../../src/proxy/shared-tier.ts'
import { waitFor } from '../../support/wait.ts'

const fault = new Error('a fault of ours')
const NOTHING = Buffer.alloc(0)

/** A fetch of `/a`, whose pool answers each read by `answer`, over as much of a worker as it takes. */
function makeStep(answer: (read: ItemRead) => void, scope: 'machine' | 'cluster' = 'machine') {
  const seen: string[] = []
  const faults: unknown[] = []
  const reads: ItemRead[] = []
  const read = (_key: string, item: ItemRead): boolean => reads.push(item) > 0
  const items = {
    maxValueBytes: 1000,
    read,
    readOrLead: (key: string, _leaseSec: number, item: ItemRead) => read(key, item),
    write: () => false,
    remove: () => void seen.push('lease given up'),
    extend: () => {},
    returnedAtMs: () => 0,
  }
  const count = () => {}
  const counts = { onHit: count, onMiss: count, onError: count, onWrite: count, onDrop: count }
  const shared = { entries: new PoolTier('main', items, counts), fleetNumber: 1 } as unknown as SharedTier
  const context = {
    worker: { logFault: (error: unknown) => faults.push(error) },
    refusal: 'none',
    facts: { header: () => undefined },
    poolKey: '',
    poolLooks: 0,
  }
  const settings = { collapse: { enabled: true, scope, waitMs: 60_000 } }
  const request = {
    context,
    cache: { settings, cache: { shared } },
    found: { key: '/a', primaryKey: '/a', varyNames: '', markerId: 0, object: undefined },
    plan: { kind: 'whole' },
    directives: undefined,
    isPoolOnly: false,
    owner: { onFault: () => seen.push('client let go') },
  } as unknown as FetchRequest
  const fills = { fleetNumber: 1, leave: () => seen.push('fill ended') } as unknown as FetchFills
  const answerAll = () => {
    for (const item of reads.splice(0)) answer(item)
  }
  return { step: new PoolStep(request, fills, {} as SentFacts, shared), seen, faults, reads, answerAll }
}

function failingSink(): PoolStepSink {
  const fail = (): never => {
    throw fault
  }
  return { onOriginWanted: fail, onPoolFilled: fail, onPoolRefused: fail, onNotInPool: fail }
}

test('a fault behind a look-up that has nothing lets the client go, and those who wait', () => {
  const { step, seen, faults, answerAll } = makeStep((read) => read.onAbsent())
  step.begin(failingSink())
  answerAll()
  assert.deepEqual(seen, ['fill ended', 'client let go'])
  assert.deepEqual(faults, [fault])
})

test('a fault of the one who is elected gives up the lease, too', () => {
  const won = 1
  const { step, seen, faults, answerAll } = makeStep((read) => read.onItem(NOTHING, 0, 0, won), 'cluster')
  step.begin(failingSink())
  answerAll()
  assert.deepEqual(seen.toSorted(), ['client let go', 'fill ended', 'lease given up'])
  assert.deepEqual(faults, [fault])
})

test('a fault after a pause of the election is none of the thread', async () => {
  const taken = 2
  let looks = 0
  const { step, seen, faults, reads, answerAll } = makeStep((read) => {
    looks++
    read.onItem(NOTHING, 0, 0, taken)
  }, 'cluster')
  step.begin(failingSink())
  answerAll()
  reads.push = () => {
    throw fault
  }
  await waitFor('the next look', async () => faults.length > 0)
  assert.equal(looks, 1)
  assert.deepEqual(seen, ['fill ended', 'client let go'])
})

test('a fault before anything is asked is dealt with the same way', () => {
  const { step, seen, faults, reads } = makeStep(() => {})
  reads.push = () => {
    throw fault
  }
  step.begin(failingSink())
  assert.deepEqual(seen, ['fill ended', 'client let go'])
  assert.deepEqual(faults, [fault])
})
