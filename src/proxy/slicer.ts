/** Cuts an answer out of a body that comes piece by piece. */
import type { RangeAnswer, Slice } from './ranges.ts'

export class Slicer {
  readonly #slices: readonly Slice[]
  readonly #after: string
  /** Bytes of the body seen so far. */
  #seen = 0
  #next = 0

  /** The slices must be in the order of the body. */
  constructor({ slices, after }: RangeAnswer) {
    this.#slices = slices
    this.#after = after
  }

  /** Everything has been cut: what else comes is of no use. */
  get isDone(): boolean {
    return this.#next === this.#slices.length
  }

  /** What the next bytes of the body contribute: views of `data`, and the text between the slices. */
  cut(data: Buffer): Buffer[] {
    const pieces: Buffer[] = []
    const start = this.#seen
    this.#seen += data.length
    for (; this.#next < this.#slices.length; this.#next++) {
      const { before, from, end } = this.#slices[this.#next]!
      if (from >= this.#seen) break
      if (from >= start && before !== '') pieces.push(Buffer.from(before, 'latin1'))
      pieces.push(data.subarray(Math.max(from - start, 0), Math.min(end - start, data.length)))
      if (end > this.#seen) break
    }
    if (this.isDone && start < this.#end && this.#after !== '') pieces.push(Buffer.from(this.#after, 'latin1'))
    return pieces
  }

  /** Where the last slice ends. */
  get #end(): number {
    return this.#slices.at(-1)?.end ?? 0
  }
}
