/** `shellac purge`: makes stored responses stale or removes them, in the running daemon. */
import { EXIT_OK } from '../../daemon/exit-codes.ts'
import type { PurgeArguments, PurgedCache, PurgeResult } from '../../daemon/purge-command.ts'
import type { Command, Invocation } from '../command.ts'
import { type OptionName, type OptionValues, UsageError } from '../options.ts'
import { ANSWER_TIMEOUT_MS, ask, base, print } from './talk.ts'

/** What one request to the daemon may hold: less than the longest line it reads. */
const MAX_OPERANDS = 1000
const MAX_LETTERS = 48 * 1024

/** The options that say what the operands are; without any they are URLs. */
const scopeOptions = ['prefix', 'glob', 'tag', 'all'] as const satisfies readonly OptionName[]

/** What the operands are called, one and several. */
const nouns: Readonly<Record<PurgeArguments['scope'], readonly [string, string]>> = {
  url: ['URL', 'URLs'],
  prefix: ['prefix', 'prefixes'],
  glob: ['glob', 'globs'],
  tag: ['tag', 'tags'],
  all: ['everything', 'everything'],
}

/** Where other nodes share the cache. */
const fleetTexts: Readonly<Record<NonNullable<PurgedCache['fleet']>, string>> = {
  published: 'here and, within two seconds, on the other nodes',
  pending: 'here; the pool does not answer, and the other nodes will hear of it when it does',
}

export const purge: Command = {
  name: 'purge',
  operands: '[URL|TAG ...]',
  maxOperands: MAX_OPERANDS,
  options: [...base, 'cache', 'hard', 'soft', 'local', ...scopeOptions, 'json'],
  doc: 'make stored responses stale, or with --hard remove them: by URL, prefix, glob or tag, or all of them',
  run: (invocation) => {
    const given = readPurge(invocation)
    return ask(
      invocation,
      'purge',
      ANSWER_TIMEOUT_MS,
      (result) => {
        print(invocation, result, () => purgeText(given, result as PurgeResult))
        return EXIT_OK
      },
      { ...given },
    )
  },
}

function readPurge({ options, operands }: Invocation): PurgeArguments {
  const scopes = scopeOptions.filter((name) => options.has(name))
  if (scopes.length > 1) throw new UsageError(`--${scopes[0]} and --${scopes[1]} do not go together`)
  const scope = scopes[0] ?? 'url'
  if (scope === 'all' && operands.length > 0) throw new UsageError(`--all purges everything, not only "${operands[0]}"`)
  if (scope !== 'all' && operands.length === 0) {
    throw new UsageError(`name ${scope === 'url' ? 'a URL' : `a ${scope}`} to purge, or give --all`)
  }
  if (operands.join('').length > MAX_LETTERS) throw new UsageError('this is too much for one purge; give it in parts')
  const cache = options.get('cache')?.[0]
  return { scope, targets: operands, cache, mode: readMode(options), isLocal: options.has('local') }
}

function readMode(options: OptionValues): PurgeArguments['mode'] {
  if (options.has('hard') && options.has('soft')) throw new UsageError('--hard and --soft do not go together')
  return options.has('hard') ? 'hard' : options.has('soft') ? 'soft' : undefined
}

function purgeText({ targets }: PurgeArguments, { scope, caches }: PurgeResult): string {
  const [one, several] = nouns[scope]
  const what = scope === 'all' ? one : `${targets.length} ${targets.length === 1 ? one : several}`
  return caches
    .map(({ name, mode, fleet }) => {
      const where = fleet === undefined ? '' : `, ${fleetTexts[fleet]}`
      return `cache "${name}": purged ${what} (${mode})${where}\n`
    })
    .join('')
}
