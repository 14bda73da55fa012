/**
 * Where the data of sessions lies: blocks of 256 bytes, chained, in chunks that are added as they are needed. A Buffer for each
 * session would be 60,000 objects for V8 to watch and to free one by one; classes of sizes would keep what one class once needed
 * from the others.
 *
 *     chunk 0   |block 0|block 1|block 2| ...          next   [2, -1, 1, ...]
 *               session A: 0 -> 2 -> 1                        -1: the last of its chain
 *
 * Free blocks are a chain as well. Sessions are secrets: a block is overwritten when it becomes free.
 */

/** A session without client certificate has 126 to 170 bytes, most others fewer than 2048. */
const BLOCK_BYTES = 256
const BLOCKS_LOG2 = 10
const CHUNK_BLOCKS = 1 << BLOCKS_LOG2
const CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES
const NONE = -1

/** Takes the data of a session in pieces. */
export interface ByteSink {
  /** Copies bytes[start, end). */
  bytes(bytes: Buffer, start: number, end: number): void
}

export class SessionArena {
  readonly #chunks: Buffer[] = []
  #next: Int32Array = new Int32Array(0)
  #free = NONE

  /** Bytes of memory it holds, used or not. */
  get bytes(): number {
    return this.#chunks.length * CHUNK_BYTES
  }

  /** Stores a copy of bytes[start, end), which is not empty. Returns its first block. */
  store(bytes: Buffer, start: number, end: number): number {
    const first = this.#take()
    let block = first
    for (let at = start; ; ) {
      const to = Math.min(at + BLOCK_BYTES, end)
      bytes.copy(this.#chunkOf(block), offsetOf(block), at, to)
      if (to === end) break
      at = to
      const next = this.#take()
      this.#next[block] = next
      block = next
    }
    this.#next[block] = NONE
    return first
  }

  /** Gives `length` bytes that begin in block `first` to `sink`. */
  read(first: number, length: number, sink: ByteSink): void {
    let block = first
    for (let left = length; left > 0; left -= BLOCK_BYTES) {
      const at = offsetOf(block)
      sink.bytes(this.#chunkOf(block), at, at + Math.min(left, BLOCK_BYTES))
      block = this.#next[block]!
    }
  }

  /** Overwrites and frees the `length` bytes that begin in block `first`. */
  release(first: number, length: number): void {
    let block = first
    for (let left = length; left > 0; left -= BLOCK_BYTES) {
      const at = offsetOf(block)
      this.#chunkOf(block).fill(0, at, at + Math.min(left, BLOCK_BYTES))
      const next = this.#next[block]!
      this.#next[block] = this.#free
      this.#free = block
      block = next
    }
  }

  #take(): number {
    if (this.#free === NONE) this.#grow()
    const block = this.#free
    this.#free = this.#next[block]!
    return block
  }

  #grow(): void {
    const from = this.#chunks.length * CHUNK_BLOCKS
    this.#chunks.push(Buffer.alloc(CHUNK_BYTES))
    if (from + CHUNK_BLOCKS > this.#next.length) {
      const larger = new Int32Array(Math.max(2 * this.#next.length, CHUNK_BLOCKS))
      larger.set(this.#next)
      this.#next = larger
    }
    for (let block = from; block < from + CHUNK_BLOCKS; block++) this.#next[block] = block + 1
    this.#next[from + CHUNK_BLOCKS - 1] = NONE
    this.#free = from
  }

  #chunkOf(block: number): Buffer {
    return this.#chunks[block >> BLOCKS_LOG2]!
  }
}

function offsetOf(block: number): number {
  return (block & (CHUNK_BLOCKS - 1)) * BLOCK_BYTES
}
