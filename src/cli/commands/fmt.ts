/** `shellac fmt`: configurations in canonical form, on standard output or in place. */
import { lstatSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { formatSource } from '../../config/format.ts'
import { formatDiagnostics } from '../../config/print.ts'
import { EXIT_CONFIG, EXIT_OK } from '../../daemon/exit-codes.ts'
import { describeError } from '../../log/errno.ts'
import type { Command, Invocation } from '../command.ts'
import { findEntry } from '../config-entry.ts'
import { UsageError } from '../options.ts'
import type { Terminal } from '../terminal.ts'

/** As an operand: standard input. */
const STDIN = '-'

export const fmt: Command = {
  name: 'fmt',
  operands: '[FILE...]',
  maxOperands: Number.POSITIVE_INFINITY,
  options: ['config', 'check', 'write'],
  doc: 'print the configuration in canonical form; comments stay; "-" reads standard input',
  run: ({ options, operands, terminal }: Invocation) => {
    const isCheck = options.has('check')
    const isWrite = options.has('write')
    if (isCheck && isWrite) throw new UsageError('fmt takes --check or --write, not both')
    const files = operands.length > 0 ? operands : [defaultFile(options)]
    if (isWrite && files.includes(STDIN)) throw new UsageError('fmt cannot --write standard input')
    const handle = isCheck ? checkFile : isWrite ? writeFile : printFile
    const results = files.map((file) => formatFile(file, terminal, handle))
    return results.every(Boolean) ? EXIT_OK : EXIT_CONFIG
  },
}

/** True when all is well with the file. */
type Handle = (file: string, before: string, after: string, terminal: Terminal) => boolean

function defaultFile(options: Invocation['options']): string {
  const entry = findEntry(options)
  if (entry.kind !== 'file') throw new UsageError('fmt wants a file')
  return entry.path
}

function formatFile(file: string, terminal: Terminal, handle: Handle): boolean {
  let before: string
  try {
    before = file === STDIN ? terminal.readInput() : readFileSync(file, 'utf8')
  } catch (error) {
    terminal.err(`shellac: cannot read "${file}": ${describeError(error)}\n`)
    return false
  }
  const formatted = formatSource({ name: file, text: before, includedFrom: [] })
  if (!formatted.ok) {
    terminal.err(formatDiagnostics(formatted.diagnostics, { color: terminal.color }))
    return false
  }
  return handle(file, before, formatted.text, terminal)
}

function checkFile(file: string, before: string, after: string, terminal: Terminal): boolean {
  if (before === after) return true
  terminal.out(`${file}\n`)
  return false
}

function printFile(_file: string, _before: string, after: string, terminal: Terminal): boolean {
  terminal.out(after)
  return true
}

/** A daemon that follows the file must never read half of it: the new text is renamed into place. */
function writeFile(file: string, before: string, after: string, terminal: Terminal): boolean {
  if (before === after) return true
  try {
    const path = realpathSync(file)
    const temporary = `${path}.fmt-${process.pid}`
    try {
      writeFileSync(temporary, after, { mode: lstatSync(path).mode & 0o777, flag: 'wx' })
      renameSync(temporary, path)
    } finally {
      rmSync(temporary, { force: true })
    }
    return true
  } catch (error) {
    terminal.err(`shellac: cannot write "${file}": ${describeError(error)}\n`)
    return false
  }
}
