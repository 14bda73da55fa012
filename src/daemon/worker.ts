/** The entry of a worker thread. */
import { Engine } from '../proxy/engine.ts'
import { type MemcachedEngine, WorkerEngines } from './worker-engines.ts'
import { runWorker } from './worker-life.ts'

/** Serves no memcached client. */
const nobody: MemcachedEngine = {
  async prepare() {},
  commit() {},
  rollback() {},
  async drain() {},
  destroy() {},
  connections: () => 0,
}

runWorker(({ worker, ...options }) => {
  const { log } = options
  const onFault = (error: unknown): void => {
    log('error', 'request failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
  return new WorkerEngines(new Engine({ worker, ...options }), nobody, { worker, log, onFault })
})
