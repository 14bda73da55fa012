/** Which configuration a command is about, and how it is read: a file, or the built-in one of the quick start. */
import { existsSync } from 'node:fs'
import type { Document } from '../config/ast.ts'
import { realFileAccess } from '../config/file-access.ts'
import { type ConfigEntry, type LoadedConfig, loadConfig } from '../config/load.ts'
import { formatDiagnostics } from '../config/print.ts'
import { QUICK_START_LISTEN, quickStartText } from '../config/quick-start.ts'
import type { Loaded } from '../daemon/loaded.ts'
import { noTests, runTests } from './config-tests.ts'
import { type OptionValues, UsageError } from './options.ts'

/** Tried in this order when no file is named. */
const DEFAULT_FILES = ['/etc/shellac/shellac.conf', 'shellac.conf'] as const

/** Throws a UsageError when no file is named and none is in a default place. */
export function findEntry(options: OptionValues, file?: string): ConfigEntry {
  const named = file ?? options.get('config')?.[0]
  const origins = options.get('origin')
  const listen = options.get('listen')?.[0]
  if (origins !== undefined) {
    if (named !== undefined) throw new UsageError('--origin is a configuration of its own; leave out the file')
    return {
      kind: 'text',
      name: 'quick start',
      text: quickStartText({ origins, listen: listen ?? QUICK_START_LISTEN }),
    }
  }
  if (listen !== undefined) throw new UsageError('--listen goes with --origin; with a file, the file has the listeners')
  const found = named ?? DEFAULT_FILES.find((path) => existsSync(path))
  if (found === undefined) {
    const tried = DEFAULT_FILES.join(' and ')
    throw new UsageError(
      `no configuration: ${tried} do not exist; name one with -c FILE, or try "shellac --origin localhost:8080"`,
    )
  }
  return { kind: 'file', path: found }
}

export function entryName(entry: ConfigEntry): string {
  return entry.kind === 'file' ? entry.path : entry.name
}

export function readConfig(entry: ConfigEntry): LoadedConfig {
  return loadConfig(entry, realFileAccess)
}

/**
 * The configuration as the daemon wants it; `workers` from the command line replaces what the file says. The text has no
 * colours even when the daemon was started in a terminal, as it goes to logs and to whoever asked for a reload.
 */
export function loadForDaemon(entry: ConfigEntry, workers: number | undefined): Loaded {
  const atMs = Date.now()
  const loaded = readConfig(entry)
  const { plan, files } = loaded
  const tests = plan?.reload.requireTests === true ? runTests(loaded) : noTests
  const diagnostics = [...loaded.diagnostics, ...tests.diagnostics]
  const errors = loaded.diagnostics.filter((one) => one.severity === 'error').length
  return {
    plan: plan === undefined || workers === undefined ? plan : { ...plan, process: { ...plan.process, workers } },
    text: diagnostics.length === 0 ? '' : formatDiagnostics(diagnostics, { color: false }),
    errors,
    warnings: loaded.diagnostics.length - errors,
    failedTests: tests.failed,
    files,
    atMs,
  }
}

/** The configuration has no `admin` block, so its daemon cannot be asked. */
export class NoSocketError extends UsageError {}

/**
 * Where the daemon of this configuration listens for commands. A file with errors still has its `admin` block, and it is
 * with such a file that an operator asks how the daemon is.
 */
export function findAdminSocket(options: OptionValues): string {
  const given = options.get('socket')?.[0]
  if (given !== undefined) return given
  const entry = findEntry(options)
  const { plan, document } = readConfig(entry)
  const path = plan === undefined ? socketInText(document) : plan.admin.socketPath
  if (path !== undefined) return path
  throw new NoSocketError(
    `"${entryName(entry)}" opens no admin socket; add "admin { listen unix:/run/shellac/admin.sock; }" or name one with --socket`,
  )
}

const UNIX_PREFIX = 'unix:'

function socketInText(document: Document): string | undefined {
  const admin = document.statements.find((statement) => statement.name.text === 'admin')
  const listen = admin?.block?.find((statement) => statement.name.text === 'listen')
  const address = listen?.arguments[0]?.text
  return address?.startsWith(UNIX_PREFIX) === true ? address.slice(UNIX_PREFIX.length) : undefined
}
