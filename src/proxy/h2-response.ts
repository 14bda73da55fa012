/** Heads of responses for HTTP/2, made of the text of HTTP/1.1 that the steps of a request write. */
import type { OutgoingHttpHeaders } from 'node:http2'
import { trimBlanks } from '../http/tokens.ts'

/** A flat list of names, in lower case, and values, latin1; `:status` first. */
export type H2Head = string[]

/** RFC 9113 §8.2.2: they concern the connections of HTTP/1.1. */
const dropped: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** `HTTP/1.1 200` */
const STATUS_AT = 9
const STATUS_END = 12
/** A status that is none counts as an error of the server's (RFC 9110 §15), and Node sends no other. */
const NO_STATUS = '500'

/** The head in `text`, from its start line to the blank line or the end. Lines must be complete and checked. */
export function h2HeadOf(text: string): H2Head {
  const status = text.slice(STATUS_AT, STATUS_END)
  const head = [':status', status < '600' ? status : NO_STATUS]
  appendLines(head, text, text.indexOf('\r\n') + 2)
  return head
}

/** A head whose beginning is text and whose rest is a flat list of names and values. */
export function h2HeadWith(prefix: string, fields: readonly string[]): H2Head {
  const head = h2HeadOf(prefix)
  for (let at = 0; at < fields.length; at += 2) append(head, fields[at]!.toLowerCase(), fields[at + 1]!)
  return head
}

/** Trailers: the fields of complete lines, as an object, which is what Node wants of these. */
export function h2TrailersOf(lines: string): OutgoingHttpHeaders {
  const list: string[] = []
  appendLines(list, lines, 0)
  return h2ObjectOf(list)
}

/** Of a flat list; a field that has several lines has a list of values. */
export function h2ObjectOf(list: readonly string[]): OutgoingHttpHeaders {
  // No prototype: a field may be called `__proto__`.
  const object = Object.create(null) as OutgoingHttpHeaders
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at]!
    const value = list[at + 1]!
    const before = object[name]
    if (before === undefined) object[name] = value
    else if (Array.isArray(before)) before.push(value)
    else object[name] = [before as string, value]
  }
  return object
}

/** True for an interim response (RFC 9110 §15.2). */
export function isInterim(text: string): boolean {
  return text.charCodeAt(STATUS_AT) === 0x31
}

/** True when the length of the body stands in the head. */
export function hasLength(head: H2Head): boolean {
  for (let at = 2; at < head.length; at += 2) if (head[at] === 'content-length') return true
  return false
}

function appendLines(list: string[], text: string, from: number): void {
  let start = from
  for (let end = text.indexOf('\r\n', start); end > start; end = text.indexOf('\r\n', start)) {
    const colon = text.indexOf(':', start)
    append(list, text.slice(start, colon).toLowerCase(), trimBlanks(text, colon + 1, end))
    start = end + 2
  }
}

function append(list: string[], name: string, value: string): void {
  if (!dropped.has(name)) list.push(name, value)
}
