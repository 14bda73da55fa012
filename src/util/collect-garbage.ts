/**
 * A full garbage collection on demand, for the one case in which V8 does not see the need: a SharedArrayBuffer weighs
 * nothing in its books, so the memory of a cache that a reload dropped would stay resident until a heap that hardly
 * grows is collected for other reasons, and ten changes of a cache's size would hold ten caches.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** By then most of the requests that began before are over. Those that are not keep what they use, as they must. */
const DELAY_MS = 1000

let timer: NodeJS.Timeout | undefined

/** Collects this thread's heap in a second; a call while one is due changes nothing. Takes about 10 ms then. */
export function collectGarbageSoon(): void {
  if (timer === undefined) timer = setTimeout(collectGarbage, DELAY_MS).unref()
}

/** The same at once. */
export function collectGarbage(): void {
  timer = undefined
  // The function exists only in contexts made while the flag is set; it is the only way to ask from within. Never taken
  // back: flags belong to the process, and another thread may stand between these two lines.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}
