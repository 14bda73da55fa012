/** Generators of HTTP/1.1 messages for the property tests: mostly right, with the mistakes that matter mixed in. */
import fc from 'fast-check'

/** Bytes that delimit something somewhere in HTTP/1.1, and those next to them. */
const INTERESTING_BYTES = [
  0x00, 0x09, 0x0a, 0x0b, 0x0d, 0x1f, 0x20, 0x23, 0x2c, 0x30, 0x3a, 0x3b, 0x3f, 0x41, 0x7f, 0x80, 0xff,
]

const often = <T>(usual: T, ...rare: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...rare) })

const lineEnd = fc.oneof(
  { weight: 60, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\r\r\n', '\n\r', ' \r\n', '\r\n ', '') },
)
const colon = often(': ', ':', ' : ', ':\t', ': \t ', '', ':\x0b', '::')

const framingField = fc.constantFrom(
  'Content-Length: 0',
  'Content-Length: 5',
  'Content-Length: 005',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length: 0x5',
  'Content-Length:',
  'Content-Length: 5 5',
  'content-length: 12',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked;a=b',
  'Transfer-Encoding:',
  'TE: trailers',
)
const connectionField = fc.constantFrom(
  'Connection: keep-alive',
  'Connection: close',
  'Connection: keep-alive, X-A',
  'Connection: Upgrade',
  'Connection: ,',
  'Connection: a b',
  'Upgrade: websocket',
  'Expect: 100-continue',
)
const otherField = fc
  .tuple(
    often('X-A', 'x_b', 'X', '', 'X Y', 'X(', 'Accept-Encoding', 'Cookie'),
    colon,
    often('v', '', 'a, "b"', '\xe9', 'a\x00b', 'a\rb', 'a\nb', '\x7f'),
  )
  .map((parts) => parts.join(''))
const hostField = often(
  'Host: a',
  'Host: a:80',
  'host:b',
  'Host: a, b',
  'Host:',
  'Host: [::1]:8',
  'Host: a@b',
  'Host : a',
)

const requestLine = fc
  .tuple(
    often('GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'get', '', 'G T'),
    often(' ', '  ', '\t'),
    often('/', '/a?b', '/a#b', '*', 'http://b/x', 'http://b', 'https://b?c', 'x', '/\x7f', '/\xe9', '/\\', ''),
    often(' ', '  ', '\t'),
    often('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', ''),
  )
  .map((parts) => parts.join(''))

const chunk = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('5\r\nhello\r\n', '1\r\na\r\n', '0A\r\n0123456789\r\n', '2\r\n\r\n\r\n') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '1;a=b\r\na\r\n',
      '1;a="b c"\r\na\r\n',
      '1 \r\na\r\n',
      '1\na\r\n',
      '1\r\na\n',
      '1\r\nab\r\n',
      '+1\r\na\r\n',
      '0x1\r\na\r\n',
      '100000001\r\na\r\n',
      '\r\n',
    ),
  },
)
const lastChunk = often(
  '0\r\n\r\n',
  '0\r\nX: 1\r\n\r\n',
  '00\r\n\r\n',
  '0\r\n\n',
  '0\n\n',
  '0\r\nX : 1\r\n\r\n',
  '0;a\r\n\r\n',
  '',
)
export const chunkedBody: fc.Arbitrary<string> = fc
  .tuple(fc.array(chunk, { maxLength: 4 }), lastChunk)
  .map(([chunks, last]) => chunks.join('') + last)

const body = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 2, arbitrary: fc.constant('hello') },
  { weight: 4, arbitrary: chunkedBody },
)

function headText(startLine: fc.Arbitrary<string>, fields: fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  const field = fc.oneof(...fields)
  return fc
    .tuple(startLine, lineEnd, fc.array(fc.tuple(field, lineEnd), { maxLength: 4 }), often('\r\n', '\n', '\r', ''))
    .map(([line, end, lines, blank]) => line + end + lines.map(([text, ending]) => text + ending).join('') + blank)
}

/** A request head with Host in most cases, and whatever body. */
export const requestText: fc.Arbitrary<string> = fc
  .tuple(
    often('', '\r\n', '\n', '\r\n\r\n'),
    headText(
      requestLine.chain((line) => hostField.map((host) => `${line}\r\n${host}`)),
      [framingField, connectionField, otherField],
    ),
    body,
  )
  .map((parts) => parts.join(''))

const statusLine = fc
  .tuple(
    often('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'ICY', ''),
    often(' ', '  ', '\t', ''),
    often('200', '204', '304', '103', '101', '404', '20', '2000', '099', 'abc'),
    often(' OK', '', ' ', ' \xe9', ' a\x00b', 'x'),
  )
  .map((parts) => parts.join(''))

export const responseText: fc.Arbitrary<string> = fc
  .tuple(headText(statusLine, [framingField, connectionField, otherField]), body)
  .map((parts) => parts.join(''))

/** The bytes of a text, in one case of three with a few bytes replaced, inserted or removed. */
export function mutated(text: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const edit = fc.record({
    at: fc.nat({ max: 400 }),
    remove: fc.constantFrom(0, 1),
    insert: fc.constantFrom(...INTERESTING_BYTES.map((byte) => [byte]), []),
  })
  const edits = fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(edit, { minLength: 1, maxLength: 3 }) },
  )
  return fc.tuple(text, edits).map(([whole, changes]) => {
    const bytes = [...Buffer.from(whole, 'latin1')]
    for (const { at, remove, insert } of changes) bytes.splice(at % (bytes.length + 1), remove, ...insert)
    return Buffer.from(bytes)
  })
}
