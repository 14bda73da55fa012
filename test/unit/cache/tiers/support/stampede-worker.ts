/**
 * One thread of the stampede: in each round all threads meet at the gate, then `followers` requests for the same absent
 * key arrive at once. The one leader writes its body in pieces, a turn of the loop apart.
 */
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import type { FillWriter } from '../../../../../src/cache/tiers/fill-writer.ts'
import { MemoryTier, type MemoryTierShared } from '../../../../../src/cache/tiers/memory-tier.ts'
import { headFor, noiseFrom } from './bodies.ts'

interface Job {
  readonly shared: MemoryTierShared
  readonly worker: number
  readonly gate: Int32Array
  readonly rounds: number
  readonly followers: number
}

const BODY_BYTES = 300 * 1024
const { shared, worker, gate, rounds, followers } = workerData as Job
const tier = new MemoryTier(shared, worker)
const outcome = { led: 0, served: 0, early: 0 }

function meetOthers(round: number): void {
  const all = shared.pins.length * (round + 1)
  if (Atomics.add(gate, 0, 1) + 1 === all) Atomics.notify(gate, 0)
  for (let here = Atomics.load(gate, 0); here < all; here = Atomics.load(gate, 0)) Atomics.wait(gate, 0, here)
}

function write(writer: FillWriter, body: Buffer, at: number): void {
  const end = Math.min(body.length, at + 20_000)
  assert.ok(writer.write(body, at, end))
  if (end === body.length) writer.complete()
  else setTimeout(write, 1, writer, body, end)
}

/** One request: the object, or the fill as it grows. */
async function request(key: string, body: Buffer): Promise<void> {
  for (;;) {
    const object = tier.find(key)
    if (object !== undefined) {
      assert.deepEqual(Buffer.concat(object.body), body)
      outcome.served++
      return
    }
    const writer = tier.lead(key)
    if (writer !== undefined) {
      outcome.led++
      assert.ok(writer.start([1], headFor(key, 1), -1))
      setTimeout(write, 1, writer, body, 0)
    }
    if (await follow(key, body)) return
  }
}

function follow(key: string, body: Buffer): Promise<boolean> {
  const reader = tier.follow(key)
  if (reader === undefined) return Promise.resolve(false)
  let at = 0
  return new Promise((resolve) => {
    const look = (): void => {
      const { state } = reader
      for (let part = reader.read(at, 10_000); part !== undefined; part = reader.read(at, 10_000)) {
        if (at === 0 && state === 'streaming') outcome.early++
        assert.ok(part.equals(body.subarray(at, at + part.length)))
        at += part.length
      }
      if (state !== 'complete') {
        reader.onChange(look)
        return
      }
      assert.equal(at, body.length)
      outcome.served++
      reader.close()
      resolve(true)
    }
    look()
  })
}

// A thread with nothing but Atomics.waitAsync left to wait for would end.
const alive = setInterval(() => {}, 1000)
for (let round = 0; round < rounds; round++) {
  const key = `/stampede/${round}`
  const body = noiseFrom(100 * round, BODY_BYTES)
  meetOthers(round)
  await Promise.all(Array.from({ length: followers }, () => request(key, body)))
}
clearInterval(alive)
parentPort!.postMessage(outcome)
