/** The entry of a worker thread. */
import { Engine } from '../proxy/engine.ts'
import { runWorker } from './worker-life.ts'

runWorker((options) => new Engine(options))
