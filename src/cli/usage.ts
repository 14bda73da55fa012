/** Help on the program itself, from the tables of commands, options and exit codes. */
import { guides } from '../config/guides.ts'
import { exitCodes } from '../daemon/exit-codes.ts'
import type { Command } from './command.ts'
import { type OptionName, type OptionRecord, optionTable } from './options.ts'

export function usageText(commands: readonly Command[]): string {
  return `${[
    'usage: shellac [-c FILE] [COMMAND]        serve what FILE describes, or do COMMAND',
    '       shellac --origin HOST:PORT ...      cache in front of an origin, without a file',
    '',
    'commands:',
    ...columns(commands.map((command) => [`${command.name} ${command.operands}`.trimEnd(), command.doc])),
    '',
    'options:',
    ...columns(optionTable.map((option) => [spelling(option), option.doc])),
    '',
    'exit codes:',
    ...columns(exitCodes.map(({ code, doc }) => [String(code), doc])),
    '',
    '"shellac help WORD" explains a statement of the configuration, or a word of nginx, Varnish, HAProxy, Squid, twemproxy',
    'and mcrouter; "shellac help statements", "units" and "reasons" list all there are; what several statements do together',
    `is explained by "shellac help" and one of: ${guides.map(({ name }) => name).join(', ')}`,
  ].join('\n')}\n`
}

export function commandText(command: Command): string {
  if (command.helpText !== undefined) return command.helpText
  const lines = [`usage: shellac ${command.name} ${command.operands}`.trimEnd(), '', command.doc]
  if (command.options.length > 0) lines.push('', 'options:', ...columns(command.options.map(optionRow)))
  return `${lines.join('\n')}\n`
}

function optionRow(name: OptionName): readonly [string, string] {
  const option = optionTable.find((one) => one.name === name)!
  return [spelling(option), option.doc]
}

function spelling(option: OptionRecord): string {
  const short = option.short === undefined ? '' : `-${option.short}, `
  return `${short}--${option.name}${option.value === undefined ? '' : ` ${option.value}`}`
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
