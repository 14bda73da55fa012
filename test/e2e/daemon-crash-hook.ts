/**
 * Loaded into a daemon under test with `--import`: a worker thread throws when the file that CRASH_FILE names appears.
 * The file holds the number of the worker that is to go.
 */
import { readFileSync, rmSync } from 'node:fs'
import { isMainThread, threadName } from 'node:worker_threads'

const CHECK_MS = 10
const path = process.env.CRASH_FILE

if (!isMainThread && path !== undefined) {
  setInterval(() => {
    if (readWorker(path) !== threadName) return
    rmSync(path)
    throw new Error('thrown by the crash hook')
  }, CHECK_MS).unref()
}

function readWorker(file: string): string | undefined {
  try {
    return `worker-${readFileSync(file, 'latin1')}`
  } catch {
    return undefined
  }
}
