/** Places for messages and rule ids. */
import type { Place } from '../../plan/plan.ts'
import type { Span } from '../ast.ts'
import type { Source } from '../source.ts'

/** Offsets of the first letter of each line, kept as long as the source is. */
const lineStarts = new WeakMap<Source, readonly number[]>()

/** The place of the first letter of a span; a binary search, since a Plan holds a place for every route and edit. */
export function placeOf(span: Span): Place {
  const starts = startsOf(span.source)
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= span.start) low = middle
    else high = middle - 1
  }
  return { file: span.source.name, line: low + 1, column: span.start - starts[low]! + 1 }
}

function startsOf(source: Source): readonly number[] {
  const known = lineStarts.get(source)
  if (known !== undefined) return known
  const starts = [0]
  for (let at = source.text.indexOf('\n'); at !== -1; at = source.text.indexOf('\n', at + 1)) starts.push(at + 1)
  lineStarts.set(source, starts)
  return starts
}

/** `route css @ shop.conf:56`, as logs and Cache-Status show it. */
export function ruleId(kind: string, name: string, place: Place): string {
  return `${kind} ${name} @ ${place.file}:${place.line}`
}
