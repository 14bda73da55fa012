/** A request copied out of the client's bytes, so that it can be asked more than once, and of different servers. */
import type { OutBuffer } from '../memcached/out-buffer.ts'
import { Expect } from '../memcached/server-request.ts'
import { decodedKey } from './base64-key.ts'
import { Command, commandNames } from './commands.ts'
import { type LineSink, writeLine } from './request-line.ts'
import type { RequestParser } from './request-parser.ts'

const LETTER_C = 'C'
/** Word of `cas <key> <flags> <exptime> <bytes> <casid>`. */
const CAS_WORD = 5
const LINE_END_BYTES = 2

export class KeptRequest {
  /** A value of Command. */
  readonly command: number
  /** The key as it is hashed. */
  readonly key: Buffer
  /** The key word as it was written, latin1. */
  readonly word: string
  readonly isBase64: boolean
  /** Of gat and gats. */
  readonly #exptime: string
  /** Of what is not get or its kin, latin1, without line end. */
  readonly #line: string
  /** With its line end; undefined: the command has none. */
  readonly #data: Buffer | undefined

  private constructor(options: {
    command: number
    key: Buffer
    word: string
    isBase64: boolean
    exptime: string
    line: string
    data: Buffer | undefined
  }) {
    this.command = options.command
    this.key = options.key
    this.word = options.word
    this.isBase64 = options.isBase64
    this.#exptime = options.exptime
    this.#line = options.line
    this.#data = options.data
  }

  /** One key of get and its kin. */
  static get(request: RequestParser, bytes: Buffer, word: number): KeptRequest {
    const start = request.keyStart(word)
    const end = request.keyEnd(word)
    return new KeptRequest({
      command: request.command,
      key: Buffer.from(bytes.subarray(start, end)),
      word: bytes.toString('latin1', start, end),
      isBase64: false,
      exptime: request.firstKey === 2 ? bytes.toString('latin1', request.words[2], request.words[3]) : '',
      line: '',
      data: undefined,
    })
  }

  /** Any other; `decoded`: length of the decoded key in `decodedKey`, 0 if it was not encoded. */
  static of(request: RequestParser, bytes: Buffer, decoded: number): KeptRequest {
    const start = request.keyStart()
    const end = request.keyEnd()
    const line = new TextSink()
    writeLine(line, request, bytes)
    return new KeptRequest({
      command: request.command,
      key: Buffer.from(decoded > 0 ? decodedKey.subarray(0, decoded) : bytes.subarray(start, end)),
      word: bytes.toString('latin1', start, end),
      isBase64: request.isBase64,
      exptime: '',
      line: line.all,
      data: request.dataBytes < 0 ? undefined : Buffer.from(bytes.subarray(request.dataStart, request.next)),
    })
  }

  /** Asks for values and changes nothing but perhaps times: may be asked of one pool or another. */
  get isRead(): boolean {
    return this.command <= Command.gats || this.command === Command.mg
  }

  get isDelete(): boolean {
    return this.command === Command.delete || this.command === Command.md
  }

  /** Depends on a cas id, which is another one in each pool. */
  get comparesCas(): boolean {
    return this.command === Command.cas || this.#flags.some((flag) => flag.startsWith(LETTER_C))
  }

  /** The id it depends on, as it was written; empty: none. */
  get casId(): string {
    if (this.command === Command.cas) return this.#words[CAS_WORD]!
    return this.#flags.find((flag) => flag.startsWith(LETTER_C))?.slice(1) ?? ''
  }

  /** What the reply looks like. */
  expect(isModern: boolean): number {
    if (this.command <= Command.gats) return isModern ? Expect.meta : Expect.values
    return this.command >= Command.mg ? Expect.meta : Expect.line
  }

  write(out: OutBuffer, isModern: boolean): void {
    if (this.command > Command.gats) {
      out.text(this.#line)
    } else if (isModern) {
      const cas = this.command === Command.gets || this.command === Command.gats ? ' c' : ''
      out.text(`mg ${this.word} k f${cas} v${this.#exptime === '' ? '' : ` T${this.#exptime}`}\r\n`)
    } else {
      const exptime = this.#exptime === '' ? '' : `${this.#exptime} `
      out.text(`${commandNames[this.command]} ${exptime}${this.word}\r\n`)
    }
    if (this.#data !== undefined) out.attach(this.#data)
  }

  /** The same with `id` in place of its cas id. */
  writeWithId(out: OutBuffer, id: string): void {
    const words = this.#words.map((word, i) => {
      if (this.command === Command.cas) return i === CAS_WORD ? id : word
      return i >= this.#firstFlag && word.startsWith(LETTER_C) ? LETTER_C + id : word
    })
    out.text(`${words.join(' ')}\r\n`)
    if (this.#data !== undefined) out.attach(this.#data)
  }

  /** The same without its cas id: for a pool where the id means nothing, once the pool where it does has said yes. */
  writeUnconditional(out: OutBuffer): void {
    const words = this.#words
    const line =
      this.command === Command.cas
        ? ['set', ...words.slice(1, 5)]
        : [...words.slice(0, this.#firstFlag), ...this.#flags.filter((flag) => !flag.startsWith(LETTER_C))]
    out.text(`${line.join(' ')}\r\n`)
    if (this.#data !== undefined) out.attach(this.#data)
  }

  /** A request that deletes the key. */
  writeDelete(out: OutBuffer): void {
    out.text(this.isBase64 ? `md ${this.word} b\r\n` : `delete ${this.word}\r\n`)
  }

  get deleteExpects(): number {
    return this.isBase64 ? Expect.meta : Expect.line
  }

  get #firstFlag(): number {
    return this.command === Command.ms ? 3 : 2
  }

  get #flags(): string[] {
    return this.command < Command.mg ? [] : this.#words.slice(this.#firstFlag)
  }

  get #words(): string[] {
    return this.#line.slice(0, -LINE_END_BYTES).split(' ')
  }
}

class TextSink implements LineSink {
  all = ''

  text(latin1: string): void {
    this.all += latin1
  }

  bytes(bytes: Buffer, start: number, end: number): void {
    this.all += bytes.toString('latin1', start, end)
  }
}
