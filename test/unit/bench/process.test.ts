/** What a process tree costs, read from /proc. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { cpuMicros, rssBytes, startPinned, versionOf } from '../../../bench/process.ts'
import { waitFor } from '../../support/wait.ts'

test('CPU time and memory of children count, and all end with the program', async () => {
  const busy = startPinned('0', ['sh', '-c', 'sh -c "while :; do :; done" & echo $!; wait'])
  try {
    await waitFor('50 ms of CPU time', () => cpuMicros(busy.pid) > 50_000)
    const child = Number(busy.output())
    assert.ok(cpuMicros(busy.pid) < 30_000_000, 'microseconds, not nanoseconds')
    assert.ok(rssBytes(busy.pid) > rssBytes(child), 'both processes count')
    await busy.stop()
    assert.ok(!busy.isRunning())
    await waitFor('the end of the child', () => rssBytes(child) === 0)
    assert.ok(!existsSync(`/proc/${busy.pid}`))
  } finally {
    await busy.stop()
  }
})

test('a version is the first line, wherever it is printed', () => {
  assert.equal(versionOf('sh', '-c', 'echo 1.2 >&2; echo more'), '1.2')
})
