/**
 * Where answers lie between the read that brought them and the write that takes them out: one after the other in chunks of
 * memory that serve again and again. It replaces a Buffer per answer.
 *
 * An answer that is first in line leaves at the end of the same turn; one that waits for an earlier one holds its chunk
 * until then, which the timeout of the pools bounds.
 */

export const CHUNK_BYTES = 64 * 1024
/** Chunks kept for later; more have only been needed in a burst. */
const SPARE_CHUNKS = 32
/** Shorter ranges are copied byte by byte: a call into C++ costs 18 ns, as much as 24 turns of the loop. */
const LOOP_BYTES = 24

export class Chunk {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  /** Free from here on. */
  end = 0
  /** Answers that lie in it. */
  held = 0
}

export class ReplyArena {
  #current = new Chunk()
  readonly #spare: Chunk[] = []

  /** A chunk with room for `length` bytes, CHUNK_BYTES at most, behind its `end`. */
  withRoom(length: number): Chunk {
    if (this.#current.end + length > CHUNK_BYTES) this.#current = this.#spare.pop() ?? new Chunk()
    return this.#current
  }

  /** An answer in the chunk is not needed any more. */
  release(chunk: Chunk): void {
    if (--chunk.held > 0) return
    chunk.end = 0
    if (chunk !== this.#current && this.#spare.length < SPARE_CHUNKS) this.#spare.push(chunk)
  }
}

/** Copies bytes[start, end) to `at` in `to`; returns the offset behind them. */
export function put(to: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  const length = end - start
  if (length > LOOP_BYTES) bytes.copy(to, at, start, end)
  else for (let i = 0; i < length; i++) to[at + i] = bytes[start + i]!
  return at + length
}
