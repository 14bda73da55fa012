/** The load generator: wrk's report as numbers. */
import { fileURLToPath } from 'node:url'
import { runPinned } from './process.ts'

const pipeline = fileURLToPath(new URL('pipeline.lua', import.meta.url))

export interface WrkReport {
  readonly requests: number
  readonly requestsPerSec: number
  /** Median and 99th percentile latency, milliseconds; NaN without `--latency`. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly non2xx: number
  readonly socketErrors: {
    readonly connect: number
    readonly read: number
    readonly write: number
    readonly timeout: number
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

/** Load `url` from the given cores, one thread per core. `pipelined`: requests per write. */
export async function runWrk(
  url: string,
  cores: string,
  connections: number,
  seconds: number,
  pipelined = 1,
): Promise<WrkReport> {
  const threads = cores.split(',').length
  const args = [`-t${threads}`, `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '5s']
  const script = pipelined === 1 ? [url] : ['-s', pipeline, url, '--', `${pipelined}`]
  return parseWrk(await runPinned(cores, ['wrk', ...args, ...script]))
}

/** Read what wrk printed; throws when there is no total in it. */
export function parseWrk(output: string): WrkReport {
  const total = /^\s*(\d+) requests in /m.exec(output)
  const rate = /^Requests\/sec:\s+([\d.]+)/m.exec(output)
  if (!total || !rate) throw new Error(`not a report of wrk: ${output}`)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output)
  const [connect = 0, read = 0, write = 0, timeout = 0] = (errors ?? []).slice(1).map(Number)
  return {
    requests: Number(total[1]),
    requestsPerSec: Number(rate[1]),
    p50Ms: percentile(output, 50),
    p99Ms: percentile(output, 99),
    non2xx: Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0),
    socketErrors: { connect, read, write, timeout },
  }
}

/** What of a report makes the run worthless; undefined: nothing. */
export function complaint({ requests, non2xx, socketErrors }: WrkReport): string | undefined {
  const { connect, read, write, timeout } = socketErrors
  if (requests === 0) return 'no request was answered'
  if (non2xx > 0) return `${non2xx} answers were not 2xx`
  if (connect + read + write + timeout > 0)
    return `socket errors: connect ${connect}, read ${read}, write ${write}, timeout ${timeout}`
  return undefined
}

function percentile(output: string, percent: number): number {
  const match = new RegExp(`^\\s*${percent}%\\s+([\\d.]+)(us|ms|s|m)[ \\t]*$`, 'm').exec(output)
  return match ? Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? Number.NaN) : Number.NaN
}
