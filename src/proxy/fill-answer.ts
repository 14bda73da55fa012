/** The head of an answer whose body is read from a fill: a response that has just been stored, or is still coming in. */
import { forwardOf, forwardStatus } from '../cache/policy/cache-status.ts'
import { isNotModified, notModifiedFields } from '../cache/policy/conditional.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { ageSeconds, decodeMeta } from '../cache/policy/meta.ts'
import { type Selection, selectBytes } from '../cache/policy/partial.ts'
import type { FillReader } from '../cache/tiers/fill-reader.ts'
import { reasonPhrase } from '../http/status.ts'
import type { Reason } from '../log/reasons.ts'
import type { RequestFacts } from '../plan/facts.ts'
import { assert } from '../util/assert.ts'
import { clock } from '../util/clock.ts'
import { cacheStatusLine } from './cache-status-line.ts'
import { conditionsOf, isConditional } from './deliver.ts'
import { fieldLines, parseFieldLines } from './facts.ts'
import type { Fill } from './fetch-owner.ts'
import type { CacheWord } from './finish.ts'
import { inOrder, type RangeAnswer, rangeAnswer } from './ranges.ts'
import type { RequestContext } from './request-context.ts'
import { type Framing, framingLine, type UnsizedFraming } from './response-out.ts'
import type { ResponseWriter } from './response-writer.ts'
import { Slicer } from './slicer.ts'

export interface FillAnswer {
  readonly context: RequestContext
  readonly writer: ResponseWriter
  /** How the client is told a body whose length is not known yet. */
  readonly unsized: UnsizedFraming
  readonly reader: FillReader
  /** Of the one that fetched it; undefined: another request did. */
  readonly fill: Fill | undefined
  /** Why what was stored before did not answer. */
  readonly reason: Reason
  readonly word: CacheWord
}

/** What of a fill answers a request. The fill is streaming or complete. */
export function selectOfFill(request: RequestFacts, reader: FillReader): Selection {
  const meta = decodeMeta(reader.meta)
  const etag = new FlatFacts(meta.status, parseFieldLines(reader.head.toString('latin1'))).header('etag')
  return selectBytes(request, meta, etag, lengthOf(reader))
}

/** -1 while it is not known. */
function lengthOf(reader: FillReader): number {
  return reader.state === 'complete' ? reader.available : reader.bodyBytes
}

/** Writes the head: a 304 where the client's conditions ask for it, else that of the ranges it asks for, or of the whole. */
export function beginFillAnswer(answer: FillAnswer): void {
  const { context, writer, unsized, reader, fill, word } = answer
  const { route, facts, head } = context
  const meta = decodeMeta(reader.meta)
  const { status } = meta
  const fields = [...parseFieldLines(reader.head.toString('latin1')), ...(fill?.withheld ?? [])]
  const own = ownLines(answer, status, ageSeconds(meta, clock.nowMs))
  const etag = new FlatFacts(status, fields).header('etag')
  context.cacheWord = word
  if (isConditional(head) && isNotModified(conditionsOf(head), etag, meta, clock.nowMs)) {
    const kept = notModifiedFields(fields)
    route.responseEdits.apply(kept, context, facts, new FlatFacts(304, kept))
    writer.begin(304, `HTTP/1.1 304 Not Modified\r\n${fieldLines(kept)}${own}`, 'none', 0)
    return
  }
  const length = lengthOf(reader)
  const selection = answering(selectBytes(facts, meta, etag, length), fill)
  const ranges = rangeAnswer(inOrder(selection), meta, fields)
  if (ranges !== undefined) {
    beginRanges(answer, ranges, own)
    return
  }
  const isHead = head.method === 'HEAD'
  route.responseEdits.apply(fields, context, facts, new FlatFacts(status, fields))
  const framing: Framing = status === 204 || isHead ? 'none' : length === -1 ? unsized : 'sized'
  const told = isHead && status !== 204 && length !== -1 ? framingLine('sized', length) : ''
  const text = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${fieldLines(fields)}${own}${told}`
  writer.begin(status, text, framing, length)
}

/** Age and Cache-Status. */
function ownLines({ context, fill, reason, word }: FillAnswer, status: number, age: number): string {
  const cacheStatus = forwardStatus({
    forward: forwardOf(reason),
    status: fill?.status ?? status,
    stored: true,
    collapsed: word === 'collapsed',
    reason,
  })
  return `${age > 0 ? `Age: ${age}\r\n` : ''}${cacheStatusLine(context.route, cacheStatus, context.key)}`
}

/** What an origin sends of other bytes than it was asked for goes to its client as it is. */
function answering(selection: Selection, fill: Fill | undefined): Selection {
  if (selection.kind !== 'missing') return selection
  const part = fill?.part
  assert(part !== undefined, 'a stored part is no answer to a request for more')
  return { kind: 'ranges', ranges: [part], total: part.total }
}

function beginRanges({ context, writer }: FillAnswer, ranges: RangeAnswer, own: string): void {
  const { route, facts } = context
  const { status, fields, contentLength } = ranges
  route.responseEdits.apply(fields, context, facts, new FlatFacts(status, fields))
  const text = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${fieldLines(fields)}${own}`
  writer.begin(status, text, 'sized', contentLength)
  writer.slice(new Slicer(ranges))
}
