import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { httpDate } from '../../../src/http/date.ts'
import {
  framingLine,
  interimText,
  judgedFields,
  passFraming,
  passHeadText,
  storableFields,
  storedHeadBytes,
} from '../../../src/proxy/response-out.ts'
import { clock } from '../../../src/util/clock.ts'
import { parsed, parsedResponse } from '../http/parsed.ts'
import { contextOf, runtimeOf } from './parts.ts'

const DATE = 'Date: Fri, 20 Nov 2026 10:00:00 GMT'

function context(headers = '', forwarded = 'via off;') {
  const text = `backend app { server a 10.0.0.1:80; }
    site * { proxy app; forwarded { ${forwarded} } headers { ${headers} } }`
  return contextOf(runtimeOf(text), parsed('GET / HTTP/1.1', 'Host: a'))
}

function passed(lines: readonly string[], headers = '', forwarded?: string): string[] {
  const text = passHeadText(parsedResponse(...lines), context(headers, forwarded), 'Shellac; fwd=miss')
  assert.ok(text.endsWith('\r\n'))
  return text.slice(0, -2).split('\r\n')
}

describe('the head of a passed response', () => {
  it('is what the origin sent, with Cache-Status', () => {
    const lines = ['HTTP/1.1 203 As You Like', 'x-OddLy:  spaced', DATE, 'Set-Cookie: a', 'Set-Cookie: b']
    assert.deepEqual(passed(lines), [...lines, 'Cache-Status: Shellac; fwd=miss'])
  })

  it('is without framing, and without the fields of the connection', () => {
    const lines = [
      'HTTP/1.1 200 OK',
      DATE,
      'Content-Length: 3',
      'Connection: close, X-Mine',
      'X-Mine: 1',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: close',
    ]
    assert.deepEqual(passed(lines), ['HTTP/1.1 200 OK', DATE, 'Cache-Status: Shellac; fwd=miss'])
  })

  it('gets a Date where the origin gave none', () => {
    assert.equal(passed(['HTTP/1.1 200 OK'])[1], `Date: ${httpDate(clock.nowMs)}`)
  })

  it('extends Via and Cache-Status of the caches before', () => {
    const lines = ['HTTP/1.0 200 OK', DATE, 'Via: 1.1 inner', 'Cache-Status: Inner; hit']
    assert.deepEqual(passed(lines, '', 'via edge;').slice(1), [
      DATE,
      'Via: 1.1 inner, 1.0 edge',
      'Cache-Status: Inner; hit, Shellac; fwd=miss',
    ])
  })

  it('is edited before Cache-Status is added', () => {
    const edited = passed(
      ['HTTP/1.1 200 OK', DATE, 'Server: x'],
      'response remove Server; response set X-B $backend.name;',
    )
    assert.deepEqual(edited.slice(1), [DATE, 'X-B: app', 'Cache-Status: Shellac; fwd=miss'])
  })
})

describe('an interim response', () => {
  it('goes on with its fields, and without those of the connection', () => {
    const head = parsedResponse('HTTP/1.1 103 Early Hints', 'Link: </a.css>', 'Connection: x', 'X: 1')
    assert.equal(interimText(head), 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n')
  })
})

describe('what is stored of a head', () => {
  it('are its end-to-end fields as the origin sent them, without age and Cache-Status', () => {
    const head = parsedResponse(
      'HTTP/1.1 200 OK',
      DATE,
      'Age: 5',
      'Cache-Status: Inner; hit',
      'Server: x',
      'Connection: x',
    )
    assert.deepEqual(storableFields(head, context('response remove Server;')), [
      ...['Date', DATE.slice(6)],
      ...['Server', 'x'],
    ])
  })

  it('is judged after the constant edits; a cookie that they remove is not stored', () => {
    const fields = ['Server', 'x', 'Set-Cookie', 'a=b']
    const { route } = context('response remove Set-Cookie; response remove Server; response set X-B $backend.name;')
    assert.deepEqual(judgedFields(fields, route), [])
    assert.deepEqual(fields, ['Server', 'x'])
  })

  it('are lines up to the blank one, without the withheld fields', () => {
    const bytes = storedHeadBytes(['A', '\xe9', 'Set-Cookie', 'x', 'B', '2'], ['set-cookie'])
    assert.equal(bytes.toString('latin1'), 'A: \xe9\r\nB: 2\r\n\r\n')
  })
})

describe('the framing towards the client', () => {
  const cases: readonly (readonly [lines: readonly string[], http11: string, http10: string])[] = [
    [['HTTP/1.1 200 OK', 'Content-Length: 3'], 'sized', 'sized'],
    [['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'], 'chunked', 'close'],
    [['HTTP/1.1 200 OK'], 'chunked', 'close'],
    [['HTTP/1.1 204 No Content'], 'none', 'none'],
    [['HTTP/1.1 304 Not Modified', 'Content-Length: 3'], 'none', 'none'],
  ]
  for (const [lines, http11, http10] of cases)
    it(`of "${lines.join(', ')}" is ${http11}, and ${http10} for HTTP/1.0`, () => {
      const head = parsedResponse(...lines)
      assert.deepEqual([passFraming(head, 'chunked'), passFraming(head, 'close')], [http11, http10])
    })

  it('is told in one line or none', () => {
    assert.equal(framingLine('sized', 7), 'Content-Length: 7\r\n')
    assert.equal(framingLine('chunked', -1), 'Transfer-Encoding: chunked\r\n')
    assert.equal(framingLine('none', 0) + framingLine('close', -1), '')
  })
})
