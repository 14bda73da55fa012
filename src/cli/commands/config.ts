/** `shellac config show`: what is being run, every file of it; of the quick start, the text it stands for. */
import { formatDiagnostics } from '../../config/print.ts'
import { EXIT_CONFIG, EXIT_OK } from '../../daemon/exit-codes.ts'
import type { Command, Invocation } from '../command.ts'
import { findEntry, readConfig } from '../config-entry.ts'
import { UsageError } from '../options.ts'

export const config: Command = {
  name: 'config',
  operands: 'show',
  maxOperands: 1,
  options: ['config', 'origin', 'listen'],
  doc: 'print the configuration with all included files; substitutions stay as written, so no secret shows',
  run: ({ options, operands, terminal }: Invocation) => {
    if (operands[0] !== 'show') throw new UsageError('the config command is "shellac config show"')
    const { plan, diagnostics, document } = readConfig(findEntry(options))
    for (const source of document.sources) {
      if (document.sources.length > 1) terminal.out(`# ---- ${source.name}\n`)
      terminal.out(source.text.endsWith('\n') ? source.text : `${source.text}\n`)
    }
    if (plan !== undefined) return EXIT_OK
    terminal.err(formatDiagnostics(diagnostics, { color: terminal.color }))
    return EXIT_CONFIG
  },
}
