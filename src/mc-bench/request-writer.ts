/** Writes requests of one connection into a buffer of its own, which grows as far as one turn's requests need. */
import type { McBenchOptions, OperationKind } from './options.ts'
import type { Outstanding } from './outstanding.ts'
import type { Shared } from './reply-checker.ts'

const FIRST_BYTES = 16 * 1024
/** Of a request beside keys and value: words, numbers, token, line ends. */
const MAX_FRAME = 128

export class RequestWriter {
  readonly #shared: Shared
  readonly #outstanding: Outstanding
  readonly #isMeta: boolean
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0

  constructor(shared: Shared, outstanding: Outstanding, protocol: McBenchOptions['protocol']) {
    this.#shared = shared
    this.#outstanding = outstanding
    this.#isMeta = protocol === 'meta'
  }

  get length(): number {
    return this.#length
  }

  /** What was written since the last time. The bytes stay until the next request is written: `abandon` keeps them longer. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#length)
    this.#length = 0
    return taken
  }

  /** The socket still needs what was taken. */
  abandon(): void {
    this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  clear(): void {
    this.#length = 0
  }

  /** Pushes the operation and writes it. `keyOf(i)` is its i-th key. */
  write(kind: OperationKind, keyCount: number, keyOf: () => number, nowMs: number): void {
    const sequence = this.#outstanding.nextSequence
    this.#outstanding.push(kind, nowMs)
    if (kind === 'set') this.#writeSet(keyOf(), sequence)
    else if (this.#isMeta) this.#writeMetaGets(kind, keyCount, keyOf, sequence)
    else this.#writeGets(keyCount, keyOf)
  }

  #writeSet(key: number, sequence: number): void {
    const { values, ledger } = this.#shared
    const generation = ledger.sent[key]! + 1
    ledger.sent[key] = generation
    this.#outstanding.addKey(key, generation)
    const name = values.keyTexts[key]!
    const bytes = values.bytesOf(key, generation)
    this.#reserve(name.length + bytes + MAX_FRAME)
    this.#text(
      this.#isMeta ? `ms ${name} ${bytes} F${generation} O${sequence}\r\n` : `set ${name} ${generation} 0 ${bytes}\r\n`,
    )
    this.#length = values.write(key, generation, this.#buffer, this.#length)
    this.#text('\r\n')
  }

  #writeGets(keyCount: number, keyOf: () => number): void {
    let line = 'get'
    for (let i = 0; i < keyCount; i++) line += ` ${this.#name(keyOf())}`
    this.#reserve(line.length + 2)
    this.#text(`${line}\r\n`)
  }

  #writeMetaGets(kind: OperationKind, keyCount: number, keyOf: () => number, sequence: number): void {
    let lines = ''
    if (kind === 'get') lines = `mg ${this.#name(keyOf())} v k f O${sequence}\r\n`
    else {
      for (let i = 0; i < keyCount; i++) lines += `mg ${this.#name(keyOf())} v k f q\r\n`
      lines += 'mn\r\n'
    }
    this.#reserve(lines.length)
    this.#text(lines)
  }

  /** Of a key that a get asks for. */
  #name(key: number): string {
    this.#outstanding.addKey(key, this.#shared.ledger.sent[key]!)
    return this.#shared.values.keyTexts[key]!
  }

  #text(text: string): void {
    this.#length += this.#buffer.write(text, this.#length, 'latin1')
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + bytes))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
