/** A duration as the configuration writes it. */

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const

/** `1d`, `1h30m`, `-2m`; `0s` for nothing. Fractions of a millisecond are left out. */
export function durationText(ms: number): string {
  if (ms < 0) return `-${durationText(-ms)}`
  let rest = Math.floor(ms)
  let text = ''
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) text += `${count}${unit}`
  }
  return text === '' ? '0s' : text
}
