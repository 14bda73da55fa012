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
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      servers: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
    },
  })
  const names = choose(
    '--only',
    values.only,
    cases.map((one) => one.name),
  )
  const all = Object.keys(servers) as ServerName[]
  return {
    cases: cases.filter((one) => names.includes(one.name)),
    servers: choose('--servers', values.servers, all),
    rounds: count('--rounds', values.rounds, values.quick ? 1 : 5),
    seconds: count('--seconds', values.seconds, values.quick ? 1 : 4),
  }
}

function choose<T extends string>(option: string, given: string | undefined, all: readonly T[]): T[] {
  if (given === undefined) return [...all]
  const words = given.split(',')
  const unknown = words.find((word) => !all.some((one) => one === word))
  if (unknown !== undefined) throw new Error(`${option}: unknown "${unknown}"; there are ${all.join(', ')}`)
  return all.filter((one) => words.includes(one))
}

function count(option: string, given: string | undefined, usual: number): number {
  if (given === undefined) return usual
  if (!/^[1-9][0-9]{0,3}$/.test(given)) throw new Error(`${option}: "${given}" is not a number from 1 to 9999`)
  return Number(given)
}
