/**
 * Field lines of a head or a trailer section, checked and noted in one pass over the bytes (RFC 9112 §5).
 *
 * Strict on purpose: what two parsers could read differently is refused, never repaired. No obs-fold, no bare CR or LF, no
 * space before the colon, no control characters.
 */
import { type FieldList, SPAN, zeros } from './field-list.ts'
import { fieldId } from './fields.ts'
import { refusal } from './head-errors.ts'
import { byteClass, COLON, CR, HTAB, LF, SP, TOKEN, VALUE } from './tokens.ts'

const BAD_LINE_ENDING = refusal('bad-line-ending')
const TOO_MANY_FIELDS = refusal('too-many-fields')
const BAD_FIELD_NAME = refusal('bad-field-name')
const SPACE_BEFORE_COLON = refusal('space-before-colon')
const LINE_FOLDING = refusal('line-folding')
const BAD_FIELD_VALUE = refusal('bad-field-value')

/**
 * Reads field lines from `from` up to and including the blank line, and notes them in `list` (which it clears first),
 * with offsets relative to `base`. Returns the position behind the blank line; 0 when the bytes up to `stop` do not hold
 * it yet; a negative head error otherwise. `list.text` is left to the caller.
 */
export function scanFields(
  list: FieldList,
  bytes: Uint8Array,
  base: number,
  from: number,
  stop: number,
  maxFields: number,
): number {
  list.clear()
  let p = from
  let count = 0
  let spans = list.spans
  while (p < stop) {
    const nameStart = p
    while (p < stop && (byteClass[bytes[p]!]! & TOKEN) !== 0) p++
    if (p === stop) return 0
    if (p === nameStart) return endOfFields(list, count, bytes, p, stop)
    if (bytes[p] !== COLON) return isBlankByte(bytes[p]!) ? SPACE_BEFORE_COLON : BAD_FIELD_NAME
    if (count === maxFields) return TOO_MANY_FIELDS
    const nameEnd = p++
    while (p < stop && isBlankByte(bytes[p]!)) p++
    const valueStart = p
    while (p < stop && (byteClass[bytes[p]!]! & VALUE) !== 0) p++
    if (p === stop) return 0
    if (bytes[p] !== CR) return bytes[p] === LF ? BAD_LINE_ENDING : BAD_FIELD_VALUE
    if (p + 1 === stop) return 0
    if (bytes[p + 1] !== LF) return BAD_LINE_ENDING
    let valueEnd = p
    while (valueEnd > valueStart && isBlankByte(bytes[valueEnd - 1]!)) valueEnd--
    p += 2

    const id = fieldId(bytes, nameStart, nameEnd)
    if (id !== 0) list.mark(id)
    const at = count * SPAN
    if (at === spans.length) spans = grow(list)
    spans[at] = nameStart - base
    spans[at + 1] = nameEnd - base
    spans[at + 2] = valueStart - base
    spans[at + 3] = valueEnd - base
    spans[at + 4] = id
    count++
  }
  return 0
}

/** True when a line ends in `bytes` from `from` up to `to`: only then can another parse find more than the last one. */
export function hasLineEnd(bytes: Uint8Array, from: number, to: number): boolean {
  for (let p = from; p < to; p++) if (bytes[p] === LF) return true
  return false
}

/** A line that begins with no token: the blank line, or an error. */
function endOfFields(list: FieldList, count: number, bytes: Uint8Array, p: number, stop: number): number {
  const byte = bytes[p]!
  if (byte === CR) {
    if (p + 1 === stop) return 0
    if (bytes[p + 1] !== LF) return BAD_LINE_ENDING
    list.count = count
    return p + 2
  }
  if (byte === LF) return BAD_LINE_ENDING
  return isBlankByte(byte) ? LINE_FOLDING : BAD_FIELD_NAME
}

function isBlankByte(byte: number): boolean {
  return byte === SP || byte === HTAB
}

function grow(list: FieldList): number[] {
  const spans = list.spans.concat(zeros(list.spans.length))
  list.spans = spans
  return spans
}
