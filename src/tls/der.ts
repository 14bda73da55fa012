/**
 * The little of DER (ITU-T X.690) that an OCSP response needs: elements one after the other, each read whole or not at all. Lengths
 * beyond what is there, or written longer than need be, are errors; nothing recurses.
 */

/** It is not DER, or not what was to stand there. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

export interface DerElement {
  /** The whole identifier byte; tags of several bytes are not read. */
  readonly tag: number
  readonly content: Buffer
}

/** Lengths of more bytes are of files larger than anybody reads. */
const MAX_LENGTH_BYTES = 3

export class DerReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The tag of the next element; undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at]
  }

  /** The next element, which must have this tag if one is given. */
  next(tag?: number): DerElement {
    const found = this.#byte()
    if ((found & 0x1f) === 0x1f) throw new DerError('a tag of several bytes')
    if (tag !== undefined && found !== tag) throw new DerError(`tag ${found} where ${tag} was to stand`)
    const length = this.#length()
    const end = this.#at + length
    if (end > this.#bytes.length) throw new DerError('an element longer than what holds it')
    const content = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return { tag: found, content }
  }

  /** A reader of what the next element holds. */
  enter(tag: number): DerReader {
    return new DerReader(this.next(tag).content)
  }

  /** Steps over the next element if it has this tag. */
  skip(tag: number): void {
    if (this.peek() === tag) this.next()
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new DerError('the end where an element was to stand')
    this.#at++
    return byte
  }

  #length(): number {
    const first = this.#byte()
    if (first < 0x80) return first
    const count = first & 0x7f
    if (count === 0 || count > MAX_LENGTH_BYTES) throw new DerError('a length without bound')
    let length = 0
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte()
    if (length < 0x80 || (count > 1 && length < 256 ** (count - 1))) throw new DerError('a length longer than need be')
    return length
  }
}
