/** What one thread purges, another sees as soon as it sees the sequence, while the tables are full and change all the time. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { labelTexts } from '../../../../src/cache/purge/labels.ts'
import { PurgeLog } from '../../../../src/cache/purge/purge-log.ts'
import { createMemoryTier } from '../../../../src/cache/tiers/memory-tier.ts'

const LOOKS = 2000
/** Purges that come while one look is made ready, about. */
const AHEAD = 2
/** How many purges back it looks too: beyond what the label table of this tier holds. */
const DEPTHS = [0, 1, 7, 100, 1000]

test('a purge whose number is seen covers what it should, in another thread, also when its entry had to make room', async () => {
  const shared = createMemoryTier({ bytes: 256 * 1024, workers: 2, maxObjectBytes: 1000 })
  const flags = new Int32Array(new SharedArrayBuffer(4))
  const purger = new Worker(new URL('./support/purger.ts', import.meta.url), { workerData: { shared, flags } })
  const log = new PurgeLog(shared, 1)
  for (let looks = 0; looks < LOOKS; looks++) {
    // Everything is made ready before the purge, so that it is asked for in the moment it can be seen.
    const next = log.numberAt(log.sequence) + AHEAD
    const number = next - DEPTHS[looks % DEPTHS.length]!
    if (number < 1) continue
    const url = `a|/${number}/x`
    const labels = log.hashLabels(labelTexts({ url, tags: [`t${number}`] }))
    while (log.numberAt(log.sequence) < next);
    const verdict = log.verdict(labels, url, number - 1)
    assert.ok(verdict >= (number % 3 === 0 ? 2 : 1), `purge ${number}, seen at ${next}, is ${verdict}`)
  }
  Atomics.store(flags, 0, 1)
  await once(purger, 'exit')
  assert.ok(log.stats().folds > 1000, 'the tables were full')
})
