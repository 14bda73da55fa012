/** Times with units: `50ms`, `10s`, `1h30m`. */
import { durationText, durationUnits } from '../../util/duration-text.ts'
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

const unitsMs: ReadonlyMap<string, number> = new Map(durationUnits)

/** What people write instead. */
const otherUnits: ReadonlyMap<string, string> = new Map([
  ...['msec', 'msecs', 'millis', 'milliseconds'].map((word) => [word, 'ms'] as const),
  ...['sec', 'secs', 'second', 'seconds'].map((word) => [word, 's'] as const),
  ...['min', 'mins', 'minute', 'minutes'].map((word) => [word, 'm'] as const),
  ...['hr', 'hrs', 'hour', 'hours'].map((word) => [word, 'h'] as const),
  ...['day', 'days'].map((word) => [word, 'd'] as const),
  ...['week', 'weeks'].map((word) => [word, 'w'] as const),
])

const FORM = 'a duration is a number and a unit: 50ms, 10s, 5m, 2h, 1d, 1w, 1h30m'

/** Ten years: more is a slip, and less than a double can count. */
const MAX_MS = 3650 * 86_400_000

/** Milliseconds, a whole number from 0 to ten years. `likelyUnit`: what a number without one is taken for in the advice. */
export function readDuration(argument: Argument, likelyUnit: 's' | 'ms' = 's'): Read<number> {
  const { text } = argument
  if (/^\d{1,15}$/.test(text)) {
    return refuse(
      argument,
      'missing-unit',
      `${shown(argument)} has no unit`,
      `did you mean "${text}${likelyUnit}"? ${FORM}`,
    )
  }
  const total = parseDuration(text)
  if (total === undefined) return refuseAs(argument, 'bad-duration', 'duration', correct(text) ?? FORM)
  if (total > MAX_MS) return refuse(argument, 'out-of-range', `${shown(argument)} is longer than ten years`)
  return accept(total)
}

/** Parts from the largest unit to the smallest, each unit once. */
function parseDuration(text: string): number | undefined {
  const part = /(\d{1,15})(ms|[wdhms])/y
  let total = 0
  let lastUnitMs = Number.POSITIVE_INFINITY
  while (part.lastIndex < text.length) {
    const found = part.exec(text)
    const unitMs = unitsMs.get(found?.[2] ?? '')
    if (unitMs === undefined || unitMs >= lastUnitMs) return undefined
    lastUnitMs = unitMs
    total += Number(found![1]) * unitMs
  }
  return text === '' ? undefined : total
}

function correct(text: string): string | undefined {
  const found = /^(\d{1,15})(?:\.(\d{1,3}))?([A-Za-z]{1,12})$/.exec(text)
  if (found === null) return undefined
  const [, whole = '', fraction, written = ''] = found
  const lower = written.toLowerCase()
  if (lower === 'y' || lower === 'year' || lower === 'years') return `did you mean "${Number(whole) * 365}d"?`
  const unit = otherUnits.get(lower) ?? (unitsMs.has(lower) ? lower : undefined)
  if (unit === undefined) return undefined
  if (fraction === undefined) return `did you mean "${whole}${unit}"?`
  return `did you mean "${durationText(Number(`${whole}.${fraction}`) * unitsMs.get(unit)!)}"?`
}
