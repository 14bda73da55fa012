/**
 * What is stored where: names of keys, and the value of a key in each of its generations.
 *
 *     key     prefix, then eight hex digits: the number of the key, spread, as counting keys would not spread over servers
 *     flags   the generation: every set of a key has the next one
 *     value   a stretch of noise; where it begins and how long it is follow from key and generation
 */
import { spread } from '../ring/hash.ts'

/** Stretches begin within so many bytes: two generations look alike with one chance in 65,536. */
const STARTS = 2 ** 16

export class Values {
  /** By number. */
  readonly keys: readonly Buffer[]
  readonly keyTexts: readonly string[]
  readonly #noise: Buffer
  readonly #minBytes: number
  readonly #spanBytes: number

  constructor(keys: number, prefix: string, [minBytes, maxBytes]: readonly [number, number]) {
    this.keyTexts = Array.from({ length: keys }, (_, i) => prefix + (spread(i + 1) >>> 0).toString(16).padStart(8, '0'))
    this.keys = this.keyTexts.map((text) => Buffer.from(text, 'latin1'))
    this.#noise = makeNoise(STARTS + maxBytes)
    this.#minBytes = minBytes
    this.#spanBytes = maxBytes - minBytes + 1
  }

  bytesOf(key: number, generation: number): number {
    return this.#minBytes + ((spread(Math.imul(key, 0x9e3779b1) ^ generation) >>> 0) % this.#spanBytes)
  }

  /** Writes the value into `out` and returns where it ends. */
  write(key: number, generation: number, out: Buffer, at: number): number {
    const start = startOf(key, generation)
    return at + this.#noise.copy(out, at, start, start + this.bytesOf(key, generation))
  }

  /** Whether bytes[start, end) is the value. */
  isValue(key: number, generation: number, bytes: Buffer, start: number, end: number): boolean {
    const from = startOf(key, generation)
    return bytes.compare(this.#noise, from, from + this.bytesOf(key, generation), start, end) === 0
  }
}

function startOf(key: number, generation: number): number {
  return (spread(Math.imul(generation, 0x85ebca6b) ^ key) >>> 0) % STARTS
}

/** The same bytes each time, any value among them, `\r\nEND\r\n` included now and then. */
function makeNoise(bytes: number): Buffer {
  const noise = Buffer.allocUnsafe(bytes)
  let state = 1
  for (let at = 0; at < bytes; at++) {
    state = spread(state + 0x9e3779b9)
    noise[at] = state
  }
  const trap = Buffer.from('\r\nEND\r\nVALUE a 0 1\r\n')
  for (let at = 1000; at + trap.length < bytes; at += 4096) trap.copy(noise, at)
  return noise
}
