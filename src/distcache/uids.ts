/** Numbers of requests: 1, 2, 3, ... for the life of whoever owns the counter, modulo 2^32. */
export class Uids {
  #last: number

  /** `last`: the number before the first. */
  constructor(last = 0) {
    this.#last = last
  }

  next(): number {
    this.#last = (this.#last + 1) >>> 0
    return this.#last
  }
}

/** Of every client of this thread, whatever its connection, as in the original library. */
export const clientUids = new Uids()
