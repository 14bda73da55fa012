/**
 * Railroad diagrams as SVG. Each production becomes a track that is entered at the left and left at the right on the same
 * height; it knows its width, and how far it reaches above and below that height.
 *
 *   sequence      ──[a]──[b]──        repetition  ──┬───────┬──        choice   ──┬─[a]─┬──
 *                                                   └──[a]──┘                     └─[b]─┘
 *
 * A repetition is run through from right to left, as often as one likes.
 */
import type { GrammarRule, Production } from './rules.ts'

/** Lengths are in pixels. */
const LETTER = 8.4
const PADDING = 12
const BOX = 26
const GAP = 14
const ROW = 12
const RADIUS = 8

interface Track {
  readonly width: number
  readonly above: number
  readonly below: number
  /** SVG elements of the track when it is entered at this point. */
  draw(x: number, y: number): string
}

/** One `<svg>` element, the rule between a start and an end mark. */
export function toRailroad({ name, production }: GrammarRule): string {
  const track = join([mark(), build(production), mark()])
  const width = Math.ceil(track.width + 2 * GAP)
  const height = Math.ceil(track.above + track.below + 2 * GAP)
  const body = track.draw(GAP, track.above + GAP)
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`
  return `<svg ${size} role="img" aria-label="${escapeHtml(name)}">\n${body}</svg>\n`
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

function build(production: Production): Track {
  switch (production.kind) {
    case 'token':
      return box(production.text, production.isLiteral ? 'literal' : 'token')
    case 'rule':
      return box(production.name, 'rule')
    case 'sequence':
      return join(production.parts.map(build))
    case 'choice':
      return choose(production.parts.map(build))
    case 'repetition':
      return repeat(build(production.part))
  }
}

function mark(): Track {
  return {
    width: 6,
    above: 8,
    below: 8,
    draw: (x, y) => `<rect class="mark" x="${x}" y="${y - 8}" width="6" height="16"/>\n`,
  }
}

/** Rules are links to their own diagram. */
function box(text: string, className: 'literal' | 'token' | 'rule'): Track {
  const width = Math.round(text.length * LETTER + 2 * PADDING)
  const corner = className === 'rule' ? 0 : BOX / 2
  const draw = (x: number, y: number) => {
    const shape = `<rect class="${className}" x="${x}" y="${y - BOX / 2}" width="${width}" height="${BOX}" rx="${corner}"/>`
    const label = `<text x="${x + width / 2}" y="${y + 5}">${escapeHtml(text)}</text>`
    return className === 'rule' ? `<a href="#${text}">${shape}${label}</a>\n` : `${shape}${label}\n`
  }
  return { width, above: BOX / 2, below: BOX / 2, draw }
}

function join(tracks: readonly Track[]): Track {
  const width = tracks.reduce((sum, track) => sum + track.width, GAP * (tracks.length - 1))
  const draw = (x: number, y: number) => {
    let at = x
    let svg = ''
    for (const [index, track] of tracks.entries()) {
      if (index > 0) svg += path(`M${at - GAP} ${y}h${GAP}`)
      svg += track.draw(at, y)
      at += track.width + GAP
    }
    return svg
  }
  return {
    width,
    above: Math.max(...tracks.map((track) => track.above)),
    below: Math.max(...tracks.map((track) => track.below)),
    draw,
  }
}

function choose(tracks: readonly Track[]): Track {
  const [first, ...others] = tracks
  const inner = Math.max(...tracks.map((track) => track.width))
  const bend = 2 * RADIUS
  const below = others.reduce((sum, track) => sum + ROW + track.above + track.below, first!.below)
  const draw = (x: number, y: number) => {
    let svg = across(first!, x, y, bend, inner)
    let at = y + first!.below
    for (const track of others) {
      at += ROW + track.above
      const down = at - y - bend
      svg += path(`M${x} ${y}${curve(1, 1)}v${down}${turn(1, 1)}`)
      svg += across(track, x + bend, at, 0, inner)
      svg += path(`M${x + bend + inner} ${at}${curve(1, -1)}v${-down}${turn(1, -1)}`)
      at += track.below
    }
    return svg
  }
  return { width: inner + 2 * bend, above: first!.above, below, draw }
}

/** The track with line before it, and behind it up to `bend + inner + bend`. */
function across(track: Track, x: number, y: number, bend: number, inner: number): string {
  const rest = inner - track.width + bend
  return path(`M${x} ${y}h${bend}`) + track.draw(x + bend, y) + path(`M${x + bend + track.width} ${y}h${rest}`)
}

function repeat(track: Track): Track {
  const bend = 2 * RADIUS
  const drop = ROW + track.above
  const width = track.width + 2 * bend
  const draw = (x: number, y: number) => {
    const line = path(`M${x} ${y}h${width}`)
    const right = path(`M${x + width - bend} ${y}${curve(1, 1)}v${drop - bend}${turn(-1, 1)}`)
    const left = path(`M${x + bend} ${y + drop}${curve(-1, -1)}v${bend - drop}${turn(1, -1)}`)
    return line + right + track.draw(x + bend, y + drop) + left
  }
  return { width, above: RADIUS, below: drop + track.below, draw }
}

/** From horizontal to vertical: a quarter circle in the direction given. */
function curve(right: 1 | -1, down: 1 | -1): string {
  return `q${RADIUS * right} 0 ${RADIUS * right} ${RADIUS * down}`
}

/** From vertical to horizontal. */
function turn(right: 1 | -1, down: 1 | -1): string {
  return `q0 ${RADIUS * down} ${RADIUS * right} ${RADIUS * down}`
}

function path(d: string): string {
  return `<path d="${d}"/>\n`
}
