/**
 * How many new variants of one resource are stored in a minute. A client that invents values of the fields a response
 * varies on makes a variant with each of them, and all of them are of no use to anyone else. What is stored stays, and is
 * renewed without being counted; what comes past the bound goes to its client only.
 *
 * Resources are counted in cells by a hash of their key, so that counting takes no memory that a client could make grow:
 * two resources that share a cell share a budget, which is generous enough for both.
 */

/** More than the values that real clients send for one URL in a minute; each worker counts for itself. */
export const NEW_VARIANTS_PER_MINUTE = 100
const WINDOW_MS = 60_000
/** A power of two: 64 KiB, and a budget of 6.5 million variants a minute in all. */
const CELLS = 65_536

export class VariantBudget {
  readonly #counts = new Uint8Array(CELLS)
  #windowEndMs = 0

  /** Counts one more variant of the resource; false: there were enough in this minute. */
  admit(primaryKey: string, nowMs: number): boolean {
    if (nowMs >= this.#windowEndMs) {
      this.#counts.fill(0)
      this.#windowEndMs = nowMs + WINDOW_MS
    }
    const cell = hash(primaryKey) & (CELLS - 1)
    if (this.#counts[cell]! >= NEW_VARIANTS_PER_MINUTE) return false
    this.#counts[cell]!++
    return true
  }
}

/** FNV-1a over the letters. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return (value ^ (value >>> 16)) >>> 0
}
