import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

test('threads that collect at the same moment do not stop each other', async () => {
  const file = new URL('./fixture/collect-often.ts', import.meta.url)
  const threads = Array.from({ length: 4 }, () => new Worker(file, { workerData: 40 }))
  const codes = await Promise.all(threads.map(async (thread) => (await once(thread, 'exit'))[0]))
  assert.deepEqual(codes, [0, 0, 0, 0])
})
