/** `shellac routes`: the order in which routes are tried, and why. */

import { explainRoutes } from '../../config/explain-routes.ts'
import { formatDiagnostics } from '../../config/print.ts'
import { EXIT_CONFIG, EXIT_OK } from '../../daemon/exit-codes.ts'
import type { Command, Invocation } from '../command.ts'
import { findEntry, readConfig } from '../config-entry.ts'

export const routes: Command = {
  name: 'routes',
  operands: '[FILE]',
  maxOperands: 1,
  options: ['config', 'origin', 'listen'],
  doc: 'print the routes of each site in the order they are tried, with the reason for each pair',
  run: ({ options, operands, terminal }: Invocation) => {
    const loaded = readConfig(findEntry(options, operands[0]))
    if (loaded.plan === undefined) {
      terminal.err(formatDiagnostics(loaded.diagnostics, { color: terminal.color }))
      return EXIT_CONFIG
    }
    terminal.out(explainRoutes(loaded))
    return EXIT_OK
  },
}
