/**
 * Reads the arguments of the distcache programs as the original ones do: single-dash words in any order, the last of two wins,
 * `-h`, `-help` and `-?` ask for help. Two dashes are taken for one. Numbers are read leniently or strictly, each program as
 * its original.
 */
import { didYouMean, suggest } from '../config/suggest.ts'
import { type Address, type AddressUse, parseAddress } from '../distcache/address.ts'
import { UsageError } from './options.ts'

export interface DcOption {
  /** Without dash. */
  readonly name: string
  /** Name of the value in help; undefined: the option is a switch. */
  readonly value: string | undefined
  readonly doc: string
  /** Other words for it. */
  readonly aliases?: readonly string[]
  /** Giving it twice is an error. */
  readonly once?: boolean
}

/** The value of each option given, by name; a switch has the value ''. */
export type DcValues = ReadonlyMap<string, string>

const helpWords: readonly string[] = ['h', 'help', '?']

/** 'help' where that is asked for, before anything else is wrong. Throws a UsageError. */
export function readDcOptions(table: readonly DcOption[], args: readonly string[]): DcValues | 'help' {
  const values: Map<string, string> = new Map()
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!
    const word = wordOf(arg)
    if (helpWords.includes(word)) return 'help'
    const option = table.find(({ name, aliases }) => name === word || aliases?.includes(word))
    if (option === undefined) throw unknownOption(table, arg)
    if (option.once === true && values.has(option.name)) throw new UsageError(`"${arg}" is given twice`)
    const value = option.value === undefined ? '' : args[++at]
    if (value === undefined) throw new UsageError(`"${arg}" wants a value: -${option.name} ${option.value}`)
    values.set(option.name, value)
  }
  return values
}

/** `-x` and `--x` are x; what has no dash is no option. */
function wordOf(arg: string): string {
  if (!arg.startsWith('-')) return ''
  return arg.startsWith('--') ? arg.slice(2) : arg.slice(1)
}

function unknownOption(table: readonly DcOption[], arg: string): UsageError {
  const near = suggest(
    wordOf(arg),
    table.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
  ).map((name) => `-${name}`)
  return new UsageError(`unknown option "${arg}"; ${didYouMean(near) ?? '-help lists the options'}`)
}

/** The text of a usage message. */
export function dcUsageText(program: string, table: readonly DcOption[]): string {
  const rows = table.map(({ name, value, doc }) => [`-${name}${value === undefined ? '' : ` ${value}`}`, doc] as const)
  const width = Math.max(...rows.map(([left]) => left.length))
  const lines = rows.map(([left, doc]) => `  ${left.padEnd(width)}  ${doc}`)
  return `usage: ${program} [-OPTION [VALUE]] ...\n\noptions:\n${lines.join('\n')}\n`
}

/** Throws a UsageError where the option is missing or no address. */
export function dcAddress(values: DcValues, name: string, use: AddressUse, usual?: string): Address {
  const text = values.get(name) ?? usual
  if (text === undefined) throw new UsageError(`-${name} is missing: -${name} ADDRESS`)
  const read = parseAddress(text, use)
  if (read.ok) return read.address
  throw new UsageError(`-${name}: ${read.message}`)
}

export interface NumberRange {
  readonly usual: number
  readonly min: number
  readonly max: number
}

/** As atoi: what does not begin with digits is 0, what stands behind them is not looked at. Throws a UsageError outside the range. */
export function dcLenientNumber(values: DcValues, name: string, range: NumberRange): number {
  const text = values.get(name)
  if (text === undefined) return range.usual
  return inRange(name, text, Number(/^\s*([+-]?\d{1,15})/.exec(text)?.[1] ?? 0), range)
}

/** Digits and nothing else, blanks and a plus in front excepted. Throws a UsageError. */
export function dcStrictNumber(values: DcValues, name: string, range: NumberRange): number {
  const text = values.get(name)
  if (text === undefined) return range.usual
  return inRange(name, text, Number(/^\s*\+?(\d{1,15})$/.exec(text)?.[1] ?? Number.NaN), range)
}

function inRange(name: string, text: string, value: number, { min, max }: NumberRange): number {
  if (value >= min && value <= max) return value
  throw new UsageError(`-${name} is a number from ${min} to ${max}, not "${text}"`)
}
