/** Medians, ratios, the table and the chart, from made-up samples. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cases } from '../../../bench/cases.ts'
import { drawChart } from '../../../bench/chart.ts'
import type { Sample } from '../../../bench/measure.ts'
import { cpuRatio, median, medians, printTable, type Row } from '../../../bench/report.ts'

const sample = (cpuMicros: number): Sample => ({
  requestsPerSec: 1e6 / cpuMicros,
  cpuMicros,
  p50Ms: 1,
  p99Ms: 2,
  rssBytes: 5e7,
})
const [first] = cases
assert.ok(first)
const row: Row = { case: first, figures: { shellac: sample(8), nginx: sample(16), haproxy: { invalid: 'status 503' } } }

test('median: the middle, or the mean of the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  assert.equal(median([7]), 7)
  assert.ok(Number.isNaN(median([])))
  assert.equal(medians([sample(1), sample(9), sample(5)]).cpuMicros, 5)
})

test('the ratio is ours divided by theirs, and absent where a figure is', () => {
  assert.equal(cpuRatio(row, 'nginx'), 0.5)
  assert.equal(cpuRatio(row, 'haproxy'), undefined)
  assert.equal(cpuRatio(row, 'varnish'), undefined)
  assert.equal(cpuRatio(row, 'shellac'), undefined)
})

test('the table has a line per server and shows what is invalid', () => {
  const table = printTable([row])
  const lines = table.split('\n')
  assert.equal(lines.length, 6)
  assert.equal(new Set(lines.map((line) => line.length)).size, 1, 'aligned')
  assert.match(table, /nginx +\| +62,500 \| +16\.0 \| +1\.00 \| +2\.00 \| +50 \| +0\.50 \|/)
  assert.match(table, /haproxy +\| +INVALID/)
})

test('the chart draws one bar per server, longest to the full width, and a scheme for the dark', () => {
  const svg = drawChart('CPU time', [
    {
      title: first.title,
      bars: [
        { name: 'shellac', micros: 8 },
        { name: 'nginx', micros: 16 },
        { name: 'haproxy', micros: Number.NaN },
      ],
    },
  ])
  const widths = [...svg.matchAll(/<rect x="\d+" y="\d+" width="([\d.]+)"/g)].map((match) => Number(match[1]))
  assert.equal(widths.length, 3)
  assert.ok(Math.abs((widths[0] ?? 0) * 2 - (widths[1] ?? 0)) < 0.2)
  assert.equal(widths[2], 0)
  assert.match(svg, />invalid</)
  assert.match(svg, /prefers-color-scheme: dark/)
})
