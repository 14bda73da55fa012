/** Arguments to a command and its exit code. */
import { didYouMean, suggest } from '../config/suggest.ts'
import { EXIT_OK, EXIT_USAGE } from '../daemon/exit-codes.ts'
import type { Command } from './command.ts'
import { commands } from './commands.ts'
import { optionTable, parseArguments, UsageError } from './options.ts'
import type { Terminal } from './terminal.ts'
import { commandText, usageText } from './usage.ts'

const DEFAULT_COMMAND = 'run'

/** Resolves with the exit code; throws only for a defect of the program. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const alone = commands.find((one) => one.name === args[0])?.runAlone
    if (alone !== undefined) return await alone(args.slice(1), terminal)
    const { options, words } = parseArguments(args)
    if (options.has('version')) return await findCommand('version').run({ options, operands: [], terminal })
    const [name, ...operands] = words
    if (options.has('help')) {
      terminal.out(name === undefined ? usageText(commands) : commandText(findCommand(name)))
      return EXIT_OK
    }
    const command = findCommand(name ?? DEFAULT_COMMAND)
    checkFit(command, [...options.keys()], operands)
    return await command.run({ options, operands, terminal })
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    terminal.err(`shellac: ${error.message}\n`)
    return EXIT_USAGE
  }
}

function findCommand(name: string): Command {
  const command = commands.find((one) => one.name === name)
  if (command !== undefined) return command
  const near = suggest(
    name,
    commands.map((one) => one.name),
  )
  throw new UsageError(`unknown command "${name}"; ${didYouMean(near) ?? '"shellac help" lists the commands'}`)
}

function checkFit(command: Command, given: readonly string[], operands: readonly string[]): void {
  const stray = optionTable.find(({ name }) => given.includes(name) && !command.options.includes(name))
  if (stray !== undefined) {
    throw new UsageError(
      `"shellac ${command.name}" has no option "--${stray.name}"; see "shellac help ${command.name}"`,
    )
  }
  const extra = operands[command.maxOperands]
  if (extra !== undefined) {
    throw new UsageError(`"shellac ${command.name}" does not know what to do with "${extra}"`)
  }
}
