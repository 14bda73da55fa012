/**
 * Reads one request of a client out of the bytes that have come: the line by index arithmetic, no strings but for command words,
 * no views; what it finds are offsets into the caller's bytes.
 *
 * The hard part is what happens to data blocks of requests that are refused. A block that were read as commands would let
 * whoever chooses a value run commands, so: where the length is known the block is skipped (`skipBytes`); where the line has
 * a length that cannot be understood, or too many or too few words to tell which one it is, or data does not end where it
 * said, the connection is closed behind the error (`closes`). And whatever is sent on must be acceptable to any server's parser: a line that a server refuses and we do not
 * would leave it reading the data as commands. So numbers are held to what fits a server's integers, bytes that its C strings
 * would trip over are refused, and lines that leave here have single spaces and bounded length.
 *
 * The texts are memcached's own.
 */
import { Command, commandOf } from './commands.ts'
import { isDigit, isDigits, isExptime, isUint64, type ParsedNumber, uintOf } from './numbers.ts'

/** What `parse` came to. */
export const Outcome = {
  /** More bytes are needed, `needed` in all from the start of the request if that is known. */
  incomplete: 0,
  request: 1,
  /** `error` is the answer, unless `isNoreply`. */
  refused: 2,
  /** The first byte belongs to the binary protocol. */
  binary: 3,
} as const

export interface RequestLimits {
  readonly lineBytes: number
  readonly valueBytes: number
}

/** Of the key word as it is written. */
export const MAX_KEY_BYTES = 250
/** memcached closes a connection on which 2,048 bytes hold no line end, unless they begin with `get`. */
const MAX_FORWARDED_LINE_BYTES = 2000
/** From one more on memcached 1.6.18 refuses `ms` without skipping its data. */
const MAX_MS_FLAGS = 16
const MAX_META_FLAGS = 17
/** memcached keeps no larger item, and lengths of 2 GiB and more overflow its integers. */
const MAX_VALUE_BYTES = 1024 * 1024 * 1024
/** Longer lengths are not skipped but end the connection: nobody sends a petabyte. */
const MAX_SKIPPED_DIGITS = 15
/** Most lines are shorter, and searched byte by byte: cheaper than a call into C++. */
const LOOP_BYTES = 64
/** Words noted at first; a multi-get makes it more. */
const FIRST_WORDS = 32

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const DEL = 0x7f
const BINARY_MAGIC = 0x80

const BAD_LINE = 'CLIENT_ERROR bad command line format'
const BAD_FLAG = 'CLIENT_ERROR invalid flag'
const BAD_CHUNK = 'CLIENT_ERROR bad data chunk'
const BAD_DELTA = 'CLIENT_ERROR invalid numeric delta argument'
const BAD_EXPTIME = 'CLIENT_ERROR invalid exptime argument'
const BAD_DELETE = 'CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]'
const TOO_LARGE = 'SERVER_ERROR object too large for cache'
const TOO_LONG = 'CLIENT_ERROR line too long'
const UNKNOWN = 'ERROR'

/** One per worker, filled again by every `parse`. All offsets are into the bytes that were given to it. */
export class RequestParser {
  /** A value of Command. */
  command: number = Command.unknown
  /** Where the next request begins; of a refused one with `skipBytes`, where its data begins. */
  next = 0
  /** The first of the line's words begins here ... */
  lineStart = 0
  /** ... and the last one ends here. */
  lineEnd = 0
  /** Start and end of each word, in turn. */
  words: Int32Array = new Int32Array(2 * FIRST_WORDS)
  wordCount = 0
  /** First word that is a key; with get, gets, gat and gats so are all that follow. */
  firstKey = 1
  /** The data of a storage command without its line end is [dataStart, dataStart + dataBytes); -1: none. */
  dataStart = 0
  dataBytes = -1
  isNoreply = false
  /** Words are separated by single spaces. */
  isCanonical = true
  /** Meta commands: a flag `q`, and a flag `b`. */
  isQuiet = false
  isBase64 = false
  /** Of `mg`: a flag that may change something. */
  hasEffect = false
  error = ''
  /** Data of a refused request that is to be thrown away, line end included; 0: none. */
  skipBytes = 0
  /** No more is to be read behind this error. */
  closes = false
  /** See Outcome.incomplete; 0: not known. */
  needed = 0
  readonly #number: ParsedNumber = { value: 0, digits: 0 }

  /** Reads bytes[at, end). `seen`: up to here no line end was found before. */
  parse(bytes: Buffer, at: number, end: number, seen: number, limits: RequestLimits): number {
    this.#reset()
    if (bytes[at] === BINARY_MAGIC) return Outcome.binary
    const lf = lineEndIn(bytes, seen, end)
    if (lf === -1) return end - at > limits.lineBytes ? this.#endInput(TOO_LONG, end) : Outcome.incomplete
    if (lf - at > limits.lineBytes) return this.#endInput(TOO_LONG, end)
    this.next = lf + 1
    const lineEnd = lf > at && bytes[lf - 1] === CR ? lf - 1 : lf
    if (this.#isSingleGet(bytes, at, lineEnd)) return Outcome.request
    this.#split(bytes, at, lineEnd)
    if (this.wordCount === 0) return this.#refuse(UNKNOWN)
    this.command = commandOf(bytes, this.words[0]!, this.words[1]!)
    return this.#check(bytes, at, end, limits)
  }

  /** The request has another purpose than its answer. */
  get changesSomething(): boolean {
    const { command } = this
    if (command === Command.mg) return this.hasEffect
    return command > Command.gets && command !== Command.me
  }

  keyStart(word = this.firstKey): number {
    return this.words[2 * word]!
  }

  keyEnd(word = this.firstKey): number {
    return this.words[2 * word + 1]!
  }

  #reset(): void {
    this.isNoreply = false
    this.isCanonical = true
    this.isQuiet = false
    this.isBase64 = false
    this.hasEffect = false
    this.skipBytes = 0
    this.closes = false
    this.needed = 0
    this.dataBytes = -1
    this.firstKey = 1
    this.wordCount = 0
  }

  /** Most requests are a get of one key; they are read in one pass. */
  #isSingleGet(bytes: Buffer, at: number, lineEnd: number): boolean {
    const start = at + 4
    const length = lineEnd - start
    if (length < 1 || length > MAX_KEY_BYTES) return false
    if (bytes[at] !== 0x67 || bytes[at + 1] !== 0x65 || bytes[at + 2] !== 0x74 || bytes[at + 3] !== SPACE) return false
    for (let i = start; i < lineEnd; i++) {
      const byte = bytes[i]!
      if (byte <= SPACE || byte === DEL) return false
    }
    this.command = Command.get
    this.lineStart = at
    this.lineEnd = lineEnd
    this.words[0] = at
    this.words[1] = start - 1
    this.words[2] = start
    this.words[3] = lineEnd
    this.wordCount = 2
    return true
  }

  #split(bytes: Buffer, start: number, end: number): void {
    let at = start
    let count = 0
    while (at < end) {
      while (at < end && bytes[at] === SPACE) at++
      if (at === end) break
      if (2 * count === this.words.length) this.#growWords()
      if (count > 0 && at !== this.words[2 * count - 1]! + 1) this.isCanonical = false
      this.words[2 * count] = at
      while (at < end && bytes[at] !== SPACE) at++
      this.words[2 * count + 1] = at
      count++
    }
    this.wordCount = count
    if (count === 0) return
    this.lineStart = this.words[0]!
    this.lineEnd = this.words[2 * count - 1]!
  }

  #growWords(): void {
    const words = new Int32Array(this.words.length * 2)
    words.set(this.words)
    this.words = words
  }

  #check(bytes: Buffer, at: number, end: number, limits: RequestLimits): number {
    switch (this.command) {
      case Command.get:
      case Command.gets:
        return this.#checkGet(bytes, 1)
      case Command.gat:
      case Command.gats:
        return this.#checkGetAndTouch(bytes)
      case Command.set:
      case Command.add:
      case Command.replace:
      case Command.append:
      case Command.prepend:
        return this.#checkStorage(bytes, at, end, limits, 5)
      case Command.cas:
        return this.#checkStorage(bytes, at, end, limits, 6)
      case Command.delete:
        return this.#checkDelete(bytes)
      case Command.incr:
      case Command.decr:
      case Command.touch:
        return this.#checkKeyAndNumber(bytes)
      case Command.mg:
      case Command.md:
      case Command.ma:
        return this.wordCount === 1 ? this.#refuse(UNKNOWN) : this.#checkMeta(bytes, 2)
      case Command.me:
        return this.wordCount === 1 ? this.#refuse(BAD_LINE) : this.#checkMeta(bytes, 2)
      case Command.ms:
        return this.#checkMetaSet(bytes, at, end, limits)
      case Command.flush:
        return this.#checkFlush(bytes)
      case Command.unknown:
        return this.#refuse(UNKNOWN)
      default:
        return Outcome.request
    }
  }

  #checkGet(bytes: Buffer, firstKey: number): number {
    this.firstKey = firstKey
    if (this.wordCount <= firstKey) return this.#refuse(UNKNOWN)
    for (let word = firstKey; word < this.wordCount; word++)
      if (!this.#isKey(bytes, word)) return this.#refuse(BAD_LINE)
    return Outcome.request
  }

  #checkGetAndTouch(bytes: Buffer): number {
    if (this.wordCount <= 2) return this.#refuse(UNKNOWN)
    if (!isExptime(bytes, this.words[2]!, this.words[3]!)) return this.#refuse(BAD_EXPTIME)
    return this.#checkGet(bytes, 2)
  }

  /** `words`: as many as there are without `noreply`. */
  #checkStorage(bytes: Buffer, at: number, end: number, limits: RequestLimits, words: number): number {
    const { wordCount } = this
    if (wordCount < LENGTH_WORD) return this.#refuse(UNKNOWN)
    this.isNoreply = wordCount === words + 1 && this.#isNoreply(bytes, words)
    // A key that is empty or has a space in it shifts the words, and what stands where the length should be is another number.
    const isShifted = wordCount === words && this.#isNoreply(bytes, words - 1)
    if ((wordCount !== words && !this.isNoreply) || isShifted) return this.#endInput(UNKNOWN, end)
    return this.#checkData(bytes, at, end, limits, LENGTH_WORD, this.#storageError(bytes, words))
  }

  #storageError(bytes: Buffer, words: number): string {
    if (!this.#isKey(bytes, 1)) return BAD_LINE
    if (!this.#isFlags(bytes, 2) || !isExptime(bytes, this.words[6]!, this.words[7]!)) return BAD_LINE
    if (words === 6 && !isUint64(bytes, this.words[10]!, this.words[11]!)) return BAD_LINE
    return ''
  }

  #checkMetaSet(bytes: Buffer, at: number, end: number, limits: RequestLimits): number {
    if (this.wordCount === 1) return this.#refuse(UNKNOWN)
    if (this.wordCount === 2) return this.#endInput(BAD_LINE, end)
    // Behind a key with a space in it the real length is among the flags.
    for (let word = 3; word < this.wordCount; word++)
      if (isDigit(bytes[this.words[2 * word]!]!)) return this.#endInput(BAD_FLAG, end)
    return this.#checkData(bytes, at, end, limits, 2, this.#metaError(bytes, 3, MAX_MS_FLAGS))
  }

  /** Reads the length in word `lengthWord`, waits for the data, or, where `error` is one, has them skipped. */
  #checkData(bytes: Buffer, at: number, end: number, limits: RequestLimits, lengthWord: number, error: string): number {
    const length = this.#number
    if (!uintOf(bytes, this.words[2 * lengthWord]!, this.words[2 * lengthWord + 1]!, length))
      return this.#endInput(error === '' ? BAD_LINE : error, end)
    const isLarge = length.digits > 10 || length.value > Math.min(limits.valueBytes, MAX_VALUE_BYTES)
    if (length.digits > MAX_SKIPPED_DIGITS) return this.#endInput(error === '' ? TOO_LARGE : error, end)
    if (error !== '' || isLarge) {
      this.skipBytes = length.value + 2
      return this.#refuse(error === '' ? TOO_LARGE : error)
    }
    return this.#awaitData(bytes, at, end, length.value)
  }

  #awaitData(bytes: Buffer, at: number, end: number, dataBytes: number): number {
    this.dataStart = this.next
    this.dataBytes = dataBytes
    const dataEnd = this.dataStart + dataBytes
    if (dataEnd < end && bytes[dataEnd] !== CR) return this.#endInput(BAD_CHUNK, end)
    if (dataEnd + 1 < end && bytes[dataEnd + 1] !== LF) return this.#endInput(BAD_CHUNK, end)
    this.next = dataEnd + 2
    if (this.next <= end) return Outcome.request
    this.needed = this.next - at
    return Outcome.incomplete
  }

  /** `delete k`, `delete k 0`, which old clients send, each with or without `noreply`. */
  #checkDelete(bytes: Buffer): number {
    const { wordCount } = this
    if (wordCount === 1 || wordCount > 4) return this.#refuse(UNKNOWN)
    this.isNoreply = wordCount > 2 && this.#isNoreply(bytes, wordCount - 1)
    const rest = this.isNoreply ? wordCount - 1 : wordCount
    const isZero = rest === 3 && this.words[5]! - this.words[4]! === 1 && bytes[this.words[4]!] === 0x30
    if (!this.#isKey(bytes, 1)) return this.#refuse(BAD_LINE)
    return rest === 2 || isZero ? Outcome.request : this.#refuse(BAD_DELETE)
  }

  #checkKeyAndNumber(bytes: Buffer): number {
    const { wordCount } = this
    if (wordCount < 3 || wordCount > 4) return this.#refuse(UNKNOWN)
    this.isNoreply = wordCount === 4 && this.#isNoreply(bytes, 3)
    if (wordCount === 4 && !this.isNoreply) return this.#refuse(UNKNOWN)
    if (!this.#isKey(bytes, 1)) return this.#refuse(BAD_LINE)
    const start = this.words[4]!
    const end = this.words[5]!
    if (this.command === Command.touch)
      return isExptime(bytes, start, end) ? Outcome.request : this.#refuse(BAD_EXPTIME)
    return isUint64(bytes, start, end) ? Outcome.request : this.#refuse(BAD_DELTA)
  }

  #checkMeta(bytes: Buffer, firstFlag: number): number {
    const error = this.#metaError(bytes, firstFlag, MAX_META_FLAGS)
    return error === '' ? Outcome.request : this.#refuse(error)
  }

  /** Notes `q`, `b` and flags with effects on its way. What flags mean is the servers' business. */
  #metaError(bytes: Buffer, firstFlag: number, maxFlags: number): string {
    if (!this.#isKey(bytes, 1)) return BAD_LINE
    if (this.wordCount - firstFlag > maxFlags)
      return this.command === Command.mg
        ? 'CLIENT_ERROR options flags are too long'
        : 'CLIENT_ERROR options flags too long'
    let length = this.words[2 * firstFlag - 1]! - this.lineStart
    for (let word = firstFlag; word < this.wordCount; word++) {
      const start = this.words[2 * word]!
      const end = this.words[2 * word + 1]!
      length += end - start + 1
      if (!isPrintable(bytes, start, end)) return BAD_LINE
      if (!harmlessFlags.includes(bytes[start]!)) this.hasEffect = true
      if (bytes[start] === 0x71) {
        if (this.isQuiet) return 'CLIENT_ERROR duplicate flag'
        this.isQuiet = true
      } else if (bytes[start] === 0x62) {
        this.isBase64 = true
      }
    }
    return length > MAX_FORWARDED_LINE_BYTES ? BAD_LINE : ''
  }

  #checkFlush(bytes: Buffer): number {
    const { wordCount } = this
    if (wordCount > 3) return this.#refuse(UNKNOWN)
    this.isNoreply = wordCount > 1 && this.#isNoreply(bytes, wordCount - 1)
    const rest = this.isNoreply ? wordCount - 1 : wordCount
    if (rest === 3) return this.#refuse(UNKNOWN)
    if (rest === 2 && !isExptime(bytes, this.words[2]!, this.words[3]!)) return this.#refuse(BAD_EXPTIME)
    return Outcome.request
  }

  #isKey(bytes: Buffer, word: number): boolean {
    const start = this.words[2 * word]!
    const end = this.words[2 * word + 1]!
    return end - start <= MAX_KEY_BYTES && isPrintable(bytes, start, end)
  }

  /** 32 bits; more would be cut by one server and refused, data unread, by another. */
  #isFlags(bytes: Buffer, word: number): boolean {
    const start = this.words[2 * word]!
    const end = this.words[2 * word + 1]!
    return end - start <= 10 && isDigits(bytes, start, end) && uintOf(bytes, start, end, this.#number)
      ? this.#number.value <= 0xffffffff
      : false
  }

  #isNoreply(bytes: Buffer, word: number): boolean {
    const start = this.words[2 * word]!
    return this.words[2 * word + 1]! - start === 7 && bytes.toString('latin1', start, start + 7) === 'noreply'
  }

  #refuse(error: string): number {
    this.error = error
    return Outcome.refused
  }

  #endInput(error: string, end: number): number {
    this.closes = true
    this.next = end
    return this.#refuse(error)
  }
}

/** Flags of `mg` that only say what is to be returned, and how: what else is asked for must not be asked for twice. */
const harmlessFlags: Buffer = Buffer.from('vsftchlukOqb')
/** Of set and its kin. */
const LENGTH_WORD = 4

/** Where the first line feed in bytes[start, end) is, else -1. The native search would go on behind `end`. */
function lineEndIn(bytes: Buffer, start: number, end: number): number {
  const stop = Math.min(end, start + LOOP_BYTES)
  for (let i = start; i < stop; i++) if (bytes[i] === LF) return i
  if (stop === end) return -1
  const found = bytes.indexOf(LF, stop)
  return found < end ? found : -1
}

/** No control character: a server's C strings would end, or a log line break, inside. Bytes above 127 are fine. */
function isPrintable(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (byte < SPACE || byte === DEL) return false
  }
  return true
}
