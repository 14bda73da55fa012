/**
 * The fields of one head, as offsets into the text they came in.
 *
 * One flat array, five numbers a field, instead of an object or two strings a field: the usual request reads three of its
 * twelve fields, and forwards the rest as one slice of the text. It is no typed array, because those of more than 64 bytes
 * lie outside the heap: a copy for a request that waits would take 700 ns, that of an array of small integers takes 50.
 *
 *     spans:  | nameStart nameEnd valueStart valueEnd id | nameStart ...
 *
 * Always true:
 * - `text` is latin1, character n is byte n of the head, and it ends with the blank line;
 * - field i's line begins at nameStart(i) and ends, CR LF included, where the line of field i + 1 begins;
 * - values carry no white space at either end and no control character but HTAB.
 */
import { DROPPED, FIELD_IDS, fieldIdOf } from './fields.ts'

/** Numbers per field in `spans`. */
export const SPAN = 5
/** Fields a new list has room for; the scanner doubles it as needed, up to the limit given to it. */
const INITIAL_FIELDS = 32

export class FieldList {
  /** The head as it came. Slices of it keep the whole head in memory: copy what outlives the request. */
  text = ''
  count = 0
  /** See the drawing above; longer than count * SPAN. Written by the scanner only. */
  spans: number[]
  /** Bit n: a field with id n (0-31), n + 32 (32-63) is present; and the same for "more than one line". */
  knownLow = 0
  knownHigh = 0
  repeatedLow = 0
  repeatedHigh = 0

  constructor(spans: number[] = zeros(INITIAL_FIELDS * SPAN)) {
    this.spans = spans
  }

  nameStart(i: number): number {
    return this.spans[i * SPAN]!
  }

  nameEnd(i: number): number {
    return this.spans[i * SPAN + 1]!
  }

  valueStart(i: number): number {
    return this.spans[i * SPAN + 2]!
  }

  valueEnd(i: number): number {
    return this.spans[i * SPAN + 3]!
  }

  /** One of `F`, or 0. */
  id(i: number): number {
    return this.spans[i * SPAN + 4]!
  }

  /** The name as it came, in its own letter case. */
  name(i: number): string {
    return this.text.slice(this.nameStart(i), this.nameEnd(i))
  }

  valueAt(i: number): string {
    return this.text.slice(this.valueStart(i), this.valueEnd(i))
  }

  /** `id` is one of `F`. A shift counts modulo 32, so the high ids need no subtraction. */
  has(id: number): boolean {
    return (((id < 32 ? this.knownLow : this.knownHigh) >>> id) & 1) === 1
  }

  /** True when more than one line carries this field. */
  isRepeated(id: number): boolean {
    return (((id < 32 ? this.repeatedLow : this.repeatedHigh) >>> id) & 1) === 1
  }

  /** Index of the first field with this id at or behind `from`, or -1. */
  indexOf(id: number, from = 0): number {
    const spans = this.spans
    const end = this.count * SPAN
    for (let at = from * SPAN + 4; at < end; at += SPAN) if (spans[at] === id) return (at - 4) / SPAN
    return -1
  }

  /** The value of a known field, all its lines joined by ", " (RFC 9110 §5.3); undefined when absent. */
  value(id: number): string | undefined {
    if (!this.has(id)) return undefined
    const first = this.indexOf(id)
    let value = this.valueAt(first)
    if (this.isRepeated(id)) {
      for (let i = this.indexOf(id, first + 1); i !== -1; i = this.indexOf(id, i + 1)) value += `, ${this.valueAt(i)}`
    }
    return value
  }

  /** The value of any field by its lower-case name, all lines joined by ", "; undefined when absent. */
  valueOf(name: string): string | undefined {
    const id = fieldIdOf(name)
    if (id !== 0) return this.value(id)
    let value: string | undefined
    for (let i = this.nextNamed(name, 0); i !== -1; i = this.nextNamed(name, i + 1)) {
      value = value === undefined ? this.valueAt(i) : `${value}, ${this.valueAt(i)}`
    }
    return value
  }

  /** The value of each line of a field, by its lower-case name, in order. */
  valuesOf(name: string): string[] {
    const values: string[] = []
    const id = fieldIdOf(name)
    for (let i = this.next(id, name, 0); i !== -1; i = this.next(id, name, i + 1)) values.push(this.valueAt(i))
    return values
  }

  /** Forgets all fields; the room for spans is kept. */
  clear(): void {
    this.text = ''
    this.count = 0
    this.knownLow = 0
    this.knownHigh = 0
    this.repeatedLow = 0
    this.repeatedHigh = 0
  }

  /** Field i, whose id is 0, is not forwarded, and no longer found by its name. */
  drop(i: number): void {
    this.spans[i * SPAN + 4] = DROPPED
  }

  /** Notes that a field with this id, 1 to 62, was met. */
  mark(id: number): void {
    const bit = 1 << id
    if (id < 32) {
      this.repeatedLow |= this.knownLow & bit
      this.knownLow |= bit
    } else {
      this.repeatedHigh |= this.knownHigh & bit
      this.knownHigh |= bit
    }
  }

  /** Takes over the fields of `other`; the spans must already be a copy (see `detach` of the heads). */
  protected copyFields(other: FieldList): void {
    this.text = other.text
    this.count = other.count
    this.knownLow = other.knownLow
    this.knownHigh = other.knownHigh
    this.repeatedLow = other.repeatedLow
    this.repeatedHigh = other.repeatedHigh
  }

  private next(id: number, name: string, from: number): number {
    return id === 0 ? this.nextNamed(name, from) : this.indexOf(id, from)
  }

  /** Index of the first field at or behind `from` with this lower-case name, which is none of `F`; or -1. */
  private nextNamed(name: string, from: number): number {
    for (let i = from; i < this.count; i++) {
      if (this.id(i) === 0 && this.isNamed(i, name)) return i
    }
    return -1
  }

  /** True when field i has this lower-case name, in any letter case. */
  isNamed(i: number, name: string): boolean {
    const start = this.nameStart(i)
    if (this.nameEnd(i) - start !== name.length) return false
    for (let k = 0; k < name.length; k++) {
      const code = this.text.charCodeAt(start + k)
      if ((code >= 0x41 && code <= 0x5a ? code | 0x20 : code) !== name.charCodeAt(k)) return false
    }
    return true
  }
}

/** An array without holes, which stays one of small integers when it is written and copied. */
export function zeros(length: number): number[] {
  return Array.from({ length }, () => 0)
}

/** A table of flags by field id with these ids set. */
export function fieldIdSet(ids: readonly number[]): Uint8Array {
  const set = new Uint8Array(FIELD_IDS)
  for (const id of ids) set[id] = 1
  return set
}
