/** Requests that a server has executed, and somebody who is told at every so many. */
export class OperationCount {
  /** Since the start. */
  total = 0
  readonly #every: number
  readonly #onEvery: () => void
  #next: number

  /** `every` 0: nobody is told. */
  constructor(every = 0, onEvery: () => void = () => {}) {
    this.#every = every
    this.#onEvery = onEvery
    this.#next = every === 0 ? Number.POSITIVE_INFINITY : every
  }

  add(): void {
    if (++this.total < this.#next) return
    this.#next += this.#every
    this.#onEvery()
  }
}
