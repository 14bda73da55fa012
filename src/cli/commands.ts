/** The table of commands. */
import { helpText, statementText, unknownText } from '../config/help.ts'
import { EXIT_OK } from '../daemon/exit-codes.ts'
import type { Command } from './command.ts'
import { check } from './commands/check.ts'
import { config } from './commands/config.ts'
import { dcClient } from './commands/dc-client.ts'
import { dcServer } from './commands/dc-server.ts'
import { dcSnoop } from './commands/dc-snoop.ts'
import { dcTest } from './commands/dc-test.ts'
import { explain } from './commands/explain.ts'
import { fmt } from './commands/fmt.ts'
import { importCommand } from './commands/import.ts'
import { mcBench } from './commands/mc-bench.ts'
import { pool } from './commands/pool.ts'
import { purge } from './commands/purge.ts'
import { routes } from './commands/routes.ts'
import { run } from './commands/run.ts'
import { diff, reload, reopenLogs, stats, status, stop } from './commands/talk.ts'
import { version } from './commands/version.ts'
import { UsageError } from './options.ts'
import { commandText, usageText } from './usage.ts'

/** Here and not in a file of its own, since it speaks of all the others. */
const help: Command = {
  name: 'help',
  operands: '[WORD]',
  maxOperands: 1,
  options: [],
  doc: 'explain the program, one of its commands, or a word of the configuration language',
  run: ({ operands, terminal }) => {
    const word = operands[0]
    const text = word === undefined ? usageText(commands) : wordText(word)
    if (text === undefined) throw new UsageError(unknownText(word!))
    terminal.out(text)
    return EXIT_OK
  },
}

/** "purge" and others are both a command and a statement. */
function wordText(word: string): string | undefined {
  const command = commands.find((one) => one.name === word)
  if (command === undefined) return helpText(word)
  const statement = statementText(word)
  return statement === undefined ? commandText(command) : `${commandText(command)}\n${statement}`
}

export const commands: readonly Command[] = [
  run,
  check,
  fmt,
  importCommand,
  mcBench,
  dcServer,
  dcClient,
  dcTest,
  dcSnoop,
  routes,
  explain,
  config,
  status,
  stats,
  reload,
  diff,
  purge,
  pool,
  reopenLogs,
  stop,
  help,
  version,
]
