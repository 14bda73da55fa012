/** A worker thread that uses a backend as fast as it can, all of its requests ended, half of them failed. */
import { workerData } from 'node:worker_threads'
import { Balancer } from '../../../src/balance/balancer.ts'
import type { BackendPlan } from '../../../src/plan/plan.ts'

export interface HammerData {
  readonly plan: BackendPlan
  readonly state: SharedArrayBuffer
  readonly worker: number
  readonly rounds: number
}

const { plan, state, worker, rounds }: HammerData = workerData
let nowMs = 1_000_000
const tested = new Balancer(plan, state, () => nowMs, worker)
for (let i = 0; i < rounds; i++) {
  nowMs++
  const server = tested.select(0)
  tested.started(server)
  if ((i * 7 + worker) % 16 < 8) tested.failed(server)
  else tested.succeeded(server)
  tested.ended(server)
}
