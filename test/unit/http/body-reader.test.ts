/** What the pages of test/wire do not show: limits over a whole message, reuse, and where payload lies. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { B } from '../../../src/http/body-kind.ts'
import { BodyReader } from '../../../src/http/body-reader.ts'

describe('body reader', () => {
  it('points at the payload in the buffer given, and behind it', () => {
    const reader = new BodyReader()
    reader.reset(B.chunked, -1)
    const bytes = Buffer.from('..5\r\nhello\r\n0\r\n\r\nNEXT')
    assert.equal(reader.next(bytes, 2, bytes.length), 'data')
    assert.equal(bytes.toString('latin1', reader.dataStart, reader.dataEnd), 'hello')
    assert.equal(reader.position, reader.dataEnd)
    assert.equal(reader.next(bytes, reader.position, bytes.length), 'end')
    assert.equal(bytes.toString('latin1', reader.position), 'NEXT')
  })

  it('counts down what is left of a sized body', () => {
    const reader = new BodyReader()
    reader.reset(B.sized, 10)
    const bytes = Buffer.from('abc')
    assert.equal(reader.next(bytes, 0, 3), 'data')
    assert.equal(reader.remaining, 7)
    assert.equal(reader.next(bytes, 3, 3), 'more')
    assert.equal(reader.finish(), 'error')
    assert.equal(reader.error, 'incomplete-body')
  })

  it('takes a body of more than 4 GiB', () => {
    const reader = new BodyReader()
    const size = 5 * 2 ** 30
    reader.reset(B.sized, size)
    const piece = Buffer.alloc(2 ** 20)
    for (let given = 0; given < size; given += piece.length) assert.equal(reader.next(piece, 0, piece.length), 'data')
    assert.equal(reader.next(piece, 0, piece.length), 'end')
    assert.equal(reader.position, 0)
  })

  it('can be used again after an error', () => {
    const reader = new BodyReader()
    reader.reset(B.chunked, -1)
    assert.equal(reader.next(Buffer.from('x'), 0, 1), 'error')
    reader.reset(B.none, -1)
    assert.equal(reader.error, '')
    assert.equal(reader.next(Buffer.from('x'), 0, 1), 'end')
    assert.equal(reader.finish(), 'end')
  })

  it('bounds the extensions of all chunks together', () => {
    const reader = new BodyReader()
    reader.reset(B.chunked, -1)
    const chunk = Buffer.from(`1;${'x'.repeat(200)}\r\na\r\n`)
    let chunks = 0
    while (readAll(reader, chunk) === 'more') chunks++
    assert.equal(chunks, 20)
    assert.equal(reader.error, 'chunk-extension-too-large')
  })

  it('bounds trailers in bytes and in number', () => {
    for (const [trailer, count, error] of [
      [`X: ${'x'.repeat(100)}\r\n`, 100, 'trailers-too-large'],
      ['X: 1\r\n', 33, 'too-many-fields'],
    ] as const) {
      const reader = new BodyReader()
      reader.reset(B.chunked, -1)
      assert.equal(readAll(reader, Buffer.from(`0\r\n${trailer.repeat(count)}\r\n`)), 'error')
      assert.equal(reader.error, error)
    }
  })

  it('ends an answer without a length at the close', () => {
    const reader = new BodyReader()
    reader.reset(B.untilClose, -1)
    assert.equal(readAll(reader, Buffer.from('abc')), 'more')
    assert.equal(reader.finish(), 'end')
    assert.equal(reader.finish(), 'end')
  })
})

/** The first step that is not 'data'. */
function readAll(reader: BodyReader, bytes: Buffer): string {
  let step = reader.next(bytes, 0, bytes.length)
  while (step === 'data') step = reader.next(bytes, reader.position, bytes.length)
  return step
}
