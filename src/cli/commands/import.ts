/** `shellac import PROGRAM FILE`: the configuration of another memcached proxy, as shellac.conf on standard output. */
import { readFileSync } from 'node:fs'
import type { Diagnostic } from '../../config/diagnostics.ts'
import { confText } from '../../config/import/conf-text.ts'
import { importGolemproxy } from '../../config/import/golemproxy.ts'
import type { ImportedPool } from '../../config/import/imported-pool.ts'
import { importNutcracker } from '../../config/import/nutcracker.ts'
import { formatDiagnostics } from '../../config/print.ts'
import type { Source } from '../../config/source.ts'
import { didYouMean, suggest } from '../../config/suggest.ts'
import { EXIT_CONFIG, EXIT_OK } from '../../daemon/exit-codes.ts'
import { describeError } from '../../log/errno.ts'
import type { Command, Invocation } from '../command.ts'
import { UsageError } from '../options.ts'

/** As an operand: standard input. */
const STDIN = '-'

const importers: ReadonlyMap<string, (source: Source, problems: Diagnostic[]) => ImportedPool[]> = new Map([
  ['nutcracker', importNutcracker],
  ['twemproxy', importNutcracker],
  ['golemproxy', importGolemproxy],
])

export const importCommand: Command = {
  name: 'import',
  operands: 'PROGRAM FILE',
  maxOperands: 2,
  options: [],
  doc: 'print the configuration of nutcracker or golemproxy as a shellac.conf; "-" reads standard input',
  run: ({ operands, terminal }: Invocation) => {
    const [program, file] = operands
    const read = program === undefined ? undefined : importers.get(program)
    if (read === undefined) throw new UsageError(unknownProgram(program))
    if (file === undefined) throw new UsageError(`import wants a file: shellac import ${program} FILE`)
    let text: string
    try {
      text = file === STDIN ? terminal.readInput() : readFileSync(file, 'utf8')
    } catch (error) {
      terminal.err(`shellac: cannot read "${file}": ${describeError(error)}\n`)
      return EXIT_CONFIG
    }
    const problems: Diagnostic[] = []
    const pools = read({ name: file, text, includedFrom: [] }, problems)
    problems.sort((a, b) => a.span.start - b.span.start)
    if (problems.length > 0) terminal.err(formatDiagnostics(problems, { color: terminal.color }))
    if (problems.some(({ severity }) => severity === 'error')) return EXIT_CONFIG
    terminal.out(confText(pools, file === STDIN ? `standard input, of ${program}` : file))
    return EXIT_OK
  },
}

function unknownProgram(program: string | undefined): string {
  const known = [...importers.keys()]
  if (program === undefined) return 'import wants a program and a file: shellac import nutcracker FILE'
  const help = didYouMean(suggest(program, known)) ?? `known are ${known.map((name) => `"${name}"`).join(', ')}`
  return `cannot import from "${program}"; ${help}`
}
