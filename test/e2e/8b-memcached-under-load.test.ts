/**
 * Servers that die, stand still and come back under load: whatever happens to them, no reply is wrong, none comes to another
 * client, and no client loses its connection. `node bench/soak/memcached.ts` does the same for ten million operations.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runMcBench } from '../../src/mc-bench/bench.ts'
import type { McBenchOptions } from '../../src/mc-bench/options.ts'
import type { McBenchReport } from '../../src/mc-bench/report.ts'
import type { TestMemcached } from '../support/memcached.ts'
import { waitFor } from '../support/wait.ts'
import { startProxiedPool } from './proxied-pool.ts'

const rightErrors = [
  'SERVER_ERROR Connection timed out',
  'SERVER_ERROR Connection refused',
  'SERVER_ERROR Connection reset by peer',
  'SERVER_ERROR Broken pipe',
]

function load(port: number, protocol: McBenchOptions['protocol'], operations: number): Promise<McBenchReport> {
  const options: McBenchOptions = {
    target: { host: '127.0.0.1', port },
    protocol,
    connections: 20,
    pipeline: 6,
    keys: 2000,
    keyPrefix: `${protocol}:`,
    valueBytes: [0, 3000],
    mix: { get: 5, multi: 2, set: 3 },
    multiKeys: 9,
    operations,
    durationMs: Number.POSITIVE_INFINITY,
    preload: true,
    stallMs: 30_000,
  }
  return runMcBench(options, { onProgress: () => {} })
}

function loads(port: number, operations: number): Promise<McBenchReport[]> {
  return Promise.all([load(port, 'classic', operations), load(port, 'meta', operations)])
}

const troubles: readonly ((server: TestMemcached) => Promise<void>)[] = [
  async (server) => {
    await server.kill()
    await server.start()
  },
  async (server) => {
    await server.pause()
    // Longer than the timeout of the pool: everything that waits for the server fails.
    await new Promise((resolve) => setTimeout(resolve, 150))
    server.resume()
  },
  (server) => server.restart(),
  (server) => server.flush(),
]

test('replies stay right while servers are killed, stopped, ended and emptied, and all is well afterwards', async () => {
  const pool = await startProxiedPool({ workers: 2, pool: 'timeout 100ms; eject after 2 for 100ms;' })
  const { port } = pool.shellac
  let isOver = false
  const running = loads(port, 40_000).finally(() => {
    isOver = true
  })
  let done = 0
  while (!isOver || done < troubles.length) {
    await troubles[done % troubles.length]!(pool.servers[done % pool.servers.length]!)
    done++
  }
  for (const report of await running) {
    assert.deepEqual(report.wrongs, [])
    assert.deepEqual([report.lost, report.broken, report.stalled], [0, 0, false])
    assert.equal(report.operations, 40_000)
    const strange = Object.keys(report.errorTexts).filter((text) => !rightErrors.includes(text))
    assert.deepEqual(strange, [])
  }
  await waitFor('a load without an error', async () => {
    const calm = await loads(port, 2000)
    for (const { wrongs, broken } of calm) assert.deepEqual([wrongs, broken], [[], 0])
    return calm.every(({ errors }) => errors === 0)
  })
  await waitFor('every server to be asked again', async () => {
    const before = await Promise.all(pool.servers.map((server) => server.stat('cmd_get')))
    await loads(port, 1000)
    const after = await Promise.all(pool.servers.map((server) => server.stat('cmd_get')))
    return after.every((gets, i) => Number(gets) > Number(before[i]))
  })
})
