/** A thread that purges without end until cell 0 of `flags` is set: number n is the tag `t<n>`, every eighth a ban of `/<n>/`. */
import assert from 'node:assert/strict'
import { workerData } from 'node:worker_threads'
import { PurgeLog } from '../../../../../src/cache/purge/purge-log.ts'
import type { MemoryTierShared } from '../../../../../src/cache/tiers/memory-tier.ts'

const { shared, flags } = workerData as { readonly shared: MemoryTierShared; readonly flags: Int32Array }
const log = new PurgeLog(shared, 0)

for (let number = 1; Atomics.load(flags, 0) === 0; number++) {
  const isHard = number % 3 === 0
  if (number % 8 === 0) assert.ok(log.purgeUrls({ kind: 'prefix', pattern: `/${number}/`, isHard }))
  else assert.ok(log.purgeLabels('tag', [`t${number}`], isHard))
}
