/**
 * The bytes of a tier, addressed by unit: a number that names UNIT_BYTES of memory in one of the segments.
 *
 * Unit u lies in segment u >>> 24 at byte (u & 0xffffff) * 64. Unit 0 of every segment is never handed out, so 0 can
 * mean "none" in links.
 */
import { SEGMENT_UNITS, UNIT_BYTES } from './layout.ts'

const SEGMENT_SHIFT = 24
const UNIT_MASK = SEGMENT_UNITS - 1
const CELLS_PER_UNIT = UNIT_BYTES / 4

export class Segments {
  readonly bytes: Buffer[] = []
  readonly cells: Int32Array[] = []
  readonly floats: Float64Array[] = []

  constructor(buffers: readonly SharedArrayBuffer[]) {
    for (const buffer of buffers) {
      this.bytes.push(Buffer.from(buffer))
      this.cells.push(new Int32Array(buffer))
      this.floats.push(new Float64Array(buffer))
    }
  }

  get count(): number {
    return this.bytes.length
  }

  unitsIn(segment: number): number {
    return this.cells[segment]!.length / CELLS_PER_UNIT
  }

  firstUnit(segment: number): number {
    return segment * SEGMENT_UNITS
  }

  /** Cell `cell` (0..15) of the unit. */
  get(unit: number, cell: number): number {
    return this.cells[unit >>> SEGMENT_SHIFT]![(unit & UNIT_MASK) * CELLS_PER_UNIT + cell]!
  }

  set(unit: number, cell: number, value: number): void {
    this.cells[unit >>> SEGMENT_SHIFT]![(unit & UNIT_MASK) * CELLS_PER_UNIT + cell] = value
  }

  load(unit: number, cell: number): number {
    return Atomics.load(this.cells[unit >>> SEGMENT_SHIFT]!, (unit & UNIT_MASK) * CELLS_PER_UNIT + cell)
  }

  store(unit: number, cell: number, value: number): void {
    Atomics.store(this.cells[unit >>> SEGMENT_SHIFT]!, (unit & UNIT_MASK) * CELLS_PER_UNIT + cell, value)
  }

  /** The segment's memory; bytes of `unit` start at `offsetOf(unit)`. */
  bytesOf(unit: number): Buffer {
    return this.bytes[unit >>> SEGMENT_SHIFT]!
  }

  floatsOf(unit: number): Float64Array {
    return this.floats[unit >>> SEGMENT_SHIFT]!
  }

  offsetOf(unit: number): number {
    return (unit & UNIT_MASK) * UNIT_BYTES
  }
}
