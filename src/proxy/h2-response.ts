/** Heads of responses as node:http2 takes them, made of the text of HTTP/1.1 that the steps of a request write. */
import type { OutgoingHttpHeaders } from 'node:http2'

/** Names in lower case, values latin1; a field that has several lines has a list. */
export type H2Head = OutgoingHttpHeaders

/** RFC 9113 §8.2.2: they concern the connections of HTTP/1.1. */
const dropped: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** `HTTP/1.1 ` */
const STATUS_AT = 9
/** What HTTP/2 can tell of a status that is none (RFC 9110 §15): an error of the server's. */
const NO_STATUS = 500

/** The head in `text`, start line to blank line or to the end. Lines must be complete and checked. */
export function h2HeadOf(text: string): H2Head {
  const head = emptyHead(text)
  appendLines(head, text, text.indexOf('\r\n') + 2)
  return head
}

/** A head whose beginning is text and whose rest is a flat list of names and values. */
export function h2HeadWith(prefix: string, fields: readonly string[]): H2Head {
  const head = h2HeadOf(prefix)
  for (let at = 0; at < fields.length; at += 2) append(head, fields[at]!.toLowerCase(), fields[at + 1]!)
  return head
}

/** The fields of complete lines, such as trailers. */
export function h2FieldsOf(lines: string): H2Head {
  const fields = Object.create(null) as H2Head
  appendLines(fields, lines, 0)
  return fields
}

/** True for an interim response (RFC 9110 §15.2). */
export function isInterim(text: string): boolean {
  return text.charCodeAt(STATUS_AT) === 0x31
}

function emptyHead(text: string): H2Head {
  // No prototype: a field may be called `__proto__`.
  const head = Object.create(null) as H2Head
  let status = 0
  for (let at = STATUS_AT; at < STATUS_AT + 3; at++) status = status * 10 + (text.charCodeAt(at) - 0x30)
  head[':status'] = status < 600 ? status : NO_STATUS
  return head
}

function appendLines(head: H2Head, text: string, from: number): void {
  let start = from
  for (let end = text.indexOf('\r\n', start); end > start; end = text.indexOf('\r\n', start)) {
    const colon = text.indexOf(':', start)
    append(head, text.slice(start, colon).toLowerCase(), valueIn(text, colon + 1, end))
    start = end + 2
  }
}

/** Without blanks around it; `trim` would take more than those (0xA0 may be a byte of UTF-8). */
function valueIn(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function append(head: H2Head, name: string, value: string): void {
  if (dropped.has(name)) return
  const before = head[name]
  if (before === undefined) head[name] = value
  else if (Array.isArray(before)) before.push(value)
  else head[name] = [before as string, value]
}
