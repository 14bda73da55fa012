/** What a process tree costs, read from /proc. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { cpuMicros, pinThreads, rssBytes, startPinned, versionOf } from '../../../bench/process.ts'
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

test('threads are pinned by name and number, and missed when they are not there', async () => {
  const script = `for (const n of [0, 1]) new worker_threads.Worker('setInterval(() => {}, 1000)', { eval: true, name: 'job-' + n })`
  const started = startPinned('0', [process.execPath, '-e', script])
  const task = `/proc/${started.pid}/task`
  const read = (thread: string, file: string) => readFileSync(`${task}/${thread}/${file}`, 'latin1')
  const named = () => readdirSync(task).filter((thread) => read(thread, 'comm').startsWith('job-'))
  try {
    assert.throws(() => pinThreads(started.pid, 'job-', ['0', '0', '0']), /threads called job-N instead of 3/)
    await waitFor('two threads', () => named().length === 2)
    pinThreads(started.pid, 'job-', ['0', '1'])
    const cores = named().map((thread) => [
      read(thread, 'comm').trim(),
      /^Cpus_allowed_list:\s+(.*)$/m.exec(read(thread, 'status'))?.[1],
    ])
    assert.deepEqual(cores.sort(), [
      ['job-0', '0'],
      ['job-1', '1'],
    ])
  } finally {
    await started.stop()
  }
})
