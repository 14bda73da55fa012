/** Latencies in a fixed number of cells, each some 3 % wide: what is told of them is not more exact than that. */

/** Cells of each power of two. */
const PARTS = 32
/** Microseconds up to 2³⁵, nine hours. */
const POWERS = 36

export class LatencyHistogram {
  readonly #cells = new Float64Array(POWERS * PARTS)
  #count = 0
  #maxMicros = 0

  get count(): number {
    return this.#count
  }

  get maxMicros(): number {
    return this.#maxMicros
  }

  add(micros: number): void {
    const whole = Math.max(1, Math.min(Math.round(micros), 2 ** 32 - 1))
    this.#count++
    if (whole > this.#maxMicros) this.#maxMicros = whole
    const cell = cellOf(whole)
    this.#cells[cell] = this.#cells[cell]! + 1
  }

  /** The latency that `share` (0 to 1) of all do not exceed; 0 of none. */
  microsAt(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.#count))
    let seen = 0
    for (const [cell, count] of this.#cells.entries()) {
      seen += count
      if (seen >= wanted) return Math.min(upperEnd(cell), this.#maxMicros)
    }
    return this.#maxMicros
  }

  clear(): void {
    this.#cells.fill(0)
    this.#count = 0
    this.#maxMicros = 0
  }
}

/** Below 32 a cell is one microsecond; above, the power of two and the five bits behind the first. */
function cellOf(micros: number): number {
  if (micros < PARTS) return micros
  const power = 31 - Math.clz32(micros)
  return (power - 4) * PARTS + ((micros >>> (power - 5)) & (PARTS - 1))
}

function upperEnd(cell: number): number {
  if (cell < PARTS) return cell
  const power = Math.floor(cell / PARTS) + 4
  return 2 ** power + ((cell % PARTS) + 1) * 2 ** (power - 5) - 1
}
