/** Whatever an HTTP/2 origin says in a list of fields, the head has exactly these fields, or there is none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ResponseHead } from '../../src/http/response-head.ts'
import { readResponseList, readTrailerList } from '../../src/net/origin-h2-head.ts'

const limits = { headBytes: 4096, targetBytes: 4096, fields: 20 }
const odd = fc.string({ unit: fc.constantFrom('\r', '\n', '\0', ':', ' ', '\t', 'a', 'B', '\u010d', '\u010a', '\xff') })
const name = fc.oneof(odd, fc.constantFrom('content-length', 'x-a', ':status', 'connection', 'set-cookie'))
const value = fc.oneof(odd, fc.string(), fc.constantFrom('0', '5', 'chunked', '200'))
const pairs = fc.array(fc.tuple(name, value), { maxLength: 6 })

test('a head that is read has the fields of the list, no others', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('200', '204', '304', '103', '99', 'x'),
      pairs,
      fc.boolean(),
      (status, fields, isLast) => {
        const head = new ResponseHead()
        if (!readResponseList(head, [':status', status, ...fields.flat()], limits, 'GET', isLast)) return
        const read = Array.from({ length: head.count }, (_, i) => [head.name(i), head.valueAt(i)])
        const given = fields.map(([key, text]) => [key, text.replace(/^[ \t]+|[ \t]+$/g, '')])
        assert.deepEqual(read.slice(0, given.length), given)
        assert.ok(read.length <= given.length + 1)
        for (const extra of read.slice(given.length)) assert.deepEqual(extra, ['content-length', '0'])
      },
    ),
  )
})

test('trailers that are read are lines of the list', () => {
  fc.assert(
    fc.property(pairs, (fields) => {
      const lines = readTrailerList(fields.flat())
      if (lines === undefined || lines === false) return
      const given = new Set(fields.map(([key, text]) => `${key}: ${text}`))
      for (const line of lines.split('\r\n').slice(0, -1)) assert.ok(given.has(line), line)
    }),
  )
})
