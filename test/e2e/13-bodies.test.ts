/** Bodies in both directions: streamed whole and byte for byte, with their trailers, to clients of either version. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { type Answer, ok, startConnectionOrigin, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { expectUsable, passing } from './conversation.ts'

const answers = new Map<string, Answer>()
const origin = await startOrigin((request) => answers.get(request.target) ?? ok(`${request.body.length}`))
const shellac = await startShellac({ config: passing(origin.port, '', 'limits { body-bytes 1MiB; body-timeout 1s; }') })

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'
const pattern = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff))

test('a sized upload arrives byte for byte, in one connection with the next', async () => {
  const client = await connectClient(shellac.port)
  client.send(`PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${pattern.length}\r\n\r\n`)
  client.send(pattern)
  assert.equal((await client.response()).body.toString(), String(pattern.length))
  assert.ok(origin.requests.at(-1)?.body.equals(pattern))
  const connections = origin.connections
  await expectUsable(client)
  assert.equal(origin.connections, connections, 'the connection to the origin is used again')
})

test('a chunked upload with trailers arrives with them', async () => {
  const client = await connectClient(shellac.port)
  client.send('POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n')
  for (let at = 0; at < pattern.length; at += 99_999) {
    const piece = pattern.subarray(at, at + 99_999)
    client.send(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]))
  }
  client.send('0\r\nX-Sum: 1\r\nAuthorization: no\r\nX-Forwarded-For: no\r\n\r\n')
  assert.equal((await client.response()).status, 200)
  const request = origin.requests.at(-1)!
  assert.ok(request.body.equals(pattern))
  assert.deepEqual(request.trailers.list, [['X-Sum', '1']])
  await expectUsable(client)
})

test('an upload is streamed: the origin has its beginning before the client sends its end', async () => {
  const seen: string[] = []
  const slow = await startConnectionOrigin(async (peer) => {
    await peer.requestHead()
    seen.push((await peer.read(5)).toString())
    seen.push((await peer.read(5)).toString())
    peer.send(ok('got it'))
  })
  const proxy = await startShellac({ config: passing(slow.port) })
  const client = await connectClient(proxy.port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst')
  await waitFor('the first half at the origin', () => seen.length === 1)
  client.send('after')
  assert.equal((await client.response()).body.toString(), 'got it')
  assert.deepEqual(seen, ['first', 'after'])
})

test('a client that shuts its sending side behind a whole body is answered', async () => {
  for (const framed of [
    'Content-Length: 5\r\n\r\nhello',
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  ]) {
    const client = await connectClient(shellac.port)
    client.send(`POST /half HTTP/1.1\r\nHost: a\r\n${framed}`)
    client.end()
    assert.equal((await client.response()).status, 200)
    assert.equal(await client.expectClose(), 'end')
  }
})

test('a body cut off by the client is never whole at the origin', async () => {
  for (const framed of ['Content-Length: 10\r\n\r\nhello', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n']) {
    const before = origin.requests.length
    const client = await connectClient(shellac.port)
    client.send(`POST /cut HTTP/1.1\r\nHost: a\r\n${framed}`)
    client.end()
    const answer = await client.response()
    assert.deepEqual([answer.status, answer.fields.get('connection')], [400, 'close'])
    await client.expectClose()
    assert.equal(origin.requests.length, before)
  }
})

test('a body that does not go on is a 408', async () => {
  const client = await connectClient(shellac.port)
  client.send('POST /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhel')
  const answer = await client.response()
  assert.deepEqual([answer.status, answer.fields.get('connection')], [408, 'close'])
  await client.expectClose()
})

test('a body over the limit is a 413: at once when it says so, when it gets there otherwise', async () => {
  const before = origin.requests.length
  const sized = await connectClient(shellac.port)
  sized.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${1024 * 1024 + 1}\r\n\r\n`)
  assert.equal((await sized.response()).status, 413)
  await sized.expectClose()
  const chunked = await connectClient(shellac.port)
  chunked.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 'x'), Buffer.from('\r\n')])
  for (let i = 0; i < 17; i++) chunked.send(chunk)
  chunked.send('GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n')
  const answer = await chunked.response()
  assert.deepEqual([answer.status, answer.fields.get('connection')], [413, 'close'])
  await chunked.expectClose()
  assert.equal(origin.requests.length, before)
})

test('a body just at the limit passes', async () => {
  const client = await connectClient(shellac.port)
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${1024 * 1024}\r\n\r\n`)
  client.send(Buffer.alloc(1024 * 1024, 'x'))
  assert.equal((await client.response()).body.toString(), String(1024 * 1024))
})

test('a chunked response keeps its bytes and its trailers, and loses its extensions', async () => {
  answers.set(
    '/chunked',
    `${CHUNKED}Trailer: X-T\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\nSet-Cookie: a=b\r\n\r\n`,
  )
  const client = await connectClient(shellac.port)
  const answer = await client.get('/chunked')
  assert.deepEqual([answer.body.toString(), answer.framing], ['hello!', 'chunked'])
  assert.deepEqual(answer.trailers.list, [['X-T', '1']])
  await expectUsable(client)
})

test('a client of HTTP/1.0 gets no chunks: the end of the connection is the end of the body', async () => {
  answers.set('/chunked10', `${CHUNKED}\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`)
  const answer = await exchange(shellac.port, 'GET /chunked10 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  assert.deepEqual([answer.body.toString(), answer.framing], ['hello', 'close'])
  assert.equal(answer.fields.get('connection'), 'close')
})

test('a client of HTTP/1.0 keeps its connection if it asks and the length is known', async () => {
  const client = await connectClient(shellac.port)
  for (let i = 0; i < 3; i++) {
    client.send('GET /kept HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    const answer = await client.response()
    assert.deepEqual([answer.fields.get('connection'), answer.framing], ['keep-alive', 'length'])
  }
  client.send('GET /last HTTP/1.0\r\n\r\n')
  assert.equal((await client.response()).fields.get('connection'), 'close')
  assert.equal(await client.expectClose(), 'end')
})

test('a response that ends with its connection is chunked for HTTP/1.1 and complete', async () => {
  answers.set('/until-close', { close: 'HTTP/1.1 200 OK\r\n\r\nall of it' })
  answers.set('/until-close-10', { close: 'HTTP/1.0 200 OK\r\n\r\nall of it' })
  const client = await connectClient(shellac.port)
  for (const target of ['/until-close', '/until-close-10']) {
    const answer = await client.get(target)
    assert.deepEqual([answer.body.toString(), answer.framing], ['all of it', 'chunked'])
  }
  await expectUsable(client)
})

test('HEAD has the fields of GET and no body, whatever the framing', async () => {
  answers.set('/head', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "a"\r\n\r\n')
  answers.set('/head-chunked', `${CHUNKED}\r\n`)
  const client = await connectClient(shellac.port)
  const sized = await client.get('/head', [], 'HEAD')
  assert.deepEqual([sized.fields.get('content-length'), sized.fields.get('etag')], ['1234', '"a"'])
  assert.equal((await client.get('/head-chunked', [], 'HEAD')).fields.get('content-length'), undefined)
  await expectUsable(client)
})

test('204 and 304 have no body and no framing of one', async () => {
  answers.set('/204', 'HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n')
  answers.set('/304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 55\r\nETag: "a"\r\n\r\n')
  const client = await connectClient(shellac.port)
  const none = await client.get('/204')
  assert.deepEqual([none.fields.get('content-length'), none.fields.get('transfer-encoding')], [undefined, undefined])
  const unchanged = await client.get('/304', ['Host: a', 'If-None-Match: "a"'])
  assert.deepEqual([unchanged.status, unchanged.fields.get('etag')], [304, '"a"'])
  await expectUsable(client)
})

test('a refused upload is answered at once, its small rest read away, its large rest closed upon', async () => {
  const targets: string[] = []
  const early = await startConnectionOrigin(async (peer) => {
    for (let head = await peer.requestHead(); head; head = await peer.requestHead()) {
      targets.push(`${peer.index}: ${head.method} ${head.target}`)
      peer.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
      if (head.method === 'POST') return
    }
  })
  const proxy = await startShellac({ config: passing(early.port) })
  const small = await connectClient(proxy.port)
  small.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nfirst')
  assert.equal((await small.response()).status, 403)
  small.send(`${'x'.repeat(995)}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`)
  assert.equal((await small.response()).status, 403)
  const large = await connectClient(proxy.port)
  large.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst')
  assert.equal((await large.response()).status, 403)
  large.send(Buffer.alloc(200_000, 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'))
  assert.equal(await large.expectClose(), 'end')
  // The first connection had a request that was not written to its end, so it is not used again.
  assert.deepEqual(targets, ['0: POST /', '1: GET /next', '1: POST /'])
})
