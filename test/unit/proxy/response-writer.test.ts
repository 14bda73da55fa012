import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ResponseWriter } from '../../../src/proxy/response-writer.ts'
import { WrittenClient } from './parts.ts'

const HEAD = 'HTTP/1.1 200 OK\r\n'
const data = (text: string) => Buffer.from(text)

function writerFor(client: WrittenClient): ResponseWriter {
  return new ResponseWriter(client.asClient)
}

describe('ResponseWriter', () => {
  it('frames a sized body by its length', () => {
    const client = new WrittenClient()
    const writer = writerFor(client)
    writer.begin(200, HEAD, 'sized', 6)
    writer.write(data('abc'))
    writer.write(data('def'))
    writer.end(undefined)
    assert.equal(client.text, `${HEAD}Content-Length: 6\r\n\r\nabcdef`)
    assert.deepEqual([writer.status, writer.bytes], [200, client.text.length])
  })

  it('sends the head with the first bytes of the body in one write', () => {
    for (const framing of ['sized', 'chunked', 'close'] as const) {
      const client = new WrittenClient()
      const writer = writerFor(client)
      writer.begin(200, HEAD, framing, 3)
      assert.equal(client.written.writes.length, 0)
      writer.write(data('abc'))
      writer.flushHead()
      assert.equal(client.written.writes.length, 1, framing)
    }
  })

  it('frames chunks, and ends them with the trailers', () => {
    const client = new WrittenClient()
    const writer = writerFor(client)
    writer.begin(200, HEAD, 'chunked', -1)
    writer.write(data('abc'))
    writer.write(data('')) // an empty chunk would be the end
    writer.end('T: x\r\n')
    assert.equal(client.text, `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n`)
  })

  it('sends an empty chunked body with its head in one write', () => {
    const client = new WrittenClient()
    const writer = writerFor(client)
    writer.begin(200, HEAD, 'chunked', -1)
    writer.end(undefined)
    assert.deepEqual(client.written.writes, [`${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`])
  })

  it('gives trailers to a client that frames bodies itself', () => {
    const client = new WrittenClient()
    const writer = writerFor(client)
    writer.begin(200, HEAD, 'stream', -1)
    writer.write(data('abc'))
    writer.end('T: x\r\n')
    assert.equal(client.text, `${HEAD}\r\nabc`)
    assert.deepEqual(client.written.calls, ['trailers T: x\r\n'])
  })

  it('ends a body of unknown length for an HTTP/1.0 client with the connection', () => {
    const client = new WrittenClient(0)
    const writer = writerFor(client)
    writer.begin(200, HEAD, 'close', -1)
    writer.write(data('abc'))
    writer.end('T: x\r\n')
    assert.equal(client.text, `${HEAD}Connection: close\r\n\r\nabc`)
    assert.equal(client.keepAlive, false)
  })

  it('tells an HTTP/1.0 client that the connection is kept', () => {
    const client = new WrittenClient(0)
    const writer = writerFor(client)
    writer.begin(200, HEAD, 'sized', 0)
    writer.end(undefined)
    assert.equal(client.text, `${HEAD}Content-Length: 0\r\nConnection: keep-alive\r\n\r\n`)
  })

  it('writes no body where there is none', () => {
    const client = new WrittenClient()
    const writer = writerFor(client)
    writer.begin(304, HEAD, 'none', 0)
    writer.write(data('abc'))
    writer.end(undefined)
    assert.equal(client.text, `${HEAD}\r\n`)
  })

  it('takes a head back as long as it is held', () => {
    const client = new WrittenClient()
    const writer = writerFor(client)
    writer.begin(200, HEAD, 'sized', 3)
    assert.deepEqual([writer.started, writer.isHeld], [true, true])
    writer.withdraw()
    assert.deepEqual([writer.started, writer.bytes, client.text], [false, 0, ''])
    writer.begin(200, HEAD, 'sized', 3)
    writer.flushHead()
    assert.deepEqual([writer.started, writer.isHeld], [true, false])
  })

  it('breaks off by closing, and by a reset where closing would mean the end', () => {
    const closings = (['sized', 'chunked', 'close'] as const).map((framing) => {
      const client = new WrittenClient(framing === 'close' ? 0 : 1)
      const writer = writerFor(client)
      writer.begin(200, HEAD, framing, 10)
      writer.write(data('abc'))
      writer.truncate()
      return client.written.calls
    })
    assert.deepEqual(closings, [['truncate sized'], ['truncate chunked'], ['truncate close']])
  })
})
