/** What the pages of test/wire do not show: reuse, copies, offsets, and work done for heads that drip in. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { headErrors, parseRequestHead, RequestHead } from '../../../src/http/request-head.ts'
import { parsed, testLimits } from './parsed.ts'

describe('parseRequestHead', () => {
  it('starts and stops where it is told', () => {
    const bytes = Buffer.from('xxGET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n')
    const head = new RequestHead()
    const first = parseRequestHead(head, bytes, 2, bytes.length, testLimits)
    assert.equal(head.target, '/1')
    assert.equal(head.text, bytes.toString('latin1', 2, 2 + first))
    assert.equal(parseRequestHead(head, bytes, 2 + first, bytes.length, testLimits), bytes.length - 2 - first)
    assert.equal(head.target, '/2')
    assert.equal(head.host, 'b')
    assert.equal(parseRequestHead(head, bytes, 2 + first, bytes.length - 1, testLimits), 0)
  })

  it('leaves nothing of one head in the next', () => {
    const head = new RequestHead()
    const texts = [
      'OPTIONS http://x:1/a?b HTTP/1.1\r\nHost: a\r\nConnection: close, x-a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
      'GET / HTTP/1.0\r\n\r\n',
      'CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      'OPTIONS * HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
      'GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n',
    ]
    for (const text of [...texts, ...texts.toReversed()]) {
      const bytes = Buffer.from(text)
      const fresh = new RequestHead()
      parseRequestHead(fresh, bytes, 0, bytes.length, testLimits)
      assert.equal(parseRequestHead(head, bytes, 0, bytes.length, testLimits), bytes.length)
      assert.deepEqual(head.detach(), fresh.detach())
    }
  })

  it('tells common and other methods letter by letter', () => {
    const common = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']
    for (const method of [...common, 'PURGE', 'GOT', 'LINK', 'PROPFIND']) {
      assert.equal(parsed(`${method} / HTTP/1.1`, 'Host: a').method, method)
    }
  })

  it('looks again only when a line has ended since the last look', () => {
    const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX \r\n')
    const head = new RequestHead()
    // "X " is wrong already, but its line has not ended.
    assert.equal(parseRequestHead(head, bytes, 0, 27, testLimits, 26), 0)
    const result = parseRequestHead(head, bytes, 0, bytes.length, testLimits, 27)
    assert.equal(headErrors[-result]!.code, 'space-before-colon')
  })
})

describe('detach', () => {
  it('gives a copy that the next parse does not touch', () => {
    const head = new RequestHead()
    const first = Buffer.from('GET /one?x HTTP/1.1\r\nHost: a:1\r\nX-A: 1\r\n\r\n')
    parseRequestHead(head, first, 0, first.length, testLimits)
    const copy = head.detach()
    const before = structuredClone(copy)
    const second = Buffer.from('POST /two HTTP/1.0\r\nB: 2\r\n\r\n')
    parseRequestHead(head, second, 0, second.length, testLimits)
    assert.deepEqual({ ...copy }, before)
    assert.equal(copy.valueOf('x-a'), '1')
    assert.equal(copy.spans.length, 10)
  })
})

describe('head errors', () => {
  it('have codes of their own, a status and a message', () => {
    assert.equal(new Set(headErrors.map((error) => error.code)).size, headErrors.length)
    for (const error of headErrors.slice(1)) assert.ok(error.status >= 400 && error.message !== '', error.code)
  })
})
