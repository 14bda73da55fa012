/** The line of a request as servers get it. */
import { Command } from './commands.ts'
import type { RequestParser } from './request-parser.ts'

/** What takes the pieces of a line: OutBuffer, or a text. */
export interface LineSink {
  text(latin1: string): void
  bytes(bytes: Buffer, start: number, end: number): void
}

/** First word of a meta command that is a flag. */
const FIRST_FLAG = 2
const FIRST_FLAG_OF_SET = 3
const LETTER_Q = 0x71

/**
 * Writes the words of the line with single spaces, without `noreply` and `q`: every request is to be answered, as answers are
 * told apart by counting.
 */
export function writeLine(out: LineSink, request: RequestParser, bytes: Buffer): void {
  const { words, command } = request
  const count = request.isNoreply ? request.wordCount - 1 : request.wordCount
  const firstFlag = command === Command.ms ? FIRST_FLAG_OF_SET : FIRST_FLAG
  for (let word = 0; word < count; word++) {
    const start = words[2 * word]!
    if (command >= Command.mg && word >= firstFlag && bytes[start] === LETTER_Q) continue
    if (word > 0) out.text(' ')
    out.bytes(bytes, start, words[2 * word + 1]!)
  }
  out.text('\r\n')
}
