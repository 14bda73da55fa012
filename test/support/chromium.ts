/** Chromium without a window, in a profile of its own. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Finished, runProgram } from './process.ts'
import { tempDir } from './temp.ts'

/** Why tests with it are skipped, or false. It is too large to be installed for a few tests. */
export const noChromium: string | false = (process.env.PATH ?? '')
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'chromium')))
  ? false
  : 'chromium is not installed (apt-get install chromium)'

/** So long may the scripts of a page take by its own clock, which stands still while it waits for the network. */
const PAGE_MS = 30_000
const DEADLINE_MS = 100_000

/** Loads a page whatever its certificate, lets its scripts come to an end, and gives the document as text. */
export function loadInChromium(url: string): Promise<Finished> {
  const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
  const alone = ['--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--no-sandbox']
  const how = ['--ignore-certificate-errors', `--virtual-time-budget=${PAGE_MS}`, '--dump-dom']
  const profile = `--user-data-dir=${tempDir('chromium-')}`
  return runProgram('chromium', ['--headless', ...quiet, ...alone, ...how, profile, url], { deadlineMs: DEADLINE_MS })
}
