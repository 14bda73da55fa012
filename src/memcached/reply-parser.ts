/**
 * Cuts what a server sends into replies, by the kind that the request in turn expects.
 *
 * The hard part is a reply that comes in pieces, of which a value of a megabyte has sixteen and more: what an earlier read
 * brought is neither looked at nor copied again. There are two places a reply can lie in:
 *
 *     read buffer     |..reply..|..reply..|..begin|       shown as offsets into it, no copy
 *                                          \____/
 *     collected       |begin...............end|           a Buffer of this reply alone, of the announced size
 *
 * A reply that is whole within one read is shown where it lies. When a read ends inside of one, its beginning is moved to a
 * Buffer of its own, and the following reads are copied behind it, never further than to its end.
 *
 * Always true: `#start <= #lineStart <= #at <= #end`, offsets into `#bytes`; bytes before `#at` need not be looked at any
 * more; `#end` is what is there. While collecting, the part of the read that was not taken yet is #input[#inputAt, #inputEnd).
 */
import { Code, Reply } from './reply.ts'
import { Expect } from './server-request.ts'

/** What `next` found. */
export const Found = {
  /** `reply` is complete. */
  reply: 0,
  /** The read is used up. */
  more: 1,
  /** What came is no reply of the kind expected, or a larger one than may be; nothing that follows can be trusted. */
  bad: 2,
} as const

/** Longest line of a reply: VALUE with its key and three numbers takes 310 bytes; an error's text may be longer. */
const MAX_LINE_BYTES = 2048
/** First size of a Buffer in which a line is collected whose end is not there yet. */
const FIRST_COLLECTED_BYTES = 256
/** Digits of a length: more do not fit 32 bits. */
const MAX_LENGTH_DIGITS = 10
const CRLF_BYTES = 2
/** Behind the last VALUE block comes `END`, which is given room with the block. */
const END_BYTES = 5
/** Of a meta code. */
const CODE_BYTES = 2

const LF = 10
const CR = 13
const SPACE = 32
const DIGIT_0 = 48
const DIGIT_9 = 57

const NOTHING = Buffer.alloc(0)

/** Codes of the meta protocol by the two letters, `first << 8 | second`. */
const HD = letters('HD')
const VA = letters('VA')
const EN = letters('EN')
const NF = letters('NF')
const NS = letters('NS')
const EX = letters('EX')
const ME = letters('ME')
const MN = letters('MN')

const STORED = Buffer.from('STORED')
const NOT_STORED = Buffer.from('NOT_STORED')
const EXISTS = Buffer.from('EXISTS')
const NOT_FOUND = Buffer.from('NOT_FOUND')
const DELETED = Buffer.from('DELETED')
const TOUCHED = Buffer.from('TOUCHED')
const OK = Buffer.from('OK')
const VERSION = Buffer.from('VERSION ')
const VALUE = Buffer.from('VALUE ')
const END = Buffer.from('END')
const ERROR = Buffer.from('ERROR')
const CLIENT_ERROR = Buffer.from('CLIENT_ERROR')
const SERVER_ERROR = Buffer.from('SERVER_ERROR')

/** Instead of the offset of a line end. */
const NOT_YET = -1
const NO_LINE = -2
/** Instead of a value of Code. */
const NO_CODE = -1
/** Instead of a length. */
const NO_LENGTH = -1

export class ReplyParser {
  /** The reply last found; filled anew by `next`. */
  readonly reply = new Reply(NOTHING)
  readonly #maxReplyBytes: number
  #bytes: Buffer = NOTHING
  #start = 0
  #lineStart = 0
  #at = 0
  #end = 0
  #isCollecting = false
  #input: Buffer = NOTHING
  #inputAt = 0
  #inputEnd = 0
  /** End of the block (data and line end) that is being waited for; 0 while a line is. */
  #blockEnd = 0
  /** End of the first line of the reply, without its line end; NOT_YET until it is known. */
  #lineEnd = NOT_YET
  /** Where the data of the latest block begins. */
  #dataStart = 0

  /** `maxReplyBytes`: of one reply, all its lines and values together. */
  constructor(maxReplyBytes: number) {
    this.#maxReplyBytes = maxReplyBytes
  }

  /** Takes bytes[0, length), which must stay as they are until `next` has returned `more` or `bad`. */
  feed(bytes: Buffer, length: number): void {
    this.#input = bytes
    this.#inputAt = 0
    this.#inputEnd = length
    if (!this.#isCollecting) this.#begin()
  }

  /** Something came that belongs to no reply yet. */
  get hasRest(): boolean {
    return this.#isCollecting || this.#start < this.#end
  }

  /** Finds the next reply, which is to be of the kind `expect` (a value of Expect). Returns a value of Found. */
  next(expect: number): number {
    for (;;) {
      const found = this.#parse(expect)
      if (found === Found.reply) this.#show()
      if (found !== Found.more) return found
      if (this.#isCollecting) {
        if (!this.#pull(expect)) return Found.more
      } else {
        if (this.#start < this.#end) this.#collect(expect)
        return Found.more
      }
    }
  }

  #parse(expect: number): number {
    if (expect === Expect.meta) return this.#parseMeta()
    return expect === Expect.values ? this.#parseValues() : this.#parseClassic()
  }

  #parseMeta(): number {
    if (this.#blockEnd === 0) {
      const lineEnd = this.#findLineEnd()
      if (lineEnd < 0) return lineEnd === NOT_YET ? Found.more : Found.bad
      const code = metaCode(this.#bytes, this.#start, lineEnd)
      if (code === NO_CODE) return Found.bad
      this.#lineEnd = lineEnd
      this.reply.code = code
      if (code !== Code.va) return Found.reply
      const length = lengthAt(this.#bytes, this.#start + CODE_BYTES + 1, lineEnd)
      if (!this.#expectBlock(length)) return Found.bad
    }
    return this.#findBlock()
  }

  #parseValues(): number {
    for (;;) {
      if (this.#blockEnd === 0) {
        const lineEnd = this.#findLineEnd()
        if (lineEnd < 0) return lineEnd === NOT_YET ? Found.more : Found.bad
        if (this.#lineEnd === NOT_YET) this.#lineEnd = lineEnd
        if (isLine(this.#bytes, this.#lineStart, lineEnd, END)) {
          this.reply.code = Code.values
          return Found.reply
        }
        if (isErrorLine(this.#bytes, this.#lineStart, lineEnd)) return this.#breakOff(lineEnd)
        const length = valueLength(this.#bytes, this.#lineStart, lineEnd)
        if (!this.#expectBlock(length)) return Found.bad
      }
      const found = this.#findBlock()
      if (found !== Found.reply) return found
    }
  }

  /** The server says, perhaps behind some values, that it cannot go on: that is the reply, and the values are nothing. */
  #breakOff(lineEnd: number): number {
    this.reply.code = Code.error
    this.#start = this.#lineStart
    this.#lineEnd = lineEnd
    return Found.reply
  }

  #parseClassic(): number {
    const lineEnd = this.#findLineEnd()
    if (lineEnd < 0) return lineEnd === NOT_YET ? Found.more : Found.bad
    const code = classicCode(this.#bytes, this.#start, lineEnd)
    if (code === NO_CODE) return Found.bad
    this.#lineEnd = lineEnd
    this.reply.code = code
    return Found.reply
  }

  /** Where the line at #lineStart ends, without its line end; #at is behind it then. Else NOT_YET or NO_LINE. */
  #findLineEnd(): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = this.#at
    while (at < end && bytes[at] !== LF) at++ // lines are short: less than a call of indexOf costs
    if (at - this.#lineStart > MAX_LINE_BYTES) return NO_LINE
    this.#at = at
    if (at === end) return NOT_YET
    this.#at = at + 1
    return at > this.#lineStart && bytes[at - 1] === CR ? at - 1 : NO_LINE
  }

  /** The line just found announces `length` bytes of data; false when they are too many. */
  #expectBlock(length: number): boolean {
    const blockEnd = this.#at + length + CRLF_BYTES
    if (length === NO_LENGTH || blockEnd - this.#start > this.#maxReplyBytes) return false
    this.#dataStart = this.#at
    this.#blockEnd = blockEnd
    return true
  }

  #findBlock(): number {
    const blockEnd = this.#blockEnd
    if (this.#end < blockEnd) {
      this.#at = this.#end
      return Found.more
    }
    if (this.#bytes[blockEnd - 2] !== CR || this.#bytes[blockEnd - 1] !== LF) return Found.bad
    this.#at = blockEnd
    this.#lineStart = blockEnd
    this.#blockEnd = 0
    return Found.reply
  }

  /** Shows the reply that ends at #at, and begins the next one behind it. */
  #show(): void {
    const { reply } = this
    const at = this.#at
    reply.bytes = this.#bytes
    reply.start = this.#start
    reply.end = at
    reply.lineEnd = this.#lineEnd
    reply.isOwned = this.#isCollecting
    if (reply.code === Code.va) {
      reply.dataStart = this.#dataStart
      reply.dataEnd = at - CRLF_BYTES
    } else {
      reply.dataStart = at
      reply.dataEnd = at
    }
    if (this.#isCollecting) {
      this.#isCollecting = false
      this.#begin()
    } else {
      this.#start = at
      this.#lineStart = at
      this.#lineEnd = NOT_YET
    }
  }

  /** The next reply begins where the read has not been taken yet. */
  #begin(): void {
    this.#bytes = this.#input
    this.#start = this.#inputAt
    this.#lineStart = this.#inputAt
    this.#at = this.#inputAt
    this.#end = this.#inputEnd
    this.#blockEnd = 0
    this.#lineEnd = NOT_YET
  }

  /** Moves what there is of the reply into a Buffer of its own. */
  #collect(expect: number): void {
    const start = this.#start
    const length = this.#end - start
    if (this.#blockEnd !== 0) this.#blockEnd -= start
    if (this.#lineEnd !== NOT_YET) this.#lineEnd -= start
    this.#lineStart -= start
    this.#dataStart -= start
    this.#at -= start
    const collected = Buffer.allocUnsafeSlow(Math.max(this.#bytesForBlock(expect), length, FIRST_COLLECTED_BYTES))
    this.#bytes.copy(collected, 0, start, this.#end)
    this.#bytes = collected
    this.#start = 0
    this.#end = length
    this.#isCollecting = true
    this.#inputAt = this.#inputEnd
  }

  /** Takes more of the read, but nothing behind the line or block that is being waited for; false: there is no more. */
  #pull(expect: number): boolean {
    const at = this.#inputAt
    const rest = this.#inputEnd - at
    if (rest === 0) return false
    let length = Math.min(rest, this.#blockEnd - this.#end)
    if (this.#blockEnd === 0) {
      const lineFeed = this.#input.indexOf(LF, at)
      length = lineFeed === -1 || lineFeed >= this.#inputEnd ? rest : lineFeed + 1 - at
    }
    this.#makeRoom(Math.max(this.#bytesForBlock(expect), this.#end + length))
    this.#input.copy(this.#bytes, this.#end, at, at + length)
    this.#end += length
    this.#inputAt = at + length
    return true
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }

  /** Room for the reply up to the end of the block that is being waited for, if one is. */
  #bytesForBlock(expect: number): number {
    if (this.#blockEnd === 0) return 0
    return this.#blockEnd + (expect === Expect.values ? END_BYTES : 0)
  }
}

function letters(code: string): number {
  return (code.charCodeAt(0) << 8) | code.charCodeAt(1)
}

function metaCode(bytes: Buffer, start: number, lineEnd: number): number {
  const length = lineEnd - start
  if (length === CODE_BYTES || (length > CODE_BYTES && bytes[start + CODE_BYTES] === SPACE)) {
    switch ((bytes[start]! << 8) | bytes[start + 1]!) {
      case HD:
        return Code.hd
      case VA:
        return Code.va
      case EN:
        return Code.en
      case NF:
        return Code.nf
      case NS:
        return Code.ns
      case EX:
        return Code.ex
      case ME:
        return Code.me
      case MN:
        return Code.mn
    }
  }
  return isErrorLine(bytes, start, lineEnd) ? Code.error : NO_CODE
}

function classicCode(bytes: Buffer, start: number, lineEnd: number): number {
  if (isLine(bytes, start, lineEnd, STORED)) return Code.stored
  if (isNumber(bytes, start, lineEnd)) return Code.number
  if (isLine(bytes, start, lineEnd, DELETED)) return Code.deleted
  if (isLine(bytes, start, lineEnd, NOT_FOUND)) return Code.nf
  if (isLine(bytes, start, lineEnd, NOT_STORED)) return Code.ns
  if (isLine(bytes, start, lineEnd, TOUCHED)) return Code.touched
  if (isLine(bytes, start, lineEnd, EXISTS)) return Code.ex
  if (isLine(bytes, start, lineEnd, OK)) return Code.ok
  if (hasPrefix(bytes, start, lineEnd, VERSION)) return Code.version
  return isErrorLine(bytes, start, lineEnd) ? Code.error : NO_CODE
}

function isErrorLine(bytes: Buffer, start: number, lineEnd: number): boolean {
  return (
    isWord(bytes, start, lineEnd, SERVER_ERROR) ||
    isWord(bytes, start, lineEnd, CLIENT_ERROR) ||
    isWord(bytes, start, lineEnd, ERROR)
  )
}

/** `word` is the whole line. */
function isLine(bytes: Buffer, start: number, lineEnd: number, word: Buffer): boolean {
  return lineEnd - start === word.length && hasPrefix(bytes, start, lineEnd, word)
}

/** The line begins with `word`, alone or with a space behind it. */
function isWord(bytes: Buffer, start: number, lineEnd: number, word: Buffer): boolean {
  const end = start + word.length
  return hasPrefix(bytes, start, lineEnd, word) && (end === lineEnd || bytes[end] === SPACE)
}

function hasPrefix(bytes: Buffer, start: number, lineEnd: number, prefix: Buffer): boolean {
  const { length } = prefix
  if (lineEnd - start < length) return false
  for (let i = 0; i < length; i++) if (bytes[start + i] !== prefix[i]) return false
  return true
}

/** What `incr` answers; memcached pads it with spaces where the number had more digits before. */
function isNumber(bytes: Buffer, start: number, lineEnd: number): boolean {
  let at = start
  while (at < lineEnd && isDigit(bytes[at]!)) at++
  if (at === start) return false
  while (at < lineEnd && bytes[at] === SPACE) at++
  return at === lineEnd
}

/** The decimal number at `at`, which ends with the line or a space; NO_LENGTH when there is none. */
function lengthAt(bytes: Buffer, at: number, lineEnd: number): number {
  let length = 0
  let next = at
  while (next < lineEnd && isDigit(bytes[next]!)) {
    length = length * 10 + bytes[next]! - DIGIT_0
    next++
  }
  const digits = next - at
  const hasEnded = next === lineEnd || bytes[next] === SPACE
  return digits > 0 && digits <= MAX_LENGTH_DIGITS && hasEnded ? length : NO_LENGTH
}

/** Length of the data behind `VALUE <key> <flags> <bytes> [<casid>]`; NO_LENGTH when the line is not that. */
function valueLength(bytes: Buffer, start: number, lineEnd: number): number {
  if (!hasPrefix(bytes, start, lineEnd, VALUE)) return NO_LENGTH
  const keyEnd = bytes.indexOf(SPACE, start + VALUE.length)
  if (keyEnd <= start + VALUE.length || keyEnd >= lineEnd) return NO_LENGTH
  let at = keyEnd + 1
  while (at < lineEnd && isDigit(bytes[at]!)) at++
  if (at === keyEnd + 1 || bytes[at] !== SPACE) return NO_LENGTH
  return lengthAt(bytes, at + 1, lineEnd)
}

function isDigit(byte: number): boolean {
  return byte >= DIGIT_0 && byte <= DIGIT_9
}
