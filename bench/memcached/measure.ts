/** One load on one proxy: rates, latencies, and what an operation costs the proxy. */
import { fileURLToPath } from 'node:url'
import type { McBenchOptions } from '../../src/mc-bench/options.ts'
import type { McBenchReport } from '../../src/mc-bench/report.ts'
import { InvalidRun } from '../measure.ts'
import { rssBytes, runPinned } from '../process.ts'
import { LOAD_CORE, type RunningServer } from '../servers.ts'

const CLIENT = fileURLToPath(new URL('load-client.ts', import.meta.url))

export interface ProxySample {
  readonly operationsPerSec: number
  /** User and system time of the proxy per operation, microseconds. */
  readonly cpuMicros: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rssBytes: number
}

/** Throws InvalidRun when a reply was wrong, missing or an error. */
export async function measureProxy(
  proxy: RunningServer,
  options: McBenchOptions,
  cores = LOAD_CORE,
): Promise<ProxySample> {
  const output = await runPinned(cores, [process.execPath, CLIENT, JSON.stringify(options), `${proxy.pid}`])
  const { report, cpuMicros } = JSON.parse(output) as { report: McBenchReport; cpuMicros: number }
  const wrong = complaint(report)
  if (wrong !== undefined) throw new InvalidRun(wrong)
  const latency = Object.values(report.latency).find(({ count }) => count > 0)
  return {
    operationsPerSec: report.operationsPerSec,
    cpuMicros: cpuMicros / report.operations,
    p50Ms: latency?.p50 ?? Number.NaN,
    p99Ms: latency?.p99 ?? Number.NaN,
    rssBytes: rssBytes(proxy.pid),
  }
}

/** What makes a run worthless: a load that met an error did not do what the case says. */
function complaint(report: McBenchReport): string | undefined {
  const { wrong, errors, lost, broken, misses, stale, stalled, operations } = report
  if (operations === 0 || stalled) return 'no operation was answered'
  if (wrong + errors + lost + broken + misses + stale === 0) return undefined
  const first = report.wrongs[0]?.what ?? Object.keys(report.errorTexts)[0] ?? ''
  return `${wrong} wrong replies, ${errors} errors, ${lost} lost, ${misses} misses, ${stale} out of date; ${first}`
}
