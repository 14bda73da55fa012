/** Figures for readers: medians over the rounds, and the table with Shellac's share of each peer's cost. */
import type { Case } from './cases.ts'
import type { Sample } from './measure.ts'
import type { ServerName } from './servers.ts'

export type Figure = Sample | { readonly invalid: string }

export interface Row {
  readonly case: Case
  readonly figures: Readonly<Partial<Record<ServerName, Figure>>>
}

/** Each figure's median by itself; NaN of no samples. */
export function medians(samples: readonly Sample[]): Sample {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick))
  return {
    requestsPerSec: of((s) => s.requestsPerSec),
    cpuMicros: of((s) => s.cpuMicros),
    p50Ms: of((s) => s.p50Ms),
    p99Ms: of((s) => s.p99Ms),
    rssBytes: of((s) => s.rssBytes),
  }
}

/** Of an even number of values the mean of the middle two; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN
  return (upper + lower) / 2
}

/** Shellac's CPU per request divided by the peer's; undefined when either is missing. */
export function cpuRatio(row: Row, peer: ServerName): number | undefined {
  const ours = row.figures.shellac
  const theirs = row.figures[peer]
  if (!ours || !theirs || 'invalid' in ours || 'invalid' in theirs || peer === 'shellac') return undefined
  return ours.cpuMicros / theirs.cpuMicros
}

const COLUMNS = ['', 'requests/s', 'CPU µs/request', 'p50 ms', 'p99 ms', 'RSS MB', 'Shellac / it (CPU)']

/** A Markdown table, aligned, so that it reads in a terminal and pastes into a README. */
export function printTable(rows: readonly Row[]): string {
  const cells: string[][] = []
  for (const row of rows) {
    cells.push([`**${row.case.title}**`, '', '', '', '', '', ''])
    for (const [name, figure] of Object.entries(row.figures) as [ServerName, Figure][])
      cells.push([name, ...figureCells(figure), cpuRatio(row, name)?.toFixed(2) ?? ''])
  }
  const widths = COLUMNS.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)),
  )
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(COLUMNS), rule, ...cells.map(line)].join('\n')
}

function figureCells(figure: Figure): string[] {
  if ('invalid' in figure) return ['INVALID', '', '', '', '']
  return [
    Math.round(figure.requestsPerSec).toLocaleString('en'),
    figure.cpuMicros.toFixed(1),
    figure.p50Ms.toFixed(2),
    figure.p99Ms.toFixed(2),
    Math.round(figure.rssBytes / 1e6).toString(),
  ]
}
