/** Field lines ("Name: value" CR LF) as the lists of HTTP/2, and back. */

import { trimBlanks } from './tokens.ts'

/**
 * Appends name and value of each line to `list`, names in lower case (RFC 9113 §8.2). `lines` are ours or were checked:
 * every line has a colon and ends with CR LF.
 */
export function appendFieldLines(list: string[], lines: string): void {
  let start = 0
  for (let end = lines.indexOf('\r\n'); end !== -1; end = lines.indexOf('\r\n', start)) {
    const colon = lines.indexOf(':', start)
    list.push(lines.slice(start, colon).toLowerCase(), trimBlanks(lines, colon + 1, end))
    start = end + 2
  }
}
