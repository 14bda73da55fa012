/** `shellac`: the daemon, in the foreground. */
import { resolve } from 'node:path'
import { runDaemon } from '../../daemon/supervisor.ts'
import { VERSION } from '../../util/version.ts'
import type { Command, Invocation } from '../command.ts'
import { entryName, findEntry, loadForDaemon } from '../config-entry.ts'
import { UsageError } from '../options.ts'

export const run: Command = {
  name: 'run',
  operands: '',
  maxOperands: 0,
  options: ['config', 'origin', 'listen', 'workers'],
  doc: 'serve, in the foreground, until SIGTERM; this is the default command',
  run: ({ options, terminal }: Invocation) => {
    const entry = findEntry(options)
    const workers = readWorkers(options.get('workers')?.[0])
    return runDaemon({
      version: VERSION,
      configuration: entry.kind === 'file' ? resolve(entry.path) : entryName(entry),
      load: () => loadForDaemon(entry, workers),
      printError: terminal.err,
    })
  },
}

/** More threads than this are a slip of the finger. */
const MAX_WORKERS = 256
const digits = /^[0-9]{1,3}$/

/** undefined: the configuration decides. `auto` is 0, one per core, as in the Plan. */
function readWorkers(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (text === 'auto') return 0
  const workers = digits.test(text) ? Number.parseInt(text, 10) : 0
  if (workers < 1 || workers > MAX_WORKERS) {
    throw new UsageError(`--workers wants a number from 1 to ${MAX_WORKERS}, or "auto", not "${text}"`)
  }
  return workers
}
