import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AccessRecord, combinedTime, formatCombined, formatJson } from '../../../src/log/access-record.ts'

const record: AccessRecord = {
  timeMs: 0,
  clientAddress: '192.0.2.1',
  method: 'GET',
  scheme: 'http',
  host: 'shop.example',
  uri: '/a?b=1',
  protocol: 'HTTP/1.1',
  status: 200,
  bytesSent: 512,
  durationMs: 1.23456,
  cacheStatus: 'hit',
  reason: 'none',
  routeId: 'route css @ shop.conf:56',
  backend: 'app',
  server: 'a',
  requestId: undefined,
  userAgent: 'curl/8.0',
  referer: undefined,
}
/** 20 November 2026, 16:30:22 UTC */
const TIME_MS = Date.UTC(2026, 10, 20, 16, 30, 22)

test('JSON: one object per line, absent fields left out', () => {
  const line = formatJson(record, new Date(TIME_MS).toISOString())
  assert.ok(line.endsWith('}\n'))
  assert.deepEqual(JSON.parse(line), {
    time: '2026-11-20T16:30:22.000Z',
    client: '192.0.2.1',
    method: 'GET',
    scheme: 'http',
    host: 'shop.example',
    uri: '/a?b=1',
    protocol: 'HTTP/1.1',
    status: 200,
    bytes: 512,
    duration_ms: 1.235,
    cache: 'hit',
    reason: 'none',
    route: 'route css @ shop.conf:56',
    backend: 'app',
    server: 'a',
    user_agent: 'curl/8.0',
  })
})

test('combined: as nginx writes it, cache status and reason at the end', () => {
  assert.equal(
    formatCombined(record, combinedTime(TIME_MS)),
    '192.0.2.1 - - [20/Nov/2026:16:30:22 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "-" "curl/8.0" hit none\n',
  )
})

test('combined: quotes, line ends and bytes over ASCII are escaped', () => {
  const hostile = { ...record, uri: '/"\r\n1.2.3.4 - -', userAgent: 'a\\b\u00e9\x7f' }
  const line = formatCombined(hostile, combinedTime(TIME_MS))
  assert.ok(line.includes('/\\x22\\x0D\\x0A1.2.3.4 - -'))
  assert.ok(line.includes('"a\\x5Cb\\xE9\\x7F"'))
})

test('a number that is none does not break the line', () => {
  const line = formatJson({ ...record, durationMs: Number.NaN, bytesSent: Number.POSITIVE_INFINITY }, '')
  assert.equal(JSON.parse(line).duration_ms, 0)
  assert.equal(JSON.parse(line).bytes, 0)
})

test('whatever a client sends is one line of printable ASCII, and JSON gives it back', () => {
  const wild = fc.string({ unit: 'binary', maxLength: 40 })
  fc.assert(
    fc.property(wild, wild, wild, (uri, userAgent, referer) => {
      const hostile = { ...record, uri, userAgent, referer, method: uri, host: referer, clientAddress: userAgent }
      for (const line of [formatJson(hostile, ''), formatCombined(hostile, '')]) assert.match(line, /^[\x20-\x7e]*\n$/)
      const parsed = JSON.parse(formatJson(hostile, ''))
      assert.equal(parsed.uri, uri)
      assert.equal(parsed.user_agent, userAgent)
      assert.equal(parsed.referer, referer)
      // Three quoted fields and no quote inside of them.
      assert.equal(formatCombined(hostile, '').split('"').length, 7)
    }),
    { numRuns: 500 },
  )
})
