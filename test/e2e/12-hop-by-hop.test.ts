/** What the origin receives, line by line: end-to-end fields as they came, everything that belongs to a hop made anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { forwarded, headLines, passing } from './conversation.ts'

let answer = ok('fine')
const origin = await startOrigin(() => answer)
const plain = await startShellac({ config: passing(origin.port) })
const trusting = await startShellac({
  config: passing(origin.port, 'forwarded { trust 127.0.0.0/8; forwarded on; via edge; }'),
})
const silent = await startShellac({ config: passing(origin.port, 'forwarded { x-forwarded off; via off; }') })
const fixed = await startShellac({ config: passing(origin.port, '', '', 'host "fixed.example:81";') })

const ours = (host = 'a') => [
  `Host: ${host}`,
  'Via: 1.1 shellac',
  'X-Forwarded-For: 127.0.0.1',
  `X-Forwarded-Host: ${host}`,
  'X-Forwarded-Proto: http',
]

const cases: readonly (readonly [claim: string, request: string, lines: readonly string[]])[] = [
  ['the least request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', ['GET / HTTP/1.1', ...ours()]],
  [
    'end-to-end fields go on as they came, in any spelling',
    'GET /x?y HTTP/1.1\r\nhOsT: a\r\nX-eNd:  a ,b\t\r\nACCEPT:\r\nX-High: \xe4\xff\r\n\r\n',
    ['GET /x?y HTTP/1.1', ...ours(), 'X-eNd:  a ,b\t', 'ACCEPT:', 'X-High: \xe4\xff'],
  ],
  [
    'repeated fields stay repeated, in order',
    'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\n\r\n',
    ['GET / HTTP/1.1', ...ours(), 'X-A: 1', 'X-A: 3', 'X-B: 2'],
  ],
  [
    'hop-by-hop fields end here',
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n' +
      'TE: trailers\r\nProxy-Authorization: Basic eA==\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: websocket\r\n\r\n',
    ['GET / HTTP/1.1', ...ours()],
  ],
  [
    'so do the fields that Connection names, on any of its lines',
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: X-One, ,x-two\r\nX-One: 1\r\nX-TWO: 2\r\nX-Three: 3\r\nConnection: close\r\n\r\n',
    ['GET / HTTP/1.1', ...ours(), 'X-Three: 3'],
  ],
  [
    'Upgrade: h2c is not forwarded, nor is what belongs to it',
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
    ['GET / HTTP/1.1', ...ours()],
  ],
  [
    'what a stranger says of the hops before is replaced or dropped',
    'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n' +
      'X-Forwarded-Port: 443\r\nX-Real-IP: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nX-Forwarded-Prefix: /b\r\n\r\n',
    ['GET / HTTP/1.1', ...ours()],
  ],
  [
    'fields that CGI could not tell from ours are dropped',
    'GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 10.0.0.1\r\nX-Forwarded_Host: b\r\nContent_Length: 5\r\n' +
      'Transfer_Encoding: chunked\r\nX_Real_IP: 10.0.0.1\r\nX_Forwarded_Prefix: /b\r\nmy_own: kept\r\n\r\n',
    ['GET / HTTP/1.1', ...ours(), 'my_own: kept'],
  ],
  [
    'Via grows by this hop',
    'GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 x\r\nVia: 1.1 y (c)\r\n\r\n',
    ['GET / HTTP/1.1', ...ours().map((line) => (line.startsWith('Via') ? 'Via: 1.0 x, 1.1 y (c), 1.1 shellac' : line))],
  ],
  [
    'Host is written in lower case and without an empty port',
    'GET / HTTP/1.1\r\nHost: A.Example:\r\n\r\n',
    ['GET / HTTP/1.1', ...ours('a.example')],
  ],
  [
    'an HTTP/1.0 request becomes one of HTTP/1.1, and Via says so',
    'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
    ['GET / HTTP/1.1', ...ours().map((line) => line.replace('1.1 shellac', '1.0 shellac'))],
  ],
  [
    'OPTIONS loses one of its Max-Forwards',
    'OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 10\r\n\r\n',
    ['OPTIONS /x HTTP/1.1', ...ours(), 'Max-Forwards: 9'],
  ],
  [
    'GET keeps its Max-Forwards, which mean nothing there',
    'GET /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n',
    ['GET /x HTTP/1.1', ...ours(), 'Max-Forwards: 0'],
  ],
  [
    'a sized body is announced by one Content-Length',
    'POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 2\r\n\r\nhi',
    ['POST / HTTP/1.1', ...ours(), 'Content-Length: 2'],
  ],
  [
    'a POST without a body says so if the client did',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
    ['POST / HTTP/1.1', ...ours(), 'Content-Length: 0'],
  ],
  [
    'a chunked body stays chunked, and its trailers are announced',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n0\r\nX-T: 1\r\n\r\n',
    ['POST / HTTP/1.1', ...ours(), 'Trailer: X-T', 'Transfer-Encoding: chunked'],
  ],
]

for (const [claim, request, lines] of cases) {
  test(claim, async () => {
    const [start, ...fields] = lines
    assert.deepEqual(headLines(await forwarded(plain.port, origin, request)), [start, ...fields.sort()])
  })
}

test('a trusted peer is believed and extended', async () => {
  const request = await forwarded(
    trusting.port,
    origin,
    'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n' +
      'X-Forwarded-Port: 443\r\nX-Real-IP: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nX_Forwarded_For: 10.0.0.2\r\n\r\n',
  )
  const expected = [
    'Forwarded: for=10.0.0.1, for=127.0.0.1;host="a";proto=http',
    'Host: a',
    'Via: 1.1 edge',
    'X-Forwarded-For: 10.0.0.1, 127.0.0.1',
    'X-Forwarded-Host: b',
    'X-Forwarded-Port: 443',
    'X-Forwarded-Proto: https',
    'X-Real-IP: 10.0.0.1',
  ]
  assert.deepEqual(headLines(request), ['GET / HTTP/1.1', ...expected])
})

test('with x-forwarded and via off nothing is added, and a stranger still is not believed', async () => {
  const text = 'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\nVia: 1.1 x\r\n\r\n'
  assert.deepEqual(headLines(await forwarded(silent.port, origin, text)), ['GET / HTTP/1.1', 'Host: a', 'Via: 1.1 x'])
})

test('a fixed host replaces what the client said, who is heard in X-Forwarded-Host only', async () => {
  const request = await forwarded(fixed.port, origin, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.deepEqual(request.fields.all('host'), ['fixed.example:81'])
  assert.equal(request.fields.get('x-forwarded-host'), 'a')
})

/** Head lines of the response to one GET, status line first, without Date and Cache-Status. */
async function received(response: string): Promise<string[]> {
  answer = response
  const client = await connectClient(plain.port)
  const { raw } = await client.get('/')
  const [start = '', ...fields] = raw.slice(0, -4).split('\r\n')
  return [start, ...fields.filter((line) => !/^(?:date|cache-status):/i.test(line)).sort()]
}

test('a response goes on with its end-to-end fields, and nothing of the hop to the origin', async () => {
  const lines = await received(
    'HTTP/1.1 200 Fine By Me\r\nDate: Fri, 20 Nov 2026 10:00:00 GMT\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\n' +
      'Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nServer: s\r\nSet-Cookie: a=b\r\n' +
      'Set-Cookie: c=d\r\nVia: 1.0 x\r\nContent-Length: 2\r\n\r\nhi',
  )
  assert.deepEqual(lines, [
    'HTTP/1.1 200 Fine By Me',
    'Content-Length: 2',
    'Server: s',
    'Set-Cookie: a=b',
    'Set-Cookie: c=d',
    'Via: 1.0 x, 1.1 shellac',
  ])
})

test('a response without Date is given one', async () => {
  answer = ok('x')
  const client = await connectClient(plain.port)
  assert.match((await client.get('/')).fields.get('date') ?? '', /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
})
