import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeAnswer, encodeRequest, parseAnswer, parseRequest } from '../../../src/admin/protocol.ts'

function errorOf(line: string): { id: number | null; code: string } {
  const parsed = parseRequest(line)
  assert.ok('error' in parsed)
  return { id: parsed.id, code: parsed.error.code }
}

test('a request goes there and an answer comes back', () => {
  const request = { id: 7, command: 'purge', arguments: { url: 'http://a/' } }
  assert.deepEqual(parseRequest(encodeRequest(request)), { request })
  assert.deepEqual(parseRequest('{"v":1,"id":1,"command":"status"}'), {
    request: { id: 1, command: 'status', arguments: {} },
  })
  assert.deepEqual(parseAnswer(encodeAnswer(7, { ok: true, result: [1] }), 7), { ok: true, result: [1] })
  const error = { code: 'failed', message: 'no' }
  assert.deepEqual(parseAnswer(encodeAnswer(7, { ok: false, error }), 7), { ok: false, error })
})

test('what is no request is answered with what is missing', () => {
  assert.deepEqual(errorOf('nonsense'), { id: null, code: 'bad-request' })
  assert.deepEqual(errorOf('[]'), { id: null, code: 'bad-request' })
  assert.deepEqual(errorOf('{"v":2,"id":3,"command":"status"}'), { id: 3, code: 'unsupported-version' })
  assert.deepEqual(errorOf('{"v":1,"command":"status"}'), { id: null, code: 'bad-request' })
  assert.deepEqual(errorOf('{"v":1,"id":3}'), { id: 3, code: 'bad-request' })
  assert.deepEqual(errorOf('{"v":1,"id":3,"command":"a","arguments":[]}'), { id: 3, code: 'bad-request' })
})

test('answers to others, of other versions or of other programs are none', () => {
  for (const line of [
    '',
    'HTTP/1.1 400',
    '{}',
    '{"v":2,"id":1,"ok":true}',
    '{"v":1,"id":2,"ok":true}',
    '{"v":1,"id":1}',
  ])
    assert.equal(parseAnswer(line, 1), undefined)
})

test('no line makes the parser throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      parseRequest(line)
      parseAnswer(line, 1)
    }),
  )
})
