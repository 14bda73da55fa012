/**
 * Answers with a part of a stored response: 206 with one range or with several (multipart/byteranges), or 416
 * (RFC 9110 §14, §15.3.7, §15.5.17). Which bytes they are is decided in cache/policy/partial.ts.
 */
import { randomBytes } from 'node:crypto'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import type { StoredMeta } from '../cache/policy/meta.ts'
import { type Selection, selectBytes } from '../cache/policy/partial.ts'
import type { MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { type ByteRange, contentRangeText } from '../http/range.ts'
import type { RequestFacts } from '../plan/facts.ts'
import { removeField } from './header-edits.ts'
import { storedOf } from './stored.ts'

/** Random bytes of a boundary: no content can be made to hold it. */
const BOUNDARY_BYTES = 15

/** A piece of a stored body, 0-based with exclusive end, and the text that goes before it. */
export interface Slice {
  readonly before: string
  readonly from: number
  readonly end: number
}

/** What is sent of a stored response. */
export interface RangeAnswer {
  readonly status: 206 | 416
  /** Flat names and values, before the route's edits. */
  readonly fields: string[]
  readonly contentLength: number
  readonly slices: readonly Slice[]
  /** Goes behind the last slice. */
  readonly after: string
}

/** Whether a response says nothing but about a part: no answer to one who wants the whole. */
export function isAboutPart(status: number): boolean {
  return status === 206 || status === 304 || status === 416
}

/** Whether what is stored is all that the request wants: the whole, or ranges that lie in the stored part. */
export function covers(tier: MemoryTier, request: RequestFacts, object: StoredObject): boolean {
  const stored = storedOf(object)
  if (stored.meta.status !== 206) return true
  if (!tier.pin(object)) return false
  const { kind } = selectBytes(request, stored.meta, stored.etag, object.bodyBytes)
  tier.unpin(object)
  return kind !== 'missing'
}

/**
 * The answer that `selection` asks for of a stored response with these `fields`; undefined: the response as it is.
 * Positions of slices are those in the stored body.
 */
export function rangeAnswer(
  selection: Selection,
  meta: StoredMeta,
  fields: readonly string[],
): RangeAnswer | undefined {
  switch (selection.kind) {
    case 'whole':
    case 'missing':
      return undefined
    case 'unsatisfiable':
      return unsatisfiable(selection.total, fields)
    case 'ranges': {
      const { ranges, total } = selection
      const start = meta.partFirst
      if (ranges.length > 1) return multipart(ranges, total, start, fields)
      const range = ranges[0]!
      const slice = { before: '', from: range.first - start, end: range.end - start }
      const list = without(fields, 'content-range')
      list.push('Content-Range', contentRangeText(range, total))
      return { status: 206, fields: list, contentLength: range.end - range.first, slices: [slice], after: '' }
    }
  }
}

/** The same with the ranges in the order of the body, in which a body that is still coming has to be sent. */
export function inOrder(selection: Selection): Selection {
  if (selection.kind !== 'ranges') return selection
  return { ...selection, ranges: selection.ranges.toSorted((a, b) => a.first - b.first) }
}

/** RFC 9110 §15.5.17. Without the fields that would let a cache behind us keep it as the answer to the whole resource. */
function unsatisfiable(total: number, fields: readonly string[]): RangeAnswer {
  const list = ['Content-Range', `bytes */${total}`]
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.toLowerCase() === 'date') list.push(fields[i]!, fields[i + 1]!)
  }
  return { status: 416, fields: list, contentLength: 0, slices: [], after: '' }
}

/** RFC 9110 §14.6, §15.3.7.2. */
function multipart(ranges: readonly ByteRange[], total: number, start: number, fields: readonly string[]): RangeAnswer {
  const boundary = randomBytes(BOUNDARY_BYTES).toString('base64url')
  const type = new FlatFacts(206, fields).header('content-type')
  const typeLine = type === undefined ? '' : `Content-Type: ${type}\r\n`
  const slices = ranges.map((range, index) => ({
    before: `${index === 0 ? '' : '\r\n'}--${boundary}\r\n${typeLine}Content-Range: ${contentRangeText(range, total)}\r\n\r\n`,
    from: range.first - start,
    end: range.end - start,
  }))
  const after = `\r\n--${boundary}--\r\n`
  const list = without(without(fields, 'content-range'), 'content-type')
  list.push('Content-Type', `multipart/byteranges; boundary=${boundary}`)
  const contentLength = slices.reduce((sum, { before, from, end }) => sum + before.length + end - from, after.length)
  return { status: 206, fields: list, contentLength, slices, after }
}

function without(fields: readonly string[], name: string): string[] {
  const list = [...fields]
  removeField(list, name)
  return list
}

/** The bytes of the answer as pieces: views of `body`, which are not copied, and the text between them. */
export function piecesOf(answer: RangeAnswer, body: readonly Buffer[]): Buffer[] {
  const pieces: Buffer[] = []
  for (const { before, from, end } of answer.slices) {
    if (before !== '') pieces.push(Buffer.from(before, 'latin1'))
    pushViews(pieces, body, from, end)
  }
  if (answer.after !== '') pieces.push(Buffer.from(answer.after, 'latin1'))
  return pieces
}

/** Adds views of the bytes from `from` up to `end` of a body that lies in several pieces. */
function pushViews(to: Buffer[], body: readonly Buffer[], from: number, end: number): void {
  let at = 0
  for (const piece of body) {
    const start = Math.max(from - at, 0)
    const stop = Math.min(end - at, piece.length)
    if (start < stop) to.push(piece.subarray(start, stop))
    at += piece.length
    if (at >= end) return
  }
}
