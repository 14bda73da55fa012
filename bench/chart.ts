/**
 * The charts: CPU per request or operation, one group of horizontal bars per case, one bar per program.
 *
 * Each group has a scale of its own, its longest bar filling the width, because 100 KB costs ten times what 1 KB does.
 * Text and ground follow the reader's colour scheme; the bars' colours are readable on both.
 */
const WIDTH = 760
const MARGIN = 16
const LABEL_WIDTH = 84
const VALUE_WIDTH = 84
const BAR = 16
const BAR_STEP = 20
const GROUP_GAP = 34
const TOP = 82

const looks = {
  shellac: { title: 'Shellac', colour: '#d9822b' },
  nginx: { title: 'nginx', colour: '#3f9c5a' },
  haproxy: { title: 'HAProxy', colour: '#4a86c5' },
  varnish: { title: 'Varnish', colour: '#8f6bb8' },
  nutcracker: { title: 'nutcracker', colour: '#b5546b' },
  memcached: { title: 'memcached', colour: '#4f8f8b' },
  agent: { title: 'with agent', colour: '#d9822b' },
  direct: { title: 'without', colour: '#b08d57' },
} as const

export type ChartedName = keyof typeof looks

export interface ChartGroup {
  readonly title: string
  /** CPU time, microseconds; NaN is drawn as the word "invalid". */
  readonly bars: readonly { readonly name: ChartedName; readonly micros: number }[]
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

/** An SVG document. */
export function drawChart(title: string, groups: readonly ChartGroup[]): string {
  let top = TOP
  const drawn: string[] = []
  for (const group of groups) {
    drawn.push(drawGroup(group, top))
    top += group.bars.length * BAR_STEP + GROUP_GAP
  }
  const height = top - MARGIN
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">
  <style>${STYLE}
  </style>
  <rect class="ground" width="${WIDTH}" height="${height}"/>
  <text class="title" x="${MARGIN}" y="28">${title}</text>
  <text class="dim" x="${MARGIN}" y="47">microseconds, shorter is better; each group has its own scale</text>
${drawn.join('\n')}
</svg>
`
}

function drawGroup({ title, bars }: ChartGroup, top: number): string {
  const longest = Math.max(0, ...bars.map(({ micros }) => (Number.isNaN(micros) ? 0 : micros)))
  const drawn = bars.map(({ name, micros }, index) => drawBar(name, micros, longest, top + 10 + index * BAR_STEP))
  return [`  <text class="case" x="${MARGIN}" y="${top}">${title}</text>`, ...drawn].join('\n')
}

function drawBar(name: ChartedName, micros: number, longest: number, y: number): string {
  const left = MARGIN + LABEL_WIDTH
  const room = WIDTH - left - MARGIN - VALUE_WIDTH
  const length = Number.isNaN(micros) || longest === 0 ? 0 : (micros / longest) * room
  const value = Number.isNaN(micros) ? 'invalid' : `${micros.toFixed(1)} µs`
  const baseline = y + BAR - 4
  return [
    `  <text class="dim" x="${left - 8}" y="${baseline}" text-anchor="end">${looks[name].title}</text>`,
    `  <rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2" fill="${looks[name].colour}"/>`,
    `  <text x="${(left + length + 8).toFixed(1)}" y="${baseline}">${value}</text>`,
  ].join('\n')
}
