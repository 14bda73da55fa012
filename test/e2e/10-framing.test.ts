/** What makes the end of a request doubtful is refused, the connection closed, and nothing of it reaches the origin. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { expectRefused, forwarded, passing } from './conversation.ts'

const origin = await startOrigin(() => ok('fine', 'Cache-Control: no-store'))
const shellac = await startShellac({ config: passing(origin.port) })

/** Behind each refused message: what a smuggler wants to be taken for a request. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
const post = (...fields: string[]) => `POST / HTTP/1.1\r\nHost: a\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\n`

const refusedHeads: readonly (readonly [claim: string, head: string, status: number])[] = [
  ['both framings', post('Content-Length: 4', 'Transfer-Encoding: chunked'), 400],
  ['both framings, coding first', post('Transfer-Encoding: chunked', 'Content-Length: 4'), 400],
  ['two equal lengths', post('Content-Length: 4', 'Content-Length: 4'), 400],
  ['two lengths', post('Content-Length: 4', 'Content-Length: 5'), 400],
  ['a list of equal lengths', post('Content-Length: 4, 4'), 400],
  ['an empty length', post('Content-Length:'), 400],
  ['a signed length', post('Content-Length: +4'), 400],
  ['a negative length', post('Content-Length: -1'), 400],
  ['a hexadecimal length', post('Content-Length: 0x4'), 400],
  ['a length with an exponent', post('Content-Length: 1e1'), 400],
  ['a fraction as length', post('Content-Length: 4.0'), 400],
  ['a length with a space in it', post('Content-Length: 4 4'), 400],
  ['a length with a tab before it', post('Content-Length:\t4'), 400],
  ['a length beyond 2^53', post('Content-Length: 18446744073709551620'), 400],
  ['digits above ASCII', post('Content-Length: \xb2'), 400],
  ['coding x', post('Transfer-Encoding: x'), 400],
  ['coding identity', post('Transfer-Encoding: identity'), 400],
  ['an empty coding', post('Transfer-Encoding:'), 400],
  ['chunked twice', post('Transfer-Encoding: chunked, chunked'), 400],
  ['chunked on two lines', post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 400],
  ['chunked and identity on two lines', post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity'), 400],
  ['chunked that is not last', post('Transfer-Encoding: chunked, gzip'), 400],
  ['a coding that is not implemented', post('Transfer-Encoding: gzip, chunked'), 501],
  ['quoted chunked', post('Transfer-Encoding: "chunked"'), 400],
  ['chunked with a parameter', post('Transfer-Encoding: chunked;a=b'), 400],
  ['chunked with a vertical tab', post('Transfer-Encoding: \x0bchunked'), 400],
  ['chunked with a tab before it', post('Transfer-Encoding:\tchunked'), 400],
  ['chunked with a space behind it', post('Transfer-Encoding: chunked '), 400],
  ['a coding in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ['a space before the colon', post('Content-Length : 4'), 400],
  ['a space before the colon of a coding', post('Transfer-Encoding : chunked'), 400],
  ['a space before a field', post(' Content-Length: 4'), 400],
  ['a folded line', post('X: a', ' b'), 400],
  ['a folded coding', post('Transfer-Encoding:', ' chunked'), 400],
  ['a field without a colon', post('Content-Length 4'), 400],
  ['a field without a name', post(': 4'), 400],
  ['a field name with a space', post('Content Length: 4'), 400],
  ['a field name with a control byte', post('Content\x01Length: 4'), 400],
  ['a field name above ASCII', post('Content-L\xe4nge: 4'), 400],
  ['NUL in a value', post('X: a\0b'), 400],
  ['a bare CR in a value', post('X: a\rTransfer-Encoding: chunked'), 400],
  ['a bare LF in a value', post('X: a\nTransfer-Encoding: chunked'), 400],
  ['DEL in a value', post('X: a\x7f'), 400],
  ['LF as line end', 'GET / HTTP/1.1\nHost: a\n\n', 400],
  ['LF behind the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
  ['LF as the blank line', 'GET / HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['CR CR LF', 'GET / HTTP/1.1\r\nHost: a\r\r\n\r\n', 400],
  ['two empty lines in front', '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['Connection naming Content-Length', post('Connection: Content-Length', 'Content-Length: 4'), 400],
  ['Connection naming Transfer-Encoding', post('Connection: transfer-encoding', 'Transfer-Encoding: chunked'), 400],
  ['Connection naming Host', post('Connection: Host'), 400],
  ['Connection naming X-Forwarded-For', post('Connection: X-Forwarded-For'), 400],
  ['Connection naming Authorization', post('Connection: Authorization', 'Authorization: Basic eA=='), 400],
  ['Connection naming Cookie', post('Connection: cookie', 'Cookie: a=b'), 400],
  ['Connection that is no list', post('Connection: "close"'), 400],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 505],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['a lower-case version', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400],
  ['a version of three parts', 'GET / HTTP/1.1.1\r\nHost: a\r\n\r\n', 400],
  ['TLS instead of HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
]

for (const [claim, head, status] of refusedHeads) {
  test(`${claim}: ${status}, and nothing is forwarded`, async () => {
    await expectRefused(shellac.port, origin, `${head}${SMUGGLED}`, status)
  })
}

const chunked = (body: string) => `${post('Transfer-Encoding: chunked')}${body}`

const refusedBodies: readonly (readonly [claim: string, body: string])[] = [
  ['a chunk size that is no number', 'x\r\na\r\n0\r\n\r\n'],
  ['an empty chunk size', '\r\na\r\n0\r\n\r\n'],
  ['a signed chunk size', '+1\r\na\r\n0\r\n\r\n'],
  ['a chunk size with 0x', '0x1\r\na\r\n0\r\n\r\n'],
  ['a chunk size of nine digits', '000000001\r\na\r\n0\r\n\r\n'],
  ['a chunk size beyond 2^64', '10000000000000001\r\na\r\n0\r\n\r\n'],
  ['a space before the chunk size', ' 1\r\na\r\n0\r\n\r\n'],
  ['a space behind the chunk size', '1 \r\na\r\n0\r\n\r\n'],
  ['LF behind the chunk size', '1\na\r\n0\r\n\r\n'],
  ['CR alone behind the chunk size', '1\ra\r\n0\r\n\r\n'],
  ['LF behind the chunk', '1\r\na\n0\r\n\r\n'],
  ['a chunk longer than its size', '1\r\nab\r\n0\r\n\r\n'],
  ['an extension that never ends', `1;${'a'.repeat(5000)}\r\na\r\n0\r\n\r\n`],
  ['an extension with a bare LF', '1;a\nb\r\na\r\n0\r\n\r\n'],
  ['an extension with an open quote', '1;a="\r\na\r\n0\r\n\r\n'],
  ['LF behind the last chunk', '1\r\na\r\n0\n\r\n'],
  ['LF as the end', '1\r\na\r\n0\r\n\n'],
  ['Content-Length as a trailer', '1\r\na\r\n0\r\nContent-Length: 1\r\n\r\n'],
  ['Host as a trailer', '1\r\na\r\n0\r\nHost: b\r\n\r\n'],
  ['a trailer with a space before its colon', '1\r\na\r\n0\r\nX : 1\r\n\r\n'],
  ['trailers without end', `1\r\na\r\n0\r\n${'X: 1\r\n'.repeat(2000)}`],
]

for (const [claim, body] of refusedBodies) {
  test(`${claim}: 400, the origin never sees an end of the body, and nothing behind it`, async () => {
    const before = origin.requests.length
    const client = await connectClient(shellac.port)
    client.send(`${chunked(body)}${SMUGGLED}`)
    const answer = await client.response()
    assert.deepEqual([answer.status, answer.fields.get('connection')], [400, 'close'])
    assert.equal(await client.expectClose(), 'end')
    assert.equal(origin.requests.length, before)
  })
}

test('a body in every odd but valid spelling is the same body at the origin', async () => {
  const spellings = [
    '5\r\nhello\r\n0\r\n\r\n',
    '1\r\nh\r\n4\r\nello\r\n0\r\n\r\n',
    '00000005\r\nhello\r\n00000\r\n\r\n',
    '5;name=value;q="a;b\\"c"\r\nhello\r\n0;last\r\n\r\n',
    '5\r\nhello\r\n0\r\nX-Checksum: 1\r\n\r\n',
  ]
  for (const body of spellings) {
    const request = await forwarded(shellac.port, origin, chunked(body))
    assert.deepEqual(
      [request.body.toString(), request.fields.get('transfer-encoding'), request.fields.get('content-length')],
      ['hello', 'chunked', undefined],
    )
    assert.doesNotMatch(request.raw, /name=value/)
  }
})

test('any letter case of "chunked" and any byte-by-byte arrival is one request', async () => {
  const before = origin.requests.length
  const client = await connectClient(shellac.port)
  for (const byte of `POST /slow HTTP/1.1\r\nhOST: a\r\ntRANSFER-eNCODING: cHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n`) {
    client.send(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await client.response()).status, 200)
  assert.equal(origin.requests.length, before + 1)
  assert.equal(origin.requests[before]!.body.toString(), 'abc')
})

test('a leading zero in Content-Length is a length, and is written without it', async () => {
  const request = await forwarded(shellac.port, origin, `${post('Content-Length: 0005')}hello`)
  assert.deepEqual([request.body.toString(), request.fields.get('content-length')], ['hello', '5'])
})

test('one empty line before a request is no part of it', async () => {
  const request = await forwarded(shellac.port, origin, '\r\nGET /after-crlf HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(request.target, '/after-crlf')
})
