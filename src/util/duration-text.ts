/** A duration as the configuration writes it. */

/** Each unit and its milliseconds, the largest first. */
export const durationUnits = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const

/** `1d`, `1h30m`, `-2m`; `0s` for nothing. Rounded to milliseconds. */
export function durationText(ms: number): string {
  if (ms < 0) return `-${durationText(-ms)}`
  let rest = Math.round(ms)
  let text = ''
  for (const [unit, unitMs] of durationUnits) {
    const count = Math.floor(rest / unitMs)
    if (count > 0) text += `${count}${unit}`
    rest -= count * unitMs
  }
  return text === '' ? '0s' : text
}
