/**
 * One of the distcache programs as a command of `shellac`: `shellac dc-server -listen ...`. It reads its arguments itself, as its
 * original does, and so are its exit codes: 0 done, 1 anything else, wrong options included. All messages go to standard error.
 */
import type { Command } from './command.ts'
import { type DcOption, type DcValues, dcUsageText, readDcOptions } from './dc-options.ts'
import { UsageError } from './options.ts'
import type { Terminal } from './terminal.ts'

export interface DcProgram {
  /** As a command: `dc-server`. The program of the same meaning is `dc_server`. */
  readonly name: string
  readonly doc: string
  readonly options: readonly DcOption[]
  /** Resolves with the exit code, EXIT_DC_OK or EXIT_DC_FAILED. Throws a UsageError for values that make no sense. */
  readonly run: (values: DcValues, terminal: Terminal) => number | Promise<number>
}

export const EXIT_DC_OK = 0
export const EXIT_DC_FAILED = 1

export function dcCommand(program: DcProgram): Command {
  const usage = dcUsageText(`shellac ${program.name}`, program.options)
  return {
    name: program.name,
    operands: '-OPTION...',
    maxOperands: 0,
    options: [],
    doc: program.doc,
    helpText: `${usage}\n${program.doc}\n`,
    run: () => {
      throw new UsageError(`"${program.name}" comes first: shellac ${program.name} -OPTION ...`)
    },
    runAlone: (args, terminal) => runDcProgram(program, args, terminal),
  }
}

async function runDcProgram(program: DcProgram, args: readonly string[], terminal: Terminal): Promise<number> {
  const usage = dcUsageText(`shellac ${program.name}`, program.options)
  try {
    const values = readDcOptions(program.options, args)
    if (values !== 'help') return await program.run(values, terminal)
    terminal.err(usage)
    return EXIT_DC_OK
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    terminal.err(`Error, ${error.message}\n\n${usage}`)
    return EXIT_DC_FAILED
  }
}
