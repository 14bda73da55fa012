/** The line of a meta reply with a value, taken apart where it lies. */

export const valueHead = Buffer.from('VALUE ')
export const endOfValues = Buffer.from('END\r\n')

const SPACE = 0x20
const LETTER_B = 0x62
const LETTER_K = 0x6b
const LETTER_F = 0x66
const LETTER_C = 0x63
/** `VA `. */
const CODE_BYTES = 3

/** One per worker, filled again by every `parse`. All offsets are into the bytes that were given to it. */
export class ValueLine {
  sizeStart = 0
  sizeEnd = 0
  keyStart = 0
  keyEnd = 0
  flagsStart = 0
  flagsEnd = 0
  /** Equal when no cas id was asked for. */
  casStart = 0
  casEnd = 0
  /** The key is written in base64: it was so when the item was stored, whatever it was asked for by. */
  isBase64 = false

  /** Reads `VA <size> k<key> f<flags> ...` in bytes[start, lineEnd); false when size, key or flags are missing. */
  parse(bytes: Buffer, start: number, lineEnd: number): boolean {
    this.keyEnd = this.keyStart = 0
    this.flagsEnd = this.flagsStart = 0
    this.casEnd = this.casStart = 0
    this.isBase64 = false
    this.sizeStart = start + CODE_BYTES
    let at = this.sizeStart
    while (at < lineEnd && bytes[at] !== SPACE) at++
    this.sizeEnd = at
    while (at < lineEnd) {
      const letter = bytes[at + 1]
      const from = at + 2
      at++
      while (at < lineEnd && bytes[at] !== SPACE) at++
      if (letter === LETTER_K) {
        this.keyStart = from
        this.keyEnd = at
      } else if (letter === LETTER_F) {
        this.flagsStart = from
        this.flagsEnd = at
      } else if (letter === LETTER_C) {
        this.casStart = from
        this.casEnd = at
      } else if (letter === LETTER_B) {
        this.isBase64 = true
      }
    }
    return this.sizeEnd > this.sizeStart && this.keyEnd > this.keyStart && this.flagsEnd > this.flagsStart
  }

  /** Bytes of the line it becomes, at most: words, the spaces between them, line end. */
  get length(): number {
    const words = this.keyEnd - this.keyStart + this.flagsEnd - this.flagsStart + this.sizeEnd - this.sizeStart
    return valueHead.length + words + 2 + (this.casEnd > this.casStart ? this.casEnd - this.casStart + 1 : 0) + 2
  }
}
