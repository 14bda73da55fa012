/** The scripted peers against each other: what the end-to-end tests lean on has to be right itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectClient, exchange } from '../../support/scripted-client.ts'
import { ok, reply, startConnectionOrigin, startOrigin } from '../../support/scripted-origin.ts'

test('a script answers each request and the origin records them', async () => {
  const origin = await startOrigin((request) => ok(`you asked ${request.target}`, 'X-A: 1'))
  const client = await connectClient(origin.port)
  const first = await client.get('/one')
  const second = await client.get('/two')
  assert.equal(first.status, 200)
  assert.equal(first.body.toString(), 'you asked /one')
  assert.equal(second.fields.get('x-a'), '1')
  assert.deepEqual(
    origin.requests.map((r) => r.target),
    ['/one', '/two'],
  )
  assert.equal(origin.connections, 1)
})

test('request bodies arrive whole, sized and chunked', async () => {
  const origin = await startOrigin((request) => ok(request.body.toString()))
  const client = await connectClient(origin.port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nsized')
  assert.equal((await client.response()).body.toString(), 'sized')
  client.send(
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nchu\r\n4\r\nnked\r\n0\r\nT: 1\r\n\r\n',
  )
  assert.equal((await client.response()).body.toString(), 'chunked')
  assert.equal(origin.requests[1]?.trailers.get('T'), '1')
})

test('responses: chunked with trailers, until close, none for HEAD, interim first', async () => {
  const answers: Record<string, string | { close: string }> = {
    '/chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX-T: y\r\n\r\n',
    '/close': { close: 'HTTP/1.1 200 OK\r\n\r\nto the end' },
    '/head': 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n',
    '/early': `HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${reply(404, 'no')}`,
  }
  const origin = await startOrigin((request) => answers[request.target])
  const client = await connectClient(origin.port)
  const chunked = await client.get('/chunked')
  assert.deepEqual(
    [chunked.framing, chunked.body.toString(), chunked.trailers.get('x-t')],
    ['chunked', '0123456789', 'y'],
  )
  assert.equal((await client.get('/head', [], 'HEAD')).framing, 'none')
  const early = await client.get('/early')
  assert.deepEqual([early.status, early.interim.map((head) => head.status)], [404, [103]])
  const close = await client.get('/close')
  assert.deepEqual([close.framing, close.body.toString()], ['close', 'to the end'])
})

test('a connection can be cut, and reset', async () => {
  const origin = await startConnectionOrigin(async (peer) => {
    await peer.request()
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
    await peer.wait(20)
    if (peer.index === 0) peer.end()
    else peer.reset()
  })
  await assert.rejects(
    exchange(origin.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
    /peer closed \(end\) before 10 bytes/,
  )
  await assert.rejects(exchange(origin.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), /peer closed \(ECONNRESET\)/)
})

test('silence and closing are expectations too', async () => {
  const origin = await startConnectionOrigin(async (peer) => {
    await peer.request()
    await peer.wait(100)
    peer.end()
  })
  const client = await connectClient(origin.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.expectQuiet(30)
  assert.equal(await client.expectClose(), 'end')
})

const badHeads = {
  'a bare LF': 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n',
  'a space before the colon': 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n',
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n',
  'both framings': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a bad chunk size': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n',
}
for (const [what, bytes] of Object.entries(badHeads))
  test(`the strict reader refuses ${what}`, async () => {
    const origin = await startOrigin(() => bytes)
    await assert.rejects(exchange(origin.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
  })

test('more than memory should hold goes through in pieces', async () => {
  const size = 32 << 20
  const origin = await startConnectionOrigin(async (peer) => {
    await peer.requestHead()
    await peer.skip(size)
    peer.send('HTTP/1.1 204 No Content\r\n\r\n')
  })
  const client = await connectClient(origin.port)
  client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
  const piece = Buffer.alloc(1 << 20)
  for (let sent = 0; sent < size; sent += piece.length) await client.sendAll(piece)
  assert.equal((await client.response('PUT')).status, 204)
})
