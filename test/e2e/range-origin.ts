/** What the range cases share: an origin that answers ranges, and a reader of multipart/byteranges (RFC 9110 §14.6). */
import assert from 'node:assert/strict'
import type { ReceivedRequest, ReceivedResponse } from '../support/http-message.ts'

/** A resource that honours one range, and If-Range by ETag. `fields` are whole lines, of every answer. */
export function ranged(body: Buffer | string, etag: string, ...fields: string[]): (request: ReceivedRequest) => Buffer {
  const bytes = Buffer.from(body)
  const common = ['Cache-Control: max-age=60', 'Content-Type: text/plain', ...(etag === '' ? [] : [`ETag: ${etag}`])]
  return (request) => {
    const head = (status: number, length: number, ...more: string[]) =>
      Buffer.from(
        `${[`HTTP/1.1 ${status} `, ...common, ...fields, ...more, `Content-Length: ${length}`].join('\r\n')}\r\n\r\n`,
      )
    if (etag !== '' && request.fields.get('if-none-match') === etag) return head(304, 0)
    const ifRange = request.fields.get('if-range')
    const match = /^bytes=([0-9]*)-([0-9]*)$/.exec(request.fields.get('range') ?? '')
    if (match === null || (ifRange !== undefined && ifRange !== etag)) {
      return Buffer.concat([head(200, bytes.length), bytes])
    }
    const [, from, to] = match
    const first = from === '' ? Math.max(0, bytes.length - Number(to)) : Number(from)
    const end = from === '' || to === '' ? bytes.length : Math.min(bytes.length, Number(to) + 1)
    if (first >= end) return head(416, 0, `Content-Range: bytes */${bytes.length}`)
    const range = `Content-Range: bytes ${first}-${end - 1}/${bytes.length}`
    return Buffer.concat([head(206, end - first, range), bytes.subarray(first, end)])
  }
}

/** `bytes 0-4/10`, undefined when absent. */
export function contentRange(response: ReceivedResponse): string | undefined {
  return response.fields.get('content-range')
}

/** Each part of a multipart/byteranges answer as its Content-Range, Content-Type and bytes. */
export function partsOf(response: ReceivedResponse): { range: string; type: string; body: string }[] {
  const boundary = /^multipart\/byteranges; boundary=([0-9A-Za-z_-]+)$/.exec(
    response.fields.get('content-type') ?? '',
  )?.[1]
  assert.ok(boundary !== undefined, response.raw)
  const text = response.body.toString('latin1')
  const pieces = `\r\n${text}`.split(`\r\n--${boundary}`)
  assert.equal(pieces[0], '', 'nothing goes before the first part')
  assert.equal(pieces.at(-1), '--\r\n', 'nothing goes behind the last')
  return pieces.slice(1, -1).map((piece) => {
    const end = piece.indexOf('\r\n\r\n')
    const fields = new Map(
      piece
        .slice(2, end)
        .split('\r\n')
        .map((line) => line.split(': ') as [string, string]),
    )
    return {
      range: fields.get('Content-Range') ?? '',
      type: fields.get('Content-Type') ?? '',
      body: piece.slice(end + 4),
    }
  })
}
