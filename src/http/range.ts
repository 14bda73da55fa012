/**
 * Byte ranges: the Range field of requests and the Content-Range field of responses (RFC 9110 §14).
 *
 * Positions are offsets into the whole representation, 0-based. On the wire the last position is inclusive, in here ends
 * are exclusive.
 */
import { COMMA, isBlank } from './tokens.ts'

/** One range as it was asked for. */
export interface RangeSpec {
  /** -1: the last `last` bytes are wanted (`-500`). */
  readonly first: number
  /** The inclusive last position; MAX_POSITION: to the end. */
  readonly last: number
}

/** Bytes from `first` up to `end`; never empty. */
export interface ByteRange {
  readonly first: number
  readonly end: number
}

/** Part of a representation of `total` bytes; -1: nobody knows how many. */
export interface ContentRange extends ByteRange {
  readonly total: number
}

/** Larger numbers count as this one. */
export const MAX_POSITION = Number.MAX_SAFE_INTEGER - 1
/** More ranges in one request are ignored as an attack (RFC 9110 §17.15); players and PDF viewers ask for a few. */
export const MAX_RANGES = 16

const DASH = 0x2d
const SLASH = 0x2f
const STAR = 0x2a

/** Where `readNumber` stopped. */
let position = 0

/**
 * The ranges of a Range field, in order. undefined: the field is to be ignored (RFC 9110 §14.2), since it has another
 * unit, is malformed, or asks for too many.
 */
export function parseRange(value: string): RangeSpec[] | undefined {
  if (value.slice(0, 6).toLowerCase() !== 'bytes=') return undefined
  const specs: RangeSpec[] = []
  let at = 6
  while (at < value.length) {
    at = skipBlanks(value, at)
    if (value.charCodeAt(at) !== COMMA) {
      const spec = readSpec(value, at)
      if (spec === undefined || specs.length === MAX_RANGES) return undefined
      specs.push(spec)
      at = skipBlanks(value, position)
      if (at < value.length && value.charCodeAt(at) !== COMMA) return undefined
    }
    at++
  }
  return specs.length === 0 ? undefined : specs
}

/** `5-9`, `5-` or `-5` at `at`; `position` is set behind it. RFC 9110 §14.1.1: a last before the first is invalid. */
function readSpec(value: string, at: number): RangeSpec | undefined {
  if (value.charCodeAt(at) === DASH) {
    const last = readNumber(value, at + 1)
    return last === -1 ? undefined : { first: -1, last }
  }
  const first = readNumber(value, at)
  if (first === -1 || value.charCodeAt(position) !== DASH) return undefined
  const dash = position
  const last = readNumber(value, dash + 1)
  if (last === -1) {
    position = dash + 1
    return { first, last: MAX_POSITION }
  }
  return last < first ? undefined : { first, last }
}

/** What each range of `specs` is of a representation of `total` bytes; undefined: none of its bytes exist. */
function resolve(spec: RangeSpec, total: number): ByteRange | undefined {
  const first = spec.first === -1 ? Math.max(0, total - spec.last) : spec.first
  const end = spec.first === -1 ? total : Math.min(total, spec.last + 1)
  return first < end ? { first, end } : undefined
}

/**
 * The bytes that `specs` ask for of a representation of `total` bytes: clipped, without those that do not exist, and each
 * byte once, since ranges that overlap or touch are joined (RFC 9110 §15.3.7.2). In the order asked for, a joined one
 * where its earliest stood. Empty: not satisfiable.
 */
export function resolveRanges(specs: readonly RangeSpec[], total: number): ByteRange[] {
  const ranges: ByteRange[] = []
  for (const spec of specs) {
    const range = resolve(spec, total)
    if (range !== undefined) insertJoined(ranges, range)
  }
  return ranges
}

/** Adds `range`, joining it with whatever it overlaps or touches. */
function insertJoined(ranges: ByteRange[], range: ByteRange): void {
  let joined = range
  let place = -1
  for (let i = 0; i < ranges.length; ) {
    const other = ranges[i]!
    if (other.first > joined.end || joined.first > other.end) {
      i++
      continue
    }
    joined = { first: Math.min(other.first, joined.first), end: Math.max(other.end, joined.end) }
    ranges.splice(i, 1)
    if (place === -1 || i < place) place = i
    i = 0 // what it has grown over may lie before
  }
  ranges.splice(place === -1 ? ranges.length : place, 0, joined)
}

/**
 * A Content-Range of bytes (RFC 9110 §14.4). undefined when it is malformed, contradicts itself, has another unit, or
 * belongs to a 416.
 */
export function parseContentRange(value: string): ContentRange | undefined {
  if (value.slice(0, 6).toLowerCase() !== 'bytes ') return undefined
  const first = readNumber(value, 6)
  if (first === -1 || value.charCodeAt(position) !== DASH) return undefined
  const last = readNumber(value, position + 1)
  if (last < first || last >= MAX_POSITION || value.charCodeAt(position) !== SLASH) return undefined
  const end = last + 1
  const behind = position + 1
  if (value.charCodeAt(behind) === STAR) return behind + 1 === value.length ? { first, end, total: -1 } : undefined
  const total = readNumber(value, behind)
  return total >= end && position === value.length ? { first, end, total } : undefined
}

/** The field value. */
export function contentRangeText({ first, end }: ByteRange, total: number): string {
  return `bytes ${first}-${end - 1}/${total === -1 ? '*' : total}`
}

/** The digits at `at` as a number, -1 when there are none; `position` is set behind them. */
function readNumber(text: string, at: number): number {
  let number = 0
  let i = at
  for (; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) break
    number = Math.min(number * 10 + digit, MAX_POSITION)
  }
  position = i
  return i === at ? -1 : number
}

function skipBlanks(text: string, at: number): number {
  while (at < text.length && isBlank(text.charCodeAt(at))) at++
  return at
}
