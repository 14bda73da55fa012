/** Sizes with binary units: `16KiB`, `512MiB`. */
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

const unitsBytes: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
])

const FORM = 'a size is a number and a unit: 512B, 32KiB, 64MiB, 2GiB'

/** Bytes, a whole number up to 2^53. */
export function readSize(argument: Argument): Read<number> {
  const found = /^(\d{1,15})([A-Za-z]{0,6})$/.exec(argument.text)
  if (found === null) return refuseAs(argument, 'bad-size', 'size', FORM)
  const [, digits = '', unit = ''] = found
  const unitBytes = unitsBytes.get(unit)
  if (unitBytes === undefined) return refuseUnit(argument, digits, unit)
  const bytes = Number(digits) * unitBytes
  return bytes <= Number.MAX_SAFE_INTEGER
    ? accept(bytes)
    : refuse(argument, 'out-of-range', `${shown(argument)} is more than any machine has`)
}

/** `64m` and `64MB` are what other servers take; which of two numbers of bytes they mean depends on the server. */
function refuseUnit(argument: Argument, digits: string, unit: string): Read<never> {
  if (unit === '') {
    const help = `did you mean "${digits}B", "${digits}KiB" or "${digits}MiB"?`
    return refuse(argument, 'missing-unit', `${shown(argument)} has no unit`, help)
  }
  const letter = unit.charAt(0).toUpperCase()
  const isKnown = /^[KMGT](?:I?B)?$/i.test(unit) || /^b(?:ytes?)?$/i.test(unit)
  if (!isKnown) return refuseAs(argument, 'bad-size', 'size', FORM)
  const meant = letter === 'B' ? 'B' : `${letter}iB`
  const help = `did you mean "${digits}${meant}"?`
  return refuse(argument, 'bad-size', `the unit in ${shown(argument)} is none of B, KiB, MiB, GiB, TiB`, help)
}
