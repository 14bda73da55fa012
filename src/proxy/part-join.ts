/**
 * A stored part that is put together with one that is coming, inside one fill (RFC 9111 §3.4). The bytes go from one
 * place of the store to another; the part stays pinned until `end`.
 */
import type { Joint } from '../cache/policy/partial.ts'
import type { FillWriter } from '../cache/tiers/fill-writer.ts'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'

export class PartJoin {
  readonly #tier: MemoryTier
  readonly #part: StoredObject
  readonly #joint: Joint
  /** Bytes that are still to be left out of those that come. */
  #toSkip: number
  #isOpen = true

  /** The part is pinned already; the pin passes to this. */
  constructor(tier: MemoryTier, part: StoredObject, joint: Joint) {
    this.#tier = tier
    this.#part = part
    this.#joint = joint
    this.#toSkip = joint.skip
  }

  /** Stored bytes go behind those that are coming: who takes these over does not have all. */
  get hasAfter(): boolean {
    return this.#joint.after !== -1
  }

  /** Writes what goes before the bytes that are coming; false: the store has no room. */
  writeBefore(writer: FillWriter): boolean {
    return this.#joint.before === 0 || this.#write(writer, 0)
  }

  /** How many of the next `length` bytes are left out. */
  skip(length: number): number {
    const skipped = Math.min(this.#toSkip, length)
    this.#toSkip -= skipped
    return skipped
  }

  /** Writes what goes behind the bytes that came; false: the store has no room. */
  writeAfter(writer: FillWriter): boolean {
    return !this.hasAfter || this.#write(writer, this.#joint.after)
  }

  end(): void {
    if (this.#isOpen) this.#tier.unpin(this.#part)
    this.#isOpen = false
  }

  #write(writer: FillWriter, from: number): boolean {
    let at = 0
    for (const piece of this.#part.body) {
      const start = Math.max(from - at, 0)
      if (start < piece.length && !writer.write(piece, start, piece.length)) return false
      at += piece.length
    }
    return true
  }
}
