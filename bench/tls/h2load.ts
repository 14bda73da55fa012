/** The load generator for HTTP/2: h2load's report as numbers. */
import { runPinned } from '../process.ts'

export interface H2loadReport {
  /** Answered whole, with 2xx. */
  readonly requests: number
  readonly requestsPerSec: number
  /** Anything else that became of a request. */
  readonly failed: number
  /** Of bodies. */
  readonly dataBytes: number
}

/** A run that takes longer is stuck. */
const LONGEST_SECONDS = 120

/**
 * Load `url` from one core with so many connections, each with so many streams at a time. Requests are counted, not timed: with
 * `-D` h2load, when it is slow, goes on after the end for ever.
 */
export async function runH2load(
  url: string,
  core: string,
  connections: number,
  streams: number,
  requests: number,
): Promise<H2loadReport> {
  const args = ['-t1', `-c${connections}`, `-m${streams}`, '-n', `${requests}`]
  return parseH2load(await runPinned(core, ['timeout', `${LONGEST_SECONDS}`, 'h2load', ...args, url]))
}

/** Read what h2load printed; throws when a figure is not in it. */
export function parseH2load(output: string): H2loadReport {
  const counts =
    /^requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/m
  const [, done, failed, errored, timeouts] = (counts.exec(output) ?? []).map(Number)
  const status = /^status codes: (\d+) 2xx/m.exec(output)?.[1]
  const rate = /^finished in [\d.]+\w+, ([\d.]+) req\/s/m.exec(output)?.[1]
  const data = /, [\d.]+\w+ \((\d+)\) data$/m.exec(output)?.[1]
  if (done === undefined || status === undefined || rate === undefined || data === undefined) {
    throw new Error(`not a report of h2load: ${output}`)
  }
  const wrong = (failed ?? 0) + (errored ?? 0) + (timeouts ?? 0) + (done - Number(status))
  return { requests: Number(status), requestsPerSec: Number(rate), failed: wrong, dataBytes: Number(data) }
}
