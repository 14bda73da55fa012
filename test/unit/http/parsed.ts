/** Heads from their lines, for tests that begin behind the parser. */
import assert from 'node:assert/strict'
import { parseRequestHead, RequestHead } from '../../../src/http/request-head.ts'
import { parseResponseHead, ResponseHead } from '../../../src/http/response-head.ts'

export const testLimits = { headBytes: 16384, targetBytes: 8192, fields: 100 }

/** A request head of these lines; fails when the parser refuses it. */
export function parsed(...lines: string[]): RequestHead {
  const bytes = bytesOf(lines)
  const head = new RequestHead()
  assert.equal(parseRequestHead(head, bytes, 0, bytes.length, testLimits), bytes.length)
  return head
}

/** A response head of these lines, as the answer to a GET. */
export function parsedResponse(...lines: string[]): ResponseHead {
  const bytes = bytesOf(lines)
  const head = new ResponseHead()
  assert.equal(parseResponseHead(head, bytes, 0, bytes.length, testLimits, 'GET'), bytes.length)
  return head
}

function bytesOf(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
