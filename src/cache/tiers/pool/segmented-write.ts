/**
 * A body that is larger than an item, on its way to the pool: a segment at a time, each confirmed before the next, and the
 * entry that names them last; so whoever finds the entry finds the segments. They lie under an id that is made anew for
 * every write, so two writers of one object never mix, and one that is given up leaves segments that nobody finds, which
 * go with their time or when the server needs their room.
 */
import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type EntryFront, encodeSegmentedEntry, SEGMENT_ID_BYTES } from './entry.ts'
import { ItemWrite, type PoolItems } from './items.ts'
import { segmentKey } from './keys.ts'

export interface SegmentedBody {
  readonly bytes: number
  /** Copies the body from `offset` on into all of `into`. */
  copy(offset: number, into: Buffer): void
  /** Called once: nothing more will be copied. */
  release(): void
}

export interface SegmentedOrder {
  readonly poolKey: string
  readonly front: EntryFront
  readonly body: SegmentedBody
  readonly ttlSec: number
}

export class SegmentedWrite extends ItemWrite {
  readonly #items: PoolItems
  readonly #order: SegmentedOrder
  readonly #onDone: (isWritten: boolean) => void
  readonly #id = randomFillSync(Buffer.alloc(SEGMENT_ID_BYTES))
  readonly #idText: string
  readonly #checksums: number[] = []
  #hasEntry = false
  #isCancelled = false

  constructor(items: PoolItems, order: SegmentedOrder, onDone: (isWritten: boolean) => void) {
    super()
    this.#items = items
    this.#order = order
    this.#onDone = onDone
    this.#idText = this.#id.toString('base64url')
  }

  start(): void {
    this.#next()
  }

  /** What is stored under the key has changed meanwhile. */
  cancel(): void {
    this.#isCancelled = true
  }

  override onWritten(isWritten: boolean): void {
    if (this.#hasEntry) this.#onDone(isWritten)
    else if (isWritten) this.#next()
    else this.#end(false)
  }

  #next(): void {
    const { body, poolKey, ttlSec } = this.#order
    const segmentBytes = this.#items.maxValueBytes
    const number = this.#checksums.length
    const offset = number * segmentBytes
    if (this.#isCancelled) this.#end(false)
    else if (offset < body.bytes) this.#writeSegment(number, offset, Math.min(segmentBytes, body.bytes - offset))
    else {
      body.release()
      this.#hasEntry = true
      const list = { id: this.#id, segmentBytes, checksums: this.#checksums }
      const entry = encodeSegmentedEntry(this.#order.front, list, body.bytes)
      if (!this.#items.write(poolKey, entry, ttlSec, this)) this.#onDone(false)
    }
  }

  #writeSegment(number: number, offset: number, length: number): void {
    const { body, ttlSec } = this.#order
    const bytes = Buffer.allocUnsafeSlow(length)
    body.copy(offset, bytes)
    this.#checksums.push(crc32(bytes))
    if (!this.#items.write(segmentKey(this.#idText, number), bytes, ttlSec, this)) this.#end(false)
  }

  #end(isWritten: boolean): void {
    this.#order.body.release()
    this.#onDone(isWritten)
  }
}
