/**
 * A strict and slow reading of HTTP/1.1 messages, independent of src/http so that one mistake cannot hide the other.
 * What it does not like it throws; a test fails on the first byte that is not by the book (RFC 9112).
 */
import type { Wire } from './wire.ts'

export interface Fields {
  /** In order of arrival, names as received. */
  readonly list: readonly (readonly [name: string, value: string])[]
  /** Values of all lines with this name, in order. */
  all(name: string): string[]
  /** The one value of this name, undefined when absent; throws when there are several. */
  get(name: string): string | undefined
}

export interface ResponseHeadText {
  readonly minor: number
  readonly status: number
  readonly reason: string
  readonly fields: Fields
  /** As received, with the blank line. */
  readonly raw: string
}

export interface ReceivedResponse extends ResponseHeadText {
  readonly body: Buffer
  /** Trailer section of a chunked body. */
  readonly trailers: Fields
  /** How the end of the body was known. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** Interim responses (1xx) that came first. */
  readonly interim: readonly ResponseHeadText[]
}

export interface ReceivedRequest {
  readonly method: string
  readonly target: string
  readonly minor: number
  readonly fields: Fields
  readonly body: Buffer
  readonly trailers: Fields
  /** Head as received, with the blank line. */
  readonly raw: string
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)$/
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/1\.([01])$/
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\x21-\x7e\x80-\xff]|[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?[\t ]*$/
const CHUNK_LINE = /^([0-9A-Fa-f]{1,15})\r\n$/

/** Read one whole response; `method` decides whether a body follows (RFC 9112 §6.3). */
export async function readResponse(wire: Wire, method = 'GET'): Promise<ReceivedResponse> {
  const interim: ResponseHeadText[] = []
  let head = await readResponseHead(wire)
  while (head.status < 200 && head.status !== 101) {
    interim.push(head)
    head = await readResponseHead(wire)
  }
  return { ...head, interim, ...(await readBody(wire, head, method)) }
}

export async function readResponseHead(wire: Wire): Promise<ResponseHeadText> {
  const raw = await wire.readThrough('\r\n\r\n')
  const [line, ...fieldLines] = splitHead(raw)
  const match = STATUS_LINE.exec(line ?? '')
  if (!match) throw new Error(`bad status line in ${JSON.stringify(raw)}`)
  return {
    minor: Number(match[1]),
    status: Number(match[2]),
    reason: match[3] ?? '',
    fields: parseFields(fieldLines),
    raw,
  }
}

/** Read one whole request with its body; undefined when the peer closed before its first byte. */
export async function readRequest(wire: Wire): Promise<ReceivedRequest | undefined> {
  const request = await readRequestHead(wire)
  return request && { ...request, ...(await readFramed(wire, request.fields)) }
}

/** Read a request's head only; undefined when the peer closed before its first byte. */
export async function readRequestHead(wire: Wire): Promise<Omit<ReceivedRequest, 'body' | 'trailers'> | undefined> {
  await wire.until('a request', () => wire.buffer.length > 0 || wire.closed !== undefined)
  if (wire.buffer.length === 0) return undefined
  const raw = await wire.readThrough('\r\n\r\n')
  const [line, ...fieldLines] = splitHead(raw)
  const match = REQUEST_LINE.exec(line ?? '')
  if (!match) throw new Error(`bad request line in ${JSON.stringify(raw)}`)
  return {
    method: match[1] ?? '',
    target: match[2] ?? '',
    minor: Number(match[3]),
    fields: parseFields(fieldLines),
    raw,
  }
}

/** Body and trailers as Content-Length or chunked say; empty when neither is there. */
export async function readFramed(wire: Wire, fields: Fields): Promise<{ body: Buffer; trailers: Fields }> {
  if (fields.get('transfer-encoding') !== undefined) return readChunked(wire)
  const length = readLength(fields)
  return { body: length > 0 ? Buffer.from(await wire.read(length)) : Buffer.alloc(0), trailers: parseFields([]) }
}

async function readBody(
  wire: Wire,
  head: ResponseHeadText,
  method: string,
): Promise<Pick<ReceivedResponse, 'body' | 'trailers' | 'framing'>> {
  const { status, fields } = head
  const none = { body: Buffer.alloc(0), trailers: parseFields([]) }
  if (method === 'HEAD' || status === 204 || status === 304 || status === 101) return { ...none, framing: 'none' }
  const coding = fields.get('transfer-encoding')
  const length = readLength(fields)
  if (coding !== undefined) {
    if (coding !== 'chunked') throw new Error(`unexpected Transfer-Encoding ${JSON.stringify(coding)}`)
    if (length >= 0) throw new Error('both Transfer-Encoding and Content-Length')
    return { ...(await readChunked(wire)), framing: 'chunked' }
  }
  if (length >= 0) return { ...(await readFramed(wire, fields)), framing: 'length' }
  return { ...none, body: await wire.readToEnd(), framing: 'close' }
}

async function readChunked(wire: Wire): Promise<{ body: Buffer; trailers: Fields }> {
  const pieces: Buffer[] = []
  for (;;) {
    const line = await wire.readThrough('\r\n')
    const match = CHUNK_LINE.exec(line)
    if (!match) throw new Error(`bad chunk size line ${JSON.stringify(line)}`)
    const size = Number.parseInt(match[1] ?? '', 16)
    if (size === 0) break
    pieces.push(Buffer.from(await wire.read(size)))
    await wire.expect('\r\n')
  }
  const trailerLines: string[] = []
  for (let line = await wire.readThrough('\r\n'); line !== '\r\n'; line = await wire.readThrough('\r\n'))
    trailerLines.push(line.slice(0, -2))
  return { body: Buffer.concat(pieces), trailers: parseFields(trailerLines) }
}

function splitHead(raw: string): string[] {
  const lines = raw.slice(0, -4).split('\r\n')
  for (const line of lines) if (/[\r\n\0]/.test(line)) throw new Error(`bare CR, LF or NUL in ${JSON.stringify(line)}`)
  return lines
}

function parseFields(lines: readonly string[]): Fields {
  const list = lines.map((line) => {
    const match = FIELD_LINE.exec(line)
    if (!match) throw new Error(`bad field line ${JSON.stringify(line)}`)
    return [match[1] ?? '', match[2] ?? ''] as const
  })
  const all = (name: string) => list.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
  return {
    list,
    all,
    get(name) {
      const values = all(name)
      if (values.length > 1) throw new Error(`${values.length} lines of ${name}: ${JSON.stringify(values)}`)
      return values[0]
    },
  }
}

/** -1: no Content-Length. */
function readLength(fields: Fields): number {
  const text = fields.get('content-length')
  if (text === undefined) return -1
  if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) throw new Error(`bad Content-Length ${JSON.stringify(text)}`)
  return Number(text)
}
