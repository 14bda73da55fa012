import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reloader, type ReloadResult } from '../../../src/daemon/reloader.ts'

function makeResult(cause: string): ReloadResult {
  return { ok: true, cause, generation: 1, summary: '', diagnostics: '', configErrors: 0, atMs: 0, durationMs: 0 }
}

test('one runs and one waits, however many ask', async () => {
  const started: string[] = []
  let running = 0
  const reloader = new Reloader(async (cause) => {
    started.push(cause)
    assert.equal(++running, 1)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    return makeResult(cause)
  })
  const results = await Promise.all(['a', 'b', 'c', 'd'].map((cause) => reloader.request(cause)))
  assert.deepEqual(started, ['a', 'b'])
  assert.deepEqual(
    results.map((result) => result.cause),
    ['a', 'b', 'b', 'b'],
  )
  assert.equal(reloader.last?.cause, 'b')
})

test('who asks while one is running gets one that began later', async () => {
  let state = 'old'
  const reloader = new Reloader(async () => {
    const seen = state
    await new Promise((resolve) => setImmediate(resolve))
    return makeResult(seen)
  })
  const first = reloader.request('')
  state = 'new'
  assert.equal((await reloader.request('')).cause, 'new')
  assert.equal((await first).cause, 'old')
})

test('idle waits for the one that waits', async () => {
  let done = 0
  const reloader = new Reloader(async (cause) => {
    await new Promise((resolve) => setImmediate(resolve))
    done++
    return makeResult(cause)
  })
  void reloader.request('a')
  void reloader.request('b')
  await reloader.idle()
  assert.equal(done, 2)
})
