/** Plays a message into the parser in pieces, and tells what came out as the lines that the pages expect. */
import { B } from '../../src/http/body-kind.ts'
import { BodyReader } from '../../src/http/body-reader.ts'
import { F } from '../../src/http/fields.ts'
import { hopByHop } from '../../src/http/hop-by-hop.ts'
import type { MessageHead } from '../../src/http/message-head.ts'
import { type HeadLimits, headErrors, parseRequestHead, RequestHead } from '../../src/http/request-head.ts'
import { parseResponseHead, ResponseHead } from '../../src/http/response-head.ts'
import { appendForwardableFields } from '../../src/http/serialize.ts'
import { escapeText, type WireCase } from './page.ts'

const bodyKinds = Object.keys(B)
const skip = hopByHop.slice()
skip[F.contentLength] = 1

/** The lines for a case when its bytes arrive in pieces that end at `cuts` (ascending; the last is the whole length). */
export function play(wireCase: WireCase, cuts: readonly number[]): string[] {
  if (wireCase.kind === 'body') {
    const kind = wireCase.options.get('kind') as keyof typeof B
    return playBody(wireCase, cuts, 0, B[kind], numberOption(wireCase, 'length', -1))
  }
  const request = new RequestHead()
  const response = new ResponseHead()
  const limits = limitsOf(wireCase)
  const bytes = wireCase.message
  let seen = 0
  for (const end of cuts) {
    // A copy of what has arrived: a parser that reads behind `end` meets the end of the buffer.
    const arrived = Buffer.from(bytes.subarray(0, end))
    const result =
      wireCase.kind === 'request'
        ? parseRequestHead(request, arrived, 0, end, limits, seen)
        : parseResponseHead(response, arrived, 0, end, limits, wireCase.options.get('to') ?? 'GET', seen)
    seen = end
    if (result < 0) {
      const error = headErrors[-result]!
      return [`error ${error.code} ${error.status}`]
    }
    if (result === 0) continue
    const head = wireCase.kind === 'request' ? request : response
    const facts = wireCase.kind === 'request' ? requestFacts(request) : responseFacts(response)
    return [...facts, ...messageFacts(head), ...playBody(wireCase, cuts, result, head.bodyKind, head.contentLength)]
  }
  return ['incomplete']
}

function playBody(wireCase: WireCase, cuts: readonly number[], from: number, kind: number, length: number): string[] {
  const reader = new BodyReader()
  reader.reset(kind, length)
  let data = ''
  let position = from
  let step = 'more'
  for (const end of cuts) {
    if (end < position) continue
    const arrived = Buffer.from(wireCase.message.subarray(0, end))
    for (step = 'data'; step === 'data'; ) {
      step = reader.next(arrived, position, end)
      position = reader.position
      if (step === 'data') data += arrived.toString('latin1', reader.dataStart, reader.dataEnd)
    }
    if (step !== 'more') break
  }
  if (step === 'more' && wireCase.options.has('close')) step = reader.finish()
  const lines = data === '' ? [] : [`data ${escapeText(data)}`]
  if (reader.trailers !== undefined) lines.push(`trailers ${escapeText(reader.trailers)}`)
  lines.push(step === 'error' ? `error ${reader.error}` : step)
  const rest = wireCase.message.toString('latin1', position)
  if (step === 'end' && rest !== '') lines.push(`rest ${escapeText(rest)}`)
  return lines
}

function requestFacts(head: RequestHead): string[] {
  const lines = [
    `method ${head.method}`,
    `form ${head.form}`,
    `target ${head.target}`,
    `path ${head.path}`,
    `uri ${shown(head.uri)}`,
    `authority ${shown(head.authority)}`,
    `host ${shown(head.host)}`,
  ]
  if (head.hasQuery) lines.push(`query ${shown(head.query)}`)
  if (head.expectContinue) lines.push('expects 100-continue')
  return lines
}

function responseFacts(head: ResponseHead): string[] {
  return [`status ${head.status}`, `reason ${shown(head.reason)}`]
}

/** Text as the pages write it. */
function shown(text: string): string {
  return text === '' ? '(empty)' : escapeText(text)
}

function messageFacts(head: MessageHead): string[] {
  const lines = [
    `version 1.${head.minor}`,
    `body ${bodyKinds[head.bodyKind]}`,
    `length ${head.contentLength}`,
    head.keepAlive ? 'keeps alive' : 'closes',
  ]
  if (head.upgrade) lines.push('upgrades')
  for (const option of head.connectionOptions ?? []) lines.push(`option ${option}`)
  const forwarded = appendForwardableFields(head, skip, head.connectionOptions)
  for (const line of forwarded.split('\r\n').slice(0, -1)) lines.push(`field ${escapeText(line)}`)
  return lines
}

function limitsOf(wireCase: WireCase): HeadLimits {
  return {
    headBytes: numberOption(wireCase, 'headBytes', 4096),
    targetBytes: numberOption(wireCase, 'targetBytes', 1024),
    fields: numberOption(wireCase, 'fields', 32),
  }
}

function numberOption(wireCase: WireCase, name: string, otherwise: number): number {
  const text = wireCase.options.get(name)
  return text === undefined ? otherwise : Number.parseInt(text, 10)
}
