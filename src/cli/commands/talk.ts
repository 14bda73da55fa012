/** The commands that ask a running daemon: status, stats, reload, diff, reopen-logs, stop. */
import { askDaemon, UnreachableError } from '../../admin/client.ts'
import { EXIT_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_UNREACHABLE } from '../../daemon/exit-codes.ts'
import type { ReloadPreview, ReloadResult } from '../../daemon/reloader.ts'
import type { DaemonStats, DaemonStatus } from '../../daemon/status.ts'
import type { Command, Invocation } from '../command.ts'
import { findAdminSocket, NoSocketError } from '../config-entry.ts'
import type { OptionName } from '../options.ts'
import { statsText, statusText } from '../status-text.ts'
import type { Terminal } from '../terminal.ts'

/** A daemon that does not answer for this long is stuck, and the operator should know. */
export const ANSWER_TIMEOUT_MS = 10_000
/** A reload waits for every worker and for the reload before it. */
const RELOAD_TIMEOUT_MS = 60_000

/** Options of all commands that ask the daemon. */
export const base: readonly OptionName[] = ['config', 'origin', 'listen', 'socket']

export const status: Command = {
  name: 'status',
  operands: '',
  maxOperands: 0,
  options: [...base, 'json'],
  doc: 'what the running daemon serves: workers, listeners, caches, backends, pools, the last reload',
  run: (invocation) =>
    ask(invocation, 'status', ANSWER_TIMEOUT_MS, (result) => {
      print(invocation, result, () => statusText(result as DaemonStatus))
      return EXIT_OK
    }),
}

export const stats: Command = {
  name: 'stats',
  operands: '',
  maxOperands: 0,
  options: [...base, 'routes', 'json'],
  doc: 'the counters of the running daemon since its start; of caches, and with --routes of routes',
  run: (invocation) =>
    ask(
      invocation,
      'stats',
      ANSWER_TIMEOUT_MS,
      (result) => {
        print(invocation, result, () => statsText(result as DaemonStats))
        return EXIT_OK
      },
      { routes: invocation.options.has('routes') },
    ),
}

export const reload: Command = {
  name: 'reload',
  operands: '',
  maxOperands: 0,
  options: [...base, 'json'],
  doc: 'make the running daemon read its configuration again; prints what changed, or why nothing did',
  run: (invocation) =>
    ask(invocation, 'reload', RELOAD_TIMEOUT_MS, (result) => {
      const outcome = result as ReloadResult
      if (invocation.options.has('json')) {
        invocation.terminal.out(`${JSON.stringify(outcome, undefined, 2)}\n`)
        return reloadExitCode(outcome)
      }
      invocation.terminal.err(outcome.diagnostics)
      if (outcome.ok) invocation.terminal.out(`generation ${outcome.generation} is live: ${outcome.summary}\n`)
      else invocation.terminal.err(`shellac: not reloaded: ${outcome.summary}\n`)
      return reloadExitCode(outcome)
    }),
}

export const diff: Command = {
  name: 'diff',
  operands: '',
  maxOperands: 0,
  options: [...base, 'json'],
  doc: 'what a reload would change now; changes nothing',
  run: (invocation) =>
    ask(invocation, 'diff', ANSWER_TIMEOUT_MS, (result) => {
      const preview = result as ReloadPreview
      if (!invocation.options.has('json')) invocation.terminal.err(preview.diagnostics)
      const isValid = preview.configErrors === 0
      if (isValid || invocation.options.has('json')) print(invocation, preview, () => `${preview.summary}\n`)
      return isValid ? EXIT_OK : EXIT_CONFIG
    }),
}

export const reopenLogs: Command = {
  name: 'reopen-logs',
  operands: '',
  maxOperands: 0,
  options: base,
  doc: 'make the running daemon open its log files by their names again, after a rotation',
  run: (invocation) => ask(invocation, 'reopen-logs', ANSWER_TIMEOUT_MS, () => EXIT_OK),
}

export const stop: Command = {
  name: 'stop',
  operands: '',
  maxOperands: 0,
  options: base,
  doc: 'make the running daemon answer what is in flight and end',
  run: (invocation) => ask(invocation, 'stop', ANSWER_TIMEOUT_MS, () => EXIT_OK),
}

/** Sends one command to the daemon and gives its answer to `use`; resolves with the exit code. */
export async function ask(
  { options, terminal }: Invocation,
  command: string,
  timeoutMs: number,
  use: (result: unknown) => number,
  given: Readonly<Record<string, unknown>> = {},
): Promise<number> {
  const path = findAdminSocket(options)
  try {
    return await askAt(path, terminal, command, timeoutMs, use, given)
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error
    terminal.err(`shellac: ${error.message}\n`)
    return EXIT_UNREACHABLE
  }
}

/** The same, but resolves with undefined where no daemon can be asked; with --socket it says so. */
export async function tryAsk(
  { options, terminal }: Invocation,
  command: string,
  timeoutMs: number,
  use: (result: unknown) => number,
  given: Readonly<Record<string, unknown>>,
): Promise<number | undefined> {
  try {
    return await askAt(findAdminSocket(options), terminal, command, timeoutMs, use, given)
  } catch (error) {
    const isNobody = error instanceof UnreachableError || error instanceof NoSocketError
    if (!isNobody) throw error
    if (options.has('socket')) terminal.err(`shellac: ${error.message}\n`)
    return undefined
  }
}

/** Rejects with an UnreachableError. */
async function askAt(
  path: string,
  terminal: Terminal,
  command: string,
  timeoutMs: number,
  use: (result: unknown) => number,
  given: Readonly<Record<string, unknown>>,
): Promise<number> {
  const answer = await askDaemon(path, command, given, timeoutMs)
  if (answer.ok) return use(answer.result)
  terminal.err(`shellac: ${answer.error.message} [${answer.error.code}]\n`)
  return EXIT_FAILED
}

export function print({ options, terminal }: Invocation, result: unknown, text: () => string): void {
  terminal.out(options.has('json') ? `${JSON.stringify(result, undefined, 2)}\n` : text())
}

/** Errors in the configuration are the operator's to mend; anything else is the machine's. */
function reloadExitCode(outcome: ReloadResult): number {
  if (outcome.ok) return EXIT_OK
  return outcome.configErrors > 0 ? EXIT_CONFIG : EXIT_FAILED
}
