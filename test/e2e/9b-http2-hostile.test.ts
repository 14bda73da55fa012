/** What strangers can do with HTTP/2: be refused, be reset, be told to calm down; never more than that. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { connectH2 } from '../support/h2-client.ts'
import {
  block,
  Code,
  connectFrames,
  continuation,
  data,
  type Frame,
  type FramePeer,
  frame,
  headers,
  ping,
  request,
  rst,
  settings,
  Type,
  windowUpdate,
} from '../support/h2-frames.ts'
import { ok, type ScriptedOrigin, startConnectionOrigin, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

let origin: ScriptedOrigin
let shellac: Daemon

before(async () => {
  origin = await startOrigin(() => ok('hello', 'Cache-Control: no-store'))
  shellac = await startSite(origin.port)
})

function startSite(port: number, limits = ''): Promise<Daemon> {
  return startShellac({
    config: `shellac 1;
      process { workers 1; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; protocols h1 h2c; limits { ${limits} } }
      backend app { server a 127.0.0.1:${port}; connections 1000; }
      cache main { tier memory 16MiB; }
      site * { proxy app; use-cache main; }`,
  })
}

/** A whole request is answered. */
async function assertServes(peer: FramePeer, stream: number): Promise<void> {
  peer.send(headers(stream, request('/fine'), { endStream: true }))
  assert.equal(await peer.status(stream), 200)
}

/** The server has closed the connection, in whatever way. */
async function untilClosed(peer: FramePeer): Promise<void> {
  await waitFor('the close', () => peer.closed !== undefined)
}

/** A GOAWAY with an error, unless the close overtakes it, as it may where we were still sending. */
async function assertSentAway(peer: FramePeer): Promise<void> {
  const code = await peer.goaway().catch(() => undefined)
  assert.notEqual(code, Code.NO_ERROR)
  await untilClosed(peer)
}

/** Another client does not notice. */
async function assertUndisturbed(daemon: Daemon): Promise<void> {
  const client = await connectH2(daemon.url(''))
  assert.equal((await client.get('/fine')).status, 200)
}

const get = (path: string) => [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', path]

/** Heads that no server may take, what they are told, and whether the stream ends with them. */
const malformed: readonly (readonly [what: string, list: readonly string[], told: 'reset' | number])[] = [
  ['an upper-case name', [...get('/'), 'X-A', '1'], 'reset'],
  ['Connection', [...get('/'), 'connection', 'close'], 'reset'],
  ['Keep-Alive', [...get('/'), 'keep-alive', '5'], 'reset'],
  ['Proxy-Connection', [...get('/'), 'proxy-connection', 'close'], 'reset'],
  ['Transfer-Encoding', [...get('/'), 'transfer-encoding', 'chunked'], 'reset'],
  ['Upgrade', [...get('/'), 'upgrade', 'h2c'], 'reset'],
  ['TE other than trailers', [...get('/'), 'te', 'gzip'], 'reset'],
  ['no method', [':scheme', 'http', ':authority', 'a', ':path', '/'], 'reset'],
  ['no path', [':method', 'GET', ':scheme', 'http', ':authority', 'a'], 'reset'],
  ['no scheme', [':method', 'GET', ':authority', 'a', ':path', '/'], 'reset'],
  ['no authority and no Host', [':method', 'GET', ':scheme', 'http', ':path', '/'], 'reset'],
  ['two methods', [':method', 'GET', ...get('/')], 'reset'],
  ['two paths', [...get('/'), ':path', '/b'], 'reset'],
  ['a pseudo field of responses', [...get('/'), ':status', '200'], 'reset'],
  ['an unknown pseudo field', [...get('/'), ':x', '1'], 'reset'],
  [
    'a pseudo field behind others',
    [':method', 'GET', 'x-a', '1', ':scheme', 'http', ':authority', 'a', ':path', '/'],
    'reset',
  ],
  ['an empty path', get(''), 'reset'],
  ['a path without its slash', get('a'), 'reset'],
  ['a URL for a path', get('http://b/'), 'reset'],
  ['a line end in the path', get('/ HTTP/1.1\r\nx: y'), 'reset'],
  ['a blank in the path', get('/a b'), 'reset'],
  ['a fragment in the path', get('/a#b'), 400],
  ['a star for a path', get('*'), 'reset'],
  ['a line end in the method', [':method', 'GET / HTTP/1.1\r\nx: y', ...get('/').slice(2)], 'reset'],
  ['a user in the authority', [':method', 'GET', ':scheme', 'http', ':authority', 'u@a', ':path', '/'], 'reset'],
  ['a comma in the authority', [':method', 'GET', ':scheme', 'http', ':authority', 'a,b', ':path', '/'], 400],
  ['another Host', [...get('/'), 'host', 'b'], 400],
  ['two Hosts', [...get('/'), 'host', 'a', 'host', 'a'], 'reset'],
  ['the scheme of TLS without TLS', [':method', 'GET', ':scheme', 'https', ':authority', 'a', ':path', '/'], 400],
  ['a length and no body', [...get('/'), 'content-length', '5'], 'reset'],
  ['a length that is none', [...get('/'), 'content-length', '+0'], 'reset'],
  ['two lengths', [...get('/'), 'content-length', '0', 'content-length', '0'], 'reset'],
  ['an unknown expectation', [...get('/'), 'expect', 'more'], 417],
  ['CONNECT', [':method', 'CONNECT', ':authority', 'a:443'], 405],
  ['CONNECT with a path', [':method', 'CONNECT', ':authority', 'a:443', ':path', '/'], 'reset'],
  ['extended CONNECT', [':method', 'CONNECT', ':protocol', 'websocket', ...get('/').slice(2)], 'reset'],
]

for (const [what, list, told] of malformed) {
  test(`${what} is refused, and the connection serves on`, async () => {
    const seen = origin.requests.length
    const peer = await connectFrames(shellac.port)
    peer.send(headers(1, list, { endStream: true }))
    if (told === 'reset') assert.equal(await peer.resetCode(1), Code.PROTOCOL_ERROR)
    else assert.equal(await peer.status(1), told)
    assert.equal(origin.requests.length, seen)
    await assertServes(peer, 3)
  })
}

/** Fields that nghttp2 leaves out. */
const dropped: readonly (readonly [what: string, name: string, value: string])[] = [
  ['an empty name', '', '1'],
  ['a colon in a name', 'x:a', '1'],
  ['a blank in a name', 'x a', '1'],
  ['a line end in a value', 'x-a', '1\r\nx-b: 2'],
  ['a lone LF in a value', 'x-a', '1\nx-b: 2'],
  ['a NUL in a value', 'x-a', '1\0'],
  ['a blank before a value', 'x-a', ' 1'],
  ['a blank behind a value', 'x-a', '1\t'],
]

for (const [what, name, value] of dropped) {
  test(`a field with ${what} goes no further`, async () => {
    const peer = await connectFrames(shellac.port)
    peer.send(headers(1, [...get('/dropped'), name, value, 'x-c', '3'], { endStream: true }))
    assert.equal(await peer.status(1), 200)
    const { fields } = origin.requests.at(-1)!
    const names = fields.list.map(([one]) => one.toLowerCase())
    const forwarding = ['via', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host']
    assert.deepEqual(names, ['host', 'x-c', ...forwarding])
  })
}

test('too large a head is answered 431, and one of far too many fields reset', async () => {
  const peer = await connectFrames(shellac.port)
  peer.send(headers(1, request('/', 'x-a', 'a'.repeat(15_000)), { endStream: true, endHeaders: false }))
  peer.send(continuation(1, ['x-b', 'b'.repeat(15_000)]))
  peer.send(continuation(1, ['x-c', 'c'.repeat(8000)], true))
  assert.equal(await peer.status(1), 431)
  const many = Array.from({ length: 101 }, (_, i) => [`x-${i}`, '1']).flat()
  peer.send(headers(3, request('/', ...many), { endStream: true }))
  assert.equal(await peer.status(3), 431)
  peer.send(headers(5, request('/', 'x-a', 'a'.repeat(16_000)), { endStream: true, endHeaders: false }))
  for (let i = 0; i < 4; i++) peer.send(continuation(5, ['x-b', 'b'.repeat(16_000)], i === 3))
  assert.equal(await peer.status(5), 431)
  const pairs = Array.from({ length: 400 }, (_, i) => [`x-${i}`, '1']).flat()
  peer.send(headers(7, request('/', ...pairs), { endStream: true }))
  assert.equal(await peer.resetCode(7), Code.ENHANCE_YOUR_CALM)
  await assertServes(peer, 9)
})

test('a field that the table of the compression repeats without end is counted each time', async () => {
  const peer = await connectFrames(shellac.port)
  // One field of 4,000 bytes goes into the dynamic table; one byte each then names it again (RFC 7541 §6.1, §6.2.1).
  const named = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 'a')])
  const bomb = Buffer.concat([block(request('/')), named, Buffer.alloc(10_000, 0x80 | 62)])
  peer.send(frame(Type.HEADERS, 0x5, 1, bomb))
  assert.equal(await peer.resetCode(1), Code.ENHANCE_YOUR_CALM)
  peer.send(headers(3, request('/fine'), { endStream: true }))
  assert.equal(await peer.status(3), 200)
})

for (const [what, length, parts] of [
  ['more than its length', 3, ['abcd']],
  ['more than its length, in pieces', 3, ['ab', 'cd']],
  ['less than its length', 5, ['abc']],
] as const) {
  test(`a body of ${what} is never taken for a request`, async () => {
    let whole = 0
    const reader = await startConnectionOrigin(async (peer) => {
      if ((await peer.request().catch(() => undefined)) !== undefined) whole++
      peer.end()
    })
    const site = await startSite(reader.port)
    const peer = await connectFrames(site.port)
    const head = [':method', 'POST', ...request('/').slice(2), 'content-length', `${length}`]
    peer.send(headers(1, head))
    for (const [i, part] of parts.entries()) peer.send(data(1, part, i === parts.length - 1))
    // nghttp2 ends the stream or the connection, as RFC 9113 §8.1.1 leaves to it.
    const isEnd = ({ type }: Frame) => type === Type.RST_STREAM || type === Type.GOAWAY
    assert.notEqual((await peer.frame(isEnd)).payload.readUInt32BE(0), undefined)
    await waitFor('the origin to be left', () => reader.openConnections === 0)
    assert.equal(whole, 0)
  })
}

for (const code of [Code.NO_ERROR, Code.CANCEL, Code.INTERNAL_ERROR]) {
  test(`an upload that is reset with ${code} is not complete for the origin`, async () => {
    let whole = 0
    let heads = 0
    const reader = await startConnectionOrigin(async (peer) => {
      if ((await peer.requestHead()) === undefined) return
      heads++
      const rest = (await peer.readToEnd().catch(() => peer.buffer)).toString('latin1')
      if (rest.endsWith('0\r\n\r\n')) whole++
      peer.end()
    })
    const site = await startSite(reader.port)
    const peer = await connectFrames(site.port)
    peer.send(headers(1, [':method', 'POST', ...request('/').slice(2)]))
    peer.send(data(1, 'abc'))
    await waitFor('the request', () => heads === 1)
    peer.send(rst(1, code))
    await waitFor('the origin to be left', () => reader.openConnections === 0)
    assert.equal(whole, 0)
    const { counters } = await statsOf(site)
    assert.equal(counters.h2Resets, 1)
  })
}

test('bad trailers end the request, good ones go on', async () => {
  const peer = await connectFrames(shellac.port)
  const post = [':method', 'POST', ...request('/trailers').slice(2)]
  peer.send(Buffer.concat([headers(1, post), data(1, 'a'), headers(1, ['x-sum', '1'], { endStream: true })]))
  assert.equal(await peer.status(1), 200)
  assert.equal(origin.requests.at(-1)!.trailers.get('x-sum'), '1')
  peer.send(Buffer.concat([headers(3, post), data(3, 'a'), headers(3, [':path', '/b'], { endStream: true })]))
  assert.equal(await peer.resetCode(3), Code.PROTOCOL_ERROR)
  peer.send(Buffer.concat([headers(5, post), data(5, 'a'), headers(5, ['host', 'b'], { endStream: true })]))
  assert.equal(await peer.status(5), 400)
  await assertServes(peer, 7)
})

test('streams beyond the limit are refused, and may come again', async () => {
  const site = await startSite(origin.port, 'streams 4;')
  const peer = await connectFrames(site.port)
  // A POST without its end keeps its stream open.
  for (let id = 1; id <= 9; id += 2) peer.send(headers(id, [':method', 'POST', ...request('/').slice(2)]))
  assert.equal(await peer.resetCode(9), Code.REFUSED_STREAM)
  peer.send(data(1, 'x', true))
  assert.equal(await peer.status(1), 200)
  await assertServes(peer, 11)
})

test('a rapid reset is stopped early, whatever it resets with', async () => {
  for (const code of [Code.CANCEL, Code.NO_ERROR]) {
    const site = await startSite(origin.port)
    const peer = await connectFrames(site.port)
    const seen = origin.requests.length
    for (let id = 1; id < 4000; id += 2)
      peer.send(Buffer.concat([headers(id, request('/'), { endStream: true }), rst(id, code)]))
    await assertSentAway(peer)
    await untilClosed(peer)
    const { counters } = await statsOf(site)
    assert.equal(counters.h2Floods + counters.h2Errors > 0, true)
    assert.equal(
      origin.requests.length - seen < 1000,
      true,
      `${origin.requests.length - seen} requests reached the origin`,
    )
    await assertUndisturbed(site)
  }
})

test('resets that the client provokes count as its own', async () => {
  const site = await startSite(origin.port)
  const peer = await connectFrames(site.port)
  // RFC 9113 §6.9: an increment of 0 is an error of the stream, which the server has to reset.
  for (let id = 1; id < 4000; id += 2) {
    peer.send(Buffer.concat([headers(id, [':method', 'POST', ...request('/').slice(2)]), windowUpdate(id, 0)]))
  }
  await untilClosed(peer)
  const { counters } = await statsOf(site)
  assert.equal(counters.h2Floods + counters.h2Errors > 0, true)
  await assertUndisturbed(site)
})

/** Frames that cost work and carry nothing, one after the other. */
const floods: readonly (readonly [what: string, piece: () => Buffer, count: number])[] = [
  ['PING', () => ping(1), 20_000],
  ['SETTINGS', () => settings([[4, 65_535]]), 20_000],
  ['PRIORITY', () => frame(Type.PRIORITY, 0, 3, Buffer.from([0, 0, 0, 0, 1])), 60_000],
  ['WINDOW_UPDATE', () => windowUpdate(0, 1), 60_000],
  ['unknown frames', () => frame(0x77, 0, 0, Buffer.alloc(20)), 60_000],
]

for (const [what, piece, count] of floods) {
  test(`a flood of ${what} ends the connection`, async () => {
    const site = await startSite(origin.port)
    const peer = await connectFrames(site.port)
    await assertServes(peer, 1)
    const many = Buffer.concat(Array.from({ length: 100 }, piece))
    for (let i = 0; i < count / 100 && peer.closed === undefined; i++) await peer.sendAll(many).catch(() => {})
    await untilClosed(peer)
    const { counters } = await statsOf(site)
    assert.equal(counters.h2Floods + counters.h2Errors > 0, true)
    await assertUndisturbed(site)
  })
}

test('a flood of empty DATA ends the connection', async () => {
  const peer = await connectFrames(shellac.port)
  peer.send(headers(1, [':method', 'POST', ...request('/').slice(2)]))
  const many = Buffer.concat(Array.from({ length: 1000 }, () => data(1, '')))
  for (let i = 0; i < 20 && peer.closed === undefined; i++) await peer.sendAll(many).catch(() => {})
  await untilClosed(peer)
})

test('a flood of CONTINUATION ends the connection', async () => {
  const peer = await connectFrames(shellac.port)
  peer.send(headers(1, request('/'), { endHeaders: false }))
  for (let i = 0; i < 1000; i++) peer.send(continuation(1, []))
  await assertSentAway(peer)
})

test('a head that never ends is not waited for', async () => {
  const site = await startSite(origin.port, 'header-timeout 1s; idle-timeout 1s;')
  const peer = await connectFrames(site.port)
  peer.send(headers(1, request('/'), { endHeaders: false }))
  await untilClosed(peer)
})

test('a client that says nothing behind the preface, or not even that, is closed', async () => {
  const site = await startSite(origin.port, 'header-timeout 500ms;')
  const silent = await connectFrames(site.port, true)
  const half = await connectFrames(site.port, true)
  half.send('PRI * HTTP/2.0\r\n')
  const idle = await connectFrames(site.port)
  for (const peer of [silent, half, idle]) {
    await untilClosed(peer)
  }
})

/** What an unfinished upload is answered with: bytes of content, and how it ends. */
const early: readonly (readonly [what: string, path: string, bytes: number])[] = [
  ['of known length', '/small', 5],
  ['of unknown length', '/chunks', 5],
  ['of unknown length, with trailers', '/trailers', 5],
  ['that is large', '/large', 300_000],
  ['that is large and of unknown length', '/large-chunks', 300_000],
]

for (const [what, path, bytes] of early) {
  test(`an answer ${what} comes whole before the rest of its request is refused`, async () => {
    const large = 'x'.repeat(300_000)
    const chunked = (body: string, trailers = '') =>
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailers}\r\n`
    const answers: Readonly<Record<string, string>> = {
      '/small': ok('small', 'Cache-Control: no-store'),
      '/chunks': chunked('early'),
      '/trailers': chunked('early', 'X-T: 1\r\n'),
      '/large': ok(large, 'Cache-Control: no-store'),
      '/large-chunks': chunked(large),
    }
    const quick = await startConnectionOrigin(async (peer) => {
      const head = await peer.requestHead()
      if (head !== undefined) peer.send(answers[head.target] ?? '')
    })
    const site = await startSite(quick.port)
    const peer = await connectFrames(site.port)
    peer.send(Buffer.concat([windowUpdate(0, 1 << 24), settings([[4, 1 << 24]])]))
    peer.send(headers(1, [':method', 'POST', ...request(path).slice(2)]))
    peer.send(data(1, 'half'))
    assert.equal(await peer.status(1), 200)
    let received = 0
    for (let isEnded = false; !isEnded; ) {
      const { type, flags, payload } = await peer.frame(({ stream }) => stream === 1)
      if (type === Type.DATA) received += payload.length
      else assert.notEqual(type, Type.RST_STREAM, `reset after ${received} bytes`)
      isEnded = (flags & 1) !== 0
    }
    assert.equal(received, bytes)
    assert.equal(await peer.resetCode(1), Code.NO_ERROR)
  })
}

test('a request body that does not come is answered 408', async () => {
  const site = await startSite(origin.port, 'body-timeout 300ms;')
  const peer = await connectFrames(site.port)
  peer.send(headers(1, [':method', 'POST', ...request('/').slice(2)]))
  peer.send(data(1, 'a'))
  assert.equal(await peer.status(1), 408)
  await assertServes(peer, 3)
})

test('a client that opens no window is given up, and memory does not grow with what it asks for', async () => {
  const body = Buffer.alloc(4 * 1024 * 1024, 'x').toString('latin1')
  const large = await startOrigin(() => ok(body, 'Cache-Control: max-age=60'))
  const site = await startSite(large.port, 'send-timeout 1s;')
  await (await connectH2(site.url(''))).get('/large')
  const before = site.rssBytes()
  const peer = await connectFrames(site.port, true)
  peer.send(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings([[4, 0]])]))
  for (let id = 1; id <= 201; id += 2) peer.send(headers(id, request('/large'), { endStream: true }))
  assert.equal(await peer.status(1), 200)
  for (let id = 1; id <= 3; id += 2) assert.equal(await peer.resetCode(id), Code.CANCEL)
  assert.equal(site.rssBytes() - before < 64 * 1024 * 1024, true)
  await assertUndisturbed(site)
})

test('a client that opens every window and reads nothing is given up too', async () => {
  const body = Buffer.alloc(4 * 1024 * 1024, 'x').toString('latin1')
  const large = await startOrigin(() => ok(body, 'Cache-Control: max-age=60'))
  const site = await startSite(large.port, 'send-timeout 1s; idle-timeout 1s;')
  await (await connectH2(site.url(''))).get('/large')
  const before = site.rssBytes()
  const peer = await connectFrames(site.port, true)
  peer.pause()
  const open = settings([[4, 0x7fffffff]])
  peer.send(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), open, windowUpdate(0, 0x7fff0000)]))
  for (let id = 1; id <= 201; id += 2) peer.send(headers(id, request('/large'), { endStream: true }))
  await waitFor('the streams', async () => (await statsOf(site)).counters.h2Streams > 100)
  const grown = site.rssBytes() - before
  assert.equal(grown < 64 * 1024 * 1024, true, `${grown} bytes`)
  await waitFor('the streams to be given up', async () => (await statsOf(site)).counters.h2Resets >= 101)
  await assertUndisturbed(site)
})

test('a connection that is cut gives up all it had in work', async () => {
  const reader = await startConnectionOrigin(async (peer) => {
    await peer.request()
    await peer.expectClose()
    peer.end()
  })
  const site = await startSite(reader.port)
  const peer = await connectFrames(site.port)
  for (let id = 1; id < 100; id += 2)
    peer.send(headers(id, [':method', 'PUT', ...request(`/${id}`).slice(2)], { endStream: true }))
  await waitFor('the requests', () => reader.requests.length === 50)
  peer.reset()
  await waitFor('the origin to be left', () => reader.openConnections === 0)
  const { counters } = await statsOf(site)
  assert.equal(counters.clientAborts, 50)
  assert.equal(counters.h2Errors, 0)
})

/** Bytes that end the connection with an error of the protocol. */
const nonsense: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['a frame over the size limit', frame(Type.DATA, 0, 1, Buffer.alloc(20_000))],
  ['HEADERS on stream 0', headers(0, request('/'))],
  ['HEADERS on a stream of the server', headers(2, request('/'))],
  ['DATA on a stream that is not there', data(5, 'x')],
  ['RST_STREAM on a stream that is not there', rst(5, 8)],
  ['a PING of the wrong length', frame(Type.PING, 0, 0, Buffer.alloc(7))],
  ['SETTINGS of the wrong length', frame(Type.SETTINGS, 0, 0, Buffer.alloc(5))],
  ['SETTINGS with a window over the limit', settings([[4, 0x80000000]])],
  ['PUSH_PROMISE', frame(Type.PUSH_PROMISE, 4, 1, Buffer.from([0, 0, 0, 2]))],
  ['a window over the limit', windowUpdate(0, 0x7fffffff)],
  ['HPACK that names nothing', frame(Type.HEADERS, 0x5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]))],
  ['other frames within a head', Buffer.concat([headers(1, request('/'), { endHeaders: false }), ping(1)])],
]

for (const [what, bytes] of nonsense) {
  test(`${what} is an error of the connection`, async () => {
    const peer = await connectFrames(shellac.port)
    const { counters } = await statsOf(shellac)
    peer.send(bytes)
    await assertSentAway(peer)
    assert.equal((await statsOf(shellac)).counters.h2Errors, counters.h2Errors + 1)
    await assertUndisturbed(shellac)
  })
}
