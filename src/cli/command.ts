/** What a command of `shellac` is; cli/commands.ts is the table of them. */
import type { OptionName, OptionValues } from './options.ts'
import type { Terminal } from './terminal.ts'

export interface Invocation {
  readonly options: OptionValues
  readonly operands: readonly string[]
  readonly terminal: Terminal
}

export interface Command {
  readonly name: string
  /** `[FILE]`, as in help; empty when the command has no operands. */
  readonly operands: string
  /** The most operands it takes. */
  readonly maxOperands: number
  readonly options: readonly OptionName[]
  readonly doc: string
  /** Resolves with the exit code of daemon/exit-codes.ts. Throws a UsageError for operands that make no sense. */
  readonly run: (invocation: Invocation) => number | Promise<number>
  /** Help in place of what is made from the options. */
  readonly helpText?: string
  /**
   * Reads its arguments itself, which are all that stand behind its name, if that comes first. Resolves with the exit code.
   */
  readonly runAlone?: (args: readonly string[], terminal: Terminal) => Promise<number>
}
