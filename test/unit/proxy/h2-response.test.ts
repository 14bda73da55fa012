import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sharedHead } from '../../../src/proxy/h2-block.ts'
import { h2HeadOf, h2HeadWith, h2ObjectOf, h2TrailersOf, hasLength, isInterim } from '../../../src/proxy/h2-response.ts'

describe('a head for HTTP/2', () => {
  it('has the fields of the text in lower case, but those of a connection', () => {
    const text =
      'HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nConnection: close\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\n' +
      'Upgrade: x\r\nSet-Cookie: a\r\nset-cookie: b\r\nX-Odd: \xa0\xe9 \xa0\r\nX-Empty:\r\nX-Blank: \t 1 \r\n\r\nbody: no\r\n'
    assert.deepEqual(
      h2HeadOf(text),
      [
        [':status', '200', 'content-type', 'a/b', 'set-cookie', 'a', 'set-cookie', 'b'],
        ['x-odd', '\xa0\xe9 \xa0', 'x-empty', '', 'x-blank', '1'],
      ].flat(),
    )
  })

  it('has a status that HTTP/2 can tell', () => {
    assert.deepEqual(h2HeadOf('HTTP/1.1 599 \r\n\r\n'), [':status', '599'])
    assert.deepEqual(h2HeadOf('HTTP/1.1 600 \r\n\r\n'), [':status', '500'])
  })

  it('goes on with the fields of what is stored', () => {
    const head = h2HeadWith('HTTP/1.1 200 OK\r\nAge: 3\r\n', ['ETag', '"e"', 'Connection', 'x'])
    assert.deepEqual(head, [':status', '200', 'age', '3', 'etag', '"e"'])
  })

  it('tells whether the length of the body is in it, and whether it is an interim one', () => {
    assert.equal(hasLength(h2HeadOf('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n')), true)
    assert.equal(hasLength(h2HeadOf('HTTP/1.1 200 OK\r\nX: content-length\r\n\r\n')), false)
    assert.equal(isInterim('HTTP/1.1 103 Early Hints\r\n\r\n'), true)
    assert.equal(isInterim('HTTP/1.1 200 OK\r\n\r\n'), false)
  })

  it('is an object where Node wants one, with lists for what is there twice', () => {
    const object = h2ObjectOf(['a', '1', '__proto__', '2', 'a', '3', 'a', '4'])
    assert.deepEqual(Object.entries(object), [
      ['a', ['1', '3', '4']],
      ['__proto__', '2'],
    ])
    assert.deepEqual({ ...h2TrailersOf('X-Sum: 1\r\nConnection: y\r\n') }, { 'x-sum': '1' })
  })

  it('is one text for nghttp2 where it is sent again and again', () => {
    const head = sharedHead([':status', '200', 'a', '1'])
    assert.deepEqual(head.block, [':status\x00200\0\0a\x001\0\0', 2])
  })
})
