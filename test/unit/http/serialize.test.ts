import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chunkPrefix, lastChunk } from '../../../src/http/chunk-encoder.ts'
import { fieldIdSet } from '../../../src/http/field-list.ts'
import { F } from '../../../src/http/fields.ts'
import { hopByHop, isProtectedOption } from '../../../src/http/hop-by-hop.ts'
import { appendForwardableFields } from '../../../src/http/serialize.ts'
import { reasonPhrase } from '../../../src/http/status.ts'
import { parsed, parsedResponse } from './parsed.ts'

describe('appendForwardableFields', () => {
  const head = parsed(
    'GET / HTTP/1.1',
    'Keep-Alive: 5',
    'Host: a',
    'X-Hop: 1',
    'X-One:  1 ',
    'TE: trailers',
    'Connection: x-hop, X-TWO',
    'x-two: 2',
    'Accept: */*',
    'Upgrade: h2c',
  )

  it('gives what goes on, as it came', () => {
    assert.equal(
      appendForwardableFields(head, hopByHop, head.connectionOptions),
      'Host: a\r\nX-One:  1 \r\nAccept: */*\r\n',
    )
  })

  it('gives everything when nothing is dropped', () => {
    const all = head.text.slice(head.nameStart(0), -2)
    assert.equal(appendForwardableFields(head, fieldIdSet([]), undefined), all)
  })

  it('gives nothing when everything is dropped, or there is nothing', () => {
    const onlyHost = parsed('GET / HTTP/1.1', 'Host: a')
    assert.equal(appendForwardableFields(onlyHost, fieldIdSet([F.host]), undefined), '')
    assert.equal(appendForwardableFields(parsed('GET / HTTP/1.0'), hopByHop, undefined), '')
  })

  it('keeps the last field whole', () => {
    const response = parsedResponse('HTTP/1.1 200 OK', 'Content-Length: 3', 'ETag: "x"')
    assert.equal(appendForwardableFields(response, fieldIdSet([F.contentLength]), undefined), 'ETag: "x"\r\n')
  })
})

describe('hop-by-hop fields', () => {
  it('leave what belongs to the ends', () => {
    for (const id of [F.host, F.contentLength, F.trailer, F.via, F.authorization]) assert.equal(hopByHop[id], 0)
  })

  it('may be named by Connection, and so may any other that is not protected', () => {
    for (const name of ['te', 'keep-alive', 'proxy-connection', 'http2-settings', 'x-a', 'trailer']) {
      assert.ok(!isProtectedOption(name), name)
    }
    for (const name of ['host', 'cookie', 'via', 'x-forwarded-for', 'x-forwarded-prefix']) {
      assert.ok(isProtectedOption(name), name)
    }
  })
})

describe('chunk encoder', () => {
  it('writes sizes in hexadecimal', () => {
    assert.equal(chunkPrefix(1), '1\r\n')
    assert.equal(chunkPrefix(65536), '10000\r\n')
  })

  it('ends with or without trailers', () => {
    assert.equal(lastChunk(), '0\r\n\r\n')
    assert.equal(lastChunk('X: 1\r\n'), '0\r\nX: 1\r\n\r\n')
  })
})

describe('reasonPhrase', () => {
  it('is empty for codes that are not registered', () => {
    assert.equal(reasonPhrase(404), 'Not Found')
    assert.equal(reasonPhrase(999), '')
  })
})
