/**
 * Space in the segments: two-level segregated fit (Masmano et al., 2004), constant time for taking and giving back, with
 * neighbours joined at once. Called with the store's lock held only.
 *
 * A segment is a row of blocks without gaps; every block starts with a header of HEADER_BYTES:
 *
 *     cell 0   units * 2 + used
 *     cell 1   units of the block before it in memory, so that it can be joined
 *     cell 2   used: next extent of the same object, 0 = last    free: next free block of this class, 0 = last
 *     cell 3   used: references to this chain (first extent)     free: previous free block, 0 = first
 *
 *     | 1 used | block | block | block ...                  | 1 used |
 *       guard                                                 guard      guards stop the joining at the ends
 *
 * Free blocks hang in lists by size class: 16 steps for each power of two. A search begins in the first class whose
 * every block is large enough, so the first block found fits, and the remainder goes back: nothing is wasted inside a
 * block but the rounding to a unit and the header.
 */
import { Control, SUBCLASS_BITS, SUBCLASSES, UNIT_BYTES } from './layout.ts'
import type { Segments } from './segments.ts'

export const HEADER_BYTES = 16
export const Block = { size: 0, before: 1, next: 2, references: 3 } as const
const NEXT_FREE = Block.next
const PREVIOUS_FREE = Block.references

/** A kept block of a rebuilt store: where it starts and how long it is, both in units. */
export interface KeptBlock {
  readonly unit: number
  readonly units: number
}

/** Units that a payload of `bytes` takes with its header. */
export function unitsFor(bytes: number): number {
  return Math.ceil((bytes + HEADER_BYTES) / UNIT_BYTES)
}

/** Bytes of payload in a block of `units`. */
export function payloadBytes(units: number): number {
  return units * UNIT_BYTES - HEADER_BYTES
}

/** Number of the free list for blocks of exactly this size: class * 16 + step. */
function listOf(units: number): number {
  if (units < SUBCLASSES) return units
  const log2 = 31 - Math.clz32(units)
  return ((log2 - SUBCLASS_BITS + 1) << SUBCLASS_BITS) + ((units >>> (log2 - SUBCLASS_BITS)) & (SUBCLASSES - 1))
}

/** The first list in which every block has at least this size. */
function sufficientListOf(units: number): number {
  if (units < SUBCLASSES) return units
  const log2 = 31 - Math.clz32(units)
  return listOf(units + (1 << (log2 - SUBCLASS_BITS)) - 1)
}

export class Allocator {
  readonly #control: Int32Array
  readonly #segments: Segments

  constructor(control: Int32Array, segments: Segments) {
    this.#control = control
    this.#segments = segments
  }

  /** Lays all segments out anew: `kept` blocks (ascending, not overlapping) stay where they are, the rest is free. */
  format(kept: readonly KeptBlock[]): void {
    const control = this.#control
    control.fill(0, Control.freeClasses)
    control[Control.usedUnits] = 0
    control[Control.freeUnits] = 0
    let next = 0
    for (let segment = 0; segment < this.#segments.count; segment++) {
      const first = this.#segments.firstUnit(segment)
      const last = first + this.#segments.unitsIn(segment) - 1
      this.#segments.set(first, Block.size, 3)
      let at = first + 1
      let before = 1
      for (; next < kept.length && kept[next]!.unit < last; next++) {
        const { unit, units } = kept[next]!
        if (unit > at) before = this.#layFree(at, unit - at, before)
        this.#segments.set(unit, Block.size, units * 2 + 1)
        this.#segments.set(unit, Block.before, before)
        control[Control.usedUnits]! += units
        before = units
        at = unit + units
      }
      if (last > at) before = this.#layFree(at, last - at, before)
      this.#segments.set(last, Block.size, 3)
      this.#segments.set(last, Block.before, before)
    }
  }

  #layFree(unit: number, units: number, before: number): number {
    this.#segments.set(unit, Block.before, before)
    this.#insert(unit, units)
    return units
  }

  /** A block of exactly `units`, its links zero and one reference; 0 when no free block is long enough. */
  take(units: number): number {
    let list = this.#firstListFrom(sufficientListOf(units))
    // The list of the size itself may hold a block that fits; only its first is looked at, to stay constant in time.
    if (list < 0) list = this.#firstListFrom(listOf(units))
    const unit = list < 0 ? 0 : this.#control[Control.freeLists + list]!
    if (unit === 0 || this.unitsOf(unit) < units) return 0
    return this.#carve(unit, units)
  }

  /** The longest block to be had without much search, between `least` and `most` units; 0 when there is none. */
  takeLongest(least: number, most: number): number {
    const unit = this.#longestBlock()
    if (unit === 0) return 0
    const units = this.unitsOf(unit)
    return units < least ? 0 : this.#carve(unit, Math.min(units, most))
  }

  free(unit: number): void {
    const segments = this.#segments
    let start = unit
    let units = this.unitsOf(unit)
    this.#control[Control.usedUnits]! -= units
    const after = start + units
    const afterSize = segments.get(after, Block.size)
    if ((afterSize & 1) === 0) {
      this.#remove(after, afterSize >>> 1)
      units += afterSize >>> 1
    }
    const before = start - segments.get(start, Block.before)
    const beforeSize = segments.get(before, Block.size)
    if ((beforeSize & 1) === 0) {
      this.#remove(before, beforeSize >>> 1)
      units += beforeSize >>> 1
      start = before
    }
    this.#insert(start, units)
    segments.set(start + units, Block.before, units)
  }

  /** Gives back the end of a used block, so that `units` remain. */
  trim(unit: number, units: number): void {
    const had = this.unitsOf(unit)
    if (had <= units) return
    const rest = unit + units
    // The rest becomes a used block for a moment; freeing it joins it with what follows.
    this.#segments.set(rest, Block.size, (had - units) * 2 + 1)
    this.#segments.set(rest, Block.before, units)
    this.#segments.set(rest + had - units, Block.before, had - units)
    this.#segments.set(unit, Block.size, units * 2 + 1)
    this.free(rest)
  }

  unitsOf(unit: number): number {
    return this.#segments.get(unit, Block.size) >>> 1
  }

  /** Length of a block from the list of the longest; the true maximum is at most one step (1/16) above it. */
  longestFreeUnits(): number {
    const unit = this.#longestBlock()
    return unit === 0 ? 0 : this.unitsOf(unit)
  }

  #carve(unit: number, units: number): number {
    const segments = this.#segments
    const had = this.unitsOf(unit)
    this.#remove(unit, had)
    if (had > units) {
      const rest = unit + units
      segments.set(rest, Block.before, units)
      this.#insert(rest, had - units)
      segments.set(rest + had - units, Block.before, had - units)
    }
    segments.set(unit, Block.size, units * 2 + 1)
    segments.set(unit, Block.next, 0)
    segments.set(unit, Block.references, 1)
    this.#control[Control.usedUnits]! += units
    return unit
  }

  #insert(unit: number, units: number): void {
    const control = this.#control
    const segments = this.#segments
    const list = listOf(units)
    const first = control[Control.freeLists + list]!
    segments.set(unit, Block.size, units * 2)
    segments.set(unit, NEXT_FREE, first)
    segments.set(unit, PREVIOUS_FREE, 0)
    if (first !== 0) segments.set(first, PREVIOUS_FREE, unit)
    control[Control.freeLists + list] = unit
    control[Control.freeSubclasses + (list >>> SUBCLASS_BITS)]! |= 1 << (list & (SUBCLASSES - 1))
    control[Control.freeClasses]! |= 1 << (list >>> SUBCLASS_BITS)
    control[Control.freeUnits]! += units
  }

  #remove(unit: number, units: number): void {
    const control = this.#control
    const segments = this.#segments
    const list = listOf(units)
    const next = segments.get(unit, NEXT_FREE)
    const previous = segments.get(unit, PREVIOUS_FREE)
    if (next !== 0) segments.set(next, PREVIOUS_FREE, previous)
    if (previous !== 0) segments.set(previous, NEXT_FREE, next)
    else control[Control.freeLists + list] = next
    if (previous === 0 && next === 0) this.#markEmpty(list)
    control[Control.freeUnits]! -= units
  }

  #markEmpty(list: number): void {
    const control = this.#control
    const subclasses = Control.freeSubclasses + (list >>> SUBCLASS_BITS)
    control[subclasses]! &= ~(1 << (list & (SUBCLASSES - 1)))
    if (control[subclasses] === 0) control[Control.freeClasses]! &= ~(1 << (list >>> SUBCLASS_BITS))
  }

  /** The first list at or after `list` that is not empty, or -1. */
  #firstListFrom(list: number): number {
    const control = this.#control
    const cls = list >>> SUBCLASS_BITS
    const steps = control[Control.freeSubclasses + cls]! & (-1 << (list & (SUBCLASSES - 1)))
    if (steps !== 0) return (cls << SUBCLASS_BITS) + lowestBit(steps)
    const classes = control[Control.freeClasses]! & (-1 << (cls + 1))
    if (classes === 0) return -1
    const found = lowestBit(classes)
    return (found << SUBCLASS_BITS) + lowestBit(control[Control.freeSubclasses + found]!)
  }

  #longestBlock(): number {
    const classes = this.#control[Control.freeClasses]!
    if (classes === 0) return 0
    const cls = 31 - Math.clz32(classes)
    const step = 31 - Math.clz32(this.#control[Control.freeSubclasses + cls]!)
    return this.#control[Control.freeLists + (cls << SUBCLASS_BITS) + step]!
  }
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
