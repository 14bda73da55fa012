/**
 * Reads the replies of one connection and compares each with what was asked. The hard part is what may be right: the value of a
 * key is that of some generation, which its flags tell,
 *
 *     sent when the get was sent or before   else it is a value nobody can have seen yet: wrong
 *     stored when the reply came, or later   else it is out of date: stale (servers that died and came back do that)
 *
 * and the keys of a multi-get come in the order asked, some of them missing. Anything else is wrong: another key's value, other
 * bytes, a reply of another kind. A SERVER_ERROR is an answer, counted by itself.
 */
import type { Ledger } from './ledger.ts'
import type { McBenchOptions } from './options.ts'
import type { Outstanding } from './outstanding.ts'
import type { Tally } from './tally.ts'
import type { Values } from './values.ts'

/** No line of a reply is longer: a key, two numbers, a token, an error text. */
const MAX_LINE = 2048
const LF = 10
const CR = 13
const SPACE = 32

/** What all connections of a load share. `tally` is exchanged when the load begins to count. */
export interface Shared {
  readonly values: Values
  readonly ledger: Ledger
  tally: Tally
}

export class ReplyChecker {
  readonly #shared: Shared
  readonly #outstanding: Outstanding
  readonly #isMeta: boolean
  /** Keys of the oldest get that are done with. */
  #cursor = 0
  /** Of a number just read: where it ends. */
  #numberEnd = 0
  // Of the head of a value just read: the key is bytes[#keyStart, #keyEnd).
  #keyStart = 0
  #keyEnd = 0
  #flags = 0
  #size = 0

  constructor(shared: Shared, outstanding: Outstanding, protocol: McBenchOptions['protocol']) {
    this.#shared = shared
    this.#outstanding = outstanding
    this.#isMeta = protocol === 'meta'
  }

  /**
   * Takes the replies from bytes[0, end) and returns how many bytes are done with; the rest must come again with more behind it.
   * -1: a reply was wrong and has been counted; what follows cannot be understood.
   */
  read(bytes: Buffer, end: number, nowMs: number): number {
    let at = 0
    while (at < end) {
      if (this.#outstanding.count === 0) return this.#wrong('a reply nobody asked for', bytes, at, end)
      const lineEnd = bytes.indexOf(LF, at)
      if (lineEnd === -1 || lineEnd >= end) {
        return end - at > MAX_LINE ? this.#wrong('a line without end', bytes, at, end) : at
      }
      const next = this.#readPart(bytes, at, lineEnd, end, nowMs)
      if (next === at || next === -1) return next
      at = next
    }
    return at
  }

  /** Forgets what was being read, with the connection it came on. */
  reset(): void {
    this.#cursor = 0
  }

  /** One line, and the data behind it: where the next one begins; `at` while the data is not complete, -1 if it is wrong. */
  #readPart(bytes: Buffer, at: number, lineEnd: number, end: number, nowMs: number): number {
    if (bytes[lineEnd - 1] !== CR) return this.#wrong('a line that ends without CR', bytes, at, lineEnd)
    const textEnd = lineEnd - 1
    if (startsWith(bytes, at, textEnd, 'SERVER_ERROR ')) {
      this.#shared.tally.addError(bytes.toString('latin1', at, textEnd))
      // Of a meta multi-get only one key has failed: it is several requests, and its end is still to come.
      if (!this.#isMeta || this.#outstanding.kind !== 'multi') this.#finish(nowMs)
      return lineEnd + 1
    }
    if (this.#outstanding.kind === 'set') return this.#readStored(bytes, at, textEnd, nowMs)
    const isValue = startsWith(bytes, at, textEnd, this.#isMeta ? 'VA ' : 'VALUE ')
    if (isValue) return this.#readValue(bytes, at, textEnd, end, nowMs)
    return this.#readEnd(bytes, at, textEnd, nowMs)
  }

  #readStored(bytes: Buffer, at: number, textEnd: number, nowMs: number): number {
    const { ledger } = this.#shared
    const isStored = this.#isMeta
      ? isText(bytes, at, textEnd, `HD O${this.#outstanding.sequence}`)
      : isText(bytes, at, textEnd, 'STORED')
    if (!isStored) return this.#wrong('not the reply to a set', bytes, at, textEnd)
    ledger.stored[this.#outstanding.key(0)] = this.#outstanding.generation(0)
    this.#finish(nowMs)
    return textEnd + 2
  }

  /** END, EN or MN: the keys that are left were missed. */
  #readEnd(bytes: Buffer, at: number, textEnd: number, nowMs: number): number {
    const isSingleMeta = this.#isMeta && this.#outstanding.kind === 'get'
    const isEnd = isSingleMeta
      ? isText(bytes, at, textEnd, 'EN') || isText(bytes, at, textEnd, this.#missWithFlags())
      : isText(bytes, at, textEnd, this.#isMeta ? 'MN' : 'END')
    if (!isEnd) return this.#wrong('not the end of a get', bytes, at, textEnd)
    this.#shared.tally.misses += this.#outstanding.keyCount - this.#cursor
    this.#finish(nowMs)
    return textEnd + 2
  }

  /** Newer servers repeat key and token in a miss. */
  #missWithFlags(): string {
    const key = this.#shared.values.keyTexts[this.#outstanding.key(0)]!
    return `EN k${key} O${this.#outstanding.sequence}`
  }

  #readValue(bytes: Buffer, at: number, textEnd: number, end: number, nowMs: number): number {
    const head = this.#isMeta ? this.#metaHead(bytes, at, textEnd) : this.#classicHead(bytes, at, textEnd)
    if (!head) return this.#wrong('not the head of a value', bytes, at, textEnd)
    const index = this.#findKey(bytes)
    if (index === -1) return this.#wrong('a value of a key not asked for, or out of order', bytes, at, textEnd)
    const key = this.#outstanding.key(index)
    const generation = this.#flags
    const { values, ledger, tally } = this.#shared
    if (generation === 0 || generation > this.#outstanding.generation(index)) {
      return this.#wrong('a generation never stored', bytes, at, textEnd)
    }
    if (this.#size !== values.bytesOf(key, generation))
      return this.#wrong('a value of wrong length', bytes, at, textEnd)
    const dataStart = textEnd + 2
    const dataEnd = dataStart + this.#size
    if (dataEnd + 2 > end) return at
    if (bytes[dataEnd] !== CR || bytes[dataEnd + 1] !== LF) {
      return this.#wrong('a value without its end', bytes, dataEnd, dataEnd + 2)
    }
    if (!values.isValue(key, generation, bytes, dataStart, dataEnd)) {
      return this.#wrong('a value with other bytes', bytes, at, textEnd)
    }
    if (generation < ledger.stored[key]!) tally.stale++
    tally.misses += index - this.#cursor
    tally.hits++
    this.#cursor = index + 1
    // A classic get goes on to END.
    if (this.#isMeta && this.#outstanding.kind === 'get') this.#finish(nowMs)
    return dataEnd + 2
  }

  /** `VALUE <key> <flags> <bytes>` */
  #classicHead(bytes: Buffer, at: number, textEnd: number): boolean {
    this.#keyStart = at + 6
    this.#keyEnd = bytes.indexOf(SPACE, this.#keyStart)
    if (this.#keyEnd === -1 || this.#keyEnd >= textEnd) return false
    this.#flags = this.#number(bytes, this.#keyEnd + 1, textEnd)
    if (this.#flags === -1 || bytes[this.#numberEnd] !== SPACE) return false
    this.#size = this.#number(bytes, this.#numberEnd + 1, textEnd)
    return this.#size !== -1 && this.#numberEnd === textEnd
  }

  /** `VA <bytes> k<key> f<flags>`, and the opaque token of a single get. */
  #metaHead(bytes: Buffer, at: number, textEnd: number): boolean {
    this.#size = this.#number(bytes, at + 3, textEnd)
    if (this.#size === -1 || !startsWith(bytes, this.#numberEnd, textEnd, ' k')) return false
    this.#keyStart = this.#numberEnd + 2
    this.#keyEnd = bytes.indexOf(SPACE, this.#keyStart)
    if (this.#keyEnd === -1 || !startsWith(bytes, this.#keyEnd, textEnd, ' f')) return false
    this.#flags = this.#number(bytes, this.#keyEnd + 2, textEnd)
    if (this.#flags === -1) return false
    if (this.#outstanding.kind === 'multi') return this.#numberEnd === textEnd
    return isText(bytes, this.#numberEnd, textEnd, ` O${this.#outstanding.sequence}`)
  }

  /** Which key of the oldest get it is, those before it being missed; -1: none. */
  #findKey(bytes: Buffer): number {
    for (let index = this.#cursor; index < this.#outstanding.keyCount; index++) {
      const key = this.#shared.values.keys[this.#outstanding.key(index)]!
      if (key.compare(bytes, this.#keyStart, this.#keyEnd) === 0) return index
    }
    return -1
  }

  /** Up to ten digits; -1: there is none. */
  #number(bytes: Buffer, at: number, end: number): number {
    let value = 0
    let i = at
    for (; i < end && i < at + 10; i++) {
      const digit = bytes[i]! - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    this.#numberEnd = i
    return i === at ? -1 : value
  }

  #finish(nowMs: number): void {
    this.#shared.tally.answered(this.#outstanding.kind, (nowMs - this.#outstanding.sentMs) * 1000)
    this.#outstanding.shift()
    this.#cursor = 0
  }

  #wrong(what: string, bytes: Buffer, start: number, end: number): -1 {
    this.#shared.tally.addWrong(what, bytes, start, end)
    return -1
  }
}

function startsWith(bytes: Buffer, at: number, end: number, text: string): boolean {
  if (end - at < text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}

function isText(bytes: Buffer, at: number, end: number, text: string): boolean {
  return end - at === text.length && startsWith(bytes, at, end, text)
}
