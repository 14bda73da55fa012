/** The entry of a worker thread. */
import { MemcachedProxyEngine } from '../memcached-proxy/engine.ts'
import { Engine } from '../proxy/engine.ts'
import { VERSION } from '../util/version.ts'
import { WorkerEngines } from './worker-engines.ts'
import { runWorker } from './worker-life.ts'

runWorker(({ worker, ...options }) => {
  const { log } = options
  const onFault = (error: unknown): void => {
    log('error', 'request failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
  return new WorkerEngines(
    new Engine({ worker, ...options }),
    new MemcachedProxyEngine({ worker, version: VERSION, log }),
    { worker, log, onFault },
  )
})
