/** `shellac check`: every problem of a configuration at once, and its tests, without touching the world. */
import { diagnosticsToJson, formatDiagnostics } from '../../config/print.ts'
import { EXIT_CONFIG, EXIT_OK } from '../../daemon/exit-codes.ts'
import type { Command, Invocation } from '../command.ts'
import { entryName, findEntry, readConfig } from '../config-entry.ts'
import { noTests, runTests, type TestReport } from '../config-tests.ts'

export const check: Command = {
  name: 'check',
  operands: '[FILE]',
  maxOperands: 1,
  options: ['config', 'origin', 'listen', 'no-tests', 'json'],
  doc: 'report every error and warning of the configuration and run its tests; opens no socket, resolves no name',
  run: ({ options, operands, terminal }: Invocation) => {
    const entry = findEntry(options, operands[0])
    const loaded = readConfig(entry)
    const { plan, tests } = loaded
    const report = options.has('no-tests') ? noTests : runTests(loaded)
    const diagnostics = [...loaded.diagnostics, ...report.diagnostics]
    if (options.has('json')) {
      terminal.out(`${JSON.stringify(diagnosticsToJson(diagnostics), undefined, 2)}\n`)
    } else {
      if (diagnostics.length > 0) terminal.err(formatDiagnostics(diagnostics, { color: terminal.color }))
      else terminal.out(`${entryName(entry)}: no problems\n`)
      const count = countText(tests.length, report)
      if (count !== '') (diagnostics.length > 0 ? terminal.err : terminal.out)(`${count}\n`)
    }
    return plan === undefined || report.failed > 0 ? EXIT_CONFIG : EXIT_OK
  },
}

/** `3 tests passed, 1 failed`; empty: there are none. */
function countText(all: number, { passed, failed }: TestReport): string {
  const ran = passed + failed
  if (all === 0) return ''
  if (ran === 0) return `${tests(all)} not run`
  return failed === 0 ? `${tests(passed)} passed` : `${tests(passed)} passed, ${failed} failed`
}

function tests(count: number): string {
  return count === 1 ? '1 test' : `${count} tests`
}
