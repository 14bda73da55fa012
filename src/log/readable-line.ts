/** A line of the daemon's log for a person at a terminal, instead of JSON: time, level, message, and then its fields. */

/** What a person who sees the process run needs no telling: `pid` is the same in every line, the others come first. */
const unlisted: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'pid'])

/** All but line feeds: a terminal would obey them. */
const controls = /[^\P{Cc}\n]/gu

/**
 * `12:30:00 info  ready  generation=1 ...` in UTC, for one JSON object as pino writes it. A value of several lines, such
 * as diagnostics with their carets, follows in lines of its own. What is no JSON object comes back as it is.
 */
export function readableLine(line: string): string {
  const record = parseRecord(line)
  if (record === undefined) return line
  const listed: string[] = []
  const blocks: string[] = []
  for (const [name, value] of Object.entries(record)) {
    if (unlisted.has(name) || value === '') continue
    if (typeof value === 'string' && value.includes('\n')) blocks.push(indent(value))
    else listed.push(`${name}=${typeof value === 'string' ? quoteBlanks(value) : JSON.stringify(value)}`)
  }
  const time = String(record.time).slice(11, 19)
  const head = [time, String(record.level).padEnd(5), record.msg].join(' ')
  const first = listed.length === 0 ? head : `${head}  ${listed.join(' ')}`
  return `${[first, ...blocks].join('\n').replaceAll(controls, '?')}\n`
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function quoteBlanks(value: string): string {
  return /[\s"]/.test(value) ? JSON.stringify(value) : value
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^(?=.)/gm, '    ')
}
