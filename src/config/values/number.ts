/** Numbers: whole ones with a range, shares, file modes, HTTP status codes. */
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

/** A whole number from `min` to `max`, both included. */
export function readInteger(argument: Argument, min: number, max: number): Read<number> {
  const range = `a whole number from ${min} to ${max}`
  if (!/^\d{1,16}$/.test(argument.text)) return refuseAs(argument, 'bad-number', 'whole number', `write ${range}`)
  const value = Number(argument.text)
  if (value >= min && value <= max) return accept(value)
  return refuse(argument, 'out-of-range', `${shown(argument)} is out of range`, `write ${range}`)
}

/** `10%` as a share of 1: 0.1. */
export function readPercent(argument: Argument): Read<number> {
  const { text } = argument
  if (/^\d{1,3}(?:\.\d{1,3})?$/.test(text)) {
    return refuse(argument, 'missing-unit', `${shown(argument)} has no "%"`, `did you mean "${text}%"?`)
  }
  if (!/^\d{1,3}(?:\.\d{1,3})?%$/.test(text)) return refuseAs(argument, 'bad-percent', 'percentage', 'write 0% to 100%')
  const share = Number(text.slice(0, -1)) / 100
  return share <= 1 ? accept(share) : refuse(argument, 'out-of-range', `${shown(argument)} is more than 100%`)
}

/** `0660`: permissions in octal. */
export function readFileMode(argument: Argument): Read<number> {
  if (/^0?[0-7]{3}$/.test(argument.text)) return accept(Number.parseInt(argument.text, 8))
  return refuseAs(argument, 'bad-mode', 'file mode', 'write three octal digits with a 0 before them, such as 0660')
}

/** Status codes from the first to the last, both included. */
export type StatusRange = readonly [number, number]

/** One member of a status set: `404`, `5xx`, `200-299`. */
export function readStatusRange(argument: Argument): Read<StatusRange> {
  const { text } = argument
  if (/^[1-5]\d\d$/.test(text)) return accept([Number(text), Number(text)])
  if (/^[1-5]xx$/.test(text)) return accept([Number(text[0]) * 100, Number(text[0]) * 100 + 99])
  const range = /^([1-5]\d\d)-([1-5]\d\d)$/.exec(text)
  if (range !== null && range[1]! <= range[2]!) return accept([Number(range[1]), Number(range[2])])
  const help = /^[1-5](?:x|X|\*|\d)?[xX*]+$/.test(text) ? `did you mean "${text[0]}xx"?` : undefined
  return refuseAs(argument, 'bad-status', 'status', help ?? 'a status is 404, a class 5xx, a range 200-299')
}

/** One status code, `min` to 599. */
export function readStatus(argument: Argument, min = 200): Read<number> {
  const code = readInteger(argument, min, 599)
  if (code.ok) return code
  return refuseAs(argument, 'bad-status', 'status to answer with', `write a status code from ${min} to 599`)
}
