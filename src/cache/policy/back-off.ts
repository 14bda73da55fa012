/**
 * How soon a fetch that failed is tried again while something stale answers in its place.
 *
 * RFC 5861 §3 lets a stale response answer "while revalidating it in the background", §4 "when an error is encountered".
 * Neither says how often to try. An error counts as encountered until the next attempt, which comes after 1 s, 2 s, 4 s
 * and so on: an origin in need is not asked by every client, and no client waits for it to fail once more. The windows of
 * both sections bound the stale answers all the same.
 */

const FIRST_DELAY_MS = 1000
/** An origin that is back is noticed at latest after this. */
const MAX_DELAY_MS = 30_000
/** Past the time of the next attempt, how long failures are remembered for which nobody has made one. */
const MEMORY_MS = 60_000

/** From a failure to the next attempt; `failures` in a row, this one included, from 1 on. */
export function retryDelayMs(failures: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** (failures - 1), MAX_DELAY_MS)
}

/** Whether failures count that want the next attempt at `retryAtMs`. */
export function isRemembered(retryAtMs: number, nowMs: number): boolean {
  return nowMs < retryAtMs + MEMORY_MS
}
