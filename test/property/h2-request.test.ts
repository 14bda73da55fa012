/**
 * Requests of HTTP/2 against a model that is plainly right: whatever a list holds, it is refused, or it becomes a head with
 * exactly the fields of the list and the host, path and method that its pseudo fields name.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RequestHead } from '../../src/http/request-head.ts'
import { readH2Request } from '../../src/proxy/h2-request.ts'

const limits = { headBytes: 16_384, targetBytes: 8192, fields: 100 }

/** Text with what could end a line, a name or a value in it. */
const odd = fc.string({
  unit: fc.constantFrom('a', 'B', '1', '-', ':', ' ', '\t', '\r', '\n', '\0', '/', '?', '#', '\xe9', '\x7f', ','),
  maxLength: 8,
})
const name = fc.oneof(
  odd,
  fc.constantFrom(
    'host',
    'cookie',
    'te',
    'connection',
    'content-length',
    'x-a',
    'accept',
    ':path',
    ':method',
    'transfer-encoding',
  ),
)
const value = fc.oneof(odd, fc.constantFrom('trailers', 'a.example', '0', '1\r\nx: y', '1\r\n\r\nGET / HTTP/1.1\r\n'))
const pseudo = fc.constantFrom(
  [':method', 'GET', ':scheme', 'http', ':authority', 'a.example', ':path', '/a'],
  [':method', 'POST', ':scheme', 'http', ':path', '/a?b'],
  [':path', '/', ':scheme', 'http', ':method', 'GET', ':authority', 'b'],
)
const list = fc
  .tuple(pseudo, fc.array(fc.tuple(name, value), { maxLength: 8 }), fc.array(fc.tuple(name, value), { maxLength: 2 }))
  .map(([start, fields, first]) => [...first.flat(), ...start, ...fields.flat()])

test('a list is refused, or becomes a head of just its fields', () => {
  fc.assert(
    fc.property(list, fc.boolean(), (fields, isEnded) => {
      const head = new RequestHead()
      const error = readH2Request(head, fields, { isSecure: false, isEnded, limits })
      if (error !== 0) return
      const expected = modelOf(fields)
      assert.equal(head.method, expected.method)
      assert.equal(head.uri, expected.path)
      assert.equal(head.authority, expected.authority)
      const seen: [string, string][] = []
      for (let i = 0; i < head.count; i++) if (head.name(i) !== 'host') seen.push([head.name(i), head.valueAt(i)])
      assert.deepEqual(seen, expected.fields)
    }),
    { numRuns: 5000 },
  )
})

interface Expected {
  readonly method: string
  readonly path: string
  readonly authority: string
  readonly fields: readonly (readonly [string, string])[]
}

function modelOf(fields: readonly string[]): Expected {
  const pairs = fields.flatMap((text, i) => (i % 2 === 0 ? [[text, fields[i + 1]!] as const] : []))
  const one = (wanted: string) => pairs.find(([text]) => text === wanted)?.[1]
  const cookies = pairs.filter(([text, crumb]) => text === 'cookie' && crumb !== '').map(([, text]) => text)
  const others = pairs.filter(([text]) => !text.startsWith(':') && text !== 'host' && text !== 'cookie')
  return {
    method: one(':method')!,
    path: one(':path')!,
    authority: (one(':authority') ?? one('host') ?? '').toLowerCase(),
    fields: [...others, ...(cookies.length > 0 ? [['cookie', cookies.join('; ')] as const] : [])],
  }
}
