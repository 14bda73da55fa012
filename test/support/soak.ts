/** How much of a test's work is done: enough to see a mistake in `npm test`, all of it in `node bench/soak/run.ts`. */

/** True under `SHELLAC_SOAK=1`, which that command sets. */
const isSoak = process.env.SHELLAC_SOAK === '1'

/** `full` in a soak run, else `short`. */
export function sized(short: number, full: number): number {
  return isSoak ? full : short
}
