/** The option table and the reading of arguments: `shellac [OPTION...] [COMMAND] [OPTION...] [OPERAND...]`. */
import { didYouMean, suggest } from '../config/suggest.ts'

export interface OptionRecord {
  readonly name: string
  readonly short: string | undefined
  /** Name of the value in help; undefined: the option is a switch. */
  readonly value: string | undefined
  readonly repeatable: boolean
  readonly doc: string
}

export const optionTable = [
  {
    name: 'config',
    short: 'c',
    value: 'FILE',
    repeatable: false,
    doc: 'the configuration; default /etc/shellac/shellac.conf, then ./shellac.conf',
  },
  {
    name: 'origin',
    short: undefined,
    value: 'HOST:PORT',
    repeatable: true,
    doc: 'quick start without a file: cache what this origin serves; several share the load',
  },
  {
    name: 'listen',
    short: undefined,
    value: 'ADDRESS',
    repeatable: false,
    doc: 'with --origin: where to listen',
  },
  {
    name: 'workers',
    short: undefined,
    value: 'NUMBER',
    repeatable: false,
    doc: 'worker threads, instead of what the configuration says',
  },
  {
    name: 'socket',
    short: undefined,
    value: 'PATH',
    repeatable: false,
    doc: 'the admin socket of the daemon, instead of what the configuration says',
  },
  {
    name: 'routes',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with stats: the counts of each route',
  },
  { name: 'no-tests', short: undefined, value: undefined, repeatable: false, doc: 'do not run the test blocks' },
  {
    name: 'cache',
    short: undefined,
    value: 'NAME',
    repeatable: false,
    doc: 'with purge: the cache; without it, every cache',
  },
  {
    name: 'hard',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with purge: remove what is purged',
  },
  {
    name: 'local',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with purge: on this machine only, also in a cache that others share',
  },
  {
    name: 'soft',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with purge: make it stale, so that it still answers under grace',
  },
  {
    name: 'prefix',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with purge: all URLs that begin so',
  },
  {
    name: 'glob',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with purge: all URLs that match; "*" is any text without "/", "**" any text',
  },
  {
    name: 'tag',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with purge: all that carries one of these tags',
  },
  { name: 'all', short: undefined, value: undefined, repeatable: false, doc: 'with purge: everything' },
  {
    name: 'pool',
    short: undefined,
    value: 'NAME',
    repeatable: false,
    doc: 'with pool: the pool; without it, every pool',
  },
  {
    name: 'header',
    short: 'H',
    value: "'NAME: VALUE'",
    repeatable: true,
    doc: 'with explain: a field of the request',
  },
  { name: 'from', short: undefined, value: 'IP', repeatable: false, doc: 'with explain: the address of the client' },
  {
    name: 'response',
    short: undefined,
    value: 'STATUS',
    repeatable: false,
    doc: 'with explain: what the origin answers, or connect-error, timeout, reset; default 200',
  },
  {
    name: 'response-header',
    short: undefined,
    value: "'NAME: VALUE'",
    repeatable: true,
    doc: 'with explain: a field of that answer',
  },
  {
    name: 'live',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with explain: ask the running daemon what it holds in memory for the request',
  },
  {
    name: 'connections',
    short: undefined,
    value: 'NUMBER',
    repeatable: false,
    doc: 'with mc-bench: clients; default 50',
  },
  {
    name: 'pipeline',
    short: undefined,
    value: 'NUMBER',
    repeatable: false,
    doc: 'with mc-bench: requests a client has unanswered at a time; default 1',
  },
  {
    name: 'keys',
    short: undefined,
    value: 'NUMBER',
    repeatable: false,
    doc: 'with mc-bench: different keys; default 10000',
  },
  {
    name: 'key-prefix',
    short: undefined,
    value: 'TEXT',
    repeatable: false,
    doc: 'with mc-bench: how keys begin; default mc-bench:',
  },
  {
    name: 'value',
    short: undefined,
    value: 'SIZE[-SIZE]',
    repeatable: false,
    doc: 'with mc-bench: size of values, or from and to; default 1KiB',
  },
  {
    name: 'mix',
    short: undefined,
    value: 'MIX',
    repeatable: false,
    doc: 'with mc-bench: kinds of operations in proportion, such as get=90,multi=5,set=5; default get=9,set=1',
  },
  {
    name: 'multi',
    short: undefined,
    value: 'NUMBER',
    repeatable: false,
    doc: 'with mc-bench: keys of a multi-get; default 10',
  },
  {
    name: 'protocol',
    short: undefined,
    value: 'classic|meta',
    repeatable: false,
    doc: 'with mc-bench: which commands clients speak; default classic',
  },
  {
    name: 'duration',
    short: undefined,
    value: 'DURATION',
    repeatable: false,
    doc: 'with mc-bench: end after this time; default 10s',
  },
  {
    name: 'operations',
    short: undefined,
    value: 'NUMBER',
    repeatable: false,
    doc: 'with mc-bench: end after so many operations',
  },
  {
    name: 'allow-stale',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with mc-bench: a value that is out of date is no failure, as where servers die and come back',
  },
  {
    name: 'no-preload',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'with mc-bench: do not set every key first',
  },
  { name: 'json', short: undefined, value: undefined, repeatable: false, doc: 'print JSON for programs' },
  {
    name: 'check',
    short: undefined,
    value: undefined,
    repeatable: false,
    doc: 'write nothing; exit code 1 when a file is not in canonical form',
  },
  { name: 'write', short: undefined, value: undefined, repeatable: false, doc: 'rewrite the files in place' },
  { name: 'help', short: 'h', value: undefined, repeatable: false, doc: 'what the command does' },
  { name: 'version', short: 'V', value: undefined, repeatable: false, doc: 'the version' },
] as const satisfies readonly OptionRecord[]

export type OptionName = (typeof optionTable)[number]['name']

/** The values of each option given; a switch has the value ''. */
export type OptionValues = ReadonlyMap<OptionName, readonly string[]>

export interface ParsedArguments {
  readonly options: OptionValues
  /** What is no option: command and operands. */
  readonly words: readonly string[]
}

/** The arguments cannot be understood; the message says why and what would do. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Throws a UsageError. `--name=value`, `--name value`, `-n value` and `-nvalue` are the same; `--` ends the options. */
export function parseArguments(args: readonly string[]): ParsedArguments {
  const options: Map<OptionName, string[]> = new Map()
  const words: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!
    if (arg === '--') {
      words.push(...args.slice(at + 1))
      break
    }
    if (arg === '-' || !arg.startsWith('-')) {
      words.push(arg)
      continue
    }
    const { record, attached, spelling } = findOption(arg)
    const value = record.value === undefined ? noValue(spelling, attached) : (attached ?? args[++at])
    if (value === undefined) throw new UsageError(`option "${spelling}" wants a value: ${spelling} ${record.value}`)
    const values = options.get(record.name) ?? []
    if (values.length > 0 && !record.repeatable) throw new UsageError(`option "${spelling}" is given twice`)
    options.set(record.name, [...values, value])
  }
  return { options, words }
}

function findOption(arg: string): {
  record: OptionRecord & { name: OptionName }
  attached: string | undefined
  spelling: string
} {
  if (!arg.startsWith('--')) {
    const record = optionTable.find((option) => option.short === arg[1])
    if (record === undefined) throw new UsageError(`unknown option "${arg}"; "shellac help" lists the options`)
    return { record, attached: arg.length > 2 ? arg.slice(2) : undefined, spelling: `-${record.short}` }
  }
  const equals = arg.indexOf('=')
  const name = equals === -1 ? arg.slice(2) : arg.slice(2, equals)
  const record = optionTable.find((option) => option.name === name)
  if (record === undefined) {
    const near = suggest(
      name,
      optionTable.map((option) => option.name),
    ).map((near) => `--${near}`)
    throw new UsageError(`unknown option "--${name}"; ${didYouMean(near) ?? '"shellac help" lists the options'}`)
  }
  return { record, attached: equals === -1 ? undefined : arg.slice(equals + 1), spelling: `--${name}` }
}

function noValue(spelling: string, attached: string | undefined): string {
  if (attached !== undefined) throw new UsageError(`option "${spelling}" takes no value`)
  return ''
}
