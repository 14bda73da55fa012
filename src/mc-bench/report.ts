/** What came of a load, for programs and for people. */
import { type OperationKind, operationKinds } from './options.ts'
import type { Tally, Wrong } from './tally.ts'

export interface McBenchReport {
  /** True: nothing answered for too long, and the load was given up. */
  readonly stalled: boolean
  readonly seconds: number
  /** Answered, SERVER_ERROR included. */
  readonly operations: number
  readonly operationsPerSec: number
  /** Keys found and not found by gets; values that were out of date. */
  readonly hits: number
  readonly misses: number
  readonly stale: number
  /** SERVER_ERROR; operations whose connection was lost; connections lost or not made; what they said, and how often. */
  readonly errors: number
  readonly lost: number
  readonly broken: number
  readonly errorTexts: Readonly<Record<string, number>>
  /** Replies that no server may give, and the first of them. */
  readonly wrong: number
  readonly wrongs: readonly Wrong[]
  readonly latency: Readonly<Record<OperationKind, LatencyReport>>
}

/** Milliseconds. */
export interface LatencyReport {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export function reportOf(tally: Tally, seconds: number, stalled: boolean): McBenchReport {
  const { operations, hits, misses, stale, errors, lost, broken, wrong, wrongs } = tally
  const latency = Object.fromEntries(
    operationKinds.map((kind) => {
      const histogram = tally.latencies[kind]
      const at = (share: number) => histogram.microsAt(share) / 1000
      const max = histogram.maxMicros / 1000
      return [kind, { count: histogram.count, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max }]
    }),
  ) as Record<OperationKind, LatencyReport>
  return {
    stalled,
    seconds,
    operations,
    operationsPerSec: operations / seconds,
    hits,
    misses,
    stale,
    errors,
    lost,
    broken,
    errorTexts: Object.fromEntries(tally.errorTexts),
    wrong,
    wrongs,
    latency,
  }
}

export function reportText(report: McBenchReport): string {
  const { operations, seconds, operationsPerSec, hits, misses, stale, errors, lost, broken, wrong } = report
  const rows = operationKinds
    .map((kind) => [kind, report.latency[kind]] as const)
    .filter(([, { count }]) => count > 0)
    .map(([kind, { count, p50, p90, p99, p999, max }]) => [
      kind === 'multi' ? 'multi-get' : kind,
      count.toLocaleString('en'),
      ...[p50, p90, p99, p999, max].map((ms) => ms.toFixed(3)),
    ])
  const table = [['', 'operations', 'p50 ms', 'p90 ms', 'p99 ms', 'p99.9 ms', 'max ms'], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')
  return `${[
    `${operations.toLocaleString('en')} operations in ${seconds.toFixed(1)} s, ${Math.round(operationsPerSec).toLocaleString('en')}/s`,
    ...table.map(line),
    `keys: ${hits.toLocaleString('en')} found, ${misses.toLocaleString('en')} not found, ${stale.toLocaleString('en')} out of date`,
    `errors: ${errors} answered, ${lost} lost with their connection, ${broken} connections broken`,
    ...Object.entries(report.errorTexts).map(([text, count]) => `    ${count} x ${text}`),
    `wrong replies: ${wrong}`,
    ...report.wrongs.map(({ what, got }) => `    ${what}: ${got}`),
    ...(report.stalled ? ['given up: nothing was answered any more'] : []),
  ].join('\n')}\n`
}
