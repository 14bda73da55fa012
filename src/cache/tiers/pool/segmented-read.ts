/**
 * A body in segments on its way from the pool, some segments ahead of the one that is wanted next, so that it takes a few
 * round trips and not one for each; what comes too early is kept, so that no more than these few lie in memory. The first
 * segment that is missing, or not what the entry says, ends it.
 */
import { crc32 } from 'node:zlib'
import type { Entry } from './entry.ts'
import { ItemRead, type PoolItems } from './items.ts'
import { segmentKey } from './keys.ts'

export interface SegmentSink {
  /** The next bytes[start, end) of the body, good during the call. False: no more is wanted, and nothing more is called. */
  onSegment(bytes: Buffer, start: number, end: number): boolean
  /** All have come; or one is missing or not what it should be; or the pool did not answer. */
  onBody(outcome: 'whole' | 'broken' | 'failed'): void
}

export class SegmentedRead {
  readonly #items: PoolItems
  readonly #sink: SegmentSink
  readonly #id: string
  readonly #lengths: readonly number[]
  readonly #checksums: readonly number[]
  readonly #ahead: number
  /** By number, those that came before their turn. */
  readonly #early = new Map<number, Buffer>()
  #asked = 0
  #taken = 0
  #isOver = false

  /** `ahead`: how many segments may be on their way; with 1 none can come too early. */
  constructor(items: PoolItems, entry: Entry, ahead: number, sink: SegmentSink) {
    const numbers = Array.from({ length: entry.segments }, (_, number) => number)
    this.#items = items
    this.#ahead = ahead
    this.#sink = sink
    this.#id = entry.segmentId
    this.#lengths = numbers.map((number) => entry.lengthOf(number))
    this.#checksums = numbers.map((number) => entry.checksumOf(number))
  }

  start(): void {
    this.#ask()
  }

  onSegment(number: number, bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return
    const isRight =
      end - start === this.#lengths[number] && crc32(bytes.subarray(start, end)) === this.#checksums[number]
    if (!isRight) this.#end('broken')
    else if (number !== this.#taken) this.#early.set(number, Buffer.from(bytes.subarray(start, end)))
    else this.#take(bytes, start, end)
  }

  onNoSegment(outcome: 'broken' | 'failed'): void {
    if (!this.#isOver) this.#end(outcome)
  }

  /** The segment whose turn it is, and those that wait behind it. */
  #take(bytes: Buffer, start: number, end: number): void {
    if (!this.#give(bytes, start, end)) return
    for (let early = this.#early.get(this.#taken); early !== undefined; early = this.#early.get(this.#taken)) {
      this.#early.delete(this.#taken)
      if (!this.#give(early, 0, early.length)) return
    }
    if (this.#taken === this.#lengths.length) this.#end('whole')
    else this.#ask()
  }

  #give(bytes: Buffer, start: number, end: number): boolean {
    this.#taken++
    if (this.#sink.onSegment(bytes, start, end)) return true
    this.#isOver = true
    this.#early.clear()
    return false
  }

  #ask(): void {
    while (!this.#isOver && this.#asked < Math.min(this.#lengths.length, this.#taken + this.#ahead)) {
      const number = this.#asked++
      if (!this.#items.read(segmentKey(this.#id, number), new SegmentRead(this, number))) this.#end('failed')
    }
  }

  #end(outcome: 'whole' | 'broken' | 'failed'): void {
    this.#isOver = true
    this.#early.clear()
    this.#sink.onBody(outcome)
  }
}

class SegmentRead extends ItemRead {
  readonly #body: SegmentedRead
  readonly #number: number

  constructor(body: SegmentedRead, number: number) {
    super()
    this.#body = body
    this.#number = number
  }

  override onItem(bytes: Buffer, start: number, end: number): void {
    this.#body.onSegment(this.#number, bytes, start, end)
  }

  override onAbsent(): void {
    this.#body.onNoSegment('broken')
  }

  override onItemFailed(): void {
    this.#body.onNoSegment('failed')
  }
}
