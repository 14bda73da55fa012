/** Arguments of the benchmark commands. */
import { parseArgs } from 'node:util'
import { type Case, cases } from './cases.ts'
import { type ServerName, servers } from './servers.ts'

export interface Options {
  readonly cases: readonly Case[]
  readonly servers: readonly ServerName[]
  readonly rounds: number
  readonly seconds: number
}

/** Throws an Error that names the argument and the choices. */
export function parseOptions(args: readonly string[]): Options {
  const quick = args.includes('--quick')
  const values = readArguments(
    args.filter((argument) => argument !== '--quick'),
    ['only', 'servers', 'rounds', 'seconds'],
  )
  const names = choose(
    '--only',
    values.only,
    cases.map((one) => one.name),
  )
  const all = Object.keys(servers) as ServerName[]
  return {
    cases: cases.filter((one) => names.includes(one.name)),
    servers: choose('--servers', values.servers, all),
    rounds: count('--rounds', values.rounds, quick ? 1 : 5),
    seconds: count('--seconds', values.seconds, quick ? 1 : 4),
  }
}

/** `--name value` pairs; an option that is not among `names` is an error. */
export function readArguments<T extends string>(
  args: readonly string[],
  names: readonly T[],
): Partial<Record<T, string>> {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]))
  return parseArgs({ args: [...args], options }).values as Partial<Record<T, string>>
}

/** A comma-separated choice from `all`, in the order of `all`; everything when not given. */
export function choose<T extends string>(option: string, given: string | undefined, all: readonly T[]): T[] {
  if (given === undefined) return [...all]
  const words = given.split(',')
  const unknown = words.find((word) => !all.some((one) => one === word))
  if (unknown !== undefined) throw new Error(`${option}: unknown "${unknown}"; there are ${all.join(', ')}`)
  return all.filter((one) => words.includes(one))
}

/** A whole number from 1 to 99999. */
export function count(option: string, given: string | undefined, usual: number): number {
  if (given === undefined) return usual
  if (!/^[1-9][0-9]{0,4}$/.test(given)) throw new Error(`${option}: "${given}" is not a number from 1 to 99999`)
  return Number(given)
}
