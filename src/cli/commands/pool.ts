/** `shellac pool`: the memcached servers behind caches and proxies, who owns a key, and who gets none for now. */
import { AdminFailure } from '../../admin/protocol.ts'
import { formatDiagnostics } from '../../config/print.ts'
import { didYouMean, suggest } from '../../config/suggest.ts'
import { EXIT_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_UNREACHABLE } from '../../daemon/exit-codes.ts'
import { type DrainResult, poolsNamed } from '../../daemon/pool-commands.ts'
import { findOwners, type KeyOwner } from '../../memcached/key-owner.ts'
import type { PoolFacts } from '../../memcached/pool-facts.ts'
import type { Command, Invocation } from '../command.ts'
import { findEntry, readConfig } from '../config-entry.ts'
import { UsageError } from '../options.ts'
import { drainText, ownersText, poolStatsText, poolTable } from '../pool-text.ts'
import { ANSWER_TIMEOUT_MS, ask, base, print, tryAsk } from './talk.ts'

/** What one request to the daemon may hold: less than the longest line it reads. */
const MAX_KEYS = 1000
const MAX_LETTERS = 48 * 1024
/** The longest key of memcached, in bytes. */
const MAX_KEY_BYTES = 250

type Action = (invocation: Invocation, words: readonly string[]) => number | Promise<number>

const actions: Readonly<Record<string, Action>> = {
  list: (invocation, words) => show(invocation, words, 'list', (pools) => `${poolTable(pools).join('\n')}\n`),
  stats: (invocation, words) => show(invocation, words, 'stats', poolStatsText),
  ring,
  drain: (invocation, words) => drain(invocation, words, true),
  undrain: (invocation, words) => drain(invocation, words, false),
}

export const pool: Command = {
  name: 'pool',
  operands: '[list | stats | ring KEY ... | drain SERVER | undrain SERVER]',
  maxOperands: MAX_KEYS + 1,
  options: [...base, 'pool', 'json'],
  doc:
    'memcached servers: state, share of the keys, latency; all their counters; who owns a key; give a server no more ' +
    'keys, or its own again',
  run: (invocation) => {
    const [name = 'list', ...words] = invocation.operands
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined
    if (action !== undefined) return action(invocation, words)
    const help = didYouMean(suggest(name, Object.keys(actions))) ?? `write one of ${Object.keys(actions).join(', ')}`
    throw new UsageError(`"shellac pool ${name}" is not known; ${help}`)
  },
}

function show(
  invocation: Invocation,
  words: readonly string[],
  name: string,
  text: (pools: readonly PoolFacts[]) => string,
): Promise<number> {
  const extra = words[0]
  if (extra !== undefined) throw new UsageError(`"shellac pool ${name}" does not know what to do with "${extra}"`)
  const use = (result: unknown): number => {
    print(invocation, result, () => text(result as PoolFacts[]))
    return EXIT_OK
  }
  return ask(invocation, 'pools', ANSWER_TIMEOUT_MS, use, poolOption(invocation))
}

function drain(invocation: Invocation, words: readonly string[], drained: boolean): Promise<number> {
  const [server, extra] = words
  const name = drained ? 'drain' : 'undrain'
  if (server === undefined) throw new UsageError(`name the server: shellac pool ${name} SERVER`)
  if (extra !== undefined) throw new UsageError(`"shellac pool ${name}" takes one server, so what is "${extra}"?`)
  const use = (result: unknown): number => {
    print(invocation, result, () => drainText(result as DrainResult))
    return EXIT_OK
  }
  return ask(invocation, 'pool-drain', ANSWER_TIMEOUT_MS, use, { server, drained, ...poolOption(invocation) })
}

/** Of the running daemon, as it knows who is out; without one, of the file with every server live. */
async function ring(invocation: Invocation, keys: readonly string[]): Promise<number> {
  if (keys.length === 0) throw new UsageError('name a key: shellac pool ring KEY ...')
  const wrong = keys.find((key) => Buffer.byteLength(key) > MAX_KEY_BYTES || /^$|[\s\p{Cc}]/u.test(key))
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is no key: 1 to ${MAX_KEY_BYTES} bytes without blanks`)
  if (keys.join('').length > MAX_LETTERS) throw new UsageError('these are too many keys at once; give them in parts')
  const use = (result: unknown): number => showOwners(invocation, result as KeyOwner[])
  const code = await tryAsk(invocation, 'pool-ring', ANSWER_TIMEOUT_MS, use, { keys, ...poolOption(invocation) })
  return code ?? ringOfFile(invocation, keys)
}

function ringOfFile(invocation: Invocation, keys: readonly string[]): number {
  const { options, terminal } = invocation
  if (options.has('socket')) return EXIT_UNREACHABLE
  const { plan, diagnostics } = readConfig(findEntry(options))
  if (plan === undefined) {
    terminal.err(formatDiagnostics(diagnostics, { color: terminal.color }))
    return EXIT_CONFIG
  }
  try {
    const owners = poolsNamed(options.get('pool')?.[0], plan.memcached).flatMap((one) =>
      findOwners(one, keys, () => true),
    )
    terminal.err('shellac: no daemon answers; this is what the configuration says, with every server live\n')
    return showOwners(invocation, owners)
  } catch (error) {
    if (!(error instanceof AdminFailure)) throw error
    terminal.err(`shellac: ${error.message} [${error.code}]\n`)
    return EXIT_FAILED
  }
}

function showOwners(invocation: Invocation, owners: readonly KeyOwner[]): number {
  print(invocation, owners, () => ownersText(owners))
  return EXIT_OK
}

function poolOption({ options }: Invocation): { readonly pool?: string } {
  const name = options.get('pool')?.[0]
  return name === undefined ? {} : { pool: name }
}
