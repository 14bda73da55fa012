/** `shellac check`: every problem of a configuration at once, without touching the world. */
import { diagnosticsToJson, formatDiagnostics } from '../../config/print.ts'
import { EXIT_CONFIG, EXIT_OK } from '../../daemon/exit-codes.ts'
import type { Command, Invocation } from '../command.ts'
import { entryName, findEntry, readConfig } from '../config-entry.ts'

export const check: Command = {
  name: 'check',
  operands: '[FILE]',
  maxOperands: 1,
  options: ['config', 'origin', 'listen', 'json'],
  doc: 'report every error and warning of the configuration; opens no socket, resolves no name',
  run: ({ options, operands, terminal }: Invocation) => {
    const entry = findEntry(options, operands[0])
    const { plan, diagnostics } = readConfig(entry)
    if (options.has('json')) {
      terminal.out(`${JSON.stringify(diagnosticsToJson(diagnostics), undefined, 2)}\n`)
    } else if (diagnostics.length > 0) {
      terminal.err(formatDiagnostics(diagnostics, { color: terminal.color }))
    } else {
      terminal.out(`${entryName(entry)}: no problems\n`)
    }
    return plan === undefined ? EXIT_CONFIG : EXIT_OK
  },
}
