/**
 * The chart: CPU per request, one group of horizontal bars per case, one bar per server.
 *
 * Each group has a scale of its own, its longest bar filling the width, because 100 KB costs ten times what 1 KB does.
 * Text and ground follow the reader's colour scheme; the bars' colours are readable on both.
 */
import type { Figure, Row } from './report.ts'
import type { ServerName } from './servers.ts'

const WIDTH = 760
const MARGIN = 16
const LABEL_WIDTH = 84
const VALUE_WIDTH = 84
const BAR = 16
const BAR_STEP = 20
const GROUP_GAP = 34
const TOP = 82

const looks: Readonly<Record<ServerName, { readonly title: string; readonly colour: string }>> = {
  shellac: { title: 'Shellac', colour: '#d9822b' },
  nginx: { title: 'nginx', colour: '#3f9c5a' },
  haproxy: { title: 'HAProxy', colour: '#4a86c5' },
  varnish: { title: 'Varnish', colour: '#8f6bb8' },
}

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-size: 16px; font-weight: 600 }
    .case { font-weight: 600 }
    .dim { fill: #57606a }
    .ground { fill: #ffffff }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .dim { fill: #9aa5b1 }
      .ground { fill: #0d1117 }
    }`

/** An SVG document; invalid figures are drawn as the word. */
export function drawChart(rows: readonly Row[], servers: readonly ServerName[]): string {
  const groupHeight = servers.length * BAR_STEP + GROUP_GAP
  const height = TOP + rows.length * groupHeight - MARGIN
  const groups = rows.map((row, index) => drawGroup(row, servers, TOP + index * groupHeight))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="CPU time per request">
  <style>${STYLE}
  </style>
  <rect class="ground" width="${WIDTH}" height="${height}"/>
  <text class="title" x="${MARGIN}" y="28">CPU time per request, one worker</text>
  <text class="dim" x="${MARGIN}" y="47">microseconds, shorter is better; each group has its own scale</text>
${groups.join('\n')}
</svg>
`
}

function drawGroup(row: Row, servers: readonly ServerName[], top: number): string {
  const longest = Math.max(...servers.map((name) => microsOf(row.figures[name]) ?? 0))
  const bars = servers.map((name, index) => drawBar(name, row.figures[name], longest, top + 10 + index * BAR_STEP))
  return [`  <text class="case" x="${MARGIN}" y="${top}">${row.case.title}</text>`, ...bars].join('\n')
}

function drawBar(name: ServerName, figure: Figure | undefined, longest: number, y: number): string {
  const micros = microsOf(figure)
  const left = MARGIN + LABEL_WIDTH
  const room = WIDTH - left - MARGIN - VALUE_WIDTH
  const length = micros === undefined || longest === 0 ? 0 : (micros / longest) * room
  const value = micros === undefined ? 'invalid' : `${micros.toFixed(1)} µs`
  const baseline = y + BAR - 4
  return [
    `  <text class="dim" x="${left - 8}" y="${baseline}" text-anchor="end">${looks[name].title}</text>`,
    `  <rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2" fill="${looks[name].colour}"/>`,
    `  <text x="${(left + length + 8).toFixed(1)}" y="${baseline}">${value}</text>`,
  ].join('\n')
}

function microsOf(figure: Figure | undefined): number | undefined {
  if (!figure || 'invalid' in figure || Number.isNaN(figure.cpuMicros)) return undefined
  return figure.cpuMicros
}
